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
added to them without it. What a line says besides its hash and version is read when its row is asked for.
"""

import csv
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

import numpy as np
import numpy.typing as npt

from eiesim._io.atomic import recover, writing
from eiesim._io.reading import check_regular
from eiesim._io.temporary import sync_folder
from eiesim._version import __version__
from eiesim.config import FORMER_KEYS
from eiesim.errors import EieError, shown
from eiesim.sweeps.known import Known, repeated
from eiesim.sweeps.machines import Hashes
from eiesim.sweeps.row import Row, columns, csv_line
from eiesim.sweeps.table import Lines, Table

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

LONGEST_HEADER = 100_000
READ_BYTES = 2**22


class _Good(NamedTuple):
    """Lines of the file: their rows' hashes, and where each begins and ends."""

    hashes: Hashes
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]


_NONE = _Good(np.empty(0, "S32"), np.empty(0, np.int64), np.empty(0, np.int64))


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
        self._known = Known()
        self._file = -1
        self._new = new = not self.path.exists()
        if not new:
            check_regular(self.path)
        try:
            recover(Path(os.path.realpath(self.path)).parent)
            self._open()
            while self._recover(repair):
                self._open()  # the repaired file is another one: before its lock is held, another sweep may be at it
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
        """Find the rows, and cut off a line without its end. True where damaged lines were dropped from the file."""
        size = os.fstat(self._file).st_size
        repaired_before = self.repaired
        with open(self._file, "rb", closefd=False) as file:
            file.seek(0)
            start = file.read(max(map(len, HEADERS)))
            header = next((one for one in HEADERS if start.startswith(one)), HEADER)
            self.checked = HEADERS[header]
            if not header.startswith(start[: len(header)]) or (len(start) < len(header) and b"\n" in start):
                file.seek(0)
                self._refuse_columns(file.read(LONGEST_HEADER))
            good, whole = self._read(file, len(header), repair) if len(start) >= len(header) else (_NONE, 0)
            if self.repaired > repaired_before:
                with writing(self.path) as repaired:
                    repaired.write(header)
                    for start_of, end in zip(good.starts.tolist(), good.ends.tolist(), strict=True):
                        file.seek(start_of)
                        repaired.write(file.read(end - start_of))
                return True
        self._known = Known()
        self._known.add(good.hashes, good.starts)
        if whole < size:
            os.ftruncate(self._file, whole)
        if whole == 0:
            self._write(header, 0)
        return False

    def _read(self, file: IO[bytes], start: int, repair: bool) -> tuple["_Good", int]:
        """The good lines from `start` on, and where the last whole line ends. repair: leave damaged ones out."""
        file.seek(start)
        found_so_far = [_NONE]
        number, at, rest = 1, start, b""
        while block := file.read(READ_BYTES):
            whole = block.rfind(b"\n") + 1
            if not whole:
                rest += block
                continue
            lines = (rest + block[:whole]).split(b"\n")[:-1]
            rest = block[whole:]
            found = []
            for line in lines:
                number += 1
                try:
                    found.append((self._hash_of(line), at, at + len(line) + 1))
                except _DamagedError as damage:
                    self._damaged(number, damage, repair)
                at += len(line) + 1
            if found:
                of, begins, stops = zip(*found, strict=True)
                found_so_far.append(_Good(np.array(of, "S"), np.array(begins, np.int64), np.array(stops, np.int64)))
        good = _Good(*map(np.concatenate, zip(*found_so_far, strict=True)))
        twice = repeated(good.hashes)
        for place in twice.tolist():
            line_number = 2 + self._lines_before(file, start, int(good.starts[place]))
            self._damaged(line_number, _DamagedError(f"repeats the row {good.hashes[place].decode()}"), repair)
        kept = np.delete(np.arange(len(good.hashes)), twice)
        return _Good(good.hashes[kept], good.starts[kept], good.ends[kept]), at

    @staticmethod
    def _lines_before(file: IO[bytes], start: int, end: int) -> int:
        file.seek(start)
        lines = 0
        while start < end and (block := file.read(min(READ_BYTES, end - start))):
            lines += block.count(b"\n")
            start += len(block)
        return lines

    def _damaged(self, number: int, damage: _DamagedError, repair: bool) -> None:
        if not repair:
            hint = "delete the line, repair the file, or name another"
            raise EieError(f"{self.path}: line {number} {damage}; {hint}") from None
        self.repaired += 1

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

    def _hash_of(self, line: bytes) -> bytes:
        """A line's hash. Raises _DamagedError for one that no sweep wrote like that."""
        if self.checked:
            text, _, check = line.rpartition(b",")
            if hashlib.sha256(text).hexdigest()[:16].encode() != check:
                # A cell that cannot be read is named; else only the check says that something was changed.
                self._parse(text)
                raise _DamagedError("is damaged: a cell was changed after it was written")
        else:
            text = line
            self._parse(text)
        cells = text.rsplit(b",", 2)
        if b'"' in text:
            cells = [cell.encode() for cell in self._cells(text)[-3:]]
        elif text.count(b",") != len(columns()) - 1:
            self._parse(text)
        version, key = cells[-2:]
        if version != __version__.encode():
            made_by = shown(version.decode())
            raise EieError(f"{self.path}: was made by eiesim {made_by}, this is {__version__}; {_ANOTHER}")
        return key

    def _parse(self, text: bytes) -> None:
        """Read all of a line's cells, and raise _DamagedError where one is none."""
        cells = self._cells(text)
        try:
            Row.parse(cells)
        except EieError as error:
            raise _DamagedError(f"is damaged: {error}") from None

    def _cells(self, text: bytes) -> list[str]:
        try:
            cells = next(csv.reader([text.decode()]), [])
        except UnicodeDecodeError:
            raise _DamagedError("is not UTF-8 text") from None
        except csv.Error as error:
            raise _DamagedError(f"is damaged: {error}") from None
        if len(cells) != len(columns()):
            raise _DamagedError(f"is damaged: has {len(cells)} cells, needs {len(columns())}")
        return cells

    def __len__(self) -> int:
        return len(self._known)

    def missing(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Which rows the file does not hold."""
        return self._known.find(hashes) < 0

    @property
    def made(self) -> Callable[[Table], Lines]:
        """Makes of rows what `add` takes; a task does, wherever it runs."""
        return Table.checked_lines if self.checked else Table.lines

    def add(self, made: Sequence[Lines]) -> int:
        """Add rows. When this returns they are on the disk. Returns how many."""
        size = os.fstat(self._file).st_size
        new = []
        for lines in made:
            missing = self.missing(lines.hashes)
            lines = lines if missing.all() else lines.take(np.flatnonzero(missing))
            if len(lines.hashes):
                new.append((lines, size))
                size += len(lines.content)
        if new:
            self._write(b"".join(lines.content for lines, _ in new), new[0][1])
        for lines, at in new:
            self._known.add(lines.hashes, lines.starts + at)
        return sum(len(lines.hashes) for lines in made)

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows, each by itself; see `add`."""
        self.add([self.made(Table.of([row])) for row in rows])

    def flush(self) -> int:
        """Write what waits to be written: nothing."""
        return 0

    def table(self, hashes: Hashes) -> Table:
        """Rows that the file holds, in this order. Raises EieError where the file has changed meanwhile."""
        places = self._known.find(hashes)
        order = np.argsort(places, kind="stable")
        cells: list[list[str]] = [[]] * len(places)
        with self.path.open("rb") as file:
            for place in order.tolist():
                file.seek(int(places[place]))
                line = file.readline()[:-1]
                try:
                    if self._hash_of(line) != hashes[place]:
                        raise _DamagedError("was changed")
                    cells[place] = self._cells(line.rpartition(b",")[0] if self.checked else line)
                except _DamagedError as damage:
                    raise EieError(f"{self.path}: a row {damage} while it was read; start again") from None
        try:
            return Table.parse(cells)
        except EieError as error:
            raise EieError(f"{self.path}: a row is damaged: {error}; delete the line, or name another") from None

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
        if kind is not None and self._new and not len(self) and self._is_at_path():
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
