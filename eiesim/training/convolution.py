"""Convolution: a layer whose matrix meets a window at every position of an image, and the pooling behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.dense import DenseLayer
from eiesim.errors import EieError
from eiesim.files.onnx.taps import Windows
from eiesim.training.losses import load_torch

Values = npt.NDArray[Any]
IMAGES_AT_ONCE = 256
"""Whose windows are in memory together: 15 MB of LeNet-5's first layer, 33 MB of its second."""


@dataclass(frozen=True, eq=False, repr=False)
class Convolution(DenseLayer):
    """A convolution of stride 1 without borders as one matrix (im2col), and the maximum pooling behind it.

    weights: float32[maps, channels x kernel x kernel], of a window its channels first, then its places. image: height
    and width of what it is given. kernel: side of a window. pool: side of the squares of which the largest output is
    passed on, 1 for every output. Images go in and out flat: [batch, channels x height x width].
    """

    image: tuple[int, int] = (1, 1)
    kernel: int = 1
    pool: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if (
            min(self.kernel, self.pool) < 1
            or min(self.image) < self.kernel
            or self.cols % self.kernel**2
            or any(side % self.pool for side in self.places)
        ):
            raise EieError(
                f"layer '{self.name}': {self.cols} columns for windows of {self.kernel} x {self.kernel} on images of "
                f"{self.image[0]} x {self.image[1]}, pooled by {self.pool}, do not go together"
            )

    @property
    def channels(self) -> int:
        """Of the images that it is given."""
        return self.cols // self.kernel**2

    @property
    def kernels(self) -> tuple[int, int, int, int]:
        """The shape of its weights as other tools have them: maps, channels, height and width of a window."""
        return self.rows, self.channels, self.kernel, self.kernel

    @property
    def places(self) -> tuple[int, int]:
        """Positions of the window, down and across."""
        return self.image[0] - self.kernel + 1, self.image[1] - self.kernel + 1

    def windows(self, images: Values, positions: int | None = None, seed: int = 0) -> Values:
        """Its input vectors, [batch x positions, cols]. positions: of each image at most so many, drawn by the seed."""
        shaped = images.reshape(len(images), self.channels, *self.image)
        return Windows((self.kernel, self.kernel)).vectors(shaped, positions, seed)[0]

    def passed_on(self, outputs: Values) -> Values:
        """What the next layer is given, [batch, maps x places], of the outputs at all positions, [.., maps]."""
        high, wide = (side // self.pool for side in self.places)
        squares = outputs.reshape(-1, high, self.pool, wide, self.pool, self.rows)
        largest: Values = squares.max(axis=(2, 4))
        return largest.transpose(0, 3, 1, 2).reshape(len(largest), -1)

    def outputs(self, activations: Values) -> npt.NDArray[np.float32]:
        """What the next layer is given of a batch of images, after the activation and the pooling."""
        parts = [activations[start : start + IMAGES_AT_ONCE] for start in range(0, len(activations), IMAGES_AT_ONCE)]
        at_all_places = super().outputs
        return np.concatenate([self.passed_on(at_all_places(self.windows(part))) for part in parts])


def vectors_of(layer: DenseLayer) -> int:
    """A layer's input vectors in one input of the network: the positions of a convolution's window, one of a matrix."""
    return layer.places[0] * layer.places[1] if isinstance(layer, Convolution) else 1


def windows_of(layer: DenseLayer) -> dict[str, Any]:
    """What a table says of a convolution besides its matrix: image, kernel and pool; nothing of a matrix."""
    if not isinstance(layer, Convolution):
        return {}
    return {"image": list(layer.image), "kernel": layer.kernel, "pool": layer.pool}


def placed(layer: DenseLayer, said: Mapping[str, Any]) -> DenseLayer:
    """A layer with what `windows_of` says of it. Raises EieError, KeyError, TypeError, ValueError for other values."""
    if "kernel" not in said:
        return layer
    high, wide = map(index, said["image"])
    return Convolution(**vars(layer), image=(high, wide), kernel=index(said["kernel"]), pool=index(said["pool"]))


def given_by(layer: DenseLayer) -> int:
    """How many numbers a layer passes on of one input of the network."""
    return layer.rows * vectors_of(layer) // layer.pool**2 if isinstance(layer, Convolution) else layer.rows


def features_of(layer: DenseLayer) -> int:
    """How many numbers a layer is given of one input of the network."""
    return layer.channels * layer.image[0] * layer.image[1] if isinstance(layer, Convolution) else layer.cols


def step(layer: DenseLayer, weight: Any, bias: Any, values: Any) -> Any:
    """A batch of torch tensors through a layer, flat to flat, with these weights and this bias in place of its own."""
    functional = load_torch().nn.functional
    if isinstance(layer, Convolution):
        images = values.reshape(-1, layer.channels, *layer.image)
        maps = functional.conv2d(images, weight.reshape(layer.kernels), bias)
        values = (functional.max_pool2d(maps, layer.pool) if layer.pool > 1 else maps).flatten(1)
    else:
        values = functional.linear(values, weight, bias)
    return values.relu() if layer.activation == "relu" else values
