"""What a machine costs as a whole: rows of a sweep added up over a network's layers, with its area.

Cycles, time and energy are sums over the layers, each as often as it has input vectors in one input of the network (as
`Result` has it); area counts once; energy x time is the product of the two sums. A total stands for all layers of the
rows: a machine that lacks one of them has no total.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, partial
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

from eiesim.capacity import OF_WEIGHTS
from eiesim.config import MachineConfig
from eiesim.energy.area import modelled_area
from eiesim.errors import EieError
from eiesim.model import CHAINED, RECORDED

if TYPE_CHECKING:
    import pandas as pd

FRACTIONS = ("activation_frac", "weight_frac", "output_frac")
HOLD = (*OF_WEIGHTS, "activation_sram")
"""Memories that a layer must fit into; what exceeds the register files goes through the activation SRAM."""

MACHINE = ("engine", *MachineConfig.model_fields)
"""The columns of a sweep table that say on which machine, by which engine."""

ORIGIN = ("seed", "variation")
"""The columns that say how a synthetic layer was made; empty for files."""

NEEDED = (
    "layer", "seed", "variation", "fed", "vectors", "cycles", "time_us", "entry_groups", "energy_total_uj", "warnings",
    "hash",
)  # fmt: skip
"""The columns that a total is made of, besides these."""


@dataclass(frozen=True, kw_only=True)
class Total:
    """One machine's total over layers. Each column has its type and what it means; None is an empty cell."""

    layers: Annotated[str, "the layers added up, in order"]
    seed: Annotated[int | None, "as in the rows"]
    variation: Annotated[float | None, "as in the rows"]
    machine: Annotated[Mapping[str, Any], "engine and configuration, a column each"]
    cycles: Annotated[float, "cycles of all layers, each times its vectors"]
    time_us: Annotated[float, "cycles / clock in microseconds, simulated"]
    load_balance: Annotated[float, "share of all PE-cycles that walk an entry"]
    energy_total_uj: Annotated[float | None, "estimated energy of all layers, in microjoules"]
    area_mm2: Annotated[float | None, "estimated area of the machine, SRAM arrays from CACTI, in square millimetres"]
    energy_delay_uj_us: Annotated[float | None, "energy x time, in microjoules x microseconds"]
    fits: Annotated[bool, "whether every layer fits the machine's SRAMs, each by itself"]
    exceeded: Annotated[str, "memories that a layer exceeds, as the rows' warnings"]

    def cells(self) -> dict[str, Any]:
        """The values by column."""
        cells: dict[str, Any] = {}
        for part in fields(self):
            value = getattr(self, part.name)
            cells |= value if part.name == "machine" else {part.name: value}
        return cells


@cache
def meanings() -> Mapping[str, str]:
    """One line on each column of a total that rows of a sweep have not."""
    hints = get_type_hints(Total, include_extras=True)
    return {
        name: str(get_args(hints[name])[1]) for name in ("layers", "area_mm2", "energy_delay_uj_us", "fits", "exceeded")
    }


def totals(rows: Iterable[Mapping[Any, Any]]) -> list[Total]:
    """A total for each machine, engine, seed and variation of a sweep's rows (cells by column), in their order.

    Rows without a seed or a variation, of files, count with each there is. Raises EieError for a row that stands twice.
    """
    machines: dict[tuple[Any, ...], list[Mapping[Any, Any]]] = {}
    seen: set[str] = set()
    for row in rows:
        if row["hash"] in seen:
            raise EieError(f"layer '{row['layer']}': a row of it stands twice; give each row once")
        seen.add(row["hash"])
        machines.setdefault(tuple(row[name] for name in MACHINE), []).append(row)
    found = [
        ((*origin, *machine), [row for row in own if all(map(partial(_of, row), ORIGIN, origin))])
        for machine, own in machines.items()
        for origin in product(*(_values(own, column) for column in ORIGIN))
    ]
    every = Counter[str]()
    for _, own in found:
        every |= _names(own)
    return [_total(key, own) for key, own in found if _names(own) == every]


def _values(rows: Sequence[Mapping[Any, Any]], column: str) -> list[Any]:
    """The values that a column has somewhere; None alone where it has none."""
    known = dict.fromkeys(_known(row[column]) for row in rows)
    return [value for value in known if value is not None] or [None]


