"""The machine as a story: SimPy processes, written from docs/machine.md alone, for teaching and for checking.

Three kinds of process hand things on (EIE Sec. IV, Fig. 4):

- `_scanner` (LNZD and CCU) looks for non-zero activations and sends each to all PEs, once every queue has a place;
- `_Pe.pointer_read`, one a PE, takes columns from its queue and walks their entries, one a cycle (or a group of them,
  where a PE has several multipliers);
- `_Pe.arithmetic`, one a real entry, takes that entry down the stages to its accumulator.

A queue is two of SimPy's resources: a Store of what was sent, and a Container that counts free places. The scanner
takes a place before it sends, PointerRead gives it back when it takes the column.

**Time.** Cycle t lasts from t to t + 1. SimPy runs events of equal times in the order in which they were scheduled,
and nothing here may rest on that: what depends on something else of the same cycle happens at a later moment of it.

- EARLY: the scanner sees which queues have a place; entries in stage 3 form their sums.
- MIDDLE: PointerRead, idle or in a column's last cycle, takes the next column for the cycle that follows;
  an entry in stage 2 reads its accumulator, or takes a sum just formed (the bypass).
- LATE: what was sent goes into the queues; the sum formed in stage 3 is written.

So a column sent in cycle t is first taken at the MIDDLE of t + 1 and occupies PointerRead from t + 2; a place given
back at the MIDDLE of t is seen by the scanner in t + 1.
"""

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import simpy

from eiesim.arithmetic import Draw, Rounding, drawn
from eiesim.counters import PerPe, Run
from eiesim.job import Job
from eiesim.machine.latency import ADD, MULTIPLY, QUEUE, WRITTEN

EARLY, MIDDLE, LATE = 0.25, 0.5, 0.75
NO_SRAM_ROW = -1

EVENTS = (
    *("queue_pushes", "queue_pops", "pointer_reads", "empty_columns", "spmat_row_reads", "entries", "entry_groups"),
    *("padding_entries", "macs", "bypasses", "accumulator_reads", "accumulator_writes"),
)
"""What a PE counts until it is drained."""

STATES = ("busy_real", "busy_padding", "busy_empty")
"""What PointerRead does in a cycle; in all others it is starved."""

Process = Generator[simpy.Event, Any, None]


def run(job: Job, activation_rows: npt.NDArray[Any]) -> Run:
    """One input through one layer. activation_rows: the activations as the LNZD meets them, [activation rows, pes]."""
    env = simpy.Environment(initial_time=1)
    pes = [_Pe(env, job, p) for p in range(job.layer.pes)]
    for pe in pes:
        env.process(pe.pointer_read())
    scan = _Scan()
    env.process(_scanner(env, scan, pes, [_plain(row) for row in activation_rows]))
    with np.errstate(over="ignore", invalid="ignore"):
        env.run()  # until the scan has ended and all PEs are drained: then nothing more can happen
    cycles = max([scan.last, *(pe.finished for pe in pes)])
    return Run(
        cycles=cycles,
        scan_last=scan.last,
        broadcasts=scan.broadcasts,
        scan_bubbles=scan.bubbles,
        broadcast_stalls=scan.stalls,
        per_pe=_per_pe([pe.counters(cycles) for pe in pes]),
        sums=_sums(job, pes, scan) if job.outputs else None,
    )


class _Sent(NamedTuple):
    """A broadcast: the cycle it was sent in, its column j and its activation a_j."""

    cycle: int
    column: int
    activation: Any


@dataclass
class _Scan:
    """What the scanner reports. last: the cycle in which it found its last activation row exhausted."""

    last: int = 0
    broadcasts: int = 0
    bubbles: int = 0
    stalls: int = 0
    sent: list[Any] = field(default_factory=list)
    """The magnitudes of what was sent, the bias's 1.0 left out: adder units add them up."""


