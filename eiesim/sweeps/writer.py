"""What takes a sweep's rows as they finish: a thread that writes, so that no task waits for a disk."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from queue import Empty, Full, Queue
from threading import Thread
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from eiesim.sweeps.known import Known
from eiesim.sweeps.machines import Hashes
from eiesim.sweeps.table import Table, joined

Observer = Callable[[int, int], object]
"""Called with (rows newly written, rows that were there already or would repeat another) since the last call."""

WAITING = 2**11
"""Where so many finished rows wait to be written, tasks wait."""


class Store(Protocol):
    """Where a sweep's rows are kept: a CSV file (`journal`), a Parquet file (`parts`) or memory (`Kept`)."""

    def missing(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Which rows it does not hold."""

    @property
    def made(self) -> Callable[[Table], Any]:
        """Makes of rows what `add` takes; a task does, wherever it runs."""

    def add(self, made: Sequence[Any]) -> int:
        """Take rows. Returns how many have become safe since the last call."""

    def flush(self) -> int:
        """Make safe what is not yet. Returns how many rows."""

    def table(self, hashes: Hashes) -> Table:
        """Rows that it holds, in this order."""


class Kept:
    """Rows in memory."""

    def __init__(self) -> None:
        self._tables = list[Table]()

    def missing(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """All rows: it was empty when the sweep began, and no sweep asks for a row twice."""
        return np.ones(len(hashes), np.bool_)

    @property
    def made(self) -> Callable[[Table], Table]:
        """Rows as they are."""
        return Table.as_it_is

    def add(self, made: Sequence[Table]) -> int:
        """Keep rows."""
        self._tables += made
        return sum(map(len, made))

    def flush(self) -> int:
        """Nothing waits."""
        return 0

    @cached_property
    def _places(self) -> tuple[Known, list[int]]:
        """Where each row stands, and each table begins; once all are there."""
        known, ends = Known(), np.cumsum([len(table) for table in self._tables], dtype=np.int64)
        if len(ends):
            known.add(np.concatenate([table.hashes for table in self._tables]), np.arange(ends[-1]))
        return known, [0, *ends.tolist()]

    def table(self, hashes: Hashes) -> Table:
        """Rows, in this order."""
        known, firsts = self._places
        return gathered(known.find(hashes), firsts, self._tables.__getitem__)


def gathered(places: npt.NDArray[np.int64], firsts: Sequence[int], piece: Callable[[int], Table]) -> Table:
    """Rows by place, in this order, of pieces that begin at `firsts`."""
    of = np.searchsorted(np.asarray(firsts), places, side="right") - 1
    parts, order = [], []
    for k in np.unique(of).tolist():
        here = np.flatnonzero(of == k)
        at = places[here] - firsts[k]
        one_after_another = bool((np.diff(at) == 1).all())
        parts.append(piece(k).take(slice(at[0], at[-1] + 1) if one_after_another else at))
        order.append(here)
    back = np.argsort(np.concatenate(order), kind="stable")
    return joined(parts, None if np.array_equal(back, np.arange(len(back))) else back)


class _Rows(Queue[Any]):
    """Rows in the order they came, as a store has made them; full by their number, not by that of the tasks."""

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._held = 0

    def _qsize(self) -> int:
        return self._held

    def _put(self, item: Any) -> None:
        super()._put(item)
        self._held += _size(item)

    def _get(self) -> Any:
        item = super()._get()
        self._held -= _size(item)
        return item


def _size(item: Any) -> int:
    return 1 if item is None else max(1, len(item.hashes))


class Writer:
    """Hands rows to a store as they come, in a thread of its own, and reports them once they are safe.

    No row waits for others. But a disk takes milliseconds to say that it holds a line: what finishes meanwhile goes to
    it together, so many short tasks take no longer with a journal than without. What the store or the observer raises
    is raised by the next `put`, or by `close`.
    """

    def __init__(self, store: Store, observe: Observer) -> None:
        self._store, self._observe = store, observe
        self._coming = _Rows(WAITING)
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._work, name="writer")
        self._thread.start()

    def put(self, rows: Any) -> None:
        """Hand rows over, as the store has `made` them."""
        while True:
            if self._failure is not None:
                raise self._failure
            try:
                return self._coming.put(rows, timeout=0.1)
            except Full:
                continue

    def close(self) -> None:
        """Wait until all rows are safe."""
        self._end()
        if self._failure is not None:
            raise self._failure

    def _end(self) -> None:
        while self._thread.is_alive():
            try:
                self._coming.put(None, timeout=0.1)
                break
            except Full:
                continue
        self._thread.join()

    def _work(self) -> None:
        try:
            last = False
            while not last:
                together = list(self._waiting())
                last = together[-1] is None
                safe = self._store.add([rows for rows in together if rows is not None])
                if last:
                    safe += self._store.flush()
                if safe:
                    self._observe(safe, 0)
        except BaseException as error:
            self._failure = error

    def _waiting(self) -> Iterator[Any]:
        """What waits, at least one; nothing after the end."""
        rows = self._coming.get()
        yield rows
        while rows is not None:
            try:
                rows = self._coming.get_nowait()
            except Empty:
                return
            yield rows

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What has finished is kept, whatever ended the sweep.
        self._end()
