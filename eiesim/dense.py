"""DenseLayer: a layer as it comes out of training, before anything is pruned or shared; Mask: what pruning keeps."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._shown import Brief
from eiesim.errors import EieError
from eiesim.layer import ACTIVATIONS, CompressedLayer
from eiesim.weight_sharing import Sharing, share

COLUMNS = 64
"""Columns turned around in one go: of every row of codes, a cache line."""


@dataclass(frozen=True, eq=False, repr=False)
class Mask(Brief):
    """Which weights of a layer are kept: bool of the weights' shape, read-only."""

    kept: npt.NDArray[np.bool_]

    def __post_init__(self) -> None:
        kept = np.array(self.kept, dtype=np.bool_)
        kept.flags.writeable = False
        object.__setattr__(self, "kept", kept)

    @classmethod
    def of_nonzero(cls, weights: npt.NDArray[np.float32]) -> "Mask":
        """The mask that a pruned array already has: its zeros are gone."""
        return cls(weights != 0)

    @property
    def count(self) -> int:
        """npt.NDArray[np.float32] kept."""
        return int(np.count_nonzero(self.kept))

    @property
    def density(self) -> float:
        """npt.NDArray[np.float32] kept as a share of all; 0 for a mask of nothing."""
        return self.count / self.kept.size if self.kept.size else 0.0

    def apply(self, weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The weights with the pruned ones at 0.0; themselves where all are kept. Raises EieError for another shape."""
        if weights.shape != self.kept.shape:
            raise EieError(f"mask: is for weights of shape {self.kept.shape}, not {weights.shape}")
        return weights if self.kept.all() else np.where(self.kept, weights, np.float32(0.0))


@dataclass(frozen=True, eq=False, repr=False)
class DenseLayer(Brief):
    """A fully connected layer: `b = activation(W a + bias)`.

    weights: float32[rows, cols], outputs by inputs. bias: float32[rows] or None. activation: "relu" or "none".
    groups, depthwise: as in `CompressedLayer`.
    Raises EieError, beginning with the layer's name, for another shape, NaN or infinity.
    """

    name: str
    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32] | None = None
    activation: str = "relu"
    groups: int = field(default=1, kw_only=True)
    depthwise: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", np.ascontiguousarray(self.weights, np.float32))
        if self.weights.ndim != 2 or 0 in self.weights.shape:
            raise EieError(f"layer '{self.name}': weights have shape {self.weights.shape}, need (outputs, inputs)")
        if not np.isfinite(self.weights).all():
            raise EieError(f"layer '{self.name}': weights hold NaN or infinity")
        if self.bias is not None:
            object.__setattr__(self, "bias", np.ascontiguousarray(self.bias, np.float32))
            if self.bias.shape != (self.rows,):
                raise EieError(f"layer '{self.name}': bias has shape {self.bias.shape}, needs ({self.rows},)")
            if not np.isfinite(self.bias).all():
                raise EieError(f"layer '{self.name}': bias holds NaN or infinity")
        if self.activation not in ACTIVATIONS:
            raise EieError(f"layer '{self.name}': activation {self.activation!r}, needs {' or '.join(ACTIVATIONS)}")

    @property
    def rows(self) -> int:
        """Outputs."""
        return int(self.weights.shape[0])

    @property
    def cols(self) -> int:
        """Inputs."""
        return int(self.weights.shape[1])

    @property
    def dense_weights(self) -> int:
        """Weights that there are places for, as in `CompressedLayer`."""
        return self.weights.size // self.groups

    @property
    def density(self) -> float:
        """Weights that are not zero as a share of all, the bias left out."""
        return float(np.count_nonzero(self.weights)) / self.weights.size

    def sums(self, activations: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """`W a + bias` in float32 for a batch, [batch, cols] to [batch, rows], before the activation."""
        sums = np.asarray(activations, np.float32) @ self.weights.T
        return sums if self.bias is None else sums + self.bias

    def outputs(self, activations: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """The layer's outputs for a batch, after the activation."""
        sums = self.sums(activations)
        return np.maximum(sums, np.float32(0)) if self.activation == "relu" else sums

    def pruned(self, mask: Mask) -> "DenseLayer":
        """The layer with only the weights that the mask keeps; the bias stays whole."""
        return replace(self, weights=mask.apply(self.weights))

    def sharing(self, bits: int = 4, initialisation: str = "linear", seed: int = 0) -> Sharing:
        """How what is not zero and the bias share `2**bits - 1` values (`weight_sharing.share`)."""
        kept = self.weights[self.weights != 0]
        kept.sort()
        return share(kept, self.bias, bits, initialisation, seed)

    def shared_by(self, sharing: Sharing) -> CompressedLayer:
        """Compress: zeros are pruned, the others share values in this way."""
        codes = np.zeros(self.weights.shape, np.uint8)
        kept = self.weights != 0
        codes[kept] = sharing.codes(self.weights[kept])
        bias_codes = None if self.bias is None else sharing.bias_codes(self.bias)
        layer = from_codes(codes, sharing.codebook, bias_codes, self.activation, self.name)
        return replace(layer, groups=self.groups, depthwise=self.depthwise) if self.groups > 1 else layer

    def shared(self, bits: int = 4, initialisation: str = "linear", seed: int = 0) -> CompressedLayer:
        """Both in one."""
        return self.shared_by(self.sharing(bits, initialisation, seed))


def from_codes(
    codes: npt.NDArray[np.uint8],
    codebook: npt.NDArray[np.float32],
    bias_codes: npt.NDArray[np.uint8] | None,
    activation: str,
    name: str,
) -> CompressedLayer:
    """A layer from a code for every weight, uint8[rows, cols]; 0 is a pruned one."""
    rows, cols = codes.shape
    indptr = np.zeros(cols + 1, np.int64)
    np.cumsum(np.count_nonzero(codes, axis=0), out=indptr[1:])
    indices, kept_codes = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.uint8)
    for start in range(0, cols, COLUMNS):
        by_column = np.ascontiguousarray(codes[:, start : start + COLUMNS].T)
        kept = np.flatnonzero(by_column)
        here = slice(indptr[start], indptr[min(start + COLUMNS, cols)])
        indices[here] = kept % rows
        kept_codes[here] = by_column.ravel()[kept]
    return CompressedLayer(
        shape=(rows, cols),
        indptr=indptr,
        indices=indices,
        codes=kept_codes,
        codebook=codebook,
        bias_codes=bias_codes,
        activation=activation,
        name=name,
    )


def to_codes(layer: CompressedLayer) -> npt.NDArray[np.uint8]:
    """The code of every weight, uint8[rows, cols]; 0 where it is pruned."""
    by_column = np.zeros((layer.cols, layer.rows), np.uint8)
    for here, columns in layer.stretches():
        by_column[columns, layer.indices[here]] = layer.codes[here]
    return by_column.T


def expand(layer: CompressedLayer) -> DenseLayer:
    """A compressed layer with its weights written out."""
    weights, bias = layer.to_dense(), layer.bias
    return DenseLayer(layer.name, weights, bias, layer.activation, groups=layer.groups, depthwise=layer.depthwise)


def forward(layers: Sequence[DenseLayer], activations: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """A batch through layers that follow one another: [batch, cols] to [batch, rows], in float32."""
    values = np.asarray(activations, np.float32)
    for layer in layers:
        values = layer.outputs(values)
    return values


def chains(layers: Sequence[DenseLayer]) -> bool:
    """Whether each layer takes as many inputs as the one before gives outputs."""
    return all(before.rows == after.cols for before, after in pairwise(layers))
