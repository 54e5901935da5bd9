"""What a run counts, and the metrics that follow from it (docs/machine.md, "Counters" and "Derived figures").

Over a batch, metrics are means over the inputs, ratios are formed from summed counters, and `max_occupancy` is the
largest.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from eiesim._shown import ByContent, brief
from eiesim.config import MachineConfig


class Counter(NamedTuple):
    """One counter of docs/machine.md.

    kind: an "event" is counted until the machine is drained; a "state" counts the cycles 1 to `cycles`, or is the
    largest of them.
    unit, register: the register of the clocked machine that counts it, and the unit whose it is (a file of machine/);
    empty where the machine never sees it. Counters of one kind with the same register add up to it.
    meaning: a line, of the sum over PEs.
    """

    name: str
    kind: str
    unit: str
    register: str
    meaning: str

    @property
    def per_pe(self) -> bool:
        """Whether every PE has its own."""
        return self.unit not in ("lnzd", "")


EVENT, STATE = "event", "state"

TABLE = tuple(Counter(*line) for line in (
    ("broadcasts", EVENT, "lnzd", "broadcasts", "non-zero activations sent"),
    ("scan_bubbles", EVENT, "lnzd", "scan_bubbles", "cycles in which the LNZD found no further non-zero in its row"),
    ("broadcast_stalls", EVENT, "lnzd", "broadcast_stalls", "cycles in which a full queue held the broadcast back"),
    ("dropped_activations", EVENT, "", "", "non-zero inputs within activation_threshold, taken as 0"),
    ("pointer_reads", EVENT, "pointer_read", "pointer_reads", "columns taken by PointerRead, over all PEs"),
    ("empty_columns", EVENT, "pointer_read", "empty_columns", "of those, with no entries"),
    ("spmat_row_reads", EVENT, "spmat_read", "row_reads", "rows read from the sparse-matrix SRAMs"),
    ("entries", EVENT, "spmat_read", "entries", "entries walked, padding included"),
    ("entry_groups", EVENT, "pointer_read", "walking",
     "groups of entries walked, one a cycle; with one multiplier the entries"),
    ("padding_entries", EVENT, "spmat_read", "padding", "padding entries walked"),
    ("macs", EVENT, "arithmetic_unit", "macs", "multiply-accumulates: entries less padding"),
    ("bypasses", EVENT, "arithmetic_unit", "bypasses", "entries that took a sum of the cycle just before"),
    ("queue_pushes", EVENT, "activation_queue", "pushes", "activations put into queues, over all PEs"),
    ("queue_pops", EVENT, "activation_queue", "pops", "activations taken from queues, over all PEs"),
    ("max_occupancy", STATE, "activation_queue", "most", "most entries that any queue held at the start of a cycle"),
    ("accumulator_reads", EVENT, "activation_rw", "reads", "accumulators read"),
    ("accumulator_writes", EVENT, "activation_rw", "writes", "accumulators written"),
    ("busy_real", STATE, "pointer_read", "walking", "PE-cycles on real entries: at least one of the group"),
    ("busy_padding", STATE, "pointer_read", "walking", "PE-cycles on padding alone"),
    ("busy_empty", STATE, "pointer_read", "empty", "PE-cycles on empty columns"),
    ("starved", STATE, "pointer_read", "starved", "PE-cycles with nothing to do"),
))  # fmt: skip
"""Every counter, in the order of the result JSON. `PerPe`, `Counters`, the sweep's columns, the clocked engine and the
lock-step check of the RTL are made from it or tested against it."""

COUNTERS = tuple(counter.name for counter in TABLE)


def meaning(name: str) -> str:
    """A counter's line in `TABLE`."""
    return TABLE[COUNTERS.index(name)].meaning


@dataclass(frozen=True, eq=False, repr=False)
class PerPe(ByContent):
    """Counters of `TABLE` by PE: int64[pes], or [batch, pes] over a batch. Equal where every counter is."""

    queue_pushes: npt.NDArray[np.int64]
    queue_pops: npt.NDArray[np.int64]
    max_occupancy: npt.NDArray[np.int64]
    pointer_reads: npt.NDArray[np.int64]
    empty_columns: npt.NDArray[np.int64]
    spmat_row_reads: npt.NDArray[np.int64]
    entries: npt.NDArray[np.int64]
    entry_groups: npt.NDArray[np.int64]
    padding_entries: npt.NDArray[np.int64]
    macs: npt.NDArray[np.int64]
    bypasses: npt.NDArray[np.int64]
    accumulator_reads: npt.NDArray[np.int64]
    accumulator_writes: npt.NDArray[np.int64]
    busy_real: npt.NDArray[np.int64]
    busy_padding: npt.NDArray[np.int64]
    busy_empty: npt.NDArray[np.int64]
    starved: npt.NDArray[np.int64]

    def __repr__(self) -> str:
        return f"<PerPe: {len(fields(self))} counters, each {brief(self.entries)}>"


