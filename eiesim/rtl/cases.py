"""Random runs: a dozen pieces of hardware, so that few builds are needed, and on each of them any layers and inputs."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from eiesim.arithmetic import Adder, fixed_rounding, rest_of
from eiesim.config import MachineConfig
from eiesim.encoding import interleave
from eiesim.job import Job
from eiesim.layer import CompressedLayer
from eiesim.rtl.hardware import ADDER, MULTIPLY, Hardware
from eiesim.rtl.runs import SHIFTS, RtlRun, Stage

SHAPES = (
    # pes, queue_depth, index_bits, weight_bits, row_entries, value_bits, activations
    (4, 8, 4, 4, 8, 16, 64),
    (1, 1, 4, 4, 8, 16, 64),
    (2, 2, 2, 2, 4, 16, 16),
    (5, 7, 4, 4, 1, 16, 16),
    (4, 3, 2, 6, 16, 8, 64),
    (16, 8, 4, 4, 8, 16, 16),
    (5, 1, 3, 5, 2, 8, 128),
    (2, 16, 8, 8, 4, 16, 128),
    (4, 4, 5, 3, 32, 8, 16),
    (16, 2, 6, 2, 8, 8, 16),
    (1, 5, 2, 2, 16, 8, 128),
    (4, 12, 7, 8, 2, 16, 64),
)
"""PEs 1 to 16, four to the power of something and not; queues 1 to 16; index and weight bits 2 to 8."""


def shapes(operation: int = MULTIPLY) -> tuple[Hardware, ...]:
    """The pieces of hardware, with memories that are small enough to be loaded at once."""
    # An adder unit's words have an odd number of bits then, as in the published machine.
    columns = 12 if operation == ADDER else 11
    sizes = {"spmat_rows": 4096, "pointer_words": 1024, "pointer_bits": 14, "column_bits": columns}
    return tuple(Hardware(*shape, **sizes, operation=operation) for shape in SHAPES)


def shape_of(config: MachineConfig) -> Hardware:
    """The hardware of a configuration, with memories that hold any random run."""
    hardware = Hardware.of(config)
    return replace(
        hardware,
        spmat_rows=max(hardware.spmat_rows, 4096 * 8 // hardware.row_entries),
        pointer_words=max(hardware.pointer_words, 1024),
    )


def random_run(seed: int, number: int, hardware: Hardware | None = None, operation: int = MULTIPLY) -> RtlRun:
    """Case `number` of a seed; each can be made without those before it. hardware: None is one of `shapes`, in turn.

    One to three layers in a row, one or two inputs; empty and full columns and rows; biases; every shift; codebooks and
    activations with the largest and smallest values, so that sums saturate.
    """
    rng = np.random.default_rng([seed, number])
    if hardware is None:
        every = shapes(operation)
        hardware = every[number % len(every)]
    widths = [_width(rng, hardware)]
    stages = []
    for _ in range(int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))):
        widths.append(_width(rng, hardware))
        stages.append(_stage(rng, hardware, widths[-1], widths[-2], number))
    batch = int(rng.choice([1, 2]))
    inputs = _values(rng, hardware.value_bits, (batch, widths[0]))
    inputs[rng.random(inputs.shape) > _share(rng)] = 0
    return RtlRun(f"case {number}", hardware, tuple(stages), inputs)


def _width(rng: np.random.Generator, hardware: Hardware) -> int:
    """Outputs or inputs of a layer: few or many, at most what a bank of activations holds."""
    most = min(hardware.pes * hardware.activations, 320)
    least = 1 if rng.random() < 0.3 else min(16, most)
    return int(np.exp(rng.uniform(np.log(least), np.log(most + 1))))


def _stage(rng: np.random.Generator, hardware: Hardware, rows: int, cols: int, number: int) -> Stage:
    values = int(rng.integers(2, 2**hardware.weight_bits + 1))
    most = 6000 / (rows * cols)  # Entries in all, so that a case takes seconds.
    codes = rng.integers(1, values, (rows, cols)) * (rng.random((rows, cols)) < min(_share(rng), most))
    if rng.random() < 0.3:
        codes[:, rng.random(cols) > _share(rng)] = 0
    if rng.random() < 0.3:
        codes[rng.random(rows) > _share(rng)] = 0
    bias = rng.integers(0, values, rows) * (rng.random(rows) < _share(rng)) if rng.random() < 0.5 else None
    columns, indices = np.nonzero(codes.T)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(columns, minlength=cols))])
    layer = CompressedLayer(
        shape=(rows, cols),
        indptr=indptr.astype(np.int64),
        indices=indices.astype(np.int32),
        codes=codes.T[columns, indices].astype(np.uint8),
        codebook=np.arange(values, dtype=np.float32),
        bias_codes=None if bias is None else bias.astype(np.uint8),
    )
    codebook = _values(rng, hardware.value_bits, values)
    codebook[0] = 0
    # Shifts near the product's middle, where sums neither vanish nor all saturate, and each one in turn.
    near = int(rng.integers(0, 2 * hardware.value_bits))
    every = SHIFTS[0] + number % (SHIFTS[1] - SHIFTS[0] + 1)
    if hardware.operation == ADDER:
        near //= 2  # A term has half a product's bits.
    shift = near if rng.random() < 0.6 else every
    one = int(_values(rng, hardware.value_bits, 1)[0])
    interleaved = interleave(layer, hardware.pes, hardware.index_bits)
    rounding = fixed_rounding(shift, hardware.value_bits)
    job = Job(interleaved, codebook, rounding, hardware.queue_depth, hardware.row_entries, True)
    if hardware.operation == ADDER:
        bias_column = -1 if bias is None else interleaved.columns - 1
        job = replace(job, adder=Adder(bias_column, rest_of(layer, codebook), cols + 1))
    return Stage(job, one, bool(rng.integers(2)))


def _values(rng: np.random.Generator, bits: int, shape: int | tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Numbers of so many bits: any, small ones, or the largest and smallest."""
    low = -(2 ** (bits - 1))
    kind = rng.integers(3)
    if kind == 0:
        return rng.integers(low, -low, shape)
    if kind == 1:
        return np.clip(np.rint(rng.normal(0, -low / 16, shape)), low, -low - 1).astype(np.int64)
    return rng.choice(np.array([low, low + 1, -1, 1, 2, -low - 1]), shape)


def _share(rng: np.random.Generator) -> float:
    """A density: now and then none or all, else anything between."""
    return float(rng.choice([0.0, 1.0, rng.random(), rng.random() ** 3], p=[0.06, 0.14, 0.5, 0.3]))