def _scanner(env: simpy.Environment, scan: _Scan, pes: list["_Pe"], activation_rows: list[list[Any]]) -> Process:
    """LNZD and CCU: one activation row after the other, one look a cycle."""
    cycle = 1
    for r, row in enumerate(activation_rows):
        for place, activation in enumerate(row):
            if activation == 0:  # -0.0 too
                continue
            yield _at(env, cycle, EARLY)
            yield env.all_of([pe.places.get(1) for pe in pes])
            if env.now > cycle + EARLY:
                # The last place came free at some cycle's MIDDLE: the look after that one finds it.
                sendable = int(env.now) + 1
                scan.stalls += sendable - cycle
                cycle = sendable
            yield _at(env, cycle, LATE)
            for pe in pes:
                pe.receive(_Sent(cycle, r * len(pes) + place, activation))
            scan.broadcasts += 1
            if not _is_bias(pes[0].job, r * len(pes) + place):
                scan.sent.append(abs(activation))
            cycle += 1
        if row[-1] == 0:
            # Nothing (more) in this row; a row whose place N-1 was sent is left without this look.
            scan.bubbles += 1
            cycle += 1
    scan.last = cycle - 1


@dataclass
class _Adders:
    """Stage 3 of an arithmetic unit: the sums that its lanes formed, by the PE's row, and in which cycle."""

    cycle: int = 0
    totals: dict[int, Any] = field(default_factory=dict)


