"""A Parquet file whose rows are safe while it grows: parts beside it, which become the file when all are there.

While a sweep runs, its rows are in the folder `FILE.parts`, each part a Parquet file of whole rows that appears at
once (written under another name, fsync, renamed); any tool that reads Parquet reads the folder. A sweep that was killed
finds its rows there, and those of a file that an earlier sweep has finished. When every row is there, the file is
written in the plan's order, takes its place at once, and the parts go. Pages have checksums: what a disk changed is
refused.
A file that other programs have written is no source of rows, and is replaced.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from eiesim._io.atomic import recover, writing
from eiesim._version import __version__
from eiesim.errors import EieError, with_extra
from eiesim.sweeps.known import Known
from eiesim.sweeps.machines import Hashes
from eiesim.sweeps.row import Number, columns, types
from eiesim.sweeps.table import Table, joined
from eiesim.sweeps.writer import gathered

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PART_ROWS = 2**12
PART_S = 5.0
"""A part is written when so many rows wait, or when the oldest has waited so many seconds."""

GROUP_ROWS = 2**13
"""Rows of a row group of the finished file."""

HASH_LETTERS = 32

_PART = re.compile(r"part-(\d+)\.parquet")
_MADE = b"eiesim"

LOCK = ".lock"
"""Hidden, so that what reads a folder of Parquet files passes it over."""


@contextmanager
def _lean() -> Iterator[Any]:
    """pyarrow, with the system's allocator while the block runs: its own holds on to 100 MB."""
    pa = needed()
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield pa
    finally:
        pa.set_memory_pool(before)


def needed() -> Any:
    """pyarrow, with its Parquet part. Raises EieError where it is missing."""
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError:
        raise EieError(f"Parquet needs pyarrow; {with_extra('parquet')}") from None
    return pa


