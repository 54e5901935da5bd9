"""A CSV file that rows are added to as they finish, and that survives being killed.

What is guaranteed: a row that `append` has returned for is in the file and on the disk (one write of whole lines to a
file opened for appending, then fsync); a sweep reports no row before that (`Writer`). A process killed during `append`
leaves at most one line without its end, which the next `Journal` on the file cuts off; no line before it can be
touched. While a journal is open, no other can be opened on the same file (flock; it goes with the process, however
that ends): what is locked is the file that the path leads to, also where another sweep's `repair` replaces it between
the opening and the lock. Without flock there is no lock.

The last cell of each line, `check`, is 16 hex digits of the SHA-256 over the line's other cells. A line that no longer
gives its check was changed after it was written, by hand or by a bad disk: the file is refused, naming the line, or
with `repair` the line is dropped and its row is run again. Tables of earlier versions have no such column; rows are
added to them without it.
"""

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from types import TracebackType

from eiesim._io.atomic import recover, writing
from eiesim._io.reading import check_regular
from eiesim._io.temporary import sync_folder
from eiesim._version import __version__
from eiesim.config import FORMER_KEYS
from eiesim.errors import EieError, shown
from eiesim.sweeps.row import Row, check_of, columns, csv_line

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

CHECK = "check"
"""The last column: `row.check_of` the rest of the line."""

HEADER = csv_line((*columns(), CHECK)).encode()


def _headers() -> Iterator[tuple[bytes, bool]]:
    """The first lines that a table may have, each with whether its lines end in a check: today's one first."""
    former = {name: old for old, name in FORMER_KEYS.items()}
    for names in (columns(), [former.get(name, name) for name in columns()]):
        yield csv_line((*names, CHECK)).encode(), True
        yield csv_line(names).encode(), False


HEADERS = dict(_headers())

_ANOTHER = "name another file"

Observer = Callable[[int, int], object]
"""Called with (rows newly written, rows that were there already or would repeat another) since the last call."""


class _DamagedError(Exception):
    """A line that no sweep wrote like that."""


