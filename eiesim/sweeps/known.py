"""Where rows stand, by their hashes: 24 bytes a row, so that a table of millions is resumed in little memory."""

import hashlib
import re
from threading import Lock

import numpy as np
import numpy.typing as npt

from eiesim.sweeps.machines import Hashes

_HEX = re.compile(rb"[0-9a-f]*")

AT_ONCE = 2**16
"""Rows whose hashes are turned into keys together."""

KEY_BYTES, ROW_BYTES = 16, 24
"""A row is its key, followed by its place as a big-endian number."""


class Known:
    """Rows' places by hash, for several threads.

    All are in one array, which grows where it stands, in sorted runs, each at least twice as long as the next. Runs are
    merged where they stand: Timsort finds both sorted and copies no more than the shorter.
    """

    def __init__(self) -> None:
        self._rows = np.empty(0, f"S{ROW_BYTES}")
        self._size = 0
        self._starts: list[int] = []
        self._lock = Lock()

    def __len__(self) -> int:
        return self._size

    def add(self, hashes: Hashes, places: npt.NDArray[np.int64]) -> None:
        """Rows that are not there yet, each once."""
        for start in range(0, len(hashes), AT_ONCE):
            rows = _rows(hashes[start : start + AT_ONCE], places[start : start + AT_ONCE])
            with self._lock:
                self._add(rows)

    def _add(self, rows: npt.NDArray[np.bytes_]) -> None:
        start, self._size = self._size, self._size + len(rows)
        if self._size > len(self._rows):
            self._rows.resize(max(self._size, len(self._rows) * 5 // 4), refcheck=False)  # No view outlives the lock.
        self._rows[start : self._size] = rows
        while self._starts and start - self._starts[-1] < 2 * (self._size - start):
            self._rows[start : self._size].sort(kind="stable")
            start = self._starts.pop()
        self._rows[start : self._size].sort(kind="stable")
        self._starts.append(start)

    def find(self, hashes: Hashes) -> npt.NDArray[np.int64]:
        """Each row's place, -1 where it is not known."""
        places = np.full(len(hashes), -1, np.int64)
        with self._lock:
            at = self._at(hashes)
            there = at >= 0
            places[there] = np.ascontiguousarray(_bytes(self._rows[at[there]])[:, KEY_BYTES:]).view(">i8")[:, 0]
        return places

    def move(self, hashes: Hashes, places: npt.NDArray[np.int64]) -> None:
        """Known rows' new places."""
        moved = _rows(hashes, places)
        with self._lock:
            self._rows[self._at(hashes)] = moved

    def _at(self, hashes: Hashes) -> npt.NDArray[np.intp]:
        """Where each row stands in the array, -1 where it is not known."""
        at = np.full(len(hashes), -1, np.intp)
        first = _rows(hashes, np.zeros(len(hashes), np.int64))
        keys = _bytes(first)[:, :KEY_BYTES]
        for start, end in zip(self._starts, [*self._starts, self._size][1:], strict=True):
            nearest = start + np.minimum(np.searchsorted(self._rows[start:end], first), end - start - 1)
            there = (_bytes(self._rows[nearest])[:, :KEY_BYTES] == keys).all(axis=1)
            at[there] = nearest[there]
        return at


def _rows(hashes: Hashes, places: npt.NDArray[np.int64]) -> npt.NDArray[np.bytes_]:
    rows = np.empty(len(hashes), f"S{ROW_BYTES}")
    _bytes(rows)[:, :KEY_BYTES] = _bytes(_keys(hashes))
    _bytes(rows)[:, KEY_BYTES:] = _bytes(places.astype(">i8"))
    return rows


def _bytes(array: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """An array's bytes, a line an element."""
    return array.view(np.uint8).reshape(len(array), array.itemsize)


def repeated(hashes: Hashes) -> npt.NDArray[np.intp]:
    """The rows whose hash another one before them has."""
    keys = _keys(hashes)
    order = np.argsort(keys, kind="stable")
    same = keys[order][1:] == keys[order][:-1]
    return np.sort(order[1:][same])


def _keys(hashes: Hashes) -> npt.NDArray[np.bytes_]:
    """16 bytes for each: what 32 hex digits say, and of anything else a hash."""
    if hashes.dtype.itemsize == 32:
        text = bytes(np.ascontiguousarray(hashes).tobytes())
        if _HEX.fullmatch(text):
            return np.frombuffer(bytes.fromhex(text.decode()), "S16")
    return np.array([_key(one) for one in hashes.tolist()], "S16")


def _key(text: bytes) -> bytes:
    digits = len(text) == 32 and _HEX.fullmatch(text)
    return bytes.fromhex(text.decode()) if digits else hashlib.sha256(text).digest()[:16]
