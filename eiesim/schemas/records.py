"""The records that documents share: machines, counters, metrics, energies; and what they are over a batch."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired, TypedDict, get_args, get_origin, get_type_hints

from eiesim.config import MachineConfig
from eiesim.counters import TABLE
from eiesim.energy.record import DRAM
from eiesim.paper.source import COMPONENTS, MODULES
from eiesim.schemas.shapes import Limits, keys, noted

Count = Annotated[int, Limits(0)]
Amount = Annotated[float, Limits(0)]
"""What a batch may make a mean of, and what has a unit."""
Endless = Annotated[float, Limits(1e-3)] | Literal["inf"]
"""Of JSON, which has no infinity."""
Share = Annotated[float, Limits(0, 1)]
Sha256 = Annotated[str, Limits(pattern="^[0-9a-f]{64}$")]
Version = Annotated[str, "the version of eiesim that wrote this"]
Engine = Literal["recurrence", "clocked", "event"]


def record(name: str, told: str, held: Mapping[str, Any], total: bool = True) -> Any:
    """A class of an object whose keys stand in a table of the program. held: types by key."""
    made = TypedDict(name, dict(held), total=total)  # type: ignore[misc]  # noqa: UP013
    made.__doc__ = told
    return made


def extended(kind: type, name: str, told: str, /, **more: Any) -> Any:
    """A class with the keys of another one, some of them of other types, and more."""
    return record(name, told, {**{key: held for key, held, _ in keys(kind)}, **more})


def _configuration() -> dict[str, Any]:
    held = {
        key: noted(one.annotation, [*one.metadata, one.description]) for key, one in MachineConfig.model_fields.items()
    }
    told = MachineConfig.model_fields["dram_gbytes_per_s"].description
    return held | {"dram_gbytes_per_s": noted(Endless, [told])}


CONFIGURATION = _configuration()
"""Every key of the machine as JSON has it, which has no infinity."""

Config = record("Config", "Every key of the machine's configuration.", CONFIGURATION)
SomeKeys = record("SomeKeys", "Some keys of the machine's configuration.", CONFIGURATION, total=False)

Counters = record(
    "Counters",
    "Counters of a run, summed over PEs; of a batch means, `max_occupancy` the largest.",
    {one.name: Annotated[Amount, one.meaning] for one in TABLE},
)
PerPe = record(
    "PerPe",
    "Counters of every PE, in the order of the PEs; of a batch, a list for each input.",
    {one.name: Annotated[list[Count] | list[list[Count]], one.meaning] for one in TABLE if one.per_pe},
)

ModuleEnergies = record(
    "ModuleEnergies",
    "Energy by module of EIE Table II; they add up to the total.",
    {
        **{name: Annotated[Amount, f"energy of {name} in microjoules"] for name in (*MODULES, "lnzd")},
        DRAM: NotRequired[Annotated[Amount, "energy of streamed weights' way from DRAM in microjoules"]],
    },
)
ComponentEnergies = record(
    "ComponentEnergies",
    "Energy by component of EIE Table II; they add up to the total.",
    {
        **{name: Annotated[Amount, f"energy of {name} in microjoules"] for name in (*COMPONENTS, "lnzd")},
        DRAM: NotRequired[Annotated[Amount, "energy of streamed weights' way from DRAM in microjoules"]],
    },
)


class Energy(TypedDict):
    """Estimated energy of one input."""

    total_uj: Annotated[Amount, "energy in microjoules"]
    power_w: Annotated[Amount, "mean power in watts"]
    by_module_uj: Annotated[ModuleEnergies, "microjoules by module"]
    by_component_uj: Annotated[ComponentEnergies, "microjoules by component"]
    dynamic_uj: NotRequired[Annotated[Amount, "total less leakage in microjoules; absent where the model cannot tell"]]
    leakage_uj: NotRequired[Annotated[Amount, "leakage in microjoules; absent where the model cannot tell"]]
    model: Annotated[str, "the energy model: activity, published or calibrated"]


class Metrics(TypedDict):
    """What a run of a layer came to; of a batch means, and ratios of sums."""

    cycles: Annotated[Amount, "cycles until the last result is written"]
    scan_last: Annotated[Amount, "the cycle in which the scan of the inputs ends"]
    counters: Annotated[Counters, "what happened, and how often"]
    time_us: Annotated[Amount, "cycles / clock, in microseconds"]
    theoretical_us: Annotated[Amount, "time with perfect load balance, in microseconds"]
    load_balance: Annotated[Share, "share of PE-cycles that walk an entry (EIE Fig. 13)"]
    alu_efficiency: Annotated[Share, "share of the multipliers' cycles that do a real multiply-accumulate"]
    real_work: Annotated[Share, "share of entries that are not padding (EIE Fig. 12)"]
    gops: Annotated[Amount, "operations really done, in 10**9 a second"]
    dense_equivalent_gops: Annotated[Amount, "operations a dense machine would do as fast, in 10**9 a second"]
    energy: NotRequired[Annotated[Energy, "absent where no energy model covers the machine"]]


def each(kind: Any) -> Any:
    """The same record over a batch: for each value, the list over inputs."""
    hints = {key: _each(held) for key, held in get_type_hints(kind, include_extras=True).items()}
    return record(f"{kind.__name__}Each", f"{kind.__doc__} Of each input of a batch.", hints)


def _each(held: Any) -> Any:
    if get_origin(held) is NotRequired:
        return NotRequired[_each(get_args(held)[0])]
    kind, *notes = get_args(held)
    told = [note for note in notes if isinstance(note, str)][-1:]
    limits = [note for note in notes if not isinstance(note, str)]
    return noted(list[noted(kind, limits)] if kind in (float, int, str) else each(kind), told)  # type: ignore[misc]


MetricsEach = each(Metrics)
