"""Subject: one input on its way through one layer, prepared as `simulate` prepares it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._shown import Brief
from eiesim.arithmetic import prepare
from eiesim.config import MachineConfig
from eiesim.encoding import InterleavedLayer
from eiesim.errors import EieError
from eiesim.job import Job
from eiesim.layer import CompressedLayer, as_float32
from eiesim.simulation import Layered, _check_activations, _interleaved_for, simulate

Traceable = CompressedLayer | InterleavedLayer | Layered


@dataclass(frozen=True, eq=False, repr=False)
class Subject(Brief):
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
        layer: Traceable,
        activations: Any = None,
        config: MachineConfig | None = None,
        item: int | None = None,
        outputs: bool = False,
    ) -> "Subject":
        """Prepare one input.

        layer: a layer, compressed or interleaved for `config`, or what has just one (`eiesim.open`).
        activations: float[cols], or [batch, cols] of which `item` is looked at; None is the layer's own.

        In fixed point a batch shares its fraction bits, so an item of a batch is not the same as that input alone.
        outputs: whether the accumulators' format is needed too (the clocked machine computes sums).
        Raises EieError as `simulate` does, and for an item that is missing or not in the batch.
        """
        config = config or MachineConfig()
        layer, activations = _one(layer, activations)
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


def subjects(
    layers: Sequence[CompressedLayer], activations: npt.ArrayLike, config: MachineConfig, item: int | None = None
) -> Iterator[Subject]:
    """One input on its way through layers in a row, layer by layer. Arguments as in `Subject.of`.

    A layer is run when the one after it is asked for: its outputs are that one's input, a batch's all at once.
    """
    for place, layer in enumerate(layers):
        if place > 0:
            outputs = simulate(layers[place - 1], activations, config).outputs
            assert outputs is not None
            activations = outputs
        yield Subject.of(layer, activations, config, item)


def _one(layer: Any, activations: Any) -> tuple[CompressedLayer | InterleavedLayer, Any]:
    """The layer that is meant, and its input."""
    if not isinstance(layer, CompressedLayer | InterleavedLayer):
        held = list(layer.layers)
        if len(held) != 1:
            raise EieError(f"{len(held)} layers are given; a trace follows one at a time")
        activations = getattr(layer, "activations", None) if activations is None else activations
        layer = held[0]
    if activations is None:
        plain = layer.layer if isinstance(layer, InterleavedLayer) else layer
        raise EieError(f"layer '{plain.name}' brings no activations; give some")
    return layer, activations
