"""The sweep table: one row is one simulated (layer, configuration, seed, engine) (spec/formats.md, "Sweep table").

Columns carry the names of the result JSON and of the configuration keys; nested ones are joined with "_"
(`energy_total_uj`, `fraction_bits_weight`), counters stand under their own names.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eiesim import __version__
from eiesim.config import MachineConfig
from eiesim.energy.tables import COMPONENTS
from eiesim.layer import CompressedLayer
from eiesim.result import LayerResult
from eiesim.simulation import simulate
from eiesim.study.subjects import Subject

if TYPE_CHECKING:
    import pandas as pd

TEXT = ("layer", "engine", "arithmetic", "activation_frac", "weight_frac", "output_frac", "warnings", "energy_model")
NAMES = ("eiesim", "hash")
FIRST_KEYS = ("pes", "queue_depth", "spmat_width", "index_bits", "weight_bits", "arithmetic", "clock_mhz")
"""The configuration keys that come first, in the order of spec/formats.md."""

MEANING: Mapping[str, str] = {
    "layer": "the layer's name",
    "seed": "seed of a synthetic layer; empty for one from a file",
    "variation": "coefficient of variation of a synthetic layer's densities; empty for one from a file",
    "engine": "recurrence, clocked or event",
    "rows": "outputs",
    "cols": "inputs",
    "nnz": "kept weights, the bias left out",
    "weight_density": "nnz / (rows x cols)",
    "activation_density": "share of the inputs that are not zero, before any quantising",
    "inputs": "inputs in the batch; figures are means over them, ratios formed from summed counters",
    "cycles": "cycles until the last result is written",
    "scan_last": "cycle in which the scan of the activations ends",
    "time_us": "cycles / clock",
    "theoretical_us": "entries / PEs / clock: the time with perfect load balance (Table IV, theoretical)",
    "broadcasts": "non-zero activations sent",
    "scan_bubbles": "cycles in which the LNZD found no further non-zero in its row",
    "broadcast_stalls": "cycles in which a full queue held the broadcast back",
    "queue_pushes": "activations put into queues, over all PEs",
    "queue_pops": "activations taken from queues, over all PEs",
    "max_occupancy": "most entries that any queue held at the start of a cycle",
    "pointer_reads": "columns taken by PointerRead, over all PEs",
    "empty_columns": "of those, with no entries",
    "spmat_row_reads": "rows read from the sparse-matrix SRAMs",
    "entries": "entries walked, padding included",
    "padding_entries": "padding entries walked",
    "macs": "multiply-accumulates: entries less padding",
    "bypasses": "entries that took the sum of the one just before",
    "accumulator_reads": "accumulators read",
    "accumulator_writes": "accumulators written",
    "busy_real": "PE-cycles on real entries",
    "busy_padding": "PE-cycles on padding",
    "busy_empty": "PE-cycles on empty columns",
    "starved": "PE-cycles with nothing to do",
    "load_balance": "entries / (cycles x PEs) (Fig. 13)",
    "alu_efficiency": "macs / (cycles x PEs)",
    "real_work": "macs / entries (Fig. 12)",
    "gops": "2 x macs / time, in 10**9 a second",
    "dense_equivalent_gops": "2 x rows x cols / time, in 10**9 a second",
    "fraction_bits_activation": "fraction bits used for the activations; empty under float32",
    "fraction_bits_weight": "fraction bits used for the codebook; empty under float32",
    "fraction_bits_output": "fraction bits of the accumulators where they were fixed; a timing-only run needs none",
    "warnings": "memories of the published design that the layer exceeds, by name",
    "energy_total_uj": "estimated energy of a run, in microjoules",
    "energy_power_w": "estimated mean power, in watts",
    "energy_dynamic_uj": "of the total, what events and the clock cost; empty where the model cannot tell",
    "energy_leakage_uj": "of the total, what leaks; empty where the model cannot tell",
    "energy_model": "which energy model made the estimates",
    "eiesim": "version that made the row",
    "hash": "names what made the row: content of layer and input, configuration, engine and version",
}
"""What the columns mean; configuration keys are described by `MachineConfig`."""


def columns() -> tuple[str, ...]:
    """The table's columns, in order: those that a run of this version fills."""
    one = CompressedLayer(
        (1, 1),
        np.array([0, 1], np.int64),
        np.zeros(1, np.int32),
        np.ones(1, np.uint8),
        np.array([0, 1], np.float32),
    )
    probe = Subject(one, np.ones(1, np.float32), 0, 0.0)
    config = MachineConfig(pes=1, output_frac=8)
    return tuple(_cells(probe, simulate(one, probe.activations, config, outputs=False).layers[0], ""))