class Journal:
    """A sweep table's file, open for appending. repair: drop damaged lines, so that their rows are run anew.

    Raises EieError, and changes nothing, for a file that is no sweep table or one of other columns or another version,
    for one with a damaged line, and for one that another sweep is writing.
    """

    def __init__(self, path: str | Path, *, repair: bool = False) -> None:
        self.path = Path(path)
        self.repaired = 0
        """Lines that were dropped."""
        self._rows: dict[str, Row] = {}
        self._file = -1
        self._new = new = not self.path.exists()
        if not new:
            check_regular(self.path)
        try:
            recover(Path(os.path.realpath(self.path)).parent)
            self._open()
            if self._recover(repair):
                self._open()  # the repaired file is another one
                self._rows.clear()
                self._recover(False)
            if new:
                sync_folder(self.path.parent)
        except OSError as error:
            self.close()
            raise EieError(f"{self.path}: cannot be written: {error.strerror}") from None
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        """Open the file and lock it. A file that another process has put in its place meanwhile is opened instead."""
        while True:
            self.close()
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o666)
            if fcntl is None:
                return
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                whose = _holder(self._file)
                raise EieError(
                    f"{self.path}: another sweep is writing it{whose}; wait for that one, or {_ANOTHER}"
                ) from None
            if self._is_at_path():
                return

    def _is_at_path(self) -> bool:
        """Whether the open file is the one that the path leads to, by device and inode."""
        try:
            return os.path.samestat(os.fstat(self._file), os.stat(self.path))
        except FileNotFoundError:
            return False

    def _recover(self, repair: bool) -> bool:
        """Read the rows, and cut off a line without its end. True where damaged lines were dropped from the file."""
        with open(self._file, "rb", closefd=False) as file:
            content = file.read()
        whole = content.rfind(b"\n") + 1
        header = next((one for one in HEADERS if content.startswith(one)), HEADER)
        self._checked = HEADERS[header]
        if not header.startswith(content[: len(header)]) or 0 < whole < len(header):
            self._refuse_columns(content)
        good = []
        for number, line in enumerate(content[len(header) : whole].split(b"\n")[:-1], 2):
            try:
                row = self._parse(line)
            except _DamagedError as damage:
                if repair:
                    continue
                hint = "delete the line, repair the file, or name another"
                raise EieError(f"{self.path}: line {number} {damage}; {hint}") from None
            self._rows[row.hash] = row
            good.append(line)
        self.repaired += content[len(header) : whole].count(b"\n") - len(good)
        if repair and self.repaired:
            with writing(self.path) as file:
                file.write(b"\n".join([header[:-1], *good, b""]))
            return True
        if whole < len(content):
            os.ftruncate(self._file, whole)
        if whole == 0:
            self._write(header, 0)
        return False

    def _refuse_columns(self, content: bytes) -> None:
        if content.partition(b"\n")[0].endswith(b"\r"):
            raise EieError(
                f"{self.path}: has lines that end in CRLF, as spreadsheets and Windows write them; a sweep's table has "
                f"plain line ends: turn them back, or {_ANOTHER}"
            )
        there = content.partition(b"\n")[0][:10_000].decode(errors="replace").strip().split(",")
        odd = sorted(set(there) ^ {*columns(), CHECK})
        if "hash" not in there:
            raise EieError(f"{self.path}: is there and is no sweep table; {_ANOTHER}")
        what = f"for instance '{odd[0]}'" if odd else "in another order"
        raise EieError(f"{self.path}: is a sweep table of other columns, {what}; {_ANOTHER}")

    def _parse(self, line: bytes) -> Row:
        try:
            text = line.decode()
            row = self._row_of(text)
        except UnicodeDecodeError:
            raise _DamagedError("is not UTF-8 text") from None
        except (EieError, csv.Error) as error:
            raise _DamagedError(f"is damaged: {error}") from None
        if row.eiesim != __version__:
            raise EieError(f"{self.path}: was made by eiesim {shown(row.eiesim)}, this is {__version__}; {_ANOTHER}")
        if row.hash in self._rows:
            raise _DamagedError(f"repeats the row {row.hash}")
        return row

    def _row_of(self, text: str) -> Row:
        if not self._checked:
            return Row.parse(next(csv.reader([text])))
        text, _, check = text.rpartition(",")
        if check_of(text) != check:
            # A cell that cannot be read is named; else only the check says that something was changed.
            Row.parse(next(csv.reader([text])))
            raise EieError("a cell was changed after it was written")
        return Row.parse(next(csv.reader([text])))

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        """The hashes of the rows in the file, in its order."""
        return iter(self._rows)

    def row(self, key: str) -> Row:
        """The row of a hash."""
        return self._rows[key]

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows. When this returns they are on the disk."""
        new = {row.hash: row for row in rows if row.hash not in self._rows}
        if new:
            lines = (row.checked_line() if self._checked else row.line() for row in new.values())
            self._write("".join(lines).encode(), os.fstat(self._file).st_size)
            self._rows.update(new)

    def _write(self, lines: bytes, size: int) -> None:
        try:
            written = os.write(self._file, lines)
            if written < len(lines):
                # A full disk took a part: put the file back to whole lines.
                os.ftruncate(self._file, size)
                raise OSError(28, "no space left for the next rows")
            os.fsync(self._file)
        except OSError as error:
            raise EieError(f"{self.path}: cannot be written: {error.strerror}") from None

    def close(self) -> None:
        """Let go of the file and its lock."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self._new and not self._rows and self._is_at_path():
            # Nothing came of it: no table of a header alone is left.
            with suppress(OSError):
                self.path.unlink()
        self.close()


def _holder(file: int) -> str:
    """Which process has a file's lock, where Linux says so: ` (process 123, python)`."""
    try:
        held = os.fstat(file)
        place = f":{held.st_ino}"
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if words[1] == "FLOCK" and words[5].endswith(place):
                name = Path(f"/proc/{int(words[4])}/comm").read_text().strip()
                return f" (process {words[4]}, {shown(name).strip(chr(39))})"
    except (OSError, LookupError, ValueError):
        pass
    return ""


class Writer:
    """Adds rows to a journal as they come, in a thread of its own, and reports them once they are on the disk.

    No row waits for others. But a disk takes milliseconds to say that it holds a line: what finishes meanwhile goes to
    it together, so many short tasks take no longer with a journal than without. What the journal or the observer
    raises is raised by the next `put`, or by `close`.
    """

    def __init__(self, journal: Journal, observe: Observer) -> None:
        self._journal, self._observe = journal, observe
        self._coming: SimpleQueue[list[Row] | None] = SimpleQueue()
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._work, name="journal")
        self._thread.start()

    def put(self, rows: list[Row]) -> None:
        """Hand rows over."""
        if self._failure is not None:
            raise self._failure
        self._coming.put(rows)

    def close(self) -> None:
        """Wait until all rows are on the disk."""
        self._coming.put(None)
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        try:
            while (rows := self._coming.get()) is not None:
                together = list(rows)
                while not self._coming.empty() and (rows := self._coming.get()) is not None:
                    together += rows
                self._journal.append(together)
                self._observe(len(together), 0)
                if rows is None:
                    return
        except BaseException as error:
            self._failure = error

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What has finished is kept, whatever ended the sweep.
        self._coming.put(None)
        self._thread.join()
