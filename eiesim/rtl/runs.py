"""A run: inputs through one or more layers, as integers, for the RTL and for the clocked machine alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.arithmetic import Operands, prepare
from eiesim.config import MachineConfig
from eiesim.encoding import interleave
from eiesim.errors import EieError
from eiesim.job import Job
from eiesim.layer import CompressedLayer
from eiesim.rtl.hardware import Hardware

SHIFTS = (-16, 62)
"""The shifts between product and accumulator that there are."""


@dataclass(frozen=True)
class Stage:
    """A layer of a run. one: the bias's activation. relu: whether its outputs pass ReLU."""

    job: Job
    one: int
    relu: bool

    @property
    def shift(self) -> int:
        """Between product and accumulator."""
        if self.job.rounding is None:
            raise EieError("arithmetic = float32: the RTL computes in fixed point")
        return self.job.rounding[0]

    def rows(self, activations: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Activations, int64[cols], as the LNZD meets them: int64[activation rows, pes]."""
        operands = Operands("fixed16", activations[None], self.job.codebook, self.job.rounding, self.one, {})
        rows: npt.NDArray[np.int64] = self.job.in_rows(operands)[0]
        return rows

    def outputs(self, sums: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """What the next layer takes: the sums, after ReLU if the layer has one."""
        return np.maximum(sums, 0) if self.relu else sums


@dataclass(frozen=True)
class RtlRun:
    """Hardware, its layers in order, and inputs: int64[batch, cols] as the arithmetic holds them."""

    name: str
    hardware: Hardware
    stages: tuple[Stage, ...]
    inputs: npt.NDArray[np.int64]


def of_layer(layer: CompressedLayer, activations: npt.NDArray[Any], config: MachineConfig) -> RtlRun:
    """A run of one layer and a batch (float32[batch, cols]) on the hardware of a configuration.

    Raises EieError for what the RTL does not cover.
    """
    interleaved = interleave(layer, config.pes, config.index_bits)
    hardware = Hardware.of(config, [interleaved])
    if len(layer.codebook) > 2**config.weight_bits:
        raise EieError(
            f"layer '{layer.name}': its codebook has {len(layer.codebook)} entries, "
            f"weight_bits = {config.weight_bits} reach {2**config.weight_bits}"
        )
    operands = prepare(layer, activations, config)
    job = Job.of(interleaved, operands, config, outputs=True)
    stage = Stage(job, int(operands.one), layer.activation == "relu")
    return RtlRun(layer.name, hardware, (stage,), operands.activations)


def outputs_in_rows(outputs: npt.NDArray[np.int64], pes: int) -> npt.NDArray[np.int64]:
    """Outputs dealt over PEs: int64[activation rows, pes], zeros at the end."""
    rows = np.zeros((-(-len(outputs) // pes), pes), np.int64)
    rows.reshape(-1)[: len(outputs)] = outputs
    return rows


def checksum(values: Sequence[int] | npt.NDArray[np.int64], value_bits: int, start: int = 0x811C9DC5) -> int:
    """FNV-1a of 32 bits over values, one after the other: what `testbench.sv` prints."""
    digest, mask = start, (1 << value_bits) - 1
    for value in np.asarray(values).reshape(-1).tolist():
        digest = (digest ^ (value & mask)) * 0x01000193 & 0xFFFFFFFF
    return digest
