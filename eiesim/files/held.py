"""A reading held against its source: each layer as read must give what the source gives (docs/reading.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.dense import DenseLayer, forward
from eiesim.errors import EieError

RUNS = 8
"""Random inputs of a source that is run without calibration inputs."""

TOLERANCE = 1e-4
"""Largest error of a tensor over its largest magnitude, where the source computes in float32."""

TOLERANCE_16_BITS = 5e-3
"""The same where it computes in 16 bits."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What a source gave at one layer, or as a whole: inputs float[n, cols], outputs float[n, rows].

    tolerance: the largest error over the largest magnitude that a right reading may have.
    """

    inputs: npt.NDArray[Any]
    outputs: npt.NDArray[Any]
    tolerance: float = TOLERANCE


@dataclass(frozen=True)
class HeldLayer:
    """A layer's largest error over its source's largest magnitude; None where the source did not run it."""

    name: str
    error: float | None
    tolerance: float = TOLERANCE

    @property
    def fits(self) -> bool:
        """Whether the layer gives the source's outputs, or was not run."""
        return self.error is None or self.error <= self.tolerance


@dataclass(frozen=True)
class Held:
    """What a reading was held against, and how near it came.

    against: "torch", "onnxruntime", or None where the source cannot run or was not asked to. network: the whole
    network, where its layers follow one another; None where it was not run.
    """

    against: str | None
    layers: tuple[HeldLayer, ...] = ()
    network: HeldLayer | None = None

    @property
    def line(self) -> str:
        """In one line."""
        known = [one.error for one in self.layers if one.error is not None]
        if self.network is not None and self.network.error is not None and not known:
            return f"read as it runs: the whole network within {self.network.error:.1e}"
        if self.against is None or not known:
            return "held against nothing"
        return f"read as it runs: {len(known)} of {len(self.layers)} layers within {max(known):.1e}"

    def to_dict(self) -> dict[str, Any]:
        """As report.json has it."""
        return {
            "against": self.against,
            "layers": [{"name": one.name, "error": one.error} for one in self.layers],
            "network_error": None if self.network is None else self.network.error,
        }


AGAINST_NOTHING = Held(None)


def hold(against: str, layers: Sequence[DenseLayer], seen: Sequence[Seen | None], whole: Seen | None = None) -> Held:
    """Layers as read held against what the source gave. seen: of each layer, None where the source did not run it.

    whole: the network's inputs and outputs, of layers that follow one another.
    """
    each = tuple(
        HeldLayer(layer.name, None) if one is None else HeldLayer(layer.name, _error([layer], one), one.tolerance)
        for layer, one in zip(layers, seen, strict=True)
    )
    network = None
    if whole is not None:
        network = HeldLayer("network", _error(layers, whole), whole.tolerance)
    return Held(against, each, network)


def check(held: Held) -> None:
    """Raise EieError, naming the layer, where one does not give its source's outputs."""
    for one in held.layers:
        if not one.fits:
            raise EieError(_refusal(f"layer '{one.name}'", one, held))
    if held.network is not None and not held.network.fits:
        raise EieError(_refusal("the network", held.network, held))


def _refusal(what: str, one: HeldLayer, held: Held) -> str:
    source = {"torch": "the module", "onnxruntime": "the graph"}.get(held.against or "", "the source")
    return f"{what}: as read it gives other outputs than {source} (relative error {one.error:.2g})"


def _error(layers: Sequence[DenseLayer], seen: Seen) -> float | None:
    """Largest error over largest magnitude; infinite for another shape, and where ours is no number.

    None where the source's are none themselves.
    """
    right = seen.outputs
    if seen.inputs.shape[1:] != (layers[0].cols,) or right.shape != (len(seen.inputs), layers[-1].rows):
        return float("inf")
    known = np.isfinite(seen.inputs).all(axis=1) & np.isfinite(right).all(axis=1)
    if not known.any():
        return None
    right = right[known]
    with np.errstate(all="ignore"):
        found = forward(layers, seen.inputs[known])
        wide = right.astype(np.float64)
        most = float(np.abs(found - wide).max(initial=0.0))
        largest = float(np.abs(wide).max(initial=0.0))
    if not np.isfinite(most):
        return float("inf")
    return most / largest if largest else (0.0 if most == 0 else float("inf"))