@dataclass
class _Pe:
    """A processing element: its memories, its queue, and what it noted down."""

    env: simpy.Environment
    job: Job
    number: int
    finished: int = 0
    """The cycle in which the write of the last real entry is seen done; 0 if there was none."""

    adders: _Adders = field(default_factory=_Adders)
    events: Counter[str] = field(default_factory=Counter)
    states: list[tuple[int, str]] = field(default_factory=list)
    """(cycle, what PointerRead did in it); cycles without a note are starved."""
    occupancies: list[tuple[int, int]] = field(default_factory=list)
    """(cycle, entries in the queue at its start), after each arrival."""

    def __post_init__(self) -> None:
        layer, p = self.job.layer, self.number
        mine = slice(layer.base[p], layer.base[p + 1])
        self.code, self.z = layer.code[mine].tolist(), layer.z[mine].tolist()
        self.pointers = layer.pointers[:, p].tolist()
        self.codebook = _plain(self.job.codebook)
        self.rows = layer.rows_of_pe[p]
        self.accumulators = _plain(self.job.accumulators()[list(self.rows)])
        depth = self.job.queue_depth
        self.queue = simpy.Store(self.env)
        self.places = simpy.Container(self.env, capacity=depth, init=depth)

    def receive(self, sent: _Sent) -> None:
        """The ActivationQueue takes in a broadcast; it is in the queue from the next cycle on."""
        self.queue.put(sent)
        self.events["queue_pushes"] += 1
        self.occupancies.append((sent.cycle + 1, int(self.job.queue_depth - self.places.level)))

    def pointer_read(self) -> Process:
        """PointerRead and SpmatRead: column after column, group after group of entries, one a cycle."""
        held, lanes = NO_SRAM_ROW, self.job.multipliers
        while True:
            sent = yield self.queue.get()
            earliest = sent.cycle + QUEUE - 1
            if self.env.now < earliest + MIDDLE:
                # PointerRead was idle and has it the moment it was sent; the queue holds it for one cycle at least.
                yield _at(self.env, earliest, MIDDLE)
            self.places.put(1)
            self.events.update(queue_pops=1, pointer_reads=1)
            first, end = self.pointers[sent.column], self.pointers[sent.column + 1]
            if first == end:
                yield self.env.timeout(1)
                self.events["empty_columns"] += 1
                self.states.append((int(self.env.now), "busy_empty"))
            row = -1
            while first < end:
                # An aligned group in a cycle: with one multiplier an entry, its own group.
                group = range(first, min(end, (first // lanes + 1) * lanes))
                first = group.stop
                yield self.env.timeout(1)
                cycle = int(self.env.now)
                self.events.update(entry_groups=1, entries=len(group))
                if group.start // self.job.entries_per_row != held:
                    held = group.start // self.job.entries_per_row
                    self.events["spmat_row_reads"] += 1
                real = 0
                for entry in group:
                    row += self.z[entry] + 1
                    if self.code[entry] == 0:
                        self.events["padding_entries"] += 1
                    else:
                        real += 1
                        weight = self.codebook[self.code[entry]]
                        self.env.process(self.arithmetic(cycle, row, weight, sent))
                self.states.append((cycle, "busy_real" if real else "busy_padding"))

    def arithmetic(self, cycle: int, row: int, weight: Any, sent: _Sent) -> Process:
        """A real entry on its way to its accumulator. cycle: the one it was in PointerRead; row: the PE's own."""
        stage_2, stage_3 = cycle + MULTIPLY, cycle + ADD
        yield _at(self.env, stage_2, MIDDLE)
        total = self.accumulators[row]
        self.events["accumulator_reads"] += 1
        if self.adders.cycle == stage_2 and row in self.adders.totals:
            total = self.adders.totals[row]
            self.events["bypasses"] += 1
        product = self._term(weight, sent)
        yield _at(self.env, stage_3, EARLY)
        rounding, draw = self.job.rounding, self.job.draw
        added = None if draw is None else _drawn(self.rows[row], sent.column, draw, rounding)
        total = _add(total, _shift(product, rounding, added), rounding)
        if self.adders.cycle != stage_3:
            self.adders = _Adders(stage_3)
        self.adders.totals[row] = total
        yield _at(self.env, stage_3, LATE)
        self.accumulators[row] = total
        self.events.update(accumulator_writes=1, macs=1)
        self.finished = cycle + WRITTEN

    def _term(self, weight: Any, sent: _Sent) -> Any:
        """What a multiplier makes of an entry, or an adder unit (docs/adder.md)."""
        if self.job.adder is None:
            return weight * sent.activation
        if _is_bias(self.job, sent.column):
            return weight
        agree = (weight > 0 and sent.activation > 0) or (weight < 0 and sent.activation < 0)
        return weight - weight if not agree else 2 * min(abs(weight), abs(sent.activation))

    def counters(self, cycles: int) -> dict[str, int]:
        """The PE's counters: events as they are, states and occupancy for cycles 1 to `cycles` only."""
        states = Counter(state for cycle, state in self.states if cycle <= cycles)
        occupancy = max((number for cycle, number in self.occupancies if cycle <= cycles), default=0)
        return {
            **{name: self.events[name] for name in EVENTS},
            **{name: states[name] for name in STATES},
            "max_occupancy": occupancy,
            "starved": cycles - states.total(),
        }


def _is_bias(job: Job, column: int) -> bool:
    return job.adder is not None and column == job.adder.bias


def _at(env: simpy.Environment, cycle: int, moment: float) -> simpy.Event:
    return env.timeout(cycle + moment - env.now)


def _plain(values: npt.NDArray[Any]) -> list[Any]:
    """Fixed point as Python's integers, which cannot overflow; float32 as float32, to round as the machine does."""
    return list(values) if values.dtype == np.float32 else values.tolist()


def _shift(product: Any, rounding: Rounding | None, added: int | None) -> Any:
    """A product in the accumulator's format (docs/formats.md, "Arithmetic"); `_add` saturates.

    added: what stochastic rounding draws, None for another rounding.
    """
    if rounding is None:
        return product
    shift = rounding[0]
    return (product + (rounding[3] if added is None else added)) >> shift if shift > 0 else product << -shift


def _drawn(row: int, column: int, draw: Draw, rounding: Rounding | None) -> int:
    """What is drawn for the layer's output row and the stored column."""
    assert rounding is not None
    return int(drawn(row, int(draw.numbers[column]), draw.salt, rounding[0]))


def _add(total: Any, term: Any, rounding: Rounding | None) -> Any:
    if rounding is None:
        return total + term
    _, low, high, _ = rounding
    return min(max(total + term, low), high)


def _per_pe(every: list[dict[str, int]]) -> PerPe:
    """The PEs' counters side by side. A counter of PerPe that this engine does not count is a KeyError."""
    return PerPe(**{part.name: np.array([of[part.name] for of in every], np.int64) for part in fields(PerPe)})


def _sums(job: Job, pes: list[_Pe], scan: _Scan) -> npt.NDArray[Any]:
    sums = np.zeros(job.layer.layer.rows, job.codebook.dtype)
    for pe in pes:
        sums[list(pe.rows)] = pe.accumulators
    if job.adder is None or job.adder.rest is None:
        return sums
    written, total = _plain(sums), np.float32(0) if job.rounding is None else 0
    for magnitude in scan.sent:
        total = total - magnitude
    for row, rest in enumerate(_plain(job.adder.rest)):
        if job.rounding is None:
            written[row] = written[row] + rest + total
        else:
            noise = None
            if job.draw is not None:
                noise = int(drawn(row, job.adder.number, job.draw.salt, job.rounding[0]))
            written[row] = _add(written[row], _shift(rest + total, job.rounding, noise), job.rounding)
    return np.array(written, sums.dtype)
