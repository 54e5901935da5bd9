"""Recording: what every PE does in every cycle of a window, from the recurrences, without stepping the machine."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._checks import whole
from eiesim._jit import jit
from eiesim._shown import Brief
from eiesim.errors import EieError, shown
from eiesim.tracing.subject import Subject
from eiesim.tracing.timeline import Timeline, charge, timeline

STARVED, REAL, PADDING, EMPTY = range(4)
STATES = ("starved", "real entry", "padding entry", "empty column")
"""What PointerRead does in a cycle, by the numbers in `Recording.state`. With several multipliers it walks a group of
entries: a real one where any of them is real, padding where all are."""

LARGEST_BYTES = 1_000_000_000


@dataclass(frozen=True, eq=False, repr=False)
class Recording(Brief):
    """A window of cycles of one input on its way through one layer (docs/trace.md). Arrays are read-only.

    first_cycle, cycles, pes: the window's first cycle (the run's first is 1), its length, and the machine's PEs.
    state: uint8[pes, cycles], PointerRead in each cycle: 0 starved, 1 real entry, 2 padding entry, 3 empty column.
    occupancy: uint16[pes, cycles], columns in the queue at the start of the cycle (uint32 where a queue could hold
        more than 65,535).
    column: int32[pes, cycles], the column in PointerRead, -1 for none.
    broadcast_cycle, broadcast_column: int32[K], of every broadcast, whatever the window.
    broadcast_stall: int32[K], the cycles that each broadcast waited for a full queue.
    blocker: int32[K], the lowest-numbered PE whose queue was full in the last stalled cycle before each broadcast;
        -1 where it was not stalled.
    total_cycles, scan_last: of the whole run, as in its result.
    """

    first_cycle: int
    cycles: int
    pes: int
    state: npt.NDArray[np.uint8]
    occupancy: npt.NDArray[Any]
    column: npt.NDArray[np.int32]
    broadcast_cycle: npt.NDArray[np.int32]
    broadcast_column: npt.NDArray[np.int32]
    broadcast_stall: npt.NDArray[np.int32]
    blocker: npt.NDArray[np.int32]
    total_cycles: int
    scan_last: int
    subject: Subject = field(repr=False)

    @property
    def end(self) -> int:
        """The first cycle after the window."""
        return self.first_cycle + self.cycles

    @property
    def stall_caused(self) -> npt.NDArray[np.int64]:
        """int64[pes]: broadcast stalls of the whole run that each PE caused, charged to each broadcast's blocker."""
        return charge(self.blocker, self.broadcast_stall, self.pes)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Every field by name, as the .npz file holds them.

        Returns
        -------
        dict of str to numpy.ndarray
            All but `subject`.
        """
        return {part.name: np.asarray(getattr(self, part.name)) for part in fields(self) if part.name != "subject"}


def record(subject: Subject, window: tuple[int, int] | None = None, events: Timeline | None = None) -> Recording:
    """The recording of a subject; `events` are its timeline's where they are known."""
    events = timeline(subject) if events is None else events
    start, end = _window(window, events.cycles)
    layer, broadcasts = subject.layer, len(events.columns)
    wide = min(subject.job.queue_depth, broadcasts) > np.iinfo(np.uint16).max
    occupancy_type = np.dtype(np.uint32 if wide else np.uint16)
    needed = layer.pes * (end - start) * (1 + occupancy_type.itemsize + 4)
    if needed > LARGEST_BYTES:
        fits = LARGEST_BYTES * (end - start) // needed
        raise EieError(
            f"a trace of {end - start:,} cycles on {layer.pes:,} PEs takes {needed / 1e9:.1f} GB, more than 1 GB; "
            f"give a window (cycles) of {fits:,} or fewer"
        )
    shape = (layer.pes, end - start)
    column, occupancy, state = _cells(shape, (np.dtype(np.int32), occupancy_type, np.dtype(np.uint8)))
    base, code = layer.base, np.ones(1, np.uint8)
    if layer.has_padding:
        several = subject.job.multipliers > 1
        groups = layer.groups(subject.job.multipliers) if several else None
        code = layer.code if groups is None else groups.real
        base = layer.base if groups is None else groups.base
    _fill(
        events.columns, events.broadcast, events.first, subject.job.walk_pointers, base, code, layer.has_padding,
        start, end, state, occupancy, column,
    )  # fmt: skip
    parts = {
        "state": state,
        "occupancy": occupancy,
        "column": column,
        "broadcast_cycle": events.broadcast,
        "broadcast_column": events.columns.astype(np.int32),
        "broadcast_stall": events.stall,
        "blocker": events.blocker,
    }
    for array in parts.values():
        array.flags.writeable = False
    return Recording(
        first_cycle=start,
        cycles=end - start,
        pes=layer.pes,
        total_cycles=events.cycles,
        scan_last=events.scan_last,
        subject=subject,
        **parts,
    )


