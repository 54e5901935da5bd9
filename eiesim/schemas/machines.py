"""Documents of layers on machines: what is advised, where cycles go, what fits, which layers there are."""

from typing import Annotated, Literal, NotRequired, TypedDict

from eiesim.balancing.causes import Losses
from eiesim.capacity import Need
from eiesim.files.ledger import ROLES
from eiesim.inspection import Read
from eiesim.schemas.records import (
    CONFIGURATION,
    Amount,
    Config,
    Count,
    Endless,
    Engine,
    Share,
    SomeKeys,
    Version,
    extended,
    record,
)
from eiesim.schemas.shapes import Limits, is_a_number, keys, noted
from eiesim.sweeps.networks import Total
from eiesim.workloads import Benchmark


class Bounds(TypedDict, total=False):
    """The most that a machine may have."""

    area_mm2: Annotated[Amount, "area in square millimetres"]
    energy_total_uj: Annotated[Amount, "energy of an input in microjoules"]
    time_us: Annotated[Amount, "time of an input in microseconds"]


def _cells() -> dict[str, object]:
    """The columns of a machine's total, `machine` spread into its own."""
    cells: dict[str, object] = {}
    for key, held, _ in keys(Total):
        held = noted(held, [Limits(0, 1 if key == "load_balance" else None)] if is_a_number(held) else [])
        cells |= {"engine": Annotated[Engine, "the engine"], **CONFIGURATION} if key == "machine" else {key: held}
    return cells


MachineTotal = record("MachineTotal", "One machine's total over the layers.", _cells())


class Advice(TypedDict):
    """What `eiesim advise --json` and `Advice.to_json` write."""

    format: Annotated[Literal["eiesim-advice/1"], "name and version of this format"]
    eiesim: Version
    layers: Annotated[str, "the layers' names"]
    aim: Annotated[Literal["energy-delay", "time", "energy"], "what shall be least"]
    bounds: Annotated[Bounds, "the most that a machine may have"]
    machine: Annotated[SomeKeys, "the advised values of the keys that were varied"]
    heading: Annotated[str, "what was asked for, and what the best machine comes to"]
    lines: Annotated[list[str], "a key each: its value, and what the values beside it would change"]
    config: Annotated[Config, "the advised machine"]
    machines: Annotated[list[MachineTotal], "every machine that was simulated"]


class Assignment(TypedDict):
    """A layer in one order of its rows; sums over the inputs of a batch."""

    name: Annotated[Literal["as stored", "by weights", "for this input"], "the order of the rows"]
    cycles: Annotated[Count, "simulated cycles"]
    time_us: Annotated[Amount, "simulated time in microseconds"]
    busiest_pe_entries: Annotated[Count, "entries of the PE that has most, of each input"]
    busiest_pe_groups: Annotated[Count, "groups of entries of the PE that has most"]
    load_balance: Annotated[Share, "share of PE-cycles that walk an entry"]
    load_balance_bound: Annotated[Share, "the most that the busiest PE leaves it"]
    pe_cycles: Annotated[Losses, "PE-cycles x multipliers by cause; they add up to PEs x cycles x multipliers"]


class Reach(TypedDict):
    """How many PEs have work on a broadcast; the bias's is left out."""

    broadcasts: Annotated[Count, "broadcasts of all inputs"]
    most: Annotated[Count, "PEs that have work on one, at most"]
    mean: Annotated[Amount, "PEs that have work on one, on the mean"]
    pes: Annotated[Count, "processing elements"]


class BalancedLayer(TypedDict):
    """A layer in three orders of its rows."""

    layer: Annotated[str, "its name"]
    pes: Annotated[Count, "processing elements"]
    inputs: Annotated[Count, "inputs in the batch"]
    assignments: Annotated[list[Assignment], "as stored, balanced by the weights, balanced for this input"]
    sentence: NotRequired[Annotated[str, "of a depthwise convolution: why it is badly balanced"]]
    reach: NotRequired[Annotated[Reach, "of the same, its rows as stored"]]


class BalanceReport(TypedDict):
    """What `eiesim balance --json` writes."""

    format: Annotated[Literal["eiesim-balance/1"], "name and version of this format"]
    eiesim: Version
    config: Annotated[Config, "the machine"]
    layers: Annotated[list[BalancedLayer], "a layer each"]


class Spread(TypedDict):
    """A count over the PEs."""

    least: Annotated[Count, "of the PE that has least"]
    mean: Annotated[Amount, "of the PEs together, by their number"]
    most: Annotated[Count, "of the PE that has most"]


Memory = extended(
    Need, "Memory", "What a layer needs of one memory of the PE that needs most, and what there is.",
    fits=Annotated[bool, "whether it is enough"],
)  # fmt: skip