def meaning(column: str) -> str:
    """One line on a column."""
    if column in MachineConfig.model_fields:
        return f"configuration: {MachineConfig.model_fields[column].description}"
    if column not in MEANING and column.startswith("energy_") and column.endswith("_uj"):
        part = column[len("energy_") : -len("_uj")]
        return f"estimated energy of the {part} {'component' if part in COMPONENTS else 'module'}, in microjoules"
    return MEANING.get(column, "as in the result JSON")


def row_hash(content_hash: str, config: MachineConfig, engine: str) -> str:
    """32 hex digits of the SHA-256 over what makes a row. content_hash: of the `Subject`."""
    made_of = [content_hash, config.model_dump(), engine, __version__]
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:32]


def line(subject: Subject, result: LayerResult, key: str, order: Sequence[str]) -> str:
    """A run as a CSV line, its end included. key: the row's hash. order: `columns()`."""
    cells = _cells(subject, result, key)
    unknown = cells.keys() - set(order)
    if unknown:
        raise RuntimeError(f"no column for {', '.join(sorted(unknown))}")
    return csv_line(cells.get(column, "") for column in order)


def csv_line(cells: Iterable[Any]) -> str:
    """Cells as a CSV line, its end included; floats with all their digits."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def frame(lines: Iterable[str], order: Sequence[str]) -> "pd.DataFrame":
    """CSV lines as a DataFrame: text, whole numbers and floats as they were; an empty seed is <NA>."""
    import pandas as pd

    cells = list(zip(*csv.reader(lines), strict=True)) or [()] * len(order)
    columns = {name: _typed(name, held) for name, held in zip(order, cells, strict=True)}
    return pd.DataFrame(columns).astype({"seed": "Int64"})


def _typed(name: str, cells: Sequence[str]) -> list[Any]:
    if name in TEXT or name in NAMES:
        return list(cells)
    if all(cell.lstrip("-").isdecimal() for cell in cells if cell):
        return [int(cell) if cell else None for cell in cells]
    try:
        return [float(cell) if cell else None for cell in cells]
    except ValueError:
        return list(cells)


def _cells(subject: Subject, result: LayerResult, key: str) -> dict[str, Any]:
    values = result.to_dict()
    counters = values.pop("counters")
    for name in ("batch", "pes", "name", "rows", "cols", "nnz"):
        values.pop(name, None)
    figures: dict[str, Any] = {}
    for name, value in values.items():
        if name == "warnings":
            continue
        figures.update(_flat(name, value))
        if name == "theoretical_us":
            figures.update(counters)
    layer, config = result, result.config.model_dump()
    return {
        "layer": layer.name,
        "seed": "" if subject.seed is None else subject.seed,
        "engine": result.engine,
        **{key: config[key] for key in (*FIRST_KEYS, *config)},
        "variation": "" if subject.variation is None else subject.variation,
        "rows": layer.rows,
        "cols": layer.cols,
        "nnz": layer.nnz,
        "weight_density": layer.nnz / (layer.rows * layer.cols),
        "activation_density": float(np.count_nonzero(subject.activations) / subject.activations.size),
        "inputs": len(result.runs),
        **figures,
        "warnings": "; ".join(warning.partition(":")[0] for warning in values["warnings"]),
        "eiesim": __version__,
        "hash": key,
    }


def _flat(name: str, value: Any) -> dict[str, Any]:
    """`{"total_uj": 1, "by_module_uj": {"act": 2}}` under `energy` gives energy_total_uj and energy_act_uj."""
    if not isinstance(value, Mapping):
        return {name: value}
    cells: dict[str, Any] = {}
    for key, part in value.items():
        if isinstance(part, Mapping):
            # LNZD nodes are a module and a component of their own: one column, one figure.
            by_part = key.startswith(("by_module", "by_component"))
            unit = key.removeprefix("by_module").removeprefix("by_component")
            prefix = name if by_part else f"{name}_{key}"
            cells.update({f"{prefix}_{inner}{unit if prefix == name else ''}": cell for inner, cell in part.items()})
        else:
            cells[f"{name}_{key}"] = part
    return cells