def _cells(shape: tuple[int, int], types: Sequence[np.dtype[Any]]) -> list[npt.NDArray[Any]]:
    """Arrays of one shape in one piece of memory: three would be given back and faulted in anew at each trace."""
    size = shape[0] * shape[1]
    block = np.empty(size * sum(kind.itemsize for kind in types), np.uint8)
    arrays, start = [], 0
    for kind in types:
        end = start + size * kind.itemsize
        arrays.append(block[start:end].view(kind).reshape(shape))
        start = end
    return arrays


def _window(window: tuple[int, int] | None, cycles: int) -> tuple[int, int]:
    if window is None:
        return 1, cycles + 1
    if not isinstance(window, tuple | list) or len(window) != 2:
        raise EieError(f"cycles = {shown(window)}: needs (first, end), such as (3000, 3200)")
    start, end = (whole("cycles", bound, 0) for bound in window)
    if start < 1 or end <= start:
        raise EieError(f"cycles {start}:{end}: holds none; cycles are numbered from 1 and the end is left out")
    if start > cycles:
        raise EieError(f"cycles {start}:{end}: the run ends in cycle {cycles:,}")
    return start, min(end, cycles + 1)


@jit
def _fill(
    columns: Any, broadcast: Any, first: Any, pointers: Any, base: Any, code: Any, has_padding: bool,
    start: int, end: int, state: Any, occupancy: Any, column: Any,
) -> None:  # fmt: skip
    """Write the window's cells, one PE after the other. See `Recording` and `Timeline` for the arrays.

    The loop over cells has no branch: columns are short, and each of their ends would be mispredicted. So columns are
    counted from 1, as `begun`, and 0 stands for none: its entry in the tables by column says starved.
    """
    sent, width = len(columns), end - start
    arrived = np.zeros(width, np.int32)
    k = 0
    for cell in range(width):
        while k < sent and broadcast[k] < start + cell:
            k += 1
        arrived[cell] = k
    held = np.full(sent + 1, -1, np.int32)
    held[1:] = columns
    last = np.zeros(sent + 1, np.int32)
    doing = np.full(sent + 1, STARVED, np.uint8)
    begins = np.empty(width, np.int32)
    for p in range(state.shape[0]):
        begins[:] = 0
        begun = np.int32(0)
        for k in range(sent):
            begin = first[k, p]
            if begin >= end:
                break
            j = columns[k]
            n = np.int32(pointers[j + 1, p] - pointers[j, p])
            last[k + 1] = begin + max(n, np.int32(1)) - np.int32(1)
            doing[k + 1] = np.uint8(REAL) if n > 0 else np.uint8(EMPTY)
            if begin < start:
                begun = np.int32(k + 1)
            else:
                begins[begin - start] = k + 1
        for cell in range(width):
            begun = max(begun, begins[cell])
            now = begun * (start + cell <= last[begun])
            column[p, cell] = held[now]
            state[p, cell] = doing[now]
            occupancy[p, cell] = arrived[cell] - begun
        if has_padding:
            _mark_padding(p, first, pointers, base, code, start, arrived, occupancy, column, state)


@jit
def _mark_padding(
    p: int, first: Any, pointers: Any, base: Any, code: Any,
    start: int, arrived: Any, occupancy: Any, column: Any, state: Any,
) -> None:  # fmt: skip
    """Turn real entries of PE p into padding entries where their code, or their group's mark, is 0."""
    for cell in range(state.shape[1]):
        if state[p, cell] == REAL:
            begin = first[arrived[cell] - occupancy[p, cell] - 1, p]
            if code[base[p] + pointers[column[p, cell], p] + start + cell - begin] == 0:
                state[p, cell] = PADDING
