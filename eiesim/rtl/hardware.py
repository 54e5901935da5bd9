"""What a piece of hardware is built for: the parameters of `eie.sv`, and what the RTL does not cover."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from eiesim.arithmetic import FIXED_BITS
from eiesim.capacity import POINTER_BITS, REGISTER_FILE_ACTIVATIONS
from eiesim.config import MachineConfig
from eiesim.encoding import InterleavedLayer
from eiesim.errors import EieError

ARITHMETICS = ("fixed16", "fixed8")

ONLY = {"multipliers": 1, "mapping": "interleaved", "rounding": "nearest", "activation_threshold": 0.0}
"""Of these keys (docs/variants.md) the RTL has one value."""

MULTIPLY, ADDER = 0, 1
"""OPERATION, by the key `operation`."""

LAYOUT = ("pes", "index_bits", "weight_bits", "row_entries", "value_bits", "operation")
"""What memory images are laid out for. Images of other values are other images."""

SIZES = ("activations", "spmat_rows", "pointer_words", "pointer_bits", "column_bits")
"""What only has to be large enough for the images."""


def needed(layers: Sequence[InterleavedLayer], row_entries: int) -> dict[str, int]:
    """The least of each of `SIZES` with which the RTL holds layers whole."""
    least = dict.fromkeys(SIZES, 1)
    least["pointer_bits"] = max(2, (row_entries - 1).bit_length())
    for layer in layers:
        most = int(layer.entries_per_pe.max(initial=0))
        holds = {
            "activations": max(-(-layer.layer.cols // layer.pes), layer.rows_per_pe),
            "spmat_rows": -(-most // row_entries),
            "pointer_words": layer.columns // 2 + 1,
            "pointer_bits": most.bit_length(),
            "column_bits": layer.columns.bit_length(),
        }
        least = {name: max(value, holds[name]) for name, value in least.items()}
    return least


@dataclass(frozen=True)
class Hardware:
    """The parameters of `eie.sv`, by the names they have there, in small letters.

    row_entries: entries in an SRAM row, a power of two. value_bits: of an activation, a codebook value, an accumulator.
    activations: words in each of a PE's two banks. pointer_words: in each of the two pointer banks.
    operation: what a PE does with a weight and an activation, MULTIPLY or ADDER. It is chosen as the sources are read,
    so that yosys reads of a multiplier's what it would read if there were no other.
    """

    pes: int = 4
    queue_depth: int = 8
    index_bits: int = 4
    weight_bits: int = 4
    row_entries: int = 8
    value_bits: int = 16
    activations: int = REGISTER_FILE_ACTIVATIONS
    spmat_rows: int = 16384
    pointer_words: int = 8192
    pointer_bits: int = POINTER_BITS
    column_bits: int = POINTER_BITS
    operation: int = MULTIPLY

    @property
    def row_bits(self) -> int:
        """Bits of a word's address in a bank of activations."""
        return max(1, (self.activations - 1).bit_length())

    @property
    def rest_bits(self) -> int:
        """Bits of what an adder unit adds to a sum for its row: some before the point, `rest_fraction_bits` behind."""
        return self.value_bits + 1 + self.rest_fraction_bits

    @property
    def rest_fraction_bits(self) -> int:
        """Bits of the sum of all magnitudes of weights and inputs of a row: behind more, a rest rounds to 0."""
        return self.column_bits + self.value_bits

    def parameters(self) -> dict[str, int]:
        """By the names in the RTL."""
        return {name.upper(): value for name, value in asdict(self).items() if name != "operation"}

    @property
    def defines(self) -> list[str]:
        """Options of every tool that reads the sources."""
        return ["-DADDER"] if self.operation == ADDER else []

    @classmethod
    def of(cls, config: MachineConfig, layers: Sequence[InterleavedLayer] = ()) -> "Hardware":
        """The hardware of a configuration. A memory that a layer needs larger is the next power of two.

        Raises EieError for float32, fixed32, a variant of `ONLY`, and SRAM rows whose number of entries is not a power
        of two.
        """
        if config.arithmetic not in ARITHMETICS:
            raise EieError(
                f"arithmetic = {config.arithmetic}: the RTL computes in fixed point; choose {' or '.join(ARITHMETICS)}"
            )
        if config.weights != "resident":
            raise EieError(f"weights = {config.weights}: the RTL holds its weights; choose resident")
        for key, only in ONLY.items():
            if (held := getattr(config, key)) != only:
                raise EieError(f"{key} = {held}: the RTL is the published machine, with {key} = {only}")
        entries = config.entries_per_row
        if entries & (entries - 1):
            raise EieError(
                f"spmat_width = {config.spmat_width}: an SRAM row of {entries} entries; the RTL needs a power of two, "
                f"such as spmat_width = {config.entry_bits << (entries.bit_length() - 1)}"
            )
        least = needed(layers, entries)
        pointer_words = max(config.pointer_bytes * 8 // POINTER_BITS // 2, _power_of_two(least["pointer_words"]))
        spmat_rows = config.spmat_bytes * 8 // (entries * config.entry_bits)
        return cls(
            pes=config.pes,
            queue_depth=config.queue_depth,
            index_bits=config.index_bits,
            weight_bits=config.weight_bits,
            row_entries=entries,
            value_bits=FIXED_BITS[config.arithmetic],
            activations=max(REGISTER_FILE_ACTIVATIONS, _power_of_two(least["activations"])),
            spmat_rows=max(2, spmat_rows, _power_of_two(least["spmat_rows"])),
            pointer_words=max(2, pointer_words),
            pointer_bits=max(POINTER_BITS, least["pointer_bits"]),
            column_bits=max(POINTER_BITS, pointer_words.bit_length() + 1),
            operation=ADDER if config.operation == "adder" else MULTIPLY,
        )

    def grown(self, config: MachineConfig) -> tuple[str, ...]:
        """Which memories are larger than those of `config`, a sentence each."""
        plain = Hardware.of(config)
        return tuple(
            f"{name.replace('_', ' ')}: {getattr(self, name):,} instead of {getattr(plain, name):,}"
            for name in ("activations", "spmat_rows", "pointer_words", "pointer_bits")
            if getattr(self, name) > getattr(plain, name)
        )


def _power_of_two(needed: int) -> int:
    return 1 << max(0, needed - 1).bit_length()
