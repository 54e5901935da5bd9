"""A cell library by meaning: cells, pins, functions and tables, in one set of units.

These are fF, ns, fJ, V, mW and square micrometres. Order of axes and units differ from library to library; here every
table says its axes by name.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from eiesim._io.reading import sha256_of
from eiesim._sums import added
from eiesim.errors import EieError, plain
from eiesim.rtl.gates import functions, liberty
from eiesim.rtl.gates.functions import Expression
from eiesim.rtl.gates.liberty import Group

AXES = {
    "total_output_net_capacitance": "load",
    "input_net_transition": "slew",
    "input_transition_time": "slew",
    "related_pin_transition": "slew",
    "constrained_pin_transition": "constrained",
}
PREFIXES = {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15}


@dataclass(frozen=True)
class Table:
    """Values over named axes: "load" in fF, "slew" and "constrained" (that of a pin held to a clock) in ns."""

    axes: tuple[str, ...]
    points: tuple[tuple[float, ...], ...]
    values: npt.NDArray[np.float64]

    def at(self, clamped: bool = False, **where: float) -> float:
        """Linear between the points and beyond them; clamped: beyond them, what the last point says."""
        held = self.values
        for axis, points in zip(self.axes, self.points, strict=True):
            if len(points) == 1:
                held = held[0]
                continue
            x = where[axis]
            if clamped:
                x = min(max(x, points[0]), points[-1])
            k = min(max(bisect_right(points, x), 1), len(points) - 1)
            share = (x - points[k - 1]) / (points[k] - points[k - 1])
            held = held[k - 1] * (1.0 - share) + held[k] * share
        return float(held)


Pair = tuple[Table | None, Table | None]
"""For a rise and for a fall."""


@dataclass(frozen=True)
class Arc:
    """From a pin to this one. sense: 1 where it follows the pin, -1 where it goes against it, 0 where both occur."""

    pin: str
    sense: int
    delay_ns: Pair
    slew_ns: Pair


@dataclass(frozen=True)
class Spent:
    """Internal energy, fJ, of a rise and of a fall of a pin. pin: the one that caused it; "" is whichever.

    supply: the supply it is taken from, where a library tells them apart; "" is all.
    """

    pin: str
    energy_fj: Pair
    supply: str = ""


@dataclass(frozen=True)
class Pin:
    """A pin. most_ff: what it may drive. arcs: what may make it change. setup_ns: how long it must stand still before a
    clock pin's edge.
    """

    name: str
    is_output: bool
    capacitance_ff: float
    most_ff: float
    function: Expression | None
    arcs: tuple[Arc, ...]
    spent: tuple[Spent, ...]
    setup_ns: tuple[Arc, ...]


@dataclass(frozen=True)
class Storage:
    """A flip-flop or latch: its state's name and that of the inverse, what is taken, and when."""

    is_latch: bool
    state: str
    inverse: str
    takes: Expression
    when: Expression
    others: bool
    """Whether it can be cleared or preset."""


@dataclass(frozen=True)
class Cell:
    """A cell. gate: (enable, clock, gated, held at 0) pins, where it is a clock gate for a rising edge."""

    name: str
    area_um2: float
    leakage_mw: float
    pins: dict[str, Pin]
    storage: Storage | None
    gate: tuple[str, str, str, tuple[str, ...]] | None

    @property
    def inputs(self) -> list[Pin]:
        """Input pins."""
        return [pin for pin in self.pins.values() if not pin.is_output]

    @property
    def outputs(self) -> list[Pin]:
        """Output pins."""
        return [pin for pin in self.pins.values() if pin.is_output]

    @property
    def has_energy(self) -> bool:
        """Whether any pin has internal energy."""
        return any(pin.spent for pin in self.pins.values())

    def computes(self, *table: int) -> bool:
        """Whether it is a plain gate with one output of the function whose values for 0, 1, 2, ... these are."""
        if self.storage or self.gate or len(self.outputs) != 1 or self.outputs[0].function is None:
            return False
        inputs = [pin.name for pin in self.inputs]
        if 1 << len(inputs) != len(table) or functions.names(self.outputs[0].function) != set(inputs):
            return False
        rows = ({name: k >> n & 1 for n, name in enumerate(inputs)} for k in range(len(table)))
        return all(functions.value(self.outputs[0].function, row) == table[k] for k, row in enumerate(rows))


