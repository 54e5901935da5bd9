"""Trained: what training gives, a network at each stage, and its figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eiesim._shown import Brief, Plotted, html_table
from eiesim._version import __version__
from eiesim.coding.block_differences import encode_blocks
from eiesim.compression.statistics import Statistics, statistics
from eiesim.dense import DenseLayer, forward
from eiesim.layer import CompressedLayer
from eiesim.model import Model
from eiesim.training.convolution import Convolution, vectors_of, windows_of
from eiesim.training.examples import Examples, Parts
from eiesim.training.recipe import Networks, Outcome, Recipe
from eiesim.training.teaching import Teaching, as_figures, in_a_line

if TYPE_CHECKING:
    import pandas as pd

REPORT_FORMAT = "eiesim-train/1"
RECORDED_EXAMPLES, RECORDED_POSITIONS = 500, 16


@dataclass(frozen=True, eq=False, repr=False)
class Trained(Plotted, Brief):
    """A network at each stage: first weights, dense, pruned and retrained, shared and fine-tuned; and its examples.

    Attributes
    ----------
    recipe : Recipe
        How it was made.
    parts : Parts
        The examples: training, validation and held out.
    networks : Networks
        The first weights (`initial`) and the dense network (`dense`).
    outcome : Outcome
        The pruned and retrained layers, and their masks.
    shared : tuple of CompressedLayer
        The layers with shared, fine-tuned values.
    teaching : Teaching or None, default None
        The teacher that they learned from, and the examples that only it has labels for.
    """

    recipe: Recipe
    parts: Parts
    networks: Networks
    outcome: Outcome
    shared: tuple[CompressedLayer, ...]
    teaching: Teaching | None = None

    def __repr__(self) -> str:
        accuracies = ", ".join(f"{stage} {share:.1%}" for stage, share in self.accuracy.items())
        return (
            f"<Trained by {self.recipe.method or 'masks'}: {self._layers}, density {self.density:.1%}, accuracy "
            f"{accuracies}, {self.dense_bytes / self.coded_bytes:.1f} times smaller>"
        )

    def _repr_html_(self) -> str:
        rate = self.dense_bytes / self.coded_bytes
        sizes = {"dense": f"{self.dense_bytes:,}", "shared": f"{self.coded_bytes:,.0f} ({rate:.1f} times smaller)"}
        rows = [(stage, f"{share:.2%}", sizes.get(stage, "")) for stage, share in self.accuracy.items()]
        caption = (
            f"{self.recipe.method or 'masks'}, {self._layers}, density {self.density:.1%}; accuracy on "
            f"{len(self.parts.held_out.labels):,} examples held out{self.taught and f'; {self.taught}'}"
        )
        return html_table(caption, ("network", "accuracy", "bytes"), rows)

    def to_frame(self) -> "pd.DataFrame":
        """What it recognises at each stage.

        Returns
        -------
        pandas.DataFrame
            A row a stage: `network`, `accuracy` (share of the examples held out) and `bytes` where its size is known.
        """
        import pandas as pd

        sizes = {"dense": float(self.dense_bytes), "shared": float(self.coded_bytes)}
        rows = [(stage, share, sizes.get(stage)) for stage, share in self.accuracy.items()]
        return pd.DataFrame(rows, columns=["network", "accuracy", "bytes"])

    @property
    def taught(self) -> str:
        """How a teacher taught it, in a line; empty without one."""
        return "" if self.teaching is None else in_a_line(self.teaching, self.parts.held_out)

    @property
    def _layers(self) -> str:
        dense = self.networks.dense
        if self.chain:
            return "-".join(str(layer.cols) for layer in dense) + f"-{dense[-1].rows}"
        return ", ".join(f"{layer.name} {layer.rows} x {layer.cols}" for layer in dense)

    def opened(self) -> Model:
        """The shared network as a source, with the held-out examples and their labels.

        Convolutions do not follow one another: such a network's layers each have their own inputs, recorded.

        Returns
        -------
        Model
            What `open` gives.
        """
        held_out = self.parts.held_out
        if self.chain:
            return Model(self.shared, held_out.inputs, held_out.labels)
        return Model(self.shared, chain=False, recorded_inputs=self.recorded, vectors=self.vectors)

    @property
    def chain(self) -> bool:
        """Whether each layer takes what the one before gives: there is no convolution."""
        return not any(isinstance(layer, Convolution) for layer in self.outcome.layers)

    @property
    def vectors(self) -> tuple[int, ...]:
        """Of each layer, its input vectors in one input of the network: a convolution's output positions, else 1."""
        return tuple(map(vectors_of, self.outcome.layers))

    @property
    def expanded(self) -> tuple[DenseLayer, ...]:
        """The shared layers with their weights written out, each in the place of the layer that it was made of."""
        return tuple(
            replace(place, weights=layer.to_dense(), bias=layer.bias)
            for place, layer in zip(self.outcome.layers, self.shared, strict=True)
        )

    @cached_property
    def recorded(self) -> tuple[npt.NDArray[np.float32], ...]:
        """Of each shared layer, its inputs in float32, [vectors, cols], of the first 500 examples held out.

        Of a convolution those of 16 positions, the same of each image, drawn by the recipe's seed.
        """
        values, found = self.parts.held_out.inputs[:RECORDED_EXAMPLES], []
        for layer in self.expanded:
            own = values
            if isinstance(layer, Convolution):
                own = layer.windows(values, RECORDED_POSITIONS, self.recipe.seed)
            found.append(own)
            values = layer.outputs(values)
        return tuple(found)

    @property
    def density(self) -> float:
        """Kept weights as a share of the dense network's, biases left out."""
        kept = sum(int(np.count_nonzero(layer.weights)) for layer in self.outcome.layers)
        return kept / sum(layer.weights.size for layer in self.networks.dense)

    @cached_property
    def accuracy(self) -> dict[str, float]:
        """Share of the held-out examples recognised in float32: "dense", "pruned" and "shared"."""
        stages: dict[str, Sequence[DenseLayer]] = {
            "dense": self.networks.dense,
            "pruned": self.outcome.layers,
            "shared": self.expanded,
        }
        return {name: _share_right(layers, self.parts.held_out) for name, layers in stages.items()}

    @cached_property
    def statistics(self) -> tuple[Statistics, ...]:
        """Each shared layer's sizes (Deep Compression's P, P+Q, P+Q+H)."""
        return tuple(statistics(layer, self.recipe.bits) for layer in self.shared)

    @cached_property
    def coded_bytes(self) -> float:
        """Bytes after Huffman coding; of MESA's equal blocks by MESA's own coding."""
        if self.outcome.blocks:
            coded = map(encode_blocks, self.shared, self.outcome.blocks)
            return sum(one.bits for one in coded) / 8
        return sum(part.huffman_bits for part in self.statistics) / 8

    @property
    def dense_bytes(self) -> int:
        """Bytes of the dense network in float32, biases included."""
        values = sum(layer.weights.size + (0 if layer.bias is None else layer.rows) for layer in self.networks.dense)
        return 4 * values

    def to_dict(self) -> dict[str, Any]:
        """What report.json holds: the recipe, what became of it, and each layer's statistics.

        Returns
        -------
        dict
            Numbers, texts and lists, for JSON.
        """
        recipe = self.recipe
        options = {
            **{name: value for name, value in vars(recipe).items() if name != "masks"},
            "penalty": None if recipe.penalty is None else vars(recipe.penalty),
            **{name: vars(getattr(recipe, name)) for name in ("distillation", "dense", "retraining", "shared")},
        }
        layers = zip(self.statistics, self.shared, self.outcome.layers, strict=True)
        return {
            "format": REPORT_FORMAT,
            "eiesim": __version__,
            "recipe": options,
            "examples": {name: len(part.labels) for name, part in vars(self.parts).items()},
            "teacher": None if self.teaching is None else as_figures(self.teaching, self.parts.held_out),
            **summary(self),
            "layers": [
                {**part.to_dict(), "activation": layer.activation, **windows_of(place)} for part, layer, place in layers
            ],
        }

    def to_json(self) -> str:
        """What report.json holds, as text.

        Returns
        -------
        str
            JSON.
        """
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)


def _share_right(layers: Sequence[DenseLayer], examples: Examples) -> float:
    return float((forward(layers, examples.inputs).argmax(axis=1) == examples.labels).mean())


def summary(trained: Trained) -> Mapping[str, float]:
    """The figures of a trained network: density, accuracies, bytes and how many times smaller than float32."""
    return {
        "density": trained.density,
        **{f"accuracy_{stage}": share for stage, share in trained.accuracy.items()},
        "dense_bytes": trained.dense_bytes,
        "coded_bytes": trained.coded_bytes,
        "rate": trained.dense_bytes / trained.coded_bytes,
    }
