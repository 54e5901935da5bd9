"""How a layer's real inputs are read off the graph's values, as vectors: rows of [vectors, cols]."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]

Vectors = Callable[..., tuple[Values, int]]
"""Of the values of a tap's tensors, and at most so many positions an image: vectors [n, cols], and all there are."""


@dataclass(frozen=True)
class Tap:
    """Where a layer's inputs are. tensors: the graph's values that `vectors` takes, in order.

    within: nodes and attributes on the way to the body that holds them (name of the node, attribute); empty for the
    graph itself. rank: axes of the values, where `vectors` needs them; turns of a loop lie before these. 0 is any.
    """

    tensors: tuple[str, ...]
    vectors: Vectors
    within: tuple[tuple[str, str], ...] = ()
    rank: int = 0

    @property
    def tensor(self) -> str:
        """The first of the tensors."""
        return self.tensors[0]

    def read(self, *values: Values, positions: int | None = None, seed: int = 0) -> tuple[Values, int]:
        """Vectors of the tensors' values."""
        return self.vectors(*(flat(one, self.rank) for one in values), positions=positions, seed=seed)


def flat(values: Values, rank: int) -> Values:
    """Values with the turns of loops, axes beyond the rank, as part of the batch."""
    return values if not rank or values.ndim <= rank else values.reshape(-1, *values.shape[values.ndim - rank + 1 :])


def last_axis(values: Values, positions: int | None = None, seed: int = 0) -> tuple[Values, int]:
    """[..., cols] to [vectors, cols]."""
    vectors = values.reshape(-1, values.shape[-1])
    return vectors, len(vectors)


def columns(values: Values, positions: int | None = None, seed: int = 0) -> tuple[Values, int]:
    """[..., cols, vectors] to [vectors, cols]; one vector, [cols], is one."""
    return last_axis(np.moveaxis(values, -2, -1) if values.ndim > 1 else values)


def pixels(values: Values, positions: int | None = None, seed: int = 0) -> tuple[Values, int]:
    """[batch, channels, ...] to [batch x positions, channels]."""
    return Windows((1,) * (values.ndim - 2)).vectors(values, positions, seed)


@dataclass(frozen=True)
class Windows:
    """A convolution's windows (im2col): one vector an output position, channels first, then the kernel's places.

    pads: (before, after) by axis; or auto: the ONNX word, SAME_UPPER or SAME_LOWER.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...] = ()
    dilations: tuple[int, ...] = ()
    pads: tuple[tuple[int, int], ...] = ()
    auto: str = ""

    @property
    def is_pointwise(self) -> bool:
        """Whether a position's vector is a pixel, and every pixel has one."""
        moved = any(step != 1 for step in self.strides) or any(map(any, self.pads))
        return not moved and all(size == 1 for size in self.kernel)

    def vectors(self, values: Values, positions: int | None = None, seed: int = 0) -> tuple[Values, int]:
        """[batch, channels, *spatial] to [batch x positions, channels x kernel]; and the positions of all images.

        positions: at most so many of each image, the same ones, drawn by seed; None is all.
        """
        axes = range(2, values.ndim)
        strides = self.strides or (1,) * len(self.kernel)
        dilations = self.dilations or (1,) * len(self.kernel)
        reach = tuple((size - 1) * gap + 1 for size, gap in zip(self.kernel, dilations, strict=True))
        padded = np.pad(values, [(0, 0), (0, 0), *self._pads(values.shape[2:], strides, reach)])
        windows = np.lib.stride_tricks.sliding_window_view(padded, reach, tuple(axes))
        steps = [slice(None, None, step) for step in strides] + [slice(None, None, gap) for gap in dilations]
        windows = windows[(slice(None), slice(None), *steps)]
        outputs = windows.shape[2 : values.ndim]
        count = int(np.prod(outputs))
        chosen = np.arange(count)
        if positions is not None and positions < count:
            chosen = np.sort(np.random.default_rng(seed).choice(count, positions, replace=False))
        everywhere: tuple[Any, ...] = (slice(None), slice(None))
        picked = windows[everywhere + np.unravel_index(chosen, outputs)]
        picked = np.moveaxis(picked, 2, 1)  # [batch, position, channel, *kernel]
        return picked.reshape(len(values) * len(chosen), -1), len(values) * count

    def outputs(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Output positions by axis, of an input of these sizes."""
        strides, dilations = self.strides or (1,) * len(self.kernel), self.dilations or (1,) * len(self.kernel)
        reach = [(size - 1) * gap + 1 for size, gap in zip(self.kernel, dilations, strict=True)]
        every = zip(sizes, self._pads(sizes, strides, reach), reach, strides, strict=True)
        return tuple((size + sum(pads) - needs) // step + 1 for size, pads, needs, step in every)

    def _pads(self, sizes: Sequence[int], strides: Sequence[int], reach: Sequence[int]) -> tuple[tuple[int, int], ...]:
        if not self.auto:
            return self.pads or ((0, 0),) * len(sizes)
        pads = []
        for size, step, needs in zip(sizes, strides, reach, strict=True):
            missing = max((-(-size // step) - 1) * step + needs - size, 0)
            less = missing // 2
            pads.append((less, missing - less) if self.auto == "SAME_UPPER" else (missing - less, less))
        return tuple(pads)


@dataclass(frozen=True, eq=False)
class States:
    """A recurrent layer's hidden states before each step.

    direction: which of the states' directions. backward: whether it runs from the last step to the first.
    batch_first: the ONNX layout 1. initial: constant first states, [directions, batch, hidden]; None is zeros, or the
    second tensor where there is one.
    """

    direction: int
    backward: bool
    batch_first: bool
    initial: Values | None = None

    def vectors(self, *tensors: Any, **_: Any) -> tuple[Values, int]:
        """States [steps, directions, batch, hidden] (or batch first), and maybe the initial ones, to vectors."""
        values = [one for one in tensors if isinstance(one, np.ndarray)]
        states, initial = values[0], values[1] if len(values) > 1 else self.initial
        if self.batch_first:  # [batch, steps, directions, hidden], and [batch, directions, hidden]
            states = np.moveaxis(states, 0, 2)
            initial = None if initial is None else np.moveaxis(initial, 0, 1)
        own = states[:, self.direction]
        first = np.zeros_like(own[:1]) if initial is None else np.broadcast_to(initial[self.direction], own[:1].shape)
        before = np.concatenate([own[1:], first]) if self.backward else np.concatenate([first, own[:-1]])
        return last_axis(before)
