"""Waveforms: every register and wire of the clocked machine in a trace's window, as a value change dump (.vcd)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eiesim._version import __version__
from eiesim.errors import EieError, plain, with_extra
from eiesim.machine import clock
from eiesim.model import NOTES
from eiesim.tracing.recording import Recording
from eiesim.tracing.shares import chosen

if TYPE_CHECKING:
    from vcd import VCDWriter

LARGE_BYTES = 100_000_000
"""Of a larger file its size is told before it is written."""
LOOKED_AT = 64
"""Cycles from which the size is estimated."""

SMALL_NUMBERS = ("code", "z", "code1", "z1")
"""Fields of one byte that hold numbers; the others of one byte are flags of one bit."""


class _Enough(Exception):  # noqa: N818 - no error: the window has been seen
    pass


Values = Callable[[], npt.NDArray[Any]]
"""Reads the values of a signal in several places, such as a register of each PE."""


def write_vcd(trace: Recording, file: IO[bytes], pes: Sequence[int] | None = None) -> None:
    """Clock the machine to the window's end and write what changes in the window.

    1 ps timescale; a cycle is round(1e6 / clock_mhz) ps, and cycle t starts at (t - 1) periods. Scopes are named as
    the files of `machine/`: registers stand in `pe3.pointer_read`, its wires in `pe3.pointer_read.wires`.
    """
    try:
        from vcd import VCDWriter
    except ImportError:
        raise EieError(f"waveforms need pyvcd; {with_extra('trace')}") from None
    numbers = chosen(trace, pes)
    subject = trace.subject.with_sums()
    period = round(1e6 / subject.config.clock_mhz)
    text = TextIOWrapper(file, "ascii", write_through=False)
    comment = plain(f"{subject.name}: cycles {trace.first_cycle} to {trace.end - 1}, {period} ps each")
    begin = (trace.first_cycle - 1) * period
    writer = VCDWriter(
        text, timescale="1 ps", date="", version=f"eiesim {__version__}",
        comment=" ".join(comment.encode("ascii", "replace").decode().replace("$", "?").split()), init_timestamp=begin,
    )  # fmt: skip
    watch = _Watch(writer, trace, numbers, period, text, file)
    with suppress(_Enough):
        clock.run(clock.build(subject.job, subject.activation_rows), watch)
    writer.close((trace.end - 1) * period)
    text.flush()
    text.detach()


class _Watch:
    """The hook: registers the signals in the window's first cycle, then writes each change."""

    def __init__(
        self,
        writer: "VCDWriter",
        trace: Recording,
        pes: Sequence[int],
        period: int,
        text: TextIOWrapper,
        file: IO[bytes],
    ) -> None:
        self.writer, self.trace, self.pes, self.period = writer, trace, list(pes), period
        self.text, self.file = text, file
        self.begins = 0
        self.watched: list[tuple[Values, npt.NDArray[Any], list[Any]]] = []

    def __call__(self, cycle: int, machine: clock.MachineState) -> None:
        if cycle < self.trace.first_cycle:
            return
        if cycle >= self.trace.end:
            raise _Enough
        if cycle - self.trace.first_cycle in (1, 1 + LOOKED_AT):
            self._tell_size(cycle)
        now = (cycle - 1) * self.period
        if cycle == self.trace.first_cycle:
            self._register(cycle, machine)
        else:
            self.writer.change(self.clock, now, 1)
            self.writer.change(self.cycle, now, cycle)
            for read, before, variables in self.watched:
                values = read()
                changed = np.flatnonzero(values != before)
                if len(changed):
                    for place, value in zip(changed.tolist(), values[changed].tolist(), strict=True):
                        self.writer.change(variables[place], now, value)
                    before[changed] = values[changed]
        self.writer.change(self.clock, now + self.period // 2, 0)

    def _tell_size(self, cycle: int) -> None:
        """Say how large the file will be, where that is large: what it begins with, and as much a cycle as so far."""
        self.text.flush()
        written = self.file.tell()
        if cycle == self.trace.first_cycle + 1:
            self.begins = written
            return
        size = self.begins + (written - self.begins) * (self.trace.cycles - 1) / LOOKED_AT
        if size > LARGE_BYTES:
            NOTES.info(
                "%s: %s cycles of %d PEs as VCD take about %s MB, estimated from the first %d; fewer cycles "
                "(--cycles A:B) or PEs (--show-pes) take less",
                self.trace.subject.name, f"{self.trace.cycles:,}", len(self.pes), f"{size / 1e6:,.1f}", LOOKED_AT,
            )  # fmt: skip

    def _register(self, cycle: int, machine: clock.MachineState) -> None:
        self.clock: Any = self.writer.register_var("clock", "clock", "wire", 1, init=1)
        self.cycle: Any = self.writer.register_var("clock", "cycle", "integer", 32, init=cycle)
        for scopes, name, kind, read in signals(machine, self.pes):
            values = read()
            var_type, size = _vcd_type(values.dtype, name, kind)
            variables = [
                self.writer.register_var(scope, name, var_type, size, init=value)
                for scope, value in zip(scopes, values.tolist(), strict=True)
            ]
            self.watched.append((read, values, variables))


def signals(machine: clock.MachineState, pes: Sequence[int]) -> Iterator[tuple[list[str], str, str, Values]]:
    """(scope of each value, name, "reg" or "wire", what reads the values) of all that the machine holds.

    Memories are registers too, one a place: `pe3.activation_queue.places`, `pe3.activation_rw.accumulators`.
    """
    for records, kind, inner in ((machine.registers, "reg", ""), (machine.wires, "wire", ".wires")):
        for unit in records.dtype.names:
            scopes = [f"pe{p}.{unit}{inner}" for p in pes]
            for name in records.dtype[unit].names:
                values = records[unit][name]
                lanes = values.reshape(len(values), -1).T
                for lane, of_lane in enumerate(lanes):
                    # One multiplier's signals have no number, so that their names are the units' own.
                    numbered = name if len(lanes) == 1 or values.ndim == 1 else f"{name}_{lane}"
                    yield scopes, numbered, kind, _reader(of_lane, pes)
    scopes = [f"pe{p}.activation_queue.places" for p in pes]
    for place in range(machine.queues.shape[1]):
        for name in machine.queues.dtype.names:
            yield scopes, f"{name}_{place}", "reg", _reader(machine.queues[name][:, place], pes)
    scopes = [f"pe{p}.activation_rw.accumulators" for p in pes]
    for row in range(machine.accumulators.shape[1]):
        yield scopes, f"row_{row}", "reg", _reader(machine.accumulators[:, row], pes)
    for records, kind, scope in ((machine.scanner, "reg", "lnzd"), (machine.candidate, "wire", "lnzd.wires")):
        for name in records.dtype.names:
            yield [scope], name, kind, _reader(records[name], [0])
    for place in range(len(machine.held)):
        yield ["lnzd.held"], f"activation_{place}", "reg", _reader(machine.held, [place])


def _reader(values: npt.NDArray[Any], places: Sequence[int]) -> Values:
    """What reads some of a unit's values as they then are."""
    values, wanted = np.asarray(values), np.asarray(places)
    return lambda: values[wanted]


def _vcd_type(dtype: np.dtype[Any], name: str, kind: str) -> tuple[str, int]:
    if dtype.kind == "f":
        return "real", 64
    if dtype.itemsize == 1:
        return kind, 8 if name.partition("_")[0] in SMALL_NUMBERS else 1
    return ("integer" if dtype.kind == "i" else kind), 8 * dtype.itemsize
