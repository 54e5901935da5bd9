"""What a network is before it has weights: one description of perceptrons and of convolutional networks."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eiesim.dense import DenseLayer
from eiesim.training.convolution import Convolution


@dataclass(frozen=True)
class Stage:
    """One layer of a network.

    units: outputs of a matrix, maps of a convolution. kernel: side of a convolution's window; 0 is a matrix.
    pool: side of the squares of which a convolution passes the largest output on.
    """

    name: str
    units: int
    kernel: int = 0
    pool: int = 1


@dataclass(frozen=True)
class Architecture:
    """Layers in order, with ReLU after each but the last, whose outputs are class scores.

    shape: of one input, (features,) or (channels, height, width).
    """

    shape: tuple[int, ...]
    stages: tuple[Stage, ...]

    @property
    def weights(self) -> int:
        """How many there are, biases left out."""
        return sum(stage.units * cols for stage, cols, _ in self._placed())

    @property
    def has_convolutions(self) -> bool:
        """Whether it has any, so that its layers do not follow one another."""
        return any(stage.kernel for stage in self.stages)

    @property
    def accepted(self) -> tuple[tuple[int, ...], ...]:
        """Shapes that one input may have: its own, flat, and of one channel without the channel."""
        one = (self.shape[1:],) if len(self.shape) == 3 and self.shape[0] == 1 else ()
        return tuple(dict.fromkeys((*one, self.shape, (math.prod(self.shape),))))

    def untrained(self, seed: int | Sequence[int]) -> tuple[DenseLayer, ...]:
        """Its layers with random weights, as `redrawn` draws them."""
        layers: list[DenseLayer] = []
        for stage, cols, image in self._placed():
            activation = "relu" if stage is not self.stages[-1] else "none"
            blank = np.zeros((stage.units, cols), np.float32), np.zeros(stage.units, np.float32)
            if stage.kernel:
                layers.append(Convolution(stage.name, *blank, activation, image, stage.kernel, stage.pool))
            else:
                layers.append(DenseLayer(stage.name, *blank, activation))
        return redrawn(layers, seed)

    def _placed(self) -> Iterator[tuple[Stage, int, tuple[int, int]]]:
        """Each stage with the columns of its matrix, and height and width of what it is given, 1 and 1 of a vector."""
        channels = self.shape[0]
        height, width = self.shape[1:] or (1, 1)
        for stage in self.stages:
            if stage.kernel:
                yield stage, channels * stage.kernel**2, (height, width)
                height, width = ((side - stage.kernel + 1) // stage.pool for side in (height, width))
            else:
                yield stage, channels * height * width, (1, 1)
                height = width = 1
            channels = stage.units


def redrawn(layers: Sequence[DenseLayer], seed: int | Sequence[int]) -> tuple[DenseLayer, ...]:
    """The same layers with He's random weights and zero biases."""
    rng = np.random.default_rng(seed)
    return tuple(
        replace(
            layer,
            weights=(rng.standard_normal(layer.weights.shape) * np.sqrt(2 / layer.cols)).astype(np.float32),
            bias=np.zeros(layer.rows, np.float32),
        )
        for layer in layers
    )


def perceptron(sizes: Sequence[int], names: Sequence[str] = ()) -> Architecture:
    """Matrices only. sizes: of an input, of each hidden layer, and the classes. names: fc1, fc2, ... unless given."""
    units = sizes[1:]
    named = names or [f"fc{k}" for k in range(1, len(sizes))]
    return Architecture((sizes[0],), tuple(Stage(name, n) for name, n in zip(named, units, strict=True)))


def lenet_5(classes: int) -> Architecture:
    """LeNet-5 as Caffe and Deep Compression have it, 430,500 weights for ten classes; here ReLU follows each layer."""
    stages = Stage("conv1", 20, 5, 2), Stage("conv2", 50, 5, 2), Stage("fc1", 500), Stage("fc2", classes)
    return Architecture((1, 28, 28), stages)


NETWORKS: dict[str, Callable[[int, int], Architecture]] = {
    "lenet-300-100": lambda features, classes: perceptron((features, 300, 100, classes)),
    "lenet-5": lambda _, classes: lenet_5(classes),
}
"""Networks by name, of so many features and classes (LeCun et al., 1998)."""
