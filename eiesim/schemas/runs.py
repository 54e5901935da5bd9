"""Documents of runs: the result, its critical path, its power at the gate."""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from eiesim.rtl.gates.energy import COMPONENTS, KINDS, LEAKAGE, MODULES
from eiesim.rtl.gates.report import CONES, WHOLE
from eiesim.schemas.meanings import MEANINGS
from eiesim.schemas.records import (
    Amount,
    Config,
    Count,
    Engine,
    Metrics,
    MetricsEach,
    PerPe,
    Sha256,
    Share,
    SomeKeys,
    Version,
    extended,
    record,
)
from eiesim.streaming import WeightTraffic
from eiesim.tracing.path import KINDS as LINKS
from eiesim.tracing.path import WALKED, Segment
from eiesim.tracing.remedies import Change


class FractionBits(TypedDict, total=False):
    """Fraction bits that fixed point used; empty under float32."""

    activation: Annotated[int, "fraction bits of the activations"]
    weight: Annotated[int, "fraction bits of the codebook"]
    output: Annotated[int, "fraction bits of the accumulators"]


class Layer(Metrics):
    """One layer's run."""

    name: Annotated[str, "the layer's name"]
    rows: Annotated[Count, "outputs"]
    cols: Annotated[Count, "inputs"]
    nnz: Annotated[Count, "kept weights, the bias left out"]
    pes: Annotated[Count, "processing elements"]
    groups: NotRequired[Annotated[Count, "of a convolution in groups: how many"]]
    depthwise: NotRequired[Annotated[bool, "of the same: whether each group is one input channel"]]
    memory: Annotated[WeightTraffic, "where the weights were, and what moving them cost"]
    inputs: Annotated[Literal["given", "chained", "recorded", "drawn"], "what the layer was fed"]
    vectors: Annotated[Amount, "input vectors in one input of the network; the total counts the layer so many times"]
    notes: NotRequired[Annotated[list[str], "of a matrix: how its weights are shared, what was drawn"]]
    warnings: Annotated[list[str], "what is amiss, a line each"]
    fraction_bits: Annotated[FractionBits, "fraction bits that fixed point used"]
    version: Version
    content_hash: Annotated[Sha256 | None, "SHA-256 of what changes the layer's results"]
    seed: Annotated[Count | None, "seed of a synthetic layer, or of what was drawn"]
    variation: Annotated[Amount | None, "coefficient of variation of a synthetic layer's densities"]
    batch: NotRequired[Annotated[MetricsEach, "of a batch: each input's own"]]
    per_pe: NotRequired[Annotated[PerPe, "with --per-pe: the counters of every PE"]]


class TotalEach(TypedDict):
    """The totals of each input of a batch."""

    cycles: Annotated[list[Amount], "cycles of all layers"]
    time_us: Annotated[list[Amount], "time in microseconds"]
    energy_uj: NotRequired[Annotated[list[Amount], "energy in microjoules"]]


class Total(TypedDict):
    """Sums over layers, of one input of the whole network."""

    cycles: Annotated[Amount, "cycles of all layers"]
    time_us: Annotated[Amount, "time in microseconds"]
    energy_uj: NotRequired[Annotated[Amount, "energy in microjoules; absent where a layer has none"]]
    batch: NotRequired[Annotated[TotalEach, "of a batch: each input's own"]]


class Provenance(TypedDict):
    """How the result was made; null where it is not known."""

    eiesim: Version
    layer_sha256: Annotated[dict[str, Sha256 | None], "SHA-256 of each layer's content, by name"]
    input_sha256: Annotated[
        Sha256 | dict[str, Sha256] | None, "SHA-256 of the input's float32 values; by layer if several"
    ]
    seed: Annotated[Count | dict[str, Count] | None, "seed of synthetic layers; by layer where they differ"]
    variation: Annotated[Amount | dict[str, Amount] | None, "variation of synthetic layers; by layer where they differ"]
    command: Annotated[list[str] | None, "the words of the command line; null for a call from Python"]


class Result(TypedDict):
    """What `eiesim run --json` and `Result.to_json` write."""

    format: Annotated[Literal["eiesim-result/1"], "name and version of this format"]
    eiesim: Version
    engine: Annotated[Engine, "which engine simulated it"]
    config: Annotated[Config, "the machine"]
    layers: Annotated[list[Layer], "each layer's run, in order"]
    total: Annotated[Total, "all layers added up"]
    provenance: Annotated[Provenance, "how the result was made"]
    accuracy: NotRequired[Annotated[Share, "share of the inputs recognised, where their labels are known"]]


def _cycles(names: Any, told: str) -> dict[str, Any]:
    return {name: Annotated[Count, f"cycles of {told} {name.replace('_', ' ')}"] for name in names}


Kinds = record("Kinds", "Cycles of the path by kind.", _cycles(LINKS, "kind"))
Walks = record("Walks", "Cycles of the path's walks by what is walked.", _cycles(WALKED, "walks on"))
EnergyDelay = Annotated[Amount | None, "energy x time in microjoules x microseconds; null where no energy is known"]
Tried = extended(
    Change,
    "Tried",
    "The layer with a change of machine or layer, simulated.",
    settings=Annotated[SomeKeys | None, MEANINGS[Change]["settings"]],
    energy_delay_uj_us=EnergyDelay,
)
Link = extended(
    Segment,
    "Link",
    "One link of the path.",
    kind=Annotated[Literal["scan", "walk", "pipeline"], MEANINGS[Segment]["kind"]],
    **_cycles(WALKED, "a walk on"),
)


