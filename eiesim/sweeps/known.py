"""Where rows stand, by their hashes: 24 bytes a row, so that a table of millions is resumed in little memory."""

import hashlib
import re

import numpy as np
import numpy.typing as npt

from eiesim.sweeps.machines import Hashes

_HEX = re.compile(rb"[0-9a-f]*")


class Known:
    """Rows' places by hash, in sorted runs, each at least twice as long as the next; they are merged as they grow."""

    def __init__(self) -> None:
        self._runs: list[tuple[npt.NDArray[np.bytes_], npt.NDArray[np.int64]]] = []

    def __len__(self) -> int:
        return sum(len(keys) for keys, _ in self._runs)

    def add(self, hashes: Hashes, places: npt.NDArray[np.int64]) -> None:
        """Rows that are not there yet, each once."""
        if len(hashes) == 0:
            return
        keys = _keys(hashes)
        while True:
            order = np.argsort(keys, kind="stable")
            keys, places = keys[order], places[order]
            if not self._runs or len(self._runs[-1][0]) >= 2 * len(keys):
                self._runs.append((keys, places))
                return
            other_keys, other_places = self._runs.pop()
            keys, places = np.concatenate([other_keys, keys]), np.concatenate([other_places, places])

    def find(self, hashes: Hashes) -> npt.NDArray[np.int64]:
        """Each row's place, -1 where it is not known."""
        keys = _keys(hashes)
        places = np.full(len(keys), -1, np.int64)
        for known, of in self._runs:
            at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
            places = np.where(known[at] == keys, of[at], places)
        return places


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
