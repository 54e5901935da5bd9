"""Which signal of the RTL is which register or wire of `eiesim/machine`: the table that the lock-step check goes by.

A probe is read in every cycle between propagate and update. Where its meaning depends on another one (the head of an
empty queue has none), `when` names that one, and both sides read 0 while it is off.

Three registers of the model have another shape in the RTL. PointerRead keeps only the last bit of its column, for the
rest is in the pointer banks' address. It keeps the address of the entry just sent, and adds 1 to it a cycle later.
SpmatRead's `held` is the wire `row`, for the SRAM's own output holds the row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.machine import clock
from eiesim.rtl.hardware import ADDER, Hardware

Bits = Callable[[Hardware], int]


def _flag(hardware: Hardware) -> int:
    return 1


def _count(hardware: Hardware) -> int:
    return 32


def _value(hardware: Hardware) -> int:
    return hardware.value_bits


def _product(hardware: Hardware) -> int:
    return hardware.value_bits + 2 if hardware.operation == ADDER else 2 * hardware.value_bits


def _row(hardware: Hardware) -> int:
    return hardware.row_bits


@dataclass(frozen=True)
class Probe:
    """One field. part: "registers" or "wires". signal: in the RTL, below the PE (or the array, for the LNZD).

    bits: what is compared, from the lowest. when: keys of probes that must be on, or off with a leading "!".
    """

    unit: str
    part: str
    field: str
    signal: str
    bits: Bits = _count
    when: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Such as `pointer_read.wires.valid`."""
        return f"{self.unit}.{self.part}.{self.field}"

    @property
    def is_flag(self) -> bool:
        """One bit, sent as a byte; others are sent as 32 bits."""
        return self.bits is _flag


def _unit(unit: str, part: str, lines: str) -> tuple[Probe, ...]:
    """Probes from lines "field kind signal [when...]"; a `when` without a dot is of the same unit's same part."""
    kinds: dict[str, Bits] = {"flag": _flag, "count": _count, "value": _value, "product": _product, "row": _row}
    probes = []
    for line in lines.strip().splitlines():
        field, kind, signal, *when = line.split()
        conditions = []
        for condition in when:
            off, name = ("!", condition[1:]) if condition.startswith("!") else ("", condition)
            conditions.append(off + (name if "." in name else f"{unit}.{part}.{name}"))
        path = signal if signal.startswith("(") else f"{{pe}}{unit}.{signal}"
        probes.append(Probe(unit, part, field, path, kinds[kind], tuple(conditions)))
    return tuple(probes)


PE_PROBES = (
    *_unit("activation_rw", "registers", """
        row      count row
        read_row row   read_row arithmetic_unit.registers.real2
        reads    count reads
        writes   count writes
    """),
    *_unit("activation_rw", "wires", """
        activation  value activation
        accumulator value accumulator arithmetic_unit.registers.real2
    """),
    *_unit("activation_queue", "registers", """
        head   count head
        count  count count
        most   count most
        pushes count pushes
        pops   count pops
    """),
    *_unit("activation_queue", "wires", """
        full       flag  full
        valid      flag  valid
        column     count column     valid
        activation value activation valid
    """),
    *_unit("pointer_read", "registers", """
        valid         flag  holds
        first         flag  first
        column        flag  odd          first
        address       count next_address valid !first
        end           count end_held     valid !first
        activation    value activation   valid
        pointer_reads count pointer_reads
        empty_columns count empty_columns
        walking       count walking
        empty         count empty
        starved       count starved
    """),
    *_unit("pointer_read", "wires", """
        ready      flag  ready
        valid      flag  valid
        first      flag  first
        address    count address    valid
        end        count end_wire   pointer_read.registers.valid
        activation value activation valid
    """),
    *_unit("spmat_read", "registers", """
        valid      flag  valid
        first      flag  first      valid
        address    count (32'({pe}spmat_read.held)*ROW_ENTRIES+32'({pe}spmat_read.place)) valid
        activation value activation valid
        row_reads  count row_reads
        entries    count entries
        padding    count padding
    """),
    *_unit("spmat_read", "wires", """
        valid      flag  valid
        first      flag  first      valid
        code       count code       valid
        z          count z          valid
        activation value activation valid
        row        count held       valid
    """),
    *_unit("arithmetic_unit", "registers", """
        valid1       flag    valid1
        code1        count   code1        valid1
        z1           count   z1           valid1
        activation1  value   activation1  valid1
        next_row1    row     next_row1    valid1
        real2        flag    real2
        real3        flag    real3
        real4        flag    real4
        done         flag    done
        row2         row     row2         real2
        weight2      value   weight2      real2
        activation2  value   activation2  real2
        row3         row     row3         real3
        product3     product product3     real3
        accumulator3 value   accumulator3 real3
        macs         count   macs
        bypasses     count   bypasses
    """),
    *_unit("arithmetic_unit", "wires", """
        row       row     row       arithmetic_unit.registers.valid1
        weight    value   weight    arithmetic_unit.registers.valid1
        product   product product   reads
        sum3      value   sum3      write
        write_row row     write_row write
        reads     flag    reads
        write     flag    write
        done      flag    done
    """),
)  # fmt: skip