@dataclass(frozen=True)
class Library:
    """A library. wire_load: (fF a length, length a further sink, lengths by sinks) where it has one."""

    path: Path
    sha256: str
    name: str
    voltage: float
    cells: dict[str, Cell]
    wire_load: tuple[float, float, dict[int, float]] | None

    def smallest(self, *table: int) -> Cell | None:
        """The smallest plain gate of a function (`Cell.computes`)."""
        found = [cell for cell in self.cells.values() if cell.computes(*table)]
        return min(found, key=lambda cell: (cell.area_um2, cell.name), default=None)


def read(path: Path) -> Library:
    """A library. Raises EieError, naming the file, where it is none or says nothing of energy or of functions."""
    top = liberty.read(path)
    try:
        library = _Reader(top).library(path)
    except EieError as error:
        raise EieError(f"{path}: {error}") from None
    logic = [cell for cell in library.cells.values() if not cell.storage]
    if not any(pin.function is not None for cell in logic for pin in cell.outputs):
        raise EieError(f"{path}: no cell says its function, so the netlist cannot be run")
    if not any(cell.storage and not cell.storage.is_latch for cell in library.cells.values()):
        raise EieError(f"{path}: no cell is a flip-flop (an ff group), so the netlist cannot be run")
    if not any(cell.has_energy for cell in library.cells.values()):
        raise EieError(f"{path}: no cell has internal_power, so power cannot be told; take another corner or library")
    return library


