"""What studies run: layers, each with its input, made only when their turn comes."""

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from eiesim.arithmetic import Operands, golden_product
from eiesim.errors import EieError
from eiesim.layer import CompressedLayer
from eiesim.sources import TABLE_III as TABLE_III_PREFIX
from eiesim.sources import Synthesis, open_sources
from eiesim.workloads import TABLE_III, workload

ALL_NINE = f"{TABLE_III_PREFIX}all"


@dataclass(frozen=True, eq=False)
class Subject:
    """A layer with its input. seed, variation: how a synthetic layer was made; None for one that came from a file.

    activations: float32[cols] or [batch, cols].
    """

    layer: CompressedLayer
    activations: npt.NDArray[np.float32]
    seed: int | None = None
    variation: float | None = None

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 (hex) of the layer's and the input's content; names do not enter."""
        digest = hashlib.sha256(self.layer.content_hash.encode())
        digest.update(repr(self.activations.shape).encode() + self.activations.tobytes())
        return digest.hexdigest()

    def __sizeof__(self) -> int:
        # Dask sends large arguments once a worker instead of once a task, and goes by this to tell which are large.
        layer = self.layer
        held = (layer.indptr, layer.indices, layer.codes, layer.codebook, layer.bias_codes, self.activations)
        return object.__sizeof__(self) + sum(sys.getsizeof(array) for array in held if array is not None)


Recipe = Callable[[], Subject]
"""Makes or returns a subject. Synthetic layers are made anew at each call, so that not all are held at once."""


def recipes(
    names: Sequence[str],
    inputs: Sequence[npt.NDArray[np.float32]] = (),
    seeds: Sequence[int] = (0,),
    variations: Sequence[float] = (0.0,),
    density: float | None = None,
    activation_density: float | None = None,
    rows: int | None = None,
) -> list[Recipe]:
    """A recipe for each layer the names stand for, in order; `table3:all` is all nine of Table III.

    Every seed and variation makes its own layers of each `table3:` name, seeds outside names; files have neither.
    inputs: for the names that bring none (layer files, network folders): one for all, or one for each in order.
    In a network folder the later layers' inputs are the float32 outputs of the layer before.
    Raises EieError for unknown or malformed names, and where inputs are missing or too many.
    """
    synthetic: list[str] = []
    stored: list[str] = []
    for name in names:
        if name == ALL_NINE:
            synthetic.extend(TABLE_III)
        elif name.startswith(TABLE_III_PREFIX):
            synthetic.append(name.removeprefix(TABLE_III_PREFIX))
        else:
            stored.append(name)
    made: list[Recipe] = []
    for name in synthetic:
        if name not in TABLE_III:
            raise EieError(f"no Table III layer is called '{name}'; there are: {', '.join(TABLE_III)}, all")
    for seed in seeds:
        for variation in variations:
            recipe = Synthesis(seed, density, activation_density, variation)
            made.extend(partial(_synthesise, name, recipe) for name in dict.fromkeys(synthetic))
    return made + _opened(stored, inputs, rows)


def _synthesise(name: str, synthesis: Synthesis) -> Subject:
    layer, activations = workload(
        name,
        synthesis.seed,
        density=synthesis.density,
        activation_density=synthesis.activation_density,
        variation=synthesis.variation,
    )
    return Subject(layer, activations, synthesis.seed, synthesis.variation)


def _opened(names: Sequence[str], inputs: Sequence[npt.NDArray[np.float32]], rows: int | None) -> list[Recipe]:
    sources = [open_sources([name], rows) for name in names]
    hungry = [name for name, source in zip(names, sources, strict=True) if source.activations is None]
    if hungry and not inputs:
        raise EieError(f"{hungry[0]} brings no activations; give some with --input FILE.npy")
    if len(inputs) > 1 and len(inputs) != len(hungry):
        raise EieError(f"{len(inputs)} inputs for {len(hungry)} layers that bring none; give one, or one for each")
    given = list(inputs) * len(hungry) if len(inputs) == 1 else list(inputs)
    made: list[Recipe] = []
    for source in sources:
        values = given.pop(0) if source.activations is None else source.activations
        for layer in source.layers:
            _check_input(layer, values)
            made.append(partial(Subject, layer, values))
            if layer is not source.layers[-1]:
                values = float_outputs(layer, values)
    return made


def _check_input(layer: CompressedLayer, values: npt.NDArray[np.float32]) -> None:
    if values.shape[-1] != layer.cols:
        raise EieError(f"the input has {values.shape[-1]} values, but layer '{layer.name}' has {layer.cols} columns")


def float_outputs(layer: CompressedLayer, activations: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The layer's outputs in float32, after its activation: [rows] or [batch, rows]."""
    operands = Operands("float32", np.atleast_2d(activations), layer.codebook, None, np.float32(1.0), {})
    outputs = golden_product(layer, operands)
    if layer.activation == "relu":
        outputs = np.maximum(outputs, np.float32(0))
    return outputs if activations.ndim == 2 else outputs[0]