@dataclass(frozen=True, eq=False, repr=False)
class Run(ByContent):
    """One input through one layer, as every engine reports it.

    sums: the accumulators at the end, [rows], before ReLU; None where only the timing was asked for.
    dropped_activations: inputs that `activation_threshold` took before the machine saw them; no engine counts them.
    Two runs are equal if every number is, sums to the bit; engines that agree give equal runs.
    """

    cycles: int
    scan_last: int
    broadcasts: int
    scan_bubbles: int
    broadcast_stalls: int
    per_pe: PerPe
    sums: npt.NDArray[Any] | None
    dropped_activations: int = 0


Value: TypeAlias = Any
"""A number, or over the inputs of a batch an array of them, [batch]: what is computed from it is then an array too."""


@dataclass(frozen=True)
class Counters:
    """Counters of `TABLE`, summed over PEs; `max_occupancy` is the largest. Means may be fractions."""

    broadcasts: Value
    scan_bubbles: Value
    broadcast_stalls: Value
    dropped_activations: Value
    pointer_reads: Value
    empty_columns: Value
    spmat_row_reads: Value
    entries: Value
    entry_groups: Value
    padding_entries: Value
    macs: Value
    bypasses: Value
    queue_pushes: Value
    queue_pops: Value
    max_occupancy: Value
    accumulator_reads: Value
    accumulator_writes: Value
    busy_real: Value
    busy_padding: Value
    busy_empty: Value
    starved: Value


@dataclass(frozen=True)
class Metrics:
    """What one or more runs of a layer add up to, and what follows from it.

    cycles, scan_last, counters, loaded_bytes: sums over `runs` runs.
    cycles: includes the cycles in which the array waits for streamed weights.
    loaded_bytes: bytes of weights loaded into the array while it runs; 0 where weights are resident.
    A ratio whose denominator is 0 is 0.
    With runs = 1 these may be arrays over the inputs of a batch; all that follows is then one, each value to the bit
    what the input's own metrics would give.
    """

    runs: int
    cycles: Value
    scan_last: Value
    counters: Counters
    dense_macs: float
    config: MachineConfig
    loaded_bytes: float = 0

    def _us(self, cycles: Value) -> Value:
        return cycles / self.config.clock_mhz / self.runs

    @cached_property
    def time_us(self) -> Value:
        """Mean time of a run: cycles / clock."""
        return self._us(self.cycles)

    @property
    def theoretical_us(self) -> Value:
        """Mean time with perfect load balance, padding included: entry_groups / PEs / clock (Table IV, "theoretical").

        With one multiplier a group is an entry.
        """
        return self._us(self.counters.entry_groups / self.config.pes)

    @property
    def load_balance(self) -> Value:
        """Share of PE-cycles that walk an entry (Fig. 13)."""
        return ratio(self.counters.entry_groups, self.cycles * self.config.pes)

    @property
    def alu_efficiency(self) -> Value:
        """Share of the multipliers' cycles that do a real multiply-accumulate."""
        return ratio(self.counters.macs, self.cycles * self.config.pes * self.config.multipliers)

    @property
    def real_work(self) -> Value:
        """Share of entries that are not padding (Fig. 12)."""
        return ratio(self.counters.macs, self.counters.entries)

    @property
    def gops(self) -> Value:
        """Operations really done, two a multiply-accumulate, in 10**9 a second."""
        return ratio(2 * self.counters.macs / self.runs, self.time_us * 1e3)

    @property
    def dense_equivalent_gops(self) -> Value:
        """What a dense machine would have to do to be as fast, in 10**9 operations a second."""
        return ratio(2 * self.dense_macs, self.time_us * 1e3)

    def to_dict(self) -> dict[str, Any]:
        """The layer's metrics under the result JSON's keys; means where there is more than one run."""
        counters = {name: getattr(self.counters, name) for name in COUNTERS}
        means = {n: value if n == "max_occupancy" else mean(value, self.runs) for n, value in counters.items()}
        names = (
            "time_us",
            "theoretical_us",
            "load_balance",
            "alu_efficiency",
            "real_work",
            "gops",
            "dense_equivalent_gops",
        )
        derived = {name: getattr(self, name) for name in names}
        return {
            "cycles": mean(self.cycles, self.runs),
            "scan_last": mean(self.scan_last, self.runs),
            "counters": means,
            **derived,
        }


def ratio(above: Value, below: Value) -> Value:
    """A quotient, 0 where its denominator is 0; also of arrays, each value by itself."""
    if isinstance(below, np.ndarray):
        return np.divide(above, below, out=np.zeros(below.shape), where=below != 0)
    return above / below if below else 0.0


def mean(total: Value, runs: int) -> Value:
    """A total over runs, by run; a single run's whole number stays one."""
    return total if runs == 1 else total / runs
