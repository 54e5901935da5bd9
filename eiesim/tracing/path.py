"""The critical path: the chain of events that sets a run's completion time, found backwards from its last event."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np
import numpy.typing as npt

from eiesim._jit import jit
from eiesim._shown import Brief, Plotted, counted, html_table
from eiesim._version import __version__
from eiesim.inputs import Opening, Source
from eiesim.job import Job
from eiesim.machine.latency import QUEUE, WRITTEN
from eiesim.prepared import Config
from eiesim.tracing.subject import Subject
from eiesim.tracing.timeline import Timeline, timeline
from eiesim.tracing.verdict import Verdict, judge

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "eiesim-critical-path/1"
KINDS = ("scan", "walk", "pipeline")
SCAN, WALK, PIPELINE = range(3)
WALKED = ("real_entries", "padding", "empty_columns")
"""What the cycles of a walk are spent on; with several multipliers an entry stands for a group of them."""


class Segment(NamedTuple):
    """One link of the path.

    kind: "scan" (a broadcast's own cycle, and the bubbles before it where it did not wait; or the bubbles at the end),
    "walk" (a PE walks a column), "pipeline" (the cycle in the queue, or the cycles from the last entry to its write).
    pe: the PE, None for a scan. column: the column sent, walked or written, None for bubbles alone.
    first_cycle, cycles: where the segment stands in time; the next begins where it ends.
    """

    kind: str
    pe: int | None
    column: int | None
    first_cycle: int
    cycles: int


@dataclass(frozen=True, eq=False, repr=False)
class CriticalPath(Plotted, Brief):
    """What sets the completion time: segments that add up to `cycles` exactly (docs/trace.md).

    Attributes
    ----------
    cycles : int
        Cycles of the run.
    pes : int
        PEs of the machine.
    kind : uint8[segments]
        What each segment is: 0 scan, 1 walk, 2 pipeline.
    pe : int32[segments]
        Its PE; -1 for none.
    column : int32[segments]
        The column that is sent, walked or written; -1 for none.
    first_cycle : int32[segments]
        Where it begins; the next begins where it ends.
    length : int32[segments]
        Its cycles.
    walked : int32[segments, 3]
        Of these, those of a walk on real entries, on padding alone, and on an empty column; 0 where it is no walk.
    subject : Subject
        The layer and the input.
    """

    cycles: int
    pes: int
    kind: npt.NDArray[np.uint8]
    pe: npt.NDArray[np.int32]
    column: npt.NDArray[np.int32]
    first_cycle: npt.NDArray[np.int32]
    length: npt.NDArray[np.int32]
    walked: npt.NDArray[np.int32]
    subject: Subject = field(repr=False)

    def __repr__(self) -> str:
        kinds = ", ".join(f"{kind} {cycles / self.cycles:.1%}" for kind, cycles in self._kinds())
        most = "".join(f"; PE {pe} walks most, {cycles / self.cycles:.1%}" for pe, cycles in self._busiest(1))
        machine, cycles = counted(self.pes, "PE"), counted(self.cycles, "cycle")
        return f"<CriticalPath of {self.subject.name} on {machine}: {cycles}, {kinds}{most}>"

    def _repr_html_(self) -> str:
        split = [(f"walk: {name.replace('_', ' ')}", cycles) for name, cycles in self.by_walk.items()]
        parts = [*self._kinds(), *split, *((f"walk of PE {pe}", cycles) for pe, cycles in self._busiest(5))]
        rows = [(name, f"{cycles:,}", f"{cycles / self.cycles:.1%}") for name, cycles in parts]
        machine, cycles = counted(self.pes, "PE"), counted(self.cycles, "cycle")
        caption = f"{self.subject.name} on {machine}: what sets its {cycles} (simulated)"
        return html_table(caption, ("on the path", "cycles", "share"), rows)

    def _kinds(self) -> list[tuple[str, int]]:
        return sorted(self.by_kind.items(), key=lambda one: -one[1])

    def _busiest(self, count: int) -> list[tuple[int, int]]:
        walked = [(pe, cycles) for pe, cycles in enumerate(self.by_pe) if cycles]
        return sorted(walked, key=lambda one: -one[1])[:count]

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The links in order."""
        return tuple(self._segments())

    def _segments(self) -> Iterator[Segment]:
        lists = (self.kind, self.pe, self.column, self.first_cycle, self.length)
        for kind, pe, column, first, length in zip(*(part.tolist() for part in lists), strict=True):
            yield Segment(KINDS[kind], None if pe < 0 else pe, None if column < 0 else column, first, length)

    @property
    def by_kind(self) -> dict[str, int]:
        """Cycles of each kind; they add up to `cycles`."""
        sums = np.bincount(self.kind, self.length, len(KINDS))
        return {name: int(cycles) for name, cycles in zip(KINDS, sums, strict=True)}

    @property
    def by_walk(self) -> dict[str, int]:
        """Cycles of the walks on real entries, padding and empty columns; they add up to `by_kind["walk"]`."""
        return {name: int(cycles) for name, cycles in zip(WALKED, self.walked.sum(axis=0), strict=True)}

    @property
    def by_pe(self) -> list[int]:
        """Cycles walked on the path, one a PE."""
        walks = self.kind == WALK
        return [int(cycles) for cycles in np.bincount(self.pe[walks], self.length[walks], self.pes)]

    @property
    def by_column(self) -> dict[int, int]:
        """Cycles of the segments that belong to each column, most first; bubbles at the end belong to none."""
        known = self.column >= 0
        columns, place = np.unique(self.column[known], return_inverse=True)
        sums = np.bincount(place, self.length[known], len(columns)).astype(np.int64)
        order = np.argsort(-sums, kind="stable")
        return dict(zip(columns[order].tolist(), sums[order].tolist(), strict=True))

    @property
    def waits(self) -> int:
        """Broadcasts on the path that waited for a full queue: there it goes from one PE's queue to another's."""
        after_a_pe = self.kind[:-1] != SCAN
        return int((after_a_pe & (self.kind[1:] == SCAN)).sum())

    @cached_property
    def verdict(self) -> Verdict:
        """What bounds the layer, and what would help: each change of the machine or the layer, simulated."""
        return judge(self)

    def to_frame(self) -> "pd.DataFrame":
        """The path's segments, in order.

        Returns
        -------
        pandas.DataFrame
            A row a segment: `kind`, `pe` and `column` (missing where there is none), `first_cycle` and `cycles`, and of
            a walk its cycles on `real_entries`, `padding` and `empty_columns`.
        """
        import pandas as pd

        table = pd.DataFrame(self.segments, columns=list(Segment._fields))
        table[list(WALKED)] = self.walked
        return table.astype({"pe": "Int64", "column": "Int64"})

    def to_dict(self) -> dict[str, Any]:
        """The path as JSON holds it.

        Returns
        -------
        dict of str to Any
            `cycles`, cycles by kind, by PE and by what is walked, every segment, what bounds the layer, and what each
            change would give.
        """
        split = (dict(zip(WALKED, walked, strict=True)) for walked in self.walked.tolist())
        return {
            "format": FORMAT,
            "eiesim": __version__,
            "cycles": self.cycles,
            "by_kind": self.by_kind,
            "by_walk": self.by_walk,
            "by_pe": self.by_pe,
            **self.verdict.to_dict(),
            "segments": [{**one._asdict(), **own} for one, own in zip(self.segments, split, strict=True)],
        }

    def to_json(self) -> str:
        """The path as JSON text.

        Returns
        -------
        str
            JSON, as `to_dict` has it.
        """
        import json

        return json.dumps(self.to_dict(), indent=1)


def critical_path(
    source: Source,
    activations: Any = None,
    config: Config = None,
    *,
    layer: str | int | None = None,
    item: int | None = None,
    recorded: bool = False,
    **opening: Unpack[Opening],
) -> CriticalPath:
    """The chain of events that sets the completion time of one input through one layer.

    Among equals a PE's own queue comes before the scan, a scan without a wait before a full queue, and the lower PE
    before the higher.

    Parameters
    ----------
    source : name, path, layer or layers, or what `open`, `compress`, `train` or `load_network` gives
        As in `simulate`.
    activations : float[cols] or [batch, cols], or a path, default None
        None is what the source brings.
    config : MachineConfig, preset's name, TOML file or mapping of keys, default None
        The machine, with resident weights; None is the published design.
    layer : str or int, default None
        Which of several layers to look into, by its name or its number from 0. The layers before it are run.
    item : int, default None
        Which input of a batch to follow, from 0.
    recorded : bool, default False
        Feed each layer its recorded inputs, even where the network has its own.
    **opening : int or float
        How names are opened: `rows`, `seed`, `density`, `activation_density`, `variation`; see `open`.

    Returns
    -------
    CriticalPath
        Segments that add up to the run's cycles.

    Raises
    ------
    EieError
        As `simulate` does, and for several layers or inputs of which none is named.

    Examples
    --------
    >>> import eiesim
    >>> path = eiesim.critical_path("table3:NT-We")
    >>> sum(path.by_kind.values()) == path.cycles
    True
    """
    return path_of(Subject.of(source, activations, config, item, layer=layer, recorded=recorded, **opening))


def path_of(subject: Subject, events: Timeline | None = None) -> CriticalPath:
    """The critical path of a subject; `events` are its timeline's where they are known."""
    events = timeline(subject) if events is None else events
    depth = min(subject.job.queue_depth, len(events.columns) + 1)
    links = _backwards(
        events.columns, events.bubbles, events.broadcast, events.blocker, events.first, events.last_real,
        events.cycles, depth, subject.job.walk_pointers,
    )  # fmt: skip
    kind, pe, column, first_cycle, length = (np.ascontiguousarray(part) for part in links.T[:, ::-1])
    walked = _walked(subject.job, kind, pe, column, length)
    return CriticalPath(
        events.cycles, subject.layer.pes, kind.astype(np.uint8), pe, column, first_cycle, length, walked, subject
    )


def _walked(job: Job, kind: Any, pe: Any, column: Any, length: Any) -> npt.NDArray[np.int32]:
    """`CriticalPath.walked`."""
    split = np.zeros((len(kind), len(WALKED)), np.int32)
    walks = np.flatnonzero(kind == WALK)
    at = column[walks], pe[walks]
    several = job.multipliers > 1
    padding = (job.layer.groups(job.multipliers).padding if several else job.layer.padding)[at]
    empty = job.walk_pointers[at[0] + 1, at[1]] == job.walk_pointers[at]
    split[walks] = np.stack([length[walks] - padding - empty, padding, empty], axis=1)
    return split


@jit
def _backwards(
    columns: Any, bubbles: Any, broadcast: Any, blocker: Any, first: Any, last_real: Any,
    cycles: int, depth: int, pointers: Any,
) -> Any:  # fmt: skip
    """Links, last one first, as int32[links, 5]: kind, PE, column, first cycle, length."""
    sent, pes = len(columns), first.shape[1]
    # At most: the end, and for each broadcast its own link, a walk and a cycle in the queue.
    links = np.empty((3 * sent + 2, 5), np.int32)
    count = 0
    # `t`: the first cycle of the link found last. On PE p column k comes next, or if p < 0 broadcast k.
    t = cycles + 1
    p, k = -1, sent - 1
    for candidate in range(pes):
        if last_real[candidate] >= 0 and p < 0:
            e = last_real[candidate]
            n = pointers[columns[e] + 1, candidate] - pointers[columns[e], candidate]
            if first[e, candidate] + n - 1 + WRITTEN == cycles:
                p, k = candidate, e
    if p >= 0:
        t -= WRITTEN
        count = _add(links, count, PIPELINE, p, columns[k], t, WRITTEN)
    elif bubbles[sent] > 0 or sent == 0:
        length = bubbles[sent]
        t -= length
        count = _add(links, count, SCAN, -1, -1, t, length)
    while t > 1:
        if p < 0:
            held_by = blocker[k]
            length = 1 if held_by >= 0 else 1 + bubbles[k]
            t -= length
            count = _add(links, count, SCAN, -1, columns[k], t, length)
            if held_by < 0:
                k -= 1
                continue
            # The wait ended in the cycle in which column k - depth began on the PE that held it.
            p = held_by
            k -= depth
        else:
            n = pointers[columns[k] + 1, p] - pointers[columns[k], p]
            length = max(n, 1)
            t -= length
            count = _add(links, count, WALK, p, columns[k], t, length)
        # Column k begins in cycle t on PE p: straight after the one before, or as soon as it was there.
        follows = False
        if k > 0:
            n = pointers[columns[k - 1] + 1, p] - pointers[columns[k - 1], p]
            follows = first[k - 1, p] + max(n, 1) == t
        if follows:
            k -= 1
        else:
            t -= QUEUE - 1
            count = _add(links, count, PIPELINE, p, columns[k], t, QUEUE - 1)
            p = -1
    return links[:count]


@jit
def _add(links: Any, count: int, kind: int, pe: int, column: int, first_cycle: int, length: int) -> int:
    links[count, 0] = kind
    links[count, 1] = pe
    links[count, 2] = column
    links[count, 3] = first_cycle
    links[count, 4] = length
    return count + 1
