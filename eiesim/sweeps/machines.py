"""Machines as columns: many configurations, each key's values once, and for each machine which of them it has.

What a sweep asks of a machine mostly depends on a few keys; `Machines.combinations` gives the different ones, so that
each is worked out once. Hashes are those of `row.row_hash`.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from eiesim._version import __version__
from eiesim.config import FORMER_KEYS, MachineConfig
from eiesim.sweeps.row import LATER_KEYS

Codes = npt.NDArray[np.intp]
Hashes = npt.NDArray[np.bytes_]
"""Rows' hashes as bytes, S32."""

KEYS = tuple(MachineConfig.model_fields)

Found = TypeVar("Found")


@dataclass(frozen=True)
class Machines:
    """Many machines.

    values: by key its different values. codes: for each key with several, which of them each machine has.
    """

    size: int
    values: dict[str, tuple[Any, ...]]
    codes: dict[str, Codes]
    _found: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, configs: Sequence[MachineConfig]) -> "Machines":
        """Configurations as columns."""
        values, codes = {}, {}
        for key in KEYS:
            places: dict[Any, int] = {}
            of_each = [places.setdefault(getattr(one, key), len(places)) for one in configs]
            values[key] = tuple(places)
            if len(places) > 1:
                codes[key] = np.array(of_each)
        return cls(len(configs), values, codes)

    def __len__(self) -> int:
        return self.size

    def __reduce__(self) -> tuple[Any, ...]:  # What was found of them is not sent to other processes.
        return Machines, (self.size, self.values, self.codes)

    def once(self, find: Callable[["Machines"], Found]) -> Found:
        """What a function finds of these machines, which no layer changes: found once, and not to be written to."""
        if find not in self._found:
            self._found[find] = find(self)
        found: Found = self._found[find]
        return found

    def take(self, places: Any) -> "Machines":
        """Some of them."""
        codes = {key: held[places] for key, held in self.codes.items()}
        size = len(next(iter(codes.values()))) if codes else len(np.empty(self.size, np.uint8)[places])
        return Machines(size, self.values, codes)

    def column(self, key: str) -> npt.NDArray[Any]:
        """A key's value of each machine."""
        held = np.array(self.values[key])
        return held[self.codes[key]] if key in self.codes else np.broadcast_to(held, self.size)

    def config(self, place: int) -> MachineConfig:
        """One of them."""
        return MachineConfig(**self._chosen(KEYS, place))

    def _chosen(self, keys: Sequence[str], place: int) -> dict[str, Any]:
        return {key: self.values[key][self.codes[key][place] if key in self.codes else 0] for key in keys}

    def combinations(self, keys: Sequence[str]) -> tuple[list[int], Codes]:
        """The different combinations of some keys' values: a machine of each, and which one each machine has."""
        return combined([self.codes[key] for key in keys if key in self.codes], self.size)

    def chosen(self, keys: Sequence[str]) -> tuple[list[tuple[Any, ...]], Codes]:
        """The different combinations of some keys' values, and which one each machine has."""
        first, which = self.combinations(keys)
        columns = ([self.values[key][code] for code in self.codes[key][first].tolist()] if key in self.codes
                   else self.values[key] * len(first) for key in keys)  # fmt: skip
        return list(zip(*columns, strict=True)), which

    def hashes(self, content_hash: str, engine: str) -> Hashes:
        """What `row.row_hash` gives of each."""
        sha, begin = hashlib.sha256, f"[{json.dumps(content_hash)}, {{".encode()
        end = f"}}, {json.dumps(engine)}, {json.dumps(__version__)}]".encode()
        digests = b"".join([sha(begin + keys + end).digest() for keys in self.once(_hashed_keys)])
        return np.frombuffer(digests.hex().encode(), "S32")[::2].copy()  # The first half of each.


def _hashed_keys(machines: Machines) -> list[bytes]:
    """Each machine's keys as `row.row_hash` writes them, without the braces around them."""
    former = {name: old for old, name in FORMER_KEYS.items()}
    named = sorted((former.get(key, key), key) for key in KEYS)
    columns: list[Sequence[str]] = []
    constant = ""
    for name, key in named:
        texts = [
            ""
            if key in LATER_KEYS and value == MachineConfig.model_fields[key].default
            else f"{json.dumps(name)}: {json.dumps(value)}{'' if key == named[-1][1] else ', '}"
            for value in machines.values[key]
        ]
        if key in machines.codes:
            columns += [[constant] * len(machines), [texts[code] for code in machines.codes[key].tolist()]]
            constant = ""
        else:
            constant += texts[0]
    columns.append([constant] * len(machines))
    return ["".join(texts).encode() for texts in zip(*columns, strict=True)]


def combined(codes: Sequence[Codes], size: int) -> tuple[list[int], Codes]:
    """The different combinations of codes: the first place of each, in order, and which one stands at each place."""
    together: Codes = np.zeros(size, np.intp)
    for held in codes:
        together = together * (int(held.max(initial=0)) + 1) + held
        if together.max(initial=0) >= 2**31:
            together = np.unique(together, return_inverse=True)[1]
    _, first, which = np.unique(together, return_index=True, return_inverse=True)
    return first.tolist(), which
