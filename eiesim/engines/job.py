"""What every engine is given, and what it gives back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.arithmetic import Operands, Rounding
from eiesim.config import MachineConfig
from eiesim.encoding import InterleavedLayer


@dataclass(frozen=True)
class Job:
    """One layer on one machine, ready to run on inputs.

    layer: the layer as the PEs store it. codebook: as the arithmetic holds it, float32 or int64[codes].
    rounding: (shift, low, high) of the accumulators, None for float32.
    queue_depth: usable places. entries_per_row: entries in an SRAM row.
    outputs: whether the sums are wanted, or only the timing.
    """

    layer: InterleavedLayer
    codebook: npt.NDArray[Any]
    rounding: Rounding | None
    queue_depth: int
    entries_per_row: int
    outputs: bool

    @classmethod
    def of(cls, layer: InterleavedLayer, operands: Operands, config: MachineConfig, outputs: bool) -> "Job":
        """The job that a configuration makes of a layer and its operands."""
        return cls(layer, operands.codebook, operands.rounding, config.queue_depth, config.entries_per_row, outputs)

    def in_rows(self, operands: Operands) -> npt.NDArray[Any]:
        """The activations as the LNZD meets them: [batch, activation rows, pes], zeros and the bias's 1.0 filled in."""
        layer = self.layer
        batch, cols = operands.activations.shape
        rows = np.zeros((batch, layer.activation_rows * layer.pes), operands.activations.dtype)
        rows[:, :cols] = operands.activations
        if layer.layer.bias_codes is not None:
            rows[:, layer.columns - 1] = operands.one
        return rows.reshape(batch, layer.activation_rows, layer.pes)


@dataclass(frozen=True)
class PerPe:
    """Counters of spec/machine.md by PE: int64[pes] each, or [batch, pes] over a batch."""

    queue_pushes: npt.NDArray[np.int64]
    queue_pops: npt.NDArray[np.int64]
    max_occupancy: npt.NDArray[np.int64]
    pointer_reads: npt.NDArray[np.int64]
    empty_columns: npt.NDArray[np.int64]
    spmat_row_reads: npt.NDArray[np.int64]
    entries: npt.NDArray[np.int64]
    padding_entries: npt.NDArray[np.int64]
    macs: npt.NDArray[np.int64]
    bypasses: npt.NDArray[np.int64]
    accumulator_reads: npt.NDArray[np.int64]
    accumulator_writes: npt.NDArray[np.int64]
    busy_real: npt.NDArray[np.int64]
    busy_padding: npt.NDArray[np.int64]
    busy_empty: npt.NDArray[np.int64]
    starved: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Run:
    """One input through one layer. sums: the accumulators, [rows], before ReLU; None where only timing was asked."""

    cycles: int
    scan_last: int
    broadcasts: int
    scan_bubbles: int
    broadcast_stalls: int
    per_pe: PerPe
    sums: npt.NDArray[Any] | None