def _of(row: Mapping[Any, Any], column: str, value: Any) -> bool:
    return _known(row[column]) in (None, value)


def _names(rows: Sequence[Mapping[Any, Any]]) -> Counter[str]:
    """Layers' names, with how many have each."""
    return Counter(str(row["layer"]) for row in rows)


def _total(key: tuple[Any, ...], rows: Sequence[Mapping[Any, Any]]) -> Total:
    seed, variation, *machine = key
    config = dict(zip(MACHINE, machine, strict=True))

    def added(column: str) -> float:
        return float(sum(row[column] * row["vectors"] for row in rows))

    energies = [_known(row["energy_total_uj"]) for row in rows]
    energy = None if None in energies else added("energy_total_uj")
    cycles, time_us = added("cycles"), added("time_us")
    return Total(
        layers=" + ".join(str(row["layer"]) for row in rows),
        seed=seed,
        variation=variation,
        machine=config,
        cycles=cycles,
        time_us=time_us,
        load_balance=added("entry_groups") / (cycles * config["pes"]) if cycles else 0.0,
        energy_total_uj=energy,
        area_mm2=area_of(config),
        energy_delay_uj_us=None if energy is None else energy * time_us,
        fits=not any(name in HOLD for row in rows for name in str(row["warnings"]).split("; ")),
        exceeded="; ".join(f"{row['layer']}: {row['warnings']}" for row in rows if _known(row["warnings"])),
    )


def _known(value: Any) -> Any:
    """None for what a DataFrame has in an empty cell."""
    return None if value is None or value != value or value == "" else value


def area_of(keys: Mapping[Any, Any]) -> float | None:
    """The estimated area of a machine in mm²; None where an array is outside CACTI's table. keys: its configuration."""
    return _area(tuple(keys[name] for name in MachineConfig.model_fields if name not in FRACTIONS))


@cache
def _area(values: tuple[Any, ...]) -> float | None:
    names = [name for name in MachineConfig.model_fields if name not in FRACTIONS]
    try:
        return modelled_area(MachineConfig(**dict(zip(names, values, strict=True)))).total_mm2
    except EieError:
        return None


def is_network(rows: Iterable[Mapping[Any, Any]]) -> bool:
    """Whether rows are of one network's layers: on a machine all but the first are fed what the one before gives, or
    what was recorded there.
    """
    first: tuple[Any, ...] | None = None
    fed = []
    for row in rows:
        machine = tuple(row[name] for name in MACHINE)
        first = machine if first is None else first
        fed += [row["fed"]] if machine == first else []
    return len(fed) > 1 and all(one in (CHAINED, RECORDED) for one in fed[1:])


def network_totals(rows: "pd.DataFrame") -> "pd.DataFrame":
    """What each machine of a sweep costs as a whole: its layers added up, with its area and energy x time.

    Cycles, time and energy are sums over the layers, each as often as it has input vectors in one input of the network;
    area counts once; energy x time is the product of the two sums. The rows of `sweep` stay as they are.

    Parameters
    ----------
    rows : pandas.DataFrame
        What `sweep` gives, or a part of it.

    Returns
    -------
    pandas.DataFrame
        A row a machine (engine, seed, variation) that has all layers of the rows: `layers`, the configuration's keys,
        `cycles`, `time_us`, `load_balance`, `energy_total_uj`, `area_mm2`, `energy_delay_uj_us`, `fits`, whether each
        layer fits the SRAMs, and `exceeded`, the memories that a layer exceeds.

    Raises
    ------
    EieError
        For what is no sweep's table, and where a row stands twice.

    Examples
    --------
    >>> import eiesim
    >>> rows = eiesim.sweep("example:lenet-300-100", {"pes": [16, 64]})
    >>> eiesim.network_totals(rows).set_index("pes")["energy_delay_uj_us"].round(3).to_dict()
    {16: 0.154, 64: 0.332}
    """
    import pandas as pd

    lacking = [name for name in (*NEEDED, *MACHINE) if name not in getattr(rows, "columns", ())]
    if lacking:
        raise EieError(f"rows: {lacking[0]} is missing; give the table that sweep gives")
    return pd.DataFrame([one.cells() for one in totals(rows.to_dict("records"))])
