"""What the PEs' memories hold, and whether a layer fits (docs/machine.md, "Capacities of the published design")."""

from dataclasses import dataclass

from eiesim.config import MachineConfig
from eiesim.encoding import InterleavedLayer

POINTER_BITS = 16
ACTIVATION_BYTES = 2
REGISTER_FILE_ACTIVATIONS = 64
"""Two register files of 64 activations (EIE Sec. IV); larger vectors go through the activation SRAM."""


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


def needs(layer: InterleavedLayer, config: MachineConfig) -> tuple[Need, ...]:
    """A layer's needs of each memory of the published design."""
    most_entries = int(layer.entries_per_pe.max())
    spmat_rows = config.spmat_bytes * 8 // config.spmat_width
    activations = -(-max(layer.layer.rows, layer.layer.cols) // layer.pes)
    return (
        Need("spmat_sram", most_entries, spmat_rows * config.entries_per_row, "entries"),
        Need("pointer_sram", layer.columns + 1, config.pointer_bytes * 8 // POINTER_BITS, "pointers"),
        Need("pointer_range", most_entries, 2**POINTER_BITS - 1, "entries in reach of a 16-bit pointer"),
        Need("activation_sram", activations, config.activation_bytes // ACTIVATION_BYTES, "activations"),
        Need("register_file", activations, REGISTER_FILE_ACTIVATIONS, "activations"),
    )


def exceeded(layer: InterleavedLayer, config: MachineConfig) -> tuple[str, ...]:
    """One line for each capacity exceeded, beginning with its name."""
    return tuple(str(need) for need in needs(layer, config) if not need.fits)
