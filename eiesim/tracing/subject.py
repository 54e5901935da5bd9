"""Subject: one input on its way through one layer, prepared as `simulate` prepares it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.arithmetic import prepare
from eiesim.config import MachineConfig
from eiesim.encoding import InterleavedLayer
from eiesim.errors import EieError
from eiesim.job import Job
from eiesim.layer import CompressedLayer, as_float32
from eiesim.simulation import _check_activations, _interleaved_for


@dataclass(frozen=True, eq=False)
class Subject:
    """What is looked at.

    job: the layer on its machine. rows: the input as the LNZD meets it, [activation rows, pes].
    one_unit: the real value of 1 in `rows`, so that rows * one_unit are the activations (1.0 under float32).
    given: what it was made of, (layer, activations, item).
    """

    config: MachineConfig
    job: Job
    rows: npt.NDArray[Any]
    one_unit: float
    given: tuple[CompressedLayer | InterleavedLayer, npt.NDArray[np.float32], int | None]

    @property
    def layer(self) -> InterleavedLayer:
        """The layer as the PEs store it."""
        return self.job.layer

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.layer.layer.name or "layer"

    def activations(self, columns: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """The activations of some columns as the arithmetic holds them, in real values: float64, as `columns`."""
        values: npt.NDArray[np.float64] = self.rows.reshape(-1)[columns].astype(np.float64) * self.one_unit
        return values

    @classmethod
    def of(
        cls,
        layer: CompressedLayer | InterleavedLayer,
        activations: npt.ArrayLike,
        config: MachineConfig | None = None,
        item: int | None = None,
        outputs: bool = False,
    ) -> "Subject":
        """Prepare one input. activations: float[cols], or [batch, cols] of which `item` is looked at.

        In fixed point a batch shares its fraction bits, so an item of a batch is not the same as that input alone.
        outputs: whether the accumulators' format is needed too (the clocked machine computes sums).
        Raises EieError as `simulate` does, and for an item that is missing or not in the batch.
        """
        config = config or MachineConfig()
        if config.weights != "resident":
            raise EieError(f"weights = '{config.weights}': only a machine whose weights are resident is traced")
        values = np.atleast_2d(as_float32("activations", activations))
        plain = layer.layer if isinstance(layer, InterleavedLayer) else layer
        _check_activations(values, plain)
        if item is None and len(values) > 1:
            raise EieError(f"activations: a batch of {len(values)} inputs; say which item, 0 to {len(values) - 1}")
        if item is not None and not 0 <= item < len(values):
            raise EieError(f"item = {item}: the batch has {len(values)} inputs, 0 to {len(values) - 1}")
        if len(plain.codebook) > 2**config.weight_bits:
            raise EieError(
                f"layer '{plain.name}': its codebook has {len(plain.codebook)} entries, "
                f"weight_bits = {config.weight_bits} reach {2**config.weight_bits}"
            )
        operands = prepare(plain, values, config, outputs)
        job = Job.of(_interleaved_for(layer, config), operands, config, outputs)
        one_unit = float(np.ldexp(1.0, -operands.fraction_bits.get("activation", 0)))
        return cls(config, job, job.in_rows(operands)[item or 0], one_unit, (layer, values, item))

    def with_sums(self) -> "Subject":
        """The same with the accumulators' format, which timing alone does not need."""
        layer, values, item = self.given
        return self if self.job.outputs else Subject.of(layer, values, self.config, item, outputs=True)
