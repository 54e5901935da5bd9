"""What the keys mean of records that are written as they are: their classes have types, and this has the words."""

from collections.abc import Mapping

from eiesim.balancing.causes import Losses
from eiesim.baselines.measurements import Host, LeftOut, Measured, Measurement
from eiesim.capacity import Need
from eiesim.compression.pipeline import Options
from eiesim.inspection import Read
from eiesim.streaming import WeightTraffic
from eiesim.tracing.path import Segment
from eiesim.tracing.remedies import Change
from eiesim.training.loop import Settings
from eiesim.training.losses import Distillation, Penalty
from eiesim.workloads import Benchmark

MEANINGS: Mapping[type, Mapping[str, str]] = {
    WeightTraffic: {
        "fits": "whether the PEs hold all the layer's weights at once",
        "tiles": "tiles of columns that were loaded; 0 if the weights are resident",
        "loaded_bytes": "bytes of all tiles and PEs",
        "load_cycles": "cycles of the loads alone",
        "compute_cycles": "cycles of the computing alone",
        "cycles": "cycles of both, overlapped; over a batch, of all its inputs together",
    },
    Losses: {
        "work": "PE-cycles x multipliers of real multiply-accumulates",
        "padding": "PE-cycles x multipliers of padding entries",
        "lanes": "PE-cycles x multipliers of slots of a group without an entry",
        "static_imbalance": "PE-cycles x multipliers because the busiest PE sets the bound",
        "empty_columns": "PE-cycles x multipliers because an empty column takes a cycle",
        "scan_bubbles": "PE-cycles x multipliers because the scan found no further non-zero in its row",
        "start_and_drain": "PE-cycles x multipliers that fill and empty the pipeline",
        "finite_queues": "PE-cycles x multipliers because broadcasts wait for full queues",
    },
    Change: {
        "what": "the change, in words",
        "cause": "what bounds the layer that it takes away; empty for none",
        "settings": "configuration keys that make it, for --set; null where no configuration does",
        "cycles": "simulated cycles",
        "time_us": "simulated time in microseconds",
        "energy_uj": "estimated energy in microjoules; null where no model covers the machine",
    },
    Segment: {
        "kind": "scan, walk or pipeline",
        "pe": "the PE; null for a scan",
        "column": "the column that is sent, walked or written; null for bubbles alone",
        "first_cycle": "the cycle in which it begins, from 1",
        "cycles": "its cycles; the next one begins where it ends",
    },
    Need: {
        "name": "the memory of a PE",
        "needs": "what the PE needs that needs most, in `unit`",
        "holds": "what the memory holds, in `unit`",
        "unit": "what is counted",
    },
    Read: {
        "source": "the tensor that the layer's weights are",
        "distinct": "different values of its weights, 0 left out",
        "shared": "whether the weights were shared already (as it was) or by k-means",
        "sharing_error": "||shared - weights|| / ||weights||; null without weights",
    },
    Options: {
        "density": "share of each layer's weights to keep; null where it was not given",
        "densities": "the same by layer",
        "global_density": "share of all layers' weights to keep, by one threshold",
        "threshold": "keep what is above so many standard deviations of its layer",
        "bits": "bits of a weight code",
        "initialisation": "where k-means starts",
        "seed": "seed of a random start",
    },
    Settings: {
        "epochs": "most epochs",
        "patience": "epochs without a lower validation loss after which training stops",
        "batch": "examples of a step",
        "rate": "learning rate at the begin",
        "decay": "of the weights (AdamW)",
        "seed": "seed of this stage before the recipe's is put in",
    },
    Penalty: {"kind": "l1 or l2", "strength": "factor of the penalty; null is the method's own"},
    Distillation: {
        "temperature": "divides the scores",
        "share": "the teacher's part of the loss",
        "debias": "whether unlabelled examples are weighed against the teacher's errors",
        "mixup": "alpha of Beta(alpha, alpha), by which two inputs are mixed; null where none are",
    },
    Benchmark: {
        "name": "its name in EIE Table III",
        "cols": "inputs",
        "rows": "outputs",
        "weight_density": "share of weights kept, 0 to 1",
        "activation_density": "share of active inputs, 0 to 1",
        "network": "the network it is from",
    },
    Measured: {
        "format": "name and version of this format",
        "machine": "the host that it was measured on",
        "when": "UTC, ISO 8601, of the last measurement",
        "load_average": "of the host before it began; null where it is not known",
        "measurements": "one product of one layer each",
        "left_out": "products that were not timed",
    },
    Host: {
        "cpu": "the processor's name",
        "cores": "processor cores",
        "gpu": "the GPU's name; empty without one",
        "system": "the operating system",
        "versions": "versions of the libraries, by name",
    },
    LeftOut: {
        "layer": "the layer",
        "product": "the product",
        "batch": "inputs at once; null where it could not be made",
        "reason": "why it was not timed",
    },
    Measurement: {
        "layer": "the layer's name",
        "rows": "its outputs",
        "cols": "its inputs",
        "nnz": "its kept weights",
        "device": "cpu or gpu",
        "library": "whose product",
        "kernel": "which kernel and version",
        "matrix": "dense or sparse",
        "batch": "inputs at once",
        "threads": "threads used: the faster of one and all",
        "repeats": "timed runs",
        "time_us": "median time of one input in microseconds, measured",
        "energy_uj": "energy of one input in microjoules",
        "energy_basis": "whether the energy is measured or estimated",
        "power_source": "from what",
        "precision": "of the weights; below float32 it is not the same product",
        "index_bits": "bits of a sparse matrix' indices; null for a dense one",
        "difference": "from the product in float64, as a share of it",
        "time_us_low": "least time of one input in microseconds; null where it is not known",
    },
}  # fmt: skip