class Streamed(TypedDict):
    """What streaming a layer's weights once would cost."""

    fits: Annotated[bool, "whether the PEs hold all its weights at once"]
    dram_gbytes_per_s: Annotated[Endless, "bytes a second from DRAM, in 10**9"]
    dram_pj_per_bit: Annotated[Amount, "picojoules of a bit from DRAM"]
    tiles: NotRequired[Annotated[Count, "tiles of columns"]]
    loaded_bytes: NotRequired[Annotated[Count, "bytes of all tiles and PEs"]]
    load_cycles: NotRequired[Annotated[Count, "cycles of the loads"]]
    load_us: NotRequired[Annotated[Amount, "time of the loads in microseconds"]]
    energy_uj: NotRequired[Annotated[Amount, "energy of the loads in microjoules"]]
    refused: NotRequired[Annotated[str, "why its weights cannot be streamed; then there are no figures"]]


class EveryInput(TypedDict):
    """What one input costs of which no value is zero, simulated."""

    cycles: Annotated[Amount, "cycles"]
    time_us: Annotated[Amount, "time in microseconds"]
    energy_uj: Annotated[Amount | None, "estimated energy in microjoules; null where no model covers the machine"]


class InspectedLayer(TypedDict):
    """A layer on a machine, without any input."""

    name: Annotated[str, "its name"]
    rows: Annotated[Count, "outputs"]
    cols: Annotated[Count, "inputs"]
    nnz: Annotated[Count, "kept weights, the bias left out"]
    density: Annotated[Share, "share of weights kept"]
    codebook_entries: Annotated[Count, "values of the codebook, 0 among them"]
    bias: Annotated[bool, "whether it has a bias"]
    groups: NotRequired[Annotated[Count, "of a convolution in groups: how many"]]
    depthwise: NotRequired[Annotated[bool, "of the same: whether each group is one input channel"]]
    activation: Annotated[Literal["relu", "none"], "what is applied to its outputs"]
    pes: Annotated[Count, "processing elements"]
    entries_per_pe: Annotated[Spread, "entries a PE, padding included"]
    padding_per_pe: Annotated[Spread, "padding entries a PE"]
    memory: Annotated[list[Memory], "what it needs of each memory of a PE"]
    streamed: Annotated[Streamed, "what streaming its weights once would cost"]
    read: NotRequired[Annotated[Read, "of a matrix or trained network: how it was read"]]
    every_input_active: NotRequired[Annotated[EveryInput, "of the same: the most that an input can cost"]]


class LedgerEntry(TypedDict):
    """A tensor of the source, and what it was taken for."""

    tensor: Annotated[str, "its name in the source"]
    shape: Annotated[list[Count], "its shape"]
    dtype: Annotated[str, "its type, as the source calls it"]
    role: Annotated[str, Limits(enum=ROLES), "what it was taken for"]
    layer: Annotated[str | None, "the layer that it belongs to; null for none"]
    reason: Annotated[str | None, "why it is left out, or what its role says of it"]


class LeftOutLayer(TypedDict):
    """A layer that was left out."""

    name: Annotated[str, "its name"]
    reason: Annotated[str, "why"]


class ReadModel(TypedDict):
    """A network or matrix as it was read."""

    name: Annotated[str, "its name"]
    ledger: Annotated[list[LedgerEntry], "every tensor of the source, once"]
    notes: Annotated[list[str], "what was assumed"]
    left_out: Annotated[list[LeftOutLayer], "layers that EIE cannot run, or that were left out by name"]


class EventCost(TypedDict):
    """What an event costs."""

    event: Annotated[str, "the counter, or what else costs"]
    module: Annotated[str, "the module whose cost it is"]
    energy_pj: Annotated[Amount, "picojoules an event, estimated"]
    source: Annotated[str, "where the figure is from"]


class InspectReport(TypedDict):
    """What `eiesim inspect --json` writes."""

    format: Annotated[Literal["eiesim-inspect/1"], "name and version of this format"]
    eiesim: Version
    config: Annotated[Config, "the machine"]
    layers: Annotated[list[InspectedLayer], "a layer each"]
    models: NotRequired[Annotated[list[ReadModel], "the networks and matrices among the sources, as read"]]
    energy_per_event: NotRequired[Annotated[list[EventCost], "with --energy: what each event costs"]]


class Layers(TypedDict):
    """What `eiesim layers --json` writes."""

    format: Annotated[Literal["eiesim-layers/1"], "name and version of this format"]
    eiesim: Version
    layers: Annotated[list[Benchmark], "the layers of EIE Table III"]
