"""Matrix Market files (.mtx, .mtx.gz, .mtx.bz2), by scipy.io, and what scipy.io lets pass.

SciPy reads the digits before a letter ("1d5" is 1), numbers too many in a line are skipped, and an entry of a symmetric
matrix that is stored on both sides of the diagonal counts twice; such files are refused here.
"""

import bz2
import gzip
import zlib
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np

from eiesim._io.arrays import ALWAYS_READ_BYTES, MAX_EXPANSION
from eiesim._io.memory import check_allowed
from eiesim._io.reading import check_regular
from eiesim.errors import EieError

ENDINGS = (".mtx", ".mtx.gz", ".mtx.bz2")

OPENERS = {".gz": gzip.open, ".bz2": bz2.open}

CHUNK = 2**18
LONGEST_HEAD = 2**20
"""Bytes of comments before the sizes."""

BYTES_AN_ENTRY = 32
"""Of memory: row, column and value as SciPy reads them, and sorted by column."""

SPACE, DIGIT, SIGN, POWER, STRAY = b" ", b"0", b"-", b"e", b"!"
_KINDS = {
    **dict.fromkeys(b" \t\r\n\v\f", SPACE), **dict.fromkeys(b"0123456789.", DIGIT), **dict.fromkeys(b"+-", SIGN),
    **dict.fromkeys(b"eE", POWER),
}  # fmt: skip
CLASSES = b"".join(_KINDS.get(byte, STRAY) for byte in range(256))
WHOLE = b"".join(STRAY if byte in b".eE" else _KINDS.get(byte, STRAY) for byte in range(256))
"""What each byte of a table of numbers is, and of whole numbers."""

OUT_OF_PLACE = "holds a number with a sign or an exponent that is out of place"

OF_NAN = frozenset(b"nNaAiIfFtTyY")


def read(path: Path) -> tuple[Any, str]:
    """A matrix in SciPy's COO, and what the file says that it is. Raises EieError for anything malformed."""
    from scipy import io, sparse

    check_regular(path)
    plain = path.suffix.lower() not in OPENERS
    opener: Any = OPENERS.get(path.suffix.lower(), open)
    stream: Any = None
    try:
        with opener(path, "rb") as file:
            head = _head(file)
            if not head.endswith(b"\n"):
                raise EieError("not readable as Matrix Market: ends within its head")
            rows, cols, entries, form, field, symmetry = io.mminfo(BytesIO(head))
            size = (int(rows), int(cols), int(entries))
            _check_head(path, size, form, field, symmetry)
            numbers = _Numbers(path, CLASSES if field == "real" else WHOLE)
            if plain:
                while part := file.read(CHUNK):
                    numbers.feed(part)
                numbers.check(*_expected(size, form, field, symmetry))
            if plain and numbers.last == b"\n":  # by its name SciPy reads it faster than through a file of ours
                found = io.mmread(str(path), spmatrix=False)
            else:
                numbers = _Numbers(path, CLASSES if field == "real" else WHOLE)
                file.seek(len(head))
                stream = _Watched(head, file, numbers)
                found = io.mmread(stream, spmatrix=False)
    except EieError:
        raise
    except (ValueError, OverflowError, EOFError, zlib.error, OSError) as error:
        if stream is not None and stream.error is not None:
            raise stream.error from None
        raise EieError(f"not readable as Matrix Market: {' '.join(str(error).split())}") from None
    if stream is not None:
        if stream.error is not None:
            raise stream.error
        numbers.check(*_expected(size, form, field, symmetry))
    kind = f"Matrix Market, {form}, {field}, {symmetry}"
    if form == "array":
        return sparse.coo_array(np.asarray(found)), kind
    if symmetry != "general":
        _check_one_side(found, size[2], symmetry)
    return found, kind


