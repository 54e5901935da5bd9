"""Grid: every combination of some keys' values, made one by one as they are needed."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from eiesim._checks import several
from eiesim.config import MachineConfig, todays_keys
from eiesim.errors import EieError, shown, unknown
from eiesim.sweeps.values import parse_values

SELDOM_MORE = 10_000_000
FOUND_AT_ONCE = 10_000

SHARED = ("pes", "index_bits", "mapping")
"""Machines that agree in these share a layer's interleaving."""

COUPLED = (
    ("index_bits", "weight_bits", "spmat_width", "multipliers"),
    ("arithmetic", "rounding", "rounding_seed"),
)
"""Keys whose values may not go together, each being good by itself."""

Placed = tuple[int, MachineConfig]
"""A configuration with its place among all."""


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
        for together in COUPLED:
            coupled = {key: held for key, held in values.items() if key in together}
            if prod(map(len, coupled.values())) <= FOUND_AT_ONCE:
                machines = [self._with(coupled, chosen) for chosen in product(*coupled.values())]
                for key in coupled:
                    self._axes[key] = list(dict.fromkeys(getattr(machine, key) for machine in machines))

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

    def by_sharing(self) -> Iterator[Iterator[Placed]]:
        """The configurations with their places, those that share an interleaving together."""
        numbered = {key: list(enumerate(held)) for key, held in self._axes.items()}
        outer = [numbered[key] for key in self._axes if key in SHARED]
        for shared in product(*outer):
            one = iter(shared)
            fixed = {key: [next(one)] if key in SHARED else held for key, held in numbered.items()}
            yield self._placed(fixed)

    def _placed(self, numbered: Mapping[str, Sequence[tuple[int, Any]]]) -> Iterator[Placed]:
        for chosen in product(*numbered.values()):
            place = 0
            for (at, _), held in zip(chosen, self._axes.values(), strict=True):
                place = place * len(held) + at
            yield place, self._with(self._axes, [value for _, value in chosen])


def by_sharing(configs: Sequence[MachineConfig]) -> Iterator[Iterator[Placed]]:
    """Configurations with their places, those that share an interleaving together; a grid's are made as needed."""
    if isinstance(configs, Grid):
        yield from configs.by_sharing()
        return
    together: dict[tuple[Any, ...], list[Placed]] = {}
    for place, config in enumerate(configs):
        together.setdefault(tuple(getattr(config, key) for key in SHARED), []).append((place, config))
    yield from map(iter, together.values())