class Parts:
    """The rows of a Parquet file, and of the parts that are to become it; see `writer.Store`.

    repair: drop damaged parts, so that their rows are run anew.
    Raises EieError for a damaged part, and while another sweep is writing the same file.
    """

    def __init__(self, path: str | Path, *, repair: bool = False) -> None:
        needed()
        self.path = Path(path)
        self.folder = self.path.with_name(self.path.name + ".parts")
        self._known = Known()
        self._pieces: list[tuple[Path, int]] = []  # file and row group
        self._firsts: list[int] = []
        self._size = 0
        self._buffer: list[Table] = []
        self._since = time.monotonic()
        self._lock: IO[bytes] | None = None
        self._latest: tuple[int, Table] | None = None
        self._next = 0
        try:
            self.folder.mkdir(exist_ok=True)
            self._lock = _locked(self.folder / LOCK, self.path)
            recover(self.folder)
            self._find(repair)
        except OSError as error:
            self.close()
            raise EieError(f"{self.folder}: cannot be written: {error.strerror or error}") from None
        except BaseException:
            self.close()
            raise

    def _find(self, repair: bool) -> None:
        with suppress(EieError):  # A file of another kind, or a damaged one, is made anew.
            if self.path.is_file():
                self._open(self.path)
        numbered = [(int(match[1]), one) for one in self.folder.iterdir() if (match := _PART.fullmatch(one.name))]
        for number, part in sorted(numbered):
            self._next = number + 1
            try:
                self._open(part)
            except EieError as error:
                if not repair:
                    raise EieError(f"{error}; delete it, or repair the sweep") from None
                part.unlink()

    def _open(self, path: Path) -> None:
        """Find a file's rows."""
        with _reading(path) as file:
            metadata = file.schema_arrow.metadata or {}
            if metadata.get(_MADE) != __version__.encode() or not _is_ours(file.schema_arrow):
                raise EieError(f"{path}: was not written by a sweep of eiesim {__version__}")
            hashes = [
                _named(path, lambda k=k: file.read_row_group(k, ["hash"], use_threads=False))
                for k in range(file.num_row_groups)
            ]
        for k, group in enumerate(hashes):
            self._take(path, k, _named(path, lambda group=group: _hashes(group)))

    def _take(self, path: Path, group: int, hashes: Hashes) -> None:
        places = self._size + np.arange(len(hashes))
        new = self.missing(hashes)
        self._known.add(hashes[new], places[new])
        self._pieces.append((path, group))
        self._firsts.append(self._size)
        self._size += len(hashes)

    def missing(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Which rows there are not."""
        return self._known.find(hashes) < 0

    @property
    def made(self) -> Callable[[Table], Table]:
        """Rows as they are."""
        return Table.as_it_is

    def add(self, made: Sequence[Table]) -> int:
        """Take rows, and write a part where enough have come. Returns how many rows are in new parts."""
        if not self._buffer:
            self._since = time.monotonic()
        self._buffer += made
        if sum(map(len, self._buffer)) >= PART_ROWS or time.monotonic() - self._since > PART_S:
            return self.flush()
        return 0

    def flush(self) -> int:
        """Write a part of what waits. Returns how many rows."""
        if not self._buffer:
            return 0
        rows = joined(self._buffer)
        part = self.folder / f"part-{self._next:06}.parquet"
        write(part, [rows])
        self._buffer, self._next = [], self._next + 1
        self._take(part, 0, rows.hashes)
        return len(rows)

    def table(self, hashes: Hashes) -> Table:
        """Rows, in this order. Raises EieError for a damaged part."""
        return gathered(self._known.find(hashes), self._firsts, self._piece)

    def _piece(self, place: int) -> Table:
        if self._latest is None or self._latest[0] != place:
            path, group = self._pieces[place]
            self._latest = None
            with _lean(), _reading(path) as file:
                self._latest = place, _named(path, lambda: _table(file.read_row_group(group, use_threads=False)))
        return self._latest[1]

    def finish(self, chunks: Iterable[Table], fractions: bool) -> None:
        """Write the file, and remove the parts. chunks, fractions: see `write`."""
        firsts = [0]

        def told() -> Iterator[Table]:
            for chunk in chunks:  # Each row is in one of them, so where it was is not asked for again.
                self._known.move(chunk.hashes, firsts[-1] + np.arange(len(chunk)))
                firsts.append(firsts[-1] + len(chunk))
                yield chunk
                del chunk  # Before the next one is made.

        write(self.path, told(), fractions)
        self._latest, self._size = None, firsts.pop()
        self._firsts, self._pieces = firsts, [(self.path, k) for k in range(len(firsts))]
        for part in list(self.folder.iterdir()):
            if _PART.fullmatch(part.name):
                part.unlink()

    def close(self) -> None:
        """Let go of the lock; a folder without parts goes too."""
        if self._lock is not None:
            empty = self.folder.is_dir() and [one.name for one in self.folder.iterdir()] == [LOCK]
            if empty:
                with suppress(OSError):
                    (self.folder / LOCK).unlink()
                    self.folder.rmdir()
            self._lock.close()
            self._lock = None

    def __enter__(self) -> "Parts":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def write(path: Path, chunks: Iterable[Table], fractions: bool = False) -> None:
    """Write rows as a Parquet file, a row group a chunk; it is there when all are.

    fractions: whether counters may be fractions, means over inputs. Of a single chunk each column says itself.
    """
    writer = None
    with _lean() as pa, writing(path) as file:
        try:
            for chunk in chunks:
                arrays = {name: _arrow(chunk, name, fractions) for name in columns()}
                if writer is None:
                    schema = pa.schema([(name, array.type) for name, array in arrays.items()])
                    writer = pa.parquet.ParquetWriter(
                        file, schema, write_page_checksum=True, compression="zstd", compression_level=1,
                        use_dictionary=[name for name in columns() if name != "hash"], store_schema=False,
                    )  # fmt: skip
                    writer.add_key_value_metadata(_metadata(schema))
                writer.write_table(pa.Table.from_arrays(list(arrays.values()), schema=writer.schema))
                del chunk, arrays  # Before the next one is made.
        finally:
            if writer is not None:
                writer.close()


def _arrow(rows: Table, name: str, fractions: bool) -> Any:
    """A column as Arrow has it; an empty cell is null. Made of buffers: pyarrow's own way imports pandas, 60 MB."""
    pa, kind = needed(), types()[name]
    column = rows.held[name]
    if name == "hash":
        return _texts(rows.hashes.tolist())
    if kind is str:
        texts, which = column
        which = np.zeros(len(rows), np.int32) if which is None else which.astype(np.int32)
        return pa.DictionaryArray.from_arrays(_numbers(which), _texts([str(text).encode() for text in texts]))
    if kind == int | None:
        numbers, which = column
        which = np.zeros(len(rows), np.int32) if which is None else which
        there = np.array([number is not None for number in numbers])
        return _numbers(np.array([number or 0 for number in numbers], np.int64)[which], there[which])
    values = rows.array(name)
    if kind == Number and fractions and name != "max_occupancy":
        values = values.astype(np.float64)
    return _numbers(values, values == values)


def _texts(texts: Sequence[bytes]) -> Any:
    """Texts as Arrow has them."""
    pa = needed()
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(texts)))


