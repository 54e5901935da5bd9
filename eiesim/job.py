"""Job: what every engine is given. Its answer is a `counters.Run`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._shown import Brief
from eiesim.arithmetic import Adder, Draw, Operands, Rounding
from eiesim.config import MachineConfig
from eiesim.encoding import InterleavedLayer


@dataclass(frozen=True, repr=False)
class Job(Brief):
    """One layer on one machine, ready to run on inputs.

    layer: the layer as the PEs store it. codebook: as the arithmetic holds it, float32 or int64[codes].
    rounding: of the accumulators, see `arithmetic.Rounding`; None for float32.
    queue_depth: usable places. entries_per_row: entries in an SRAM row.
    outputs: whether the sums are wanted, or only the timing.
    start: the accumulators before the first entry, [rows]; None is all 0 (a tile goes on where the one before ended).
    multipliers: multiply-accumulate lanes of a PE. draw: for stochastic rounding, else None. adder: of adder units;
    None multiplies.
    """

    layer: InterleavedLayer
    codebook: npt.NDArray[Any]
    rounding: Rounding | None
    queue_depth: int
    entries_per_row: int
    outputs: bool
    start: npt.NDArray[Any] | None = None
    multipliers: int = 1
    draw: Draw | None = None
    adder: Adder | None = None

    @classmethod
    def of(
        cls,
        layer: InterleavedLayer,
        operands: Operands,
        config: MachineConfig,
        outputs: bool,
        numbers: npt.NDArray[np.int64] | None = None,
        with_bias: bool = False,
    ) -> "Job":
        """The job that a configuration makes of a layer and its operands.

        numbers: int64[columns], those of a tile's columns in the layer that it is of; None is a whole layer.
        with_bias: whether a tile's last column is the bias.
        """
        whole = numbers is None
        bias = layer.columns - 1 if with_bias or layer.layer.bias_codes is not None else -1
        draw = None
        if operands.seed is not None:
            if numbers is None:
                numbers = np.arange(layer.columns)
                if layer.layer.bias_codes is not None:
                    numbers[-1] = layer.layer.cols
            draw = operands.draw(numbers)
        return cls(
            layer,
            operands.codebook,
            operands.rounding,
            config.queue_depth,
            config.entries_per_row,
            outputs,
            multipliers=config.multipliers,
            draw=draw,
            adder=operands.adder(bias, whole, layer.layer.cols),
        )

    @property
    def walk_pointers(self) -> npt.NDArray[np.int32]:
        """int32[columns + 1, pes]: column j takes PE p so many cycles as these differ from j to j + 1, or one if 0.

        One multiplier walks an entry a cycle, several an aligned group.
        """
        return self.layer.pointers if self.multipliers == 1 else self.layer.groups(self.multipliers).pointers

    def accumulators(self) -> npt.NDArray[Any]:
        """The accumulators before the first entry, [rows], the caller's own to write to."""
        zeros = np.zeros(self.layer.layer.rows, self.codebook.dtype)
        return zeros if self.start is None else self.start.copy()

    def in_rows(self, activations: npt.NDArray[Any], one: Any) -> npt.NDArray[Any]:
        """Activations, [batch, cols], as the LNZD meets them: [batch, activation rows, pes].

        Zeros and the bias's 1.0, `one`, are filled in.
        """
        layer = self.layer
        batch, cols = activations.shape
        if cols == layer.activation_rows * layer.pes and activations.flags.c_contiguous and activations.flags.writeable:
            return activations.reshape(batch, layer.activation_rows, layer.pes)
        rows = np.zeros((batch, layer.activation_rows * layer.pes), activations.dtype)
        rows[:, :cols] = activations
        if layer.layer.bias_codes is not None:
            rows[:, layer.columns - 1] = one
        return rows.reshape(batch, layer.activation_rows, layer.pes)