class _Reader:
    """Reads the groups of one library in its own units."""

    def __init__(self, top: Group) -> None:
        self._top = top
        self._templates = {
            group.name: tuple(group.get(f"variable_{k}") for k in (1, 2, 3) if group.get(f"variable_{k}"))
            for group in top.of("lu_table_template", "power_lut_template")
        }
        self._indices = {
            group.name: tuple(group.attributes.get(f"index_{k}", [()])[-1] for k in (1, 2, 3))
            for group in top.of("lu_table_template", "power_lut_template")
        }
        load = top.attributes.get("capacitive_load_unit", [("1", "pf")])[-1]
        if len(load) != 2 or not load[0]:
            raise EieError(f"capacitive_load_unit ({', '.join(load)}): a number and ff or pf are needed")
        unit = _unit(load[1], "f", "capacitive_load_unit")
        self._ff = _number(load[0], "capacitive_load_unit") * unit / 1e-15
        self._ns = _quantity(top.get("time_unit", "1ns"), "s", "time_unit") / 1e-9
        volts = _quantity(top.get("voltage_unit", "1V"), "v", "voltage_unit")
        self._fj = self._ff * volts**2  # fF V^2 = fJ
        self._leakage_mw = _quantity(top.get("leakage_power_unit", "1nW"), "w", "leakage_power_unit") / 1e-3
        self._voltage = self._nominal() * volts
        if self._ff <= 0 or self._ns <= 0:
            raise EieError("capacitive_load_unit and time_unit are above 0")
        if self._voltage <= 0:
            raise EieError("no voltage: neither nom_voltage nor operating_conditions say one above 0")

    def _nominal(self) -> float:
        chosen = self._top.get("default_operating_conditions")
        for group in self._top.of("operating_conditions"):
            if group.name == chosen and group.get("voltage"):
                return _number(group.get("voltage"), "voltage")
        return _number(self._top.get("nom_voltage", "0"), "nom_voltage")

    def library(self, path: Path) -> Library:
        cells: dict[str, Cell] = {}
        for group in self._top.of("cell"):
            try:
                cells[group.name] = self._cell(group)
            except EieError as error:
                raise EieError(f"cell {plain(group.name)}: {error}") from None
        return Library(path, sha256_of(path), self._top.name, self._voltage, cells, self._wires())

    def _wires(self) -> tuple[float, float, dict[int, float]] | None:
        loads = {group.name: group for group in self._top.of("wire_load")}
        chosen = loads.get(self._top.get("default_wire_load")) or next(iter(loads.values()), None)
        if chosen is None:
            return None
        pairs = [liberty.numbers(one[:2], "fanout_length") for one in chosen.attributes.get("fanout_length", [])]
        if not pairs or any(len(pair) != 2 for pair in pairs):
            return None
        capacitance = _number(chosen.get("capacitance", "0"), "wire_load capacitance") * self._ff
        slope = _number(chosen.get("slope", "0"), "wire_load slope")
        if min(capacitance, slope, *(length for _, length in pairs)) < 0 or min(sinks for sinks, _ in pairs) < 1:
            raise EieError("wire_load: capacitance, slope and lengths are 0 or more, and a fanout is 1 or more")
        return capacitance, slope, {int(sinks): length for sinks, length in pairs}

    def _cell(self, group: Group) -> Cell:
        storage = self._storage(group)
        pins: dict[str, Pin] = {}
        for one in group.of("pin"):
            for name in one.arguments:
                pins[name] = self._pin(name, one)
        return Cell(
            group.name,
            _number(group.get("area", "0"), "area"),
            self._leakage(group),
            pins,
            storage,
            self._gate(group),
        )

    def _leakage(self, group: Group) -> float:
        given = group.get("cell_leakage_power")
        if given:
            return _number(given, "cell_leakage_power") * self._leakage_mw
        supplies: dict[str, list[float]] = {}
        for one in group.of("leakage_power"):
            leaks = _number(one.get("value", "0"), "leakage_power")
            supplies.setdefault(one.get("related_pg_pin"), []).append(leaks)
        # Over conditions (`when`) the mean, over supplies the sum.
        parts = [added(every) / len(every) for every in supplies.values()]
        default = _number(self._top.get("default_cell_leakage_power", "0"), "default_cell_leakage_power")
        return (added(parts) if parts else default) * self._leakage_mw

    @staticmethod
    def _storage(group: Group) -> Storage | None:
        for one in group.of("ff", "latch"):
            latch = one.kind == "latch"
            takes, when = (one.get(name) for name in (("data_in", "enable") if latch else ("next_state", "clocked_on")))
            if not takes or not when or len(one.arguments) != 2:
                return None
            others = bool(one.get("clear") or one.get("preset"))
            return Storage(latch, *one.arguments, functions.parse(takes), functions.parse(when), others)
        return None

    @staticmethod
    def _gate(group: Group) -> tuple[str, str, str, tuple[str, ...]] | None:
        if not group.get("clock_gating_integrated_cell").startswith("latch_posedge"):
            return None
        named: dict[str, list[str]] = {"enable": [], "clock": [], "out": [], "test": []}
        for pin in group.of("pin"):
            for what, names in named.items():
                if pin.get(f"clock_gate_{what}_pin") == "true":
                    names += pin.arguments
        if any(len(named[what]) != 1 for what in ("enable", "clock", "out")):
            return None
        return named["enable"][0], named["clock"][0], named["out"][0], tuple(named["test"])

    def _pin(self, name: str, group: Group) -> Pin:
        is_output = group.get("direction") not in ("input", "internal")
        default = self._top.get(f"default_{'output' if is_output else 'input'}_pin_cap", "0")
        both = [group.get(f"{edge}_capacitance") for edge in ("rise", "fall")]
        given = both if all(both) else [group.get("capacitance", default)]
        capacitance = added(_number(one, "capacitance") for one in given) / len(given) * self._ff
        function = group.get("function")
        arcs = list(self._arcs(group))
        return Pin(
            name,
            is_output,
            capacitance,
            _number(most, "max_capacitance") * self._ff if (most := group.get("max_capacitance")) else np.inf,
            # A three-state output is no function of its inputs.
            functions.parse(function) if function and not group.get("three_state") else None,
            tuple(arc for kind, arc in arcs if kind == "delay"),
            tuple(self._spent(group)),
            tuple(arc for kind, arc in arcs if kind == "setup"),
        )

    def _arcs(self, group: Group) -> Iterator[tuple[str, Arc]]:
        for timing in group.of("timing"):
            kind = timing.get("timing_type", "combinational")
            sense = {"positive_unate": 1, "negative_unate": -1}.get(timing.get("timing_sense"), 0)
            held = {one.kind: one for one in timing.groups}
            for pin in timing.get("related_pin").split():
                if kind.startswith("setup_"):
                    limits = self._pair(held, "rise_constraint", "fall_constraint", self._ns)
                    yield "setup", Arc(pin, 0, limits, (None, None))
                elif kind in (
                    "combinational",
                    "rising_edge",
                    "falling_edge",
                    "combinational_rise",
                    "combinational_fall",
                ):
                    delay = self._pair(held, "cell_rise", "cell_fall", self._ns)
                    slew = self._pair(held, "rise_transition", "fall_transition", self._ns)
                    if kind in ("rising_edge", "falling_edge"):
                        sense = 0
                    if any(delay):
                        yield "delay", Arc(pin, sense, delay, slew)

    def _spent(self, group: Group) -> Iterator[Spent]:
        for power in group.of("internal_power"):
            held = {one.kind: one for one in power.groups}
            if "power" in held:
                both = self._table(held["power"], self._fj)
                pair: Pair = both, both
            else:
                pair = self._pair(held, "rise_power", "fall_power", self._fj)
            if any(pair):
                for pin in power.get("related_pin").split() or [""]:
                    yield Spent(pin, pair, power.get("related_pg_pin"))

    def _pair(self, held: dict[str, Group], rise: str, fall: str, unit: float) -> Pair:
        first, second = (self._table(held[name], unit) if name in held else None for name in (rise, fall))
        return first, second

    def _table(self, group: Group, unit: float) -> Table:
        variables = self._templates.get(group.name, ())
        if group.name not in self._templates and group.name != "scalar":
            raise EieError(f"{group.kind}: no template is called {plain(group.name)}")
        unknown = [name for name in variables if name not in AXES]
        if unknown:
            raise EieError(f"{group.kind}: a table over {plain(unknown[0])} is not understood")
        points = []
        for k, name in enumerate(variables):
            given = group.attributes.get(f"index_{k + 1}", [self._indices[group.name][k]])[-1]
            scale = self._ff if AXES[name] == "load" else self._ns
            points.append(tuple(x * scale for x in liberty.numbers(given, f"index_{k + 1}")))
            if not points[-1] or any(a >= b for a, b in zip(points[-1], points[-1][1:])):
                raise EieError(f"{group.kind}: index_{k + 1} does not rise")
        values = np.array(liberty.numbers(group.attributes.get("values", [()])[-1], "values"))
        shape = tuple(len(axis) for axis in points)
        if values.size != int(np.prod(shape)) or not np.isfinite(values).all():
            raise EieError(f"{group.kind}: {values.size} values; {' x '.join(map(str, shape)) or 'one'} are needed")
        return Table(tuple(AXES[name] for name in variables), tuple(points), values.reshape(shape) * unit)


def _number(text: str, what: str) -> float:
    found = liberty.numbers((text,), what)
    if len(found) != 1:
        raise EieError(f"{what}: one number is needed, not '{plain(text)[:40]}'")
    return found[0]


def _quantity(text: str, unit: str, what: str) -> float:
    """Such as 1ns, in the unit without prefix."""
    found = re.fullmatch(r"\s*([0-9]+\.?[0-9]*)\s*([A-Za-z]+)\s*", text)
    if found is None:
        raise EieError(f"{what}: '{plain(text)[:40]}' is no quantity")
    return float(found.group(1)) * _unit(found.group(2), unit, what)


def _unit(text: str, unit: str, what: str) -> float:
    lower = text.strip().lower()
    if not lower.endswith(unit) or lower[: -len(unit)] not in PREFIXES:
        raise EieError(f"{what}: '{plain(text)[:40]}' is no unit of this kind")
    return PREFIXES[lower[: -len(unit)]]
