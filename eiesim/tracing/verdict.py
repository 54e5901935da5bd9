"""What bounds a layer, in one sentence, and what would help (simulated, not guessed).

A layer is bound by the cause whose remedy gains most (`tracing.remedies`), by work only where at least half of all
PE-cycles are work; where none gains `LEAST`, by what the critical path mostly is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from eiesim._shown import Brief, counted
from eiesim.reach import reach
from eiesim.tracing.remedies import BUBBLES, COLUMNS, ENDS, ONE_PE, PADDING, QUEUES, WORK, Change, changes
from eiesim.tracing.subject import Subject
from eiesim.tracing.timeline import timeline

LEAST = 0.1
"""The share of its cycles that a remedy must save to name what bounds a layer."""

HALF = 0.5
MOST_NAMED = 3


class Path(Protocol):
    """What of a critical path is judged; see `tracing.path.CriticalPath`."""

    @property
    def cycles(self) -> int: ...  # noqa: D102
    @property
    def subject(self) -> Subject: ...  # noqa: D102
    @property
    def by_kind(self) -> dict[str, int]: ...  # noqa: D102
    @property
    def by_walk(self) -> dict[str, int]: ...  # noqa: D102
    @property
    def by_pe(self) -> list[int]: ...  # noqa: D102
    @property
    def waits(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, eq=False, repr=False)
class Verdict(Brief):
    """What the critical path, and what would change it, say.

    Attributes
    ----------
    path : CriticalPath
        The path.
    bound : str
        "one column a cycle", "work", "one PE's work", "queues", "padding", "scan bubbles" or "start and drain".
    changes : tuple of Change
        The layer as it is, then each change, simulated: `what`, `cause`, `settings`, `cycles`, `time_us`, `energy_uj`
        and `energy_delay_uj_us`.
    broadcasts : int
        Columns that are sent.
    bubbles : int
        Cycles in which the scan finds nothing further in its activation row.
    load_balance : float
        Share of PE-cycles that walk an entry.
    stall_caused : int64[pes]
        Broadcast stalls by the PE that held them.
    """

    path: Path
    bound: str
    changes: tuple[Change, ...]
    broadcasts: int
    bubbles: int
    load_balance: float
    stall_caused: npt.NDArray[np.int64]

    def __repr__(self) -> str:
        return f"<Verdict: {self.sentence}>"

    @property
    def fastest(self) -> Change:
        """The change with the fewest cycles."""
        return min(self.changes, key=lambda one: one.cycles)

    @property
    def leanest(self) -> Change | None:
        """The one with the least energy x time that a configuration makes; None where no energy is known."""
        known = [one for one in self.changes if one.energy_delay_uj_us is not None and one.settings is not None]
        return min(known, key=lambda one: one.energy_delay_uj_us or 0.0, default=None)

    @property
    def sentence(self) -> str:
        """What bounds the layer, where the path goes, and what helps most."""
        path = self.path
        reason = f"{self._depthwise()}{self._reason()}"
        return f"{path.subject.name}: {path.cycles:,} cycles, {reason}; {self._split()}; {self._remedies()}."

    def _depthwise(self) -> str:
        """What a depthwise convolution suffers from, whatever bounds it; empty for any other layer."""
        subject = self.path.subject
        if not subject.layer.layer.depthwise:
            return ""
        return f"depthwise ({reach(subject.layer, subject.activation_rows.reshape(-1) != 0).words}), "

    def _reason(self) -> str:
        path, of = self.path, self.path.by_walk
        if self.bound == COLUMNS:
            share = _share(path.by_kind["scan"] + of["empty_columns"], path)
            return (
                f"bound by one column a cycle: {self.broadcasts:,} of them send a broadcast, and {share} of the path "
                "is scan and empty columns"
            )
        if self.bound == BUBBLES:
            return (
                f"bound by the scan: {counted(self.bubbles, 'cycle')} without a further non-zero in the activation row"
            )
        if self.bound == PADDING:
            return f"bound by padding, which {_share(of['padding'], path)} of the path walks"
        if self.bound == ENDS:
            return f"too short to fill the pipeline, which takes {_share(path.by_kind['pipeline'], path)} of the path"
        if self.bound == QUEUES:
            return f"bound by full queues, which pass the path on {counted(path.waits, 'time')}: {self._walkers()}"
        if self.bound == ONE_PE:
            return f"bound by uneven work: {self._walkers()}"
        return f"bound by work, {self.load_balance:.1%} of all PE-cycles: {self._walkers()}"

    def _walkers(self) -> str:
        walked = sorted(((pe, cycles) for pe, cycles in enumerate(self.path.by_pe) if cycles), key=lambda one: -one[1])
        named = ", ".join(f"PE {pe} walks {_share(cycles, self.path)}" for pe, cycles in walked[:MOST_NAMED])
        more = f" and {len(walked) - MOST_NAMED} more" if len(walked) > MOST_NAMED else ""
        return f"{named}{more} of the path"

    def _split(self) -> str:
        """The path by what it is spent on."""
        kinds, walks = self.path.by_kind, self.path.by_walk
        walked = ", ".join(f"{name.replace('_', ' ')} {cycles:,}" for name, cycles in walks.items() if cycles)
        parts = [f"{name} {kinds[name]:,}" for name in kinds if kinds[name] and name != "walk"]
        return "the path: " + ", ".join([walked, *parts] if walked else parts)

    def _remedies(self) -> str:
        """What takes the cause away, what is fastest, and what has the least energy x time."""
        today, fastest, leanest = self.changes[0], self.fastest, self.leanest
        if fastest.cycles >= today.cycles:
            text = "nothing that was tried (simulated) makes it faster"
        else:
            own = [one for one in self.changes if one.cause == self.bound and one.cycles < today.cycles]
            both = [*own, *([] if fastest in own else [fastest])]
            text = "simulated: " + ", ".join(
                f"{'fastest ' if one is fastest else ''}{_named(one)} {one.cycles:,} cycles "
                f"({_change(one.cycles, today.cycles)})"
                for one in both
            )
        before, after = (None if one is None else one.energy_delay_uj_us for one in (today, leanest))
        if leanest is None or leanest is today or before is None or after is None:
            return text
        return f"{text}; least energy x time {leanest.what} ({_change(after, before)})"

    def to_dict(self) -> dict[str, Any]:
        """For JSON: what bounds the layer, and every change."""
        return {"bound": self.bound, "broadcasts": self.broadcasts, "changes": [one.to_dict() for one in self.changes]}


def _share(part: int, path: Path) -> str:
    return f"{part / path.cycles:.1%}"


def _named(change: Change) -> str:
    return change.what if change.settings is not None else f"{change.what} (no configuration makes it)"


def _change(after: float, before: float) -> str:
    return f"{after / before - 1:+.1%}"


def judge(path: Path) -> Verdict:
    """Simulate what would help, and judge a path by it."""
    subject = path.subject
    events, pointers = timeline(subject), subject.job.walk_pointers
    walked = int((pointers[events.columns + 1] - pointers[events.columns]).sum())
    load_balance = walked / (path.cycles * subject.layer.pes)
    tried = tuple(changes(subject))
    bound, bubbles = bound_of(path, tried, load_balance), int(events.bubbles.sum())
    return Verdict(path, bound, tried, len(events.columns), bubbles, load_balance, events.stall_caused)


def bound_of(path: Path, tried: Sequence[Change], load_balance: float) -> str:
    """What bounds a layer. tried: the layer as it is, then each change."""
    remedies = [one for one in tried if one.cause and (one.cause != WORK or load_balance >= HALF)]
    best = min(remedies, key=lambda one: one.cycles, default=tried[0])
    if best.cause and best.cycles <= (1 - LEAST) * path.cycles:
        return best.cause
    kinds, walks = path.by_kind, path.by_walk
    parts = {
        WORK if load_balance >= HALF else ONE_PE: walks["real_entries"],
        COLUMNS: walks["empty_columns"],
        PADDING: walks["padding"],
        BUBBLES: kinds["scan"],
        ENDS: kinds["pipeline"],
    }
    return max(parts, key=lambda cause: parts[cause])