class _Numbers:
    """Counts the numbers of a text that comes in parts. Raises EieError where it holds anything else, or no end."""

    def __init__(self, path: Path, table: bytes) -> None:
        self.count, self.last, self._table = 0, b"", table
        self._before = SPACE
        self._most = self._left = max(ALWAYS_READ_BYTES, MAX_EXPANSION * path.stat().st_size)

    def feed(self, part: bytes) -> None:
        """The next part."""
        self._left -= len(part)
        if self._left < 0:
            raise EieError(f"unpacks to more than {self._most:,} bytes; no matrix is like that")
        classes = self._before + part.translate(self._table)
        if STRAY in classes:
            stray = part[classes.index(STRAY) - 1]
            if stray in OF_NAN:
                raise EieError("holds NaN or infinity")
            needs = "whole numbers" if self._table is WHOLE else "decimal numbers, such as 1.5e-3"
            raise EieError(f"holds {chr(stray)!r} among its numbers, needs {needs}")
        each = np.frombuffer(classes, np.uint8)
        space, power, sign = each == SPACE[0], each == POWER[0], each == SIGN[0]
        if (sign[1:] & ~space[:-1] & ~power[:-1]).any() or (power[:-1] & (space[1:] | power[1:])).any():
            raise EieError(OUT_OF_PLACE)
        self.count += int(np.count_nonzero(space[:-1] > space[1:]))
        self._before, self.last = classes[-1:], part[-1:] or self.last

    def check(self, expected: int, each: int) -> None:
        """Raise EieError unless there were so many."""
        if self._before in (POWER, SIGN):
            raise EieError(OUT_OF_PLACE)
        if self.count != expected:
            why = "truncated" if self.count < expected else "damaged"
            raise EieError(f"has {self.count:,} numbers after its sizes, needs {expected:,}, {each} an entry; {why}?")


class _Watched:
    """A file that is unpacked as it is read, its numbers counted, and whose last line ends as one does.

    error: what is wrong; the file then ends there.
    """

    def __init__(self, head: bytes, file: IO[bytes], numbers: _Numbers) -> None:
        self.error: EieError | None = None
        self._head, self._file, self._numbers = head, file, numbers
        self._last = b"\n"

    def read(self, size: int = -1) -> bytes:
        """As a file's."""
        if self._head:
            part, self._head = (self._head, b"") if size < 0 else (self._head[:size], self._head[size:])
            return part
        part = b"" if self.error is not None else self._file.read(CHUNK if size < 0 else size)
        try:
            self._numbers.feed(part)
        except EieError as error:
            self.error, part = error, b""
        if not part and self._last != b"\n":
            part = b"\n"
        self._last = part[-1:] or self._last
        return part


def _head(file: IO[bytes]) -> bytes:
    """Everything up to the line of sizes, that with it."""
    head = b""
    while len(head) < LONGEST_HEAD:
        line = file.readline(LONGEST_HEAD)
        head += line
        if not line or (line.strip() and not line.startswith(b"%")):
            return head
    raise EieError("not readable as Matrix Market: its sizes do not follow; damaged?")


def _check_head(path: Path, size: tuple[int, int, int], form: str, field: str, symmetry: str) -> None:
    rows, cols, entries = size
    if field == "complex" or symmetry == "hermitian":
        raise EieError("holds complex numbers, which EIE does not multiply")
    if symmetry != "general" and rows != cols:
        raise EieError(f"is {symmetry} and {rows:,} x {cols:,}; such a matrix is square")
    if min(rows, cols) < 1:
        raise EieError(f"shape: ({rows}, {cols}) has no rows or no columns; a layer needs both")
    if max(rows, cols) >= 2**31:
        raise EieError(f"shape: ({rows}, {cols}) is more than 2**31 - 1 rows or columns")
    numbers, _ = _expected(size, form, field, symmetry)
    held = path.stat().st_size
    if path.suffix.lower() not in OPENERS and numbers * 2 - 1 > held:
        raise EieError(f"says {entries:,} entries, but is {held:,} bytes long; truncated?")
    both = 1 if symmetry == "general" else 2
    check_allowed(BYTES_AN_ENTRY * both * entries + 16 * cols, f"{rows:,} x {cols:,} with {entries:,} entries")


def _expected(size: tuple[int, int, int], form: str, field: str, symmetry: str) -> tuple[int, int]:
    """How many numbers follow the sizes, and how many an entry has."""
    rows, _, entries = size
    if form == "array":
        lines = {"general": entries, "symmetric": rows * (rows + 1) // 2, "skew-symmetric": rows * (rows - 1) // 2}
        return lines[symmetry], 1
    each = 2 if field == "pattern" else 3
    return entries * each, each


def _check_one_side(found: Any, entries: int, symmetry: str) -> None:
    """Raise EieError where a symmetric matrix is stored on both sides of its diagonal, and so twice."""
    row, col = found.coords  # the file's own entries first, then what mirrors them
    below, above = (row[:entries] > col[:entries]).any(), (row[:entries] < col[:entries]).any()
    if below and above:
        raise EieError(f"is {symmetry}, and has entries on both sides of the diagonal; one side is to be stored")
    if symmetry == "skew-symmetric" and (row[:entries] == col[:entries]).any():
        raise EieError("is skew-symmetric, and has entries on the diagonal, which are zeros by that")