HELD = Probe("lnzd", "registers", "held", "dut.lnzd.held[{p}*VALUE_BITS +: VALUE_BITS]", _value)
"""The LNZD's activation row, a PE's share of it."""

TOTAL = Probe("lnzd", "registers", "total", "(dut.of_layer.sum)")
"""What has been sent of |a_j|, which only adder units have."""

COLUMNS = {
    f"{unit}.{part}.activation{stage}": f"{unit}.{part}.column{stage}"
    for unit, part, stage in (
        ("activation_queue", "wires", ""), ("pointer_read", "registers", ""), ("pointer_read", "wires", ""),
        ("spmat_read", "registers", ""), ("spmat_read", "wires", ""),
        ("arithmetic_unit", "registers", "1"), ("arithmetic_unit", "registers", "2"),
    )
}  # fmt: skip
"""An activation on its way, and where the machine of adder units has its column: the bias's is sent as 0 (sent.sv)."""

LNZD_PROBES = tuple(
    Probe(probe.unit, probe.part, probe.field, probe.signal.replace("{pe}", "dut."), probe.bits, probe.when)
    for probe in (
        *_unit("lnzd", "registers", """
            row              count row
            next_place       count next_place
            done             flag  done
            broadcasts       count broadcasts
            scan_bubbles     count scan_bubbles
            broadcast_stalls count broadcast_stalls
        """),
        *_unit("lnzd", "wires", """
            found      flag  found
            done       flag  done
            place      count place      found
            column     count column     found
            activation value activation found
        """),
    )
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """Where RTL and model first disagree."""

    unit: str
    part: str
    field: str
    pe: int | None
    cycle: int
    rtl: int
    model: int

    def __str__(self) -> str:
        where = "" if self.pe is None else f", PE {self.pe}"
        return (
            f"{self.unit}.{self.field} ({self.part}{where}) in cycle {self.cycle}: "
            f"RTL {self.rtl:,}, model {self.model:,}"
        )


def verilog() -> str:
    """`probes.svh`: the probes as vectors, the first one highest, and a task that prints them."""
    text = ["// Made by eiesim/rtl/probes.py: every register and wire that is compared."]
    lnzd_probes, pe_probes = (*LNZD_PROBES, TOTAL), (*PE_PROBES, HELD)
    *plain, total = _assigns("lnzd_probe", lnzd_probes, "")
    text += [f"logic [{_width(lnzd_probes) - 1}:0] lnzd_probe;", *plain]
    text += ["`ifdef ADDER", total, "`else", "assign lnzd_probe[0 +: 32] = 0;", "`endif"]
    text += [f"logic [{_width(pe_probes) - 1}:0] pe_probe [0:PES-1];"]
    text += ["generate", "for (p = 0; p < PES; p = p + 1) begin : probes"]
    text += _assigns("pe_probe[p]", pe_probes, "dut.pes[p].pe.")
    text += ["end", "endgenerate", "task automatic trace();", '$write("C%h", lnzd_probe);']
    text += ['for (int q = 0; q < PES; q = q + 1) $write("%h", pe_probe[q]);', '$write("\\n");', "endtask", ""]
    return "\n".join(text)


def _width(probes: tuple[Probe, ...]) -> int:
    return sum(8 if probe.is_flag else 32 for probe in probes)


def _assigns(vector: str, probes: tuple[Probe, ...], pe: str) -> list[str]:
    signals = {probe.key: probe.signal.format(pe=pe, p="p") for probe in probes}
    place, lines = _width(probes), []
    for probe in probes:
        bits = 8 if probe.is_flag else 32
        place -= bits
        tests = [("!" if c[0] == "!" else "") + signals[c.lstrip("!")] for c in probe.when]
        condition = f"!({' && '.join(tests)}) ? {bits}'d0 : " if tests else ""
        lines.append(f"assign {vector}[{place} +: {bits}] = {condition}{bits}'($unsigned({signals[probe.key]}));")
    return lines


def _dtype(probes: tuple[Probe, ...]) -> np.dtype[Any]:
    return np.dtype([(probe.key, "u1" if probe.is_flag else ">u4") for probe in probes])


LNZD_DTYPE, PE_DTYPE = _dtype((*LNZD_PROBES, TOTAL)), _dtype((*PE_PROBES, HELD))


@dataclass(frozen=True)
class Snapshot:
    """All probes of a cycle, as the RTL printed them: records of one LNZD and of [pes]."""

    lnzd: npt.NDArray[Any]
    pes: npt.NDArray[Any]

    @classmethod
    def parse(cls, line: str) -> "Snapshot":
        """From the digits behind C. Raises ValueError for a bit that is not 0 or 1."""
        data = bytes.fromhex(line)
        size = LNZD_DTYPE.itemsize
        return cls(np.frombuffer(data[:size], LNZD_DTYPE), np.frombuffer(data[size:], PE_DTYPE))


View = Callable[[], npt.NDArray[Any]]
"""What gives a field in every cycle."""


def view_of(machine: clock.MachineState, key: str, pes: slice = slice(None)) -> View:
    """A PE's field, as the RTL has it: of one multiplier lane 0's, and the bias's activation as 0 (`COLUMNS`)."""

    def field(key: str) -> npt.NDArray[Any]:
        unit, part, name = key.split(".")
        held = np.asarray(getattr(machine, part)[unit][name])
        return (held if held.ndim == 1 else held[:, 0])[pes]

    view = field(key)
    if machine.bias is None or key not in COLUMNS:
        return lambda: view
    columns = field(COLUMNS[key])
    return lambda: np.where(columns == machine.bias, 0, view)


class Comparison:
    """A machine's own fields, found once, to be compared in every cycle."""

    def __init__(self, machine: clock.MachineState, hardware: Hardware) -> None:
        self._machine, self._hardware = machine, hardware

    @cached_property
    def _lnzd(self) -> list[tuple[Any, ...]]:
        parts = {"registers": self._machine.scanner, "wires": self._machine.candidate}
        probes = LNZD_PROBES if self._machine.bias is None else (*LNZD_PROBES, TOTAL)
        fields = {probe.key: np.asarray(parts[probe.part][probe.field]) for probe in probes}
        return self._plan(probes, {key: partial(np.asarray, field) for key, field in fields.items()})

    @cached_property
    def _pes(self) -> list[tuple[Any, ...]]:
        views = {probe.key: view_of(self._machine, probe.key) for probe in PE_PROBES}
        views[HELD.key] = lambda: self._machine.held
        return self._plan((*PE_PROBES, HELD), views)

    def _plan(self, probes: tuple[Probe, ...], views: dict[str, View]) -> list[tuple[Any, ...]]:
        # What gives each field, with its mask and its conditions: (view, whether it must be on).
        return [
            (
                probe,
                views[probe.key],
                (1 << probe.bits(self._hardware)) - 1,
                [(views[c.lstrip("!")], c[0] != "!") for c in probe.when],
            )
            for probe in probes
        ]

    def first_difference(self, cycle: int, snapshot: Snapshot) -> Difference | None:
        """The first probe that differs, the LNZD's first, then the units in a column's order."""
        for plan, seen in ((self._lnzd, snapshot.lnzd), (self._pes, snapshot.pes)):
            for probe, view, mask, conditions in plan:
                model = view().astype(np.int64) & mask
                for flag, wanted in conditions:
                    model = np.where((flag() != 0) == wanted, model, 0)
                rtl = seen[probe.key]
                wrong = rtl != model
                if wrong.any():
                    p = int(np.argmax(wrong))
                    pe = None if plan is self._lnzd else p
                    return Difference(probe.unit, probe.part, probe.field, pe, cycle, int(rtl[p]), int(model[p]))
        return None
