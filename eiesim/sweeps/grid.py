"""Grid: every combination of some keys' values, made one by one as they are needed."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._checks import several
from eiesim.config import MachineConfig, todays_keys
from eiesim.errors import EieError, shown, unknown
from eiesim.sweeps.machines import Machines, combined
from eiesim.sweeps.values import parse_values

SELDOM_MORE = 10_000_000
FOUND_AT_ONCE = 10_000

SHARED = ("pes", "index_bits", "mapping")
"""Machines that agree in these share a layer's interleaving."""

COUPLED = (
    ("index_bits", "weight_bits", "spmat_width", "multipliers"),
    ("arithmetic", "rounding", "rounding_seed"),
    ("operation", "activation_frac", "weight_frac"),
)
"""Keys whose values may not go together, each being good by itself."""


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


class Grid(Sequence[MachineConfig]):
    """Every combination of the axes' values on top of `config`, each once; the last axis varies fastest.

    axes: configuration keys with their values, or a text such as `1:256:x2` (see `values`).
    Raises EieError for an unknown key, for a value that is none, and for a combination that is no machine.
    """

    def __init__(self, config: MachineConfig | None, axes: Mapping[str, Any]) -> None:
        self._config = config or MachineConfig()
        if not isinstance(axes, Mapping):
            raise EieError(f"axes: {shown(axes)}: needs configuration keys with values, such as {{'pes': [16, 64]}}")
        named = todays_keys(axes)
        values = {
            key: parse_values(held) if isinstance(held, str) else list(several(key, held))
            for key, held in named.items()
        }
        known = MachineConfig.model_fields
        for key, held in values.items():
            if key not in known:
                raise unknown("no configuration key", key, known)
            if not held:
                raise EieError(f"{key}: has no value to sweep")
        if prod(len(held) for held in values.values()) > SELDOM_MORE:
            raise EieError(f"more than {SELDOM_MORE:,} configurations; sweep fewer values")
        alone = {key for key in values if not any(key in together for together in COUPLED)}
        self._axes = {key: self._distinct(key, held) if key in alone else held for key, held in values.items()}
        self._unchecked: list[tuple[str, ...]] = []
        for together in COUPLED:
            coupled = {key: held for key, held in values.items() if key in together}
            if prod(map(len, coupled.values())) <= FOUND_AT_ONCE:
                machines = [self._with(coupled, chosen) for chosen in product(*coupled.values())]
                for key in coupled:
                    self._axes[key] = list(dict.fromkeys(getattr(machine, key) for machine in machines))
            else:  # Too many to look at before the first row: when they are come to.
                self._unchecked.append(together)
                for key, held in coupled.items():
                    self._axes[key] = list({repr(value): value for value in map(_plain, held)}.values())

    def _distinct(self, key: str, held: Sequence[Any]) -> list[Any]:
        return list(dict.fromkeys(getattr(self._config.replace(**{key: value}), key) for value in held))

    def _with(self, keys: Mapping[str, Any] | Sequence[str], chosen: Sequence[Any]) -> MachineConfig:
        return self._config.replace(**dict(zip(keys, chosen, strict=True)))

    def __len__(self) -> int:
        return prod(len(held) for held in self._axes.values())

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        left = range(len(self))[place]
        chosen = {}
        for key, held in reversed(self._axes.items()):
            left, at = divmod(left, len(held))
            chosen[key] = held[at]
        return self._config.replace(**chosen)

    def __iter__(self) -> Iterator[MachineConfig]:
        return (self._with(self._axes, chosen) for chosen in product(*self._axes.values()))

    def by_sharing(self) -> Iterator["Group"]:
        """The configurations, those that share an interleaving together."""
        shared = [key for key in self._axes if key in SHARED]
        for chosen in product(*(range(len(self._axes[key])) for key in shared)):
            yield Group(self, dict(zip(shared, chosen, strict=True)))


class Group:
    """The machines of a grid that share an interleaving, in its order; they are made as they are needed.

    fixed: by key that is shared, which of its values they have.
    """

    def __init__(self, grid: Grid, fixed: Mapping[str, int]) -> None:
        self._grid, self._fixed = grid, fixed
        self._lengths = {key: 1 if key in fixed else len(held) for key, held in grid._axes.items()}
        self._checked: set[tuple[int, ...]] = set()

    def __len__(self) -> int:
        return prod(self._lengths.values())

    def machines(self, start: int, end: int) -> tuple[npt.NDArray[np.int64], Machines]:
        """Those from start to end, with their places in the grid. Raises EieError where one is no machine."""
        axes, left = self._grid._axes, np.arange(start, end)
        places, stride = np.zeros(end - start, np.int64), 1
        codes: dict[str, npt.NDArray[np.intp]] = {}
        for key in reversed(axes):
            left, at = np.divmod(left, self._lengths[key])
            codes[key] = at = at + self._fixed.get(key, 0)
            places += at * stride
            stride *= len(axes[key])
        self._check(codes, end - start)
        base = self._grid._config
        values = {key: (getattr(base, key),) for key in MachineConfig.model_fields}
        for key, held in axes.items():
            values[key] = (held[self._fixed[key]],) if key in self._fixed else tuple(held)
        several = {key: at for key, at in codes.items() if len(values[key]) > 1}
        return places, Machines(end - start, values, several)

    def _check(self, codes: Mapping[str, npt.NDArray[np.intp]], size: int) -> None:
        """Make a machine of every combination that has not been looked at when the grid was made."""
        for together in self._grid._unchecked:
            keys = [key for key in codes if key in together]
            for place in combined([codes[key] for key in keys], size)[0]:
                if (chosen := tuple(int(codes[key][place]) for key in keys)) not in self._checked:
                    self._checked.add(chosen)
                    self._grid._with(keys, [self._grid._axes[key][at] for key, at in zip(keys, chosen, strict=True)])


class Listed:
    """Some configurations that share an interleaving, each with its place among others."""

    def __init__(self, placed: Sequence[tuple[int, MachineConfig]]) -> None:
        self._placed = placed

    def __len__(self) -> int:
        return len(self._placed)

    def machines(self, start: int, end: int) -> tuple[npt.NDArray[np.int64], Machines]:
        """Those from start to end, with their places."""
        some = self._placed[start:end]
        return np.array([place for place, _ in some]), Machines.of([config for _, config in some])


def by_sharing(configs: Sequence[MachineConfig]) -> Iterator[Group | Listed]:
    """Configurations, each once, those that share an interleaving together; a grid's are made as needed."""
    if isinstance(configs, Grid):
        yield from configs.by_sharing()
        return
    together: dict[tuple[Any, ...], list[tuple[int, MachineConfig]]] = {}
    seen = set()
    for place, config in enumerate(configs):
        if config not in seen:
            seen.add(config)
            together.setdefault(tuple(getattr(config, key) for key in SHARED), []).append((place, config))
    yield from map(Listed, together.values())


def in_order(configs: Sequence[MachineConfig]) -> Group | Listed:
    """All configurations, each once, in their order."""
    return Group(configs, {}) if isinstance(configs, Grid) else Listed(list(enumerate(dict.fromkeys(configs))))
