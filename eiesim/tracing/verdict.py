"""What bounds a layer, in one sentence, and what two remedies would give (simulated, not guessed)."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from eiesim._shown import Brief
from eiesim.balancing.order import balanced_order, permute_rows
from eiesim.encoding import interleave
from eiesim.engines import recurrence
from eiesim.tracing.path import CriticalPath
from eiesim.tracing.timeline import timeline

ALONE = 0.95
"""The share of the walks on the path from which on a PE is said to bound it alone."""


@dataclass(frozen=True, eq=False, repr=False)
class Verdict(Brief):
    """What the critical path says.

    bound: "scan", "one PE's work", "queues" (the work of several PEs, passed on by full queues) or "pipeline".
    deeper_cycles: cycles with one more queue place. balanced_cycles: with rows balanced by weights (`eiesim.balance`).
    stall_caused: int64[pes], broadcast stalls by the PE that held them.
    """

    path: CriticalPath
    bound: str
    deeper_cycles: int
    balanced_cycles: int
    stall_caused: npt.NDArray[np.int64]

    @property
    def sentence(self) -> str:
        """What bounds the layer, where, by how much, and what one more queue place or balanced rows would give."""
        path = self.path
        return f"{path.subject.name}: {path.cycles:,} cycles, {self._reason()}; {self._remedies()}."

    def _reason(self) -> str:
        path = self.path
        kinds, busiest = path.by_kind, self._busiest()
        rest = ", ".join(f"{name} {kinds[name]:,}" for name in kinds if name != _KIND[self.bound] and kinds[name])
        rest = f" ({rest})" if rest else ""
        if self.bound == "scan":
            share = _share(kinds["scan"], path.cycles)
            return f"bound by the scan: {share} of the path sends broadcasts or skips zeros{rest}"
        if self.bound == "pipeline":
            share = _share(kinds["pipeline"], path.cycles)
            return f"too short to fill the pipeline, which takes {share} of the path{rest}"
        column, cycles = next(iter(self._columns()), (None, 0))
        most = f"; the longest column on it is {column} with {cycles} cycles" if column is not None else ""
        if self.bound == "one PE's work":
            pe, walked = busiest[0]
            return f"bound by one PE's work: PE {pe} walks {_share(walked, path.cycles)} of the path{most}{rest}"
        named = ", ".join(f"PE {pe} {_share(walked, path.cycles)}" for pe, walked in busiest[:3])
        more = f" and {len(busiest) - 3} more" if len(busiest) > 3 else ""
        return (
            f"bound by the work of {len(busiest)} PEs in turn, which full queues pass on {path.waits:,} "
            f"{'time' if path.waits == 1 else 'times'}: {named}{more} of the path{most}{rest}"
        )

    def _busiest(self) -> list[tuple[int, int]]:
        walked = [(pe, cycles) for pe, cycles in enumerate(self.path.by_pe) if cycles]
        return sorted(walked, key=lambda one: (-one[1], one[0]))

    def _columns(self) -> list[tuple[int, int]]:
        walks = [(part.column, part.cycles) for part in self.path.segments if part.kind == "walk"]
        return sorted(((c, n) for c, n in walks if c is not None), key=lambda one: (-one[1], one[0]))

    def _remedies(self) -> str:
        cycles = self.path.cycles
        return (
            f"simulated with one more queue place: {self.deeper_cycles:,} cycles "
            f"({self.deeper_cycles / cycles - 1:+.1%}), "
            f"with rows balanced over the PEs by their weights: {self.balanced_cycles:,} "
            f"({self.balanced_cycles / cycles - 1:+.1%})"
        )


_KIND = {"scan": "scan", "one PE's work": "walk", "queues": "walk", "pipeline": "pipeline"}


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}"


def verdict(path: CriticalPath) -> Verdict:
    """Judge a path, and simulate the two remedies."""
    subject = path.subject
    events = timeline(subject)
    job, layer = subject.job, subject.layer
    deeper = recurrence.run(replace(job, queue_depth=job.queue_depth + 1, outputs=False), subject.activation_rows)
    rows = permute_rows(layer.layer, balanced_order(layer.layer, layer.pes, mapping=layer.mapping))
    balanced = replace(job, layer=interleave(rows, layer.pes, layer.index_bits, layer.mapping), outputs=False)
    better = recurrence.run(balanced, subject.activation_rows)
    return Verdict(path, bound_of(path), deeper.cycles, better.cycles, events.stall_caused)


def bound_of(path: CriticalPath) -> str:
    """What bounds the layer: the kind with most cycles; walks by one PE or by several."""
    kinds, most = path.by_kind, max(path.by_pe, default=0)
    largest = max(kinds, key=lambda kind: kinds[kind])
    if largest != "walk":
        return largest
    return "one PE's work" if most >= ALONE * kinds["walk"] else "queues"