def _numbers(values: npt.NDArray[Any], there: npt.NDArray[np.bool_] | None = None) -> Any:
    """An array as Arrow has it. there: where a value is; null elsewhere."""
    pa = needed()
    kind = {"int32": pa.int32(), "int64": pa.int64(), "float64": pa.float64()}[str(values.dtype)]
    valid = None if there is None or there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(np.ascontiguousarray(values))])


def _table(read: Any) -> Table:
    """What `_arrow` made, as it was. Raises ValueError for what it does not make."""
    held: dict[str, Any] = {}
    for name in columns():
        if name == "hash":
            held[name] = _hashes(read)
            continue
        kind, column = types()[name], read.column(name).combine_chunks()
        if kind in (str, int, Number) and column.null_count:
            raise ValueError(f"{name}: a value is missing")
        if kind is str:
            held[name] = column.dictionary.to_pylist(), _array(column.indices, np.int32, 0)
        elif kind == int | None:
            numbers, which = np.unique(_array(column, np.int64, 0), return_inverse=True)
            held[name] = [*numbers.tolist(), None], np.where(_there(column), which, len(numbers))
        elif str(column.type) == "int64":
            held[name] = _array(column, np.int64, 0)
        else:
            held[name] = _array(column, np.float64, np.nan)
    return Table(len(read), held)


def _hashes(read: Any) -> Hashes:
    """The rows' hashes. Raises ValueError for what is none."""
    column = read.column("hash").combine_chunks()
    _, ends, texts = column.buffers()
    found = np.frombuffer(ends, np.int32, column.offset + len(column) + 1)[column.offset :]
    if column.null_count or (np.diff(found) != HASH_LETTERS).any():
        raise ValueError(f"hash: not {HASH_LETTERS} letters")
    return np.frombuffer(texts, f"S{HASH_LETTERS}", len(column), int(found[0]))


def _array(column: Any, kind: Any, missing: Any) -> npt.NDArray[Any]:
    """A column of numbers, with `missing` where it has none."""
    end = column.offset + len(column)
    found = np.frombuffer(column.buffers()[1], kind, end)[column.offset :]
    return found if column.null_count == 0 else np.where(_there(column), found, missing).astype(kind)


def _there(column: Any) -> npt.NDArray[np.bool_]:
    """Where a column has a value."""
    if column.null_count == 0:
        return np.ones(len(column), bool)
    valid = np.frombuffer(column.buffers()[0], np.uint8)
    bits = np.unpackbits(valid, count=column.offset + len(column), bitorder="little")
    return bits[column.offset :].astype(bool)


def _metadata(schema: Any) -> dict[bytes, bytes]:
    """What says who wrote the file, and what makes pandas read whole numbers that may be missing as such."""
    described = []
    for field in schema:
        pandas_type, numpy_type = ("float64", "float64") if str(field.type) == "double" else ("int64", "int64")
        if types()[field.name] is str:
            pandas_type, numpy_type = "unicode", "object"
        elif types()[field.name] == int | None:
            numpy_type = "Int64"
        described.append({"name": field.name, "field_name": field.name, "pandas_type": pandas_type,
                          "numpy_type": numpy_type, "metadata": None})  # fmt: skip
    pandas = {"index_columns": [], "column_indexes": [], "columns": described, "creator": {}, "pandas_version": "2"}
    return {_MADE: __version__.encode(), b"pandas": json.dumps(pandas).encode()}


def _is_ours(schema: Any) -> bool:
    """Whether these are the columns that `_arrow` makes."""
    if tuple(schema.names) != columns():
        return False
    numbers = {Number: ("int64", "double"), float: ("double",), float | None: ("double",)}
    for field in schema:
        kind = types()[field.name]
        texts = ("string",) if field.name == "hash" else ("dictionary<values=string, indices=int32, ordered=0>",)
        if str(field.type) not in (texts if kind is str else numbers.get(kind, ("int64",))):
            return False
    return True


def _reading(path: Path) -> Any:
    """A Parquet file, open; texts as codes, but for hashes. Raises EieError where it is none."""
    coded = [name for name, kind in types().items() if kind is str and name != "hash"]
    read = needed().parquet.ParquetFile
    return _named(path, lambda: read(path, read_dictionary=coded, page_checksum_verification=True, pre_buffer=False))


def _named(path: Path, read: Any) -> Any:
    """What `read` gives. Raises EieError, naming the file, where that is damaged."""
    pa = needed()
    try:
        return read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise EieError(f"{path}: is damaged: {' '.join(str(error).split())[:200]}") from None


def _locked(path: Path, of: Path) -> IO[bytes]:
    """A lock file, held until it is closed."""
    file = path.open("ab")
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not path.exists() or not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                raise OSError
        except OSError:
            file.close()
            raise EieError(f"{of}: another sweep is writing it; wait for that one, or name another file") from None
    return file
