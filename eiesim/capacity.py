"""What the PEs' memories hold, and whether a layer fits: asked here and nowhere else (docs/machine.md, "Capacities").

`run --strict`, `inspect`, a sweep's `memory_fits` and the tiles of streamed weights all have their answer from here.
"""

from dataclasses import dataclass
from functools import lru_cache

from eiesim.config import MachineConfig
from eiesim.encoding import InterleavedLayer

POINTER_BITS = 16
POINTER_REACH = 2**POINTER_BITS - 1
"""The most entries of a PE that its pointers can tell apart: the last pointer is their number."""
ACTIVATION_BYTES = 2
REGISTER_FILE_ACTIVATIONS = 64
"""Two register files of 64 activations (EIE Sec. IV); larger vectors go through the activation SRAM."""

OF_WEIGHTS = ("spmat_sram", "pointer_sram", "pointer_range")
"""The needs that a layer's weights have; the others are those of its activations."""


@dataclass(frozen=True)
class Need:
    """What a layer needs of one memory of the PE that needs most, and what there is. unit: what is counted."""

    name: str
    needs: int
    holds: int
    unit: str

    @property
    def fits(self) -> bool:
        """Whether it is enough."""
        return self.needs <= self.holds

    def __str__(self) -> str:
        return f"{self.name}: needs {self.needs:,} {self.unit} a PE, holds {self.holds:,}"


@dataclass(frozen=True)
class Half:
    """What half of every PE's memories holds, while the other half is being filled: the most of a tile.

    entries: that lie in half of the sparse-matrix SRAM, bit beside bit. pointers: in half of the pointer SRAM.
    """

    entries: int
    pointers: int

    def holds(self, entries: int, columns: int) -> bool:
        """Whether it holds so many entries of a PE in so many columns, in reach of the pointers."""
        return entries <= min(self.entries, POINTER_REACH) and columns + 1 <= self.pointers


def half(config: MachineConfig) -> Half:
    """Half of a machine's memories."""
    return Half(config.spmat_bytes * 8 // 2 // config.entry_bits, config.pointer_bytes * 8 // 2 // POINTER_BITS)


def held(config: MachineConfig) -> dict[str, int]:
    """What each memory of a PE holds, by name: entries, pointers or activations of 16 bits."""
    spmat_rows = config.spmat_bytes * 8 // config.spmat_width
    return {
        "spmat_sram": spmat_rows * config.entries_per_row,
        "pointer_sram": config.pointer_bytes * 8 // POINTER_BITS,
        "pointer_range": POINTER_REACH,
        "activation_sram": config.activation_bytes // ACTIVATION_BYTES,
        "register_file": REGISTER_FILE_ACTIVATIONS,
    }


def needs(layer: InterleavedLayer, config: MachineConfig) -> tuple[Need, ...]:
    """A layer's needs of each memory of the published design, all its weights resident."""
    activations = -(-max(layer.layer.rows, layer.layer.cols) // layer.pes)
    return _needs(layer.most_entries, layer.columns, activations, config)


@lru_cache(maxsize=256)
def _needs(most_entries: int, columns: int, activations: int, config: MachineConfig) -> tuple[Need, ...]:
    asked = {
        "spmat_sram": (most_entries, "entries"),
        "pointer_sram": (columns + 1, "pointers"),
        "pointer_range": (most_entries, f"entries in reach of a {POINTER_BITS}-bit pointer"),
        "activation_sram": (activations, "activations"),
        "register_file": (activations, "activations"),
    }
    there = held(config)
    return tuple(Need(name, needed, there[name], unit) for name, (needed, unit) in asked.items())


def weights_fit(layer: InterleavedLayer, config: MachineConfig) -> bool:
    """Whether the PEs' sparse-matrix and pointer SRAMs hold all of a layer's weights, in reach of the pointers."""
    return all_fit(needs(layer, config))


def all_fit(asked: tuple[Need, ...]) -> bool:
    """The same of what `needs` gave."""
    spmat_sram, pointer_sram, pointer_range, *_ = asked
    return spmat_sram.fits and pointer_sram.fits and pointer_range.fits


def exceeded(layer: InterleavedLayer, config: MachineConfig, asked: tuple[Need, ...] | None = None) -> tuple[str, ...]:
    """One line for each capacity exceeded, beginning with its name. asked: what `needs` gave, if that is at hand.

    Weights that are streamed (`config.weights`) are cut until they fit; then only activations can be too many.
    """
    asked = needs(layer, config) if asked is None else asked
    if config.weights != "resident":
        asked = tuple(need for need in asked if need.name not in OF_WEIGHTS)
    return tuple(str(need) for need in asked if not need.fits)