class CriticalPath(TypedDict):
    """What `eiesim critical-path --json` and `CriticalPath.to_json` write."""

    format: Annotated[Literal["eiesim-critical-path/1"], "name and version of this format"]
    eiesim: Version
    cycles: Annotated[Count, "cycles of the run, which the links add up to"]
    by_kind: Annotated[Kinds, "cycles of the path by kind"]
    by_walk: Annotated[Walks, "cycles of its walks by what is walked"]
    by_pe: Annotated[list[Count], "cycles of the path that each PE walks"]
    bound: Annotated[str, "what bounds the layer"]
    broadcasts: Annotated[Count, "columns that are sent"]
    changes: Annotated[list[Tried], "the layer as it is, then with each change, simulated"]
    segments: Annotated[list[Link], "the links of the path, in order"]


def _milliwatts(names: Any, told: str) -> dict[str, Any]:
    return {name: Annotated[Amount, f"{told} {name}, in milliwatts a PE"] for name in names}


def _picojoules(names: Any) -> dict[str, Any]:
    return {name: Annotated[Amount | None, f"picojoules of a {name}; null where none happened"] for name in names}


Parts = record("Parts", "Power of a module, by component.", _milliwatts((*COMPONENTS, LEAKAGE), "power of"))
Modules = record("Modules", "Power of a PE, by module.", {
    name: Annotated[Parts, f"power of {name} by component, in milliwatts a PE"] for name in MODULES
})  # fmt: skip
PowerKinds = record("PowerKinds", "Power of a PE, by kind.", _milliwatts(KINDS, "power of kind"))
Events = record("Events", "Energy of an event.", _picojoules((*CONES, *WHOLE)))


class Hottest(TypedDict):
    """A net or a cell that costs much."""

    name: Annotated[str, "what it is called"]
    module: Annotated[str, "the module whose it is"]
    of: Annotated[str, "what drives the net, or the cell's type"]
    power_mw: Annotated[Amount, "milliwatts a PE"]
    transitions_per_cycle: NotRequired[Annotated[Amount | None, "of a net: its rises and falls in a cycle"]]


class Seconds(TypedDict):
    """What each step took."""

    map: Annotated[Amount, "seconds of the mapping"]
    simulate: Annotated[Amount, "seconds of the simulation"]
    power: Annotated[Amount, "seconds of the pricing"]


class Power(TypedDict):
    """What `eiesim rtl power --json` and `GatePower.to_json` write: a PE at gate level."""

    format: Annotated[Literal["eiesim-power/1"], "name and version of this format"]
    eiesim: Version
    layer: Annotated[str, "the layer's name"]
    library: Annotated[str, "the cell library's file, by its name"]
    library_sha256: Annotated[Sha256, "SHA-256 of that file"]
    voltage: Annotated[Amount, "volts, from the library"]
    wires: Annotated[Literal["table", "none"] | Amount, "how wires were estimated: a number is fF a sink"]
    wires_words: Annotated[str, "the same in words"]
    glitches: Annotated[bool, "whether gates answered after their delays"]
    clock_gating: Annotated[bool, "whether registers behind an enable are clocked through a gate"]
    clock_gate: Annotated[str, "the gate; empty for none"]
    clock_mhz: Annotated[Amount, "the clock in MHz"]
    pes: Annotated[Count, "processing elements that were run"]
    first_cycle: Annotated[Count, "the first cycle counted, from 1"]
    cycles: Annotated[Count, "cycles counted"]
    outputs_equal: Annotated[Literal[True], "a difference from the clocked machine is an error and writes nothing"]
    cycles_compared: Annotated[Count, "cycles in which everything was compared with the clocked machine"]
    total_mw: Annotated[Amount, "power of a PE in milliwatts, leakage included"]
    modules: Annotated[Modules, "power of a PE in milliwatts by module and component"]
    idle_clock_mw: Annotated[Amount, "of the clock's, what is spent where nothing changes, in milliwatts a PE"]
    kinds: Annotated[PowerKinds, "power of a PE in milliwatts by kind"]
    cells: Annotated[Count, "cells of a PE, without the clock tree's buffers"]
    area_um2: Annotated[Amount, "their area in square micrometres"]
    register_bits: Annotated[Count, "register bits of a PE"]
    clocked_bits_per_cycle: Annotated[Amount, "register bits of a PE that are clocked in a cycle"]
    longest_path_ns: Annotated[Amount, "from register to register, in nanoseconds"]
    longest_path: Annotated[list[str], "its cells, in order"]
    events_pj: Annotated[Events, "picojoules an event"]
    hottest_nets: Annotated[list[Hottest], "the nets that cost most"]
    hottest_cells: Annotated[list[Hottest], "the cells of each module that cost most"]
    seconds: Annotated[Seconds, "what each step took, in seconds"]
