"""A CSV file that rows are added to as they finish, and that survives being killed.

What is guaranteed: a row that `append` has returned for is in the file and on the disk (one write of whole lines to a
file opened for appending, then fsync). A process killed during `append` leaves at most one line without its end,
which the next `Journal` on the file cuts off; no line before it can be touched. While a journal is open, no other can
be opened on the same file (flock; it goes with the process, however that ends). Without flock there is no lock.
"""

import csv
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from eiesim._version import __version__
from eiesim.errors import EieError
from eiesim.sweeps.row import Row, columns, csv_line

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_ANOTHER = "name another file"


class Journal:
    """A sweep table's file, open for appending.

    Raises EieError, and changes nothing, for a file that is no sweep table or one of other columns or another version,
    for one with a cell of another type than its column's, and for one that another sweep is writing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._header = csv_line(columns()).encode()
        new = not self.path.exists()
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        except OSError as error:
            raise EieError(f"{self.path}: cannot be written: {error.strerror}") from None
        try:
            self._lock()
            self._recover()
            if new:
                _sync_folder(self.path.parent)
        except BaseException:
            self.close()
            raise

    def _lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise EieError(f"{self.path}: another sweep is writing it; wait for that one, or {_ANOTHER}") from None

    def _recover(self) -> None:
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        header = content[: len(self._header)]
        if not self._header.startswith(header) or 0 < whole < len(self._header):
            self._refuse_columns(content)
        self._rows: dict[str, Row] = {}
        rows = _text(self.path, content[len(self._header) : whole]).split("\n")[:-1]
        for number, text in enumerate((f"{row}\n" for row in rows), 2):
            row = self._parse(text, number)
            if row.hash in self._rows:
                raise EieError(f"{self.path}: line {number} repeats the row {row.hash}; delete one, or {_ANOTHER}")
            self._rows[row.hash] = row
        if whole < len(content):
            os.ftruncate(self._file, whole)
        if whole == 0:
            self._write(self._header, 0)

    def _refuse_columns(self, content: bytes) -> None:
        there = content.partition(b"\n")[0].decode(errors="replace").strip().split(",")
        odd = sorted(set(there) ^ set(columns()))
        if "hash" not in there:
            raise EieError(f"{self.path}: is there and is no sweep table; {_ANOTHER}")
        what = f"for instance '{odd[0]}'" if odd else "in another order"
        raise EieError(f"{self.path}: is a sweep table of other columns, {what}; {_ANOTHER}")

    def _parse(self, text: str, number: int) -> Row:
        try:
            row = Row.parse(next(csv.reader([text])))
        except EieError as error:
            raise EieError(f"{self.path}: line {number} {error}; delete the line, or {_ANOTHER}") from None
        if row.eiesim != __version__:
            raise EieError(f"{self.path}: was made by eiesim {row.eiesim}, this is {__version__}; {_ANOTHER}")
        return row

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
            self._write("".join(row.line() for row in new.values()).encode(), os.fstat(self._file).st_size)
            self._rows.update(new)

    def _write(self, lines: bytes, size: int) -> None:
        try:
            written = os.write(self._file, lines)
            if written < len(lines):
                # A full disk took a part: put the file back to whole lines.
                os.ftruncate(self._file, size)
                raise OSError(28, "no room for the next rows")
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
        self.close()


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise EieError(f"{path}: is not UTF-8 text; {_ANOTHER}") from None


def _sync_folder(folder: Path) -> None:
    """Make a new file's name as lasting as its rows, where folders can be synced."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
