"""A run: inputs through one or more layers, as integers, for the RTL and for the clocked machine alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from eiesim.errors import EieError
from eiesim.job import Job
from eiesim.prepared import Prepared
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
        rows: npt.NDArray[np.int64] = self.job.in_rows(activations[None], self.one)[0]
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


def of_prepared(prepared: Prepared) -> RtlRun:
    """A run of one layer and its batch on the hardware of its machine. Raises EieError for what the RTL lacks."""
    hardware = Hardware.of(prepared.config, [prepared.layer])
    stage = Stage(prepared.job, int(prepared.operands.one), prepared.relu)
    return RtlRun(prepared.plain.name, hardware, (stage,), prepared.operands.activations)


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
