"""Trained: what training gives, a network at each stage, and its figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from eiesim._shown import Brief, Plotted, html_table
from eiesim._version import __version__
from eiesim.coding.block_differences import encode_blocks
from eiesim.compression.statistics import Statistics, statistics
from eiesim.dense import DenseLayer, expand, forward
from eiesim.layer import CompressedLayer
from eiesim.model import Model
from eiesim.training.examples import Examples, Parts
from eiesim.training.recipe import Networks, Outcome, Recipe
from eiesim.training.teaching import Teaching, as_figures, in_a_line

if TYPE_CHECKING:
    import pandas as pd

REPORT_FORMAT = "eiesim-train/1"


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
        return "-".join(str(layer.cols) for layer in self.networks.dense) + f"-{self.networks.dense[-1].rows}"

    def opened(self) -> Model:
        """The shared network as a source, with the held-out examples and their labels.

        Returns
        -------
        Model
            What `open` gives.
        """
        held_out = self.parts.held_out
        return Model(self.shared, held_out.inputs, held_out.labels)

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
            "shared": [expand(layer) for layer in self.shared],
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
        layers = zip(self.statistics, self.shared, strict=True)
        return {
            "format": REPORT_FORMAT,
            "eiesim": __version__,
            "recipe": options,
            "examples": {name: len(part.labels) for name, part in vars(self.parts).items()},
            "teacher": None if self.teaching is None else as_figures(self.teaching, self.parts.held_out),
            **summary(self),
            "layers": [{**part.to_dict(), "activation": layer.activation} for part, layer in layers],
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
