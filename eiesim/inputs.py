"""Opens what a LAYER may be, for every command: files, folders, the authors' dump, Table III names and examples.

`open_model` opens layers that run in a row. `open_workloads` opens layers that run each by itself, with their inputs.
"""

import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from eiesim.arithmetic import Operands, golden_product
from eiesim.errors import EieError, NoInputError, likeliest
from eiesim.files import dump, examples, huffman, network, npz
from eiesim.layer import CompressedLayer
from eiesim.workloads import TABLE_III as TABLE_III_LAYERS
from eiesim.workloads import benchmark_named, workload

TABLE_III = "table3:"
ALL_NINE = f"{TABLE_III}all"


@dataclass(frozen=True)
class Synthesis:
    """How `table3:` layers are made; see `workloads.workload`."""

    seed: int = 0
    density: float | None = None
    activation_density: float | None = None
    variation: float = 0.0


@dataclass(frozen=True)
class Model:
    """Layers in order, and what came with them.

    activations: float32[cols] or [batch, cols], or None. labels: int64[batch], the class of each of these, or None.
    origins: the name that each layer was opened by.
    """

    layers: tuple[CompressedLayer, ...]
    activations: npt.NDArray[np.float32] | None
    labels: npt.NDArray[np.int64] | None = None
    origins: tuple[str, ...] = ()

    def check(self, activations: npt.NDArray[np.float32], activations_from: str, weight_bits: int) -> None:
        """What `simulate` would refuse too, but naming the files: lengths, and codebooks too long for the machine."""
        first = self.layers[0]
        if activations.shape[-1] != first.cols:
            raise EieError(
                f"{activations_from}: activations: {activations.shape[-1]} an input, "
                f"but '{first.name}' ({self.origins[0]}) has {first.cols} columns"
            )
        for layer, origin in zip(self.layers, self.origins, strict=True):
            if len(layer.codebook) > 2**weight_bits:
                raise EieError(
                    f"{origin}: codebook: that of '{layer.name}' has {len(layer.codebook)} entries, "
                    f"weight_bits = {weight_bits} reach {2**weight_bits}"
                )


@dataclass(frozen=True, eq=False)
class Workload:
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


Maker = Callable[[], Workload]
"""Makes or returns a workload. Synthetic layers are made anew at each call, so that not all are held at once."""


def open_model(names: Sequence[str], rows: int | None = None, synthesis: Synthesis = Synthesis()) -> Model:
    """The layers that the names stand for, in order; the first one's own activations, if it brings any.

    names: layer files (.npz, .huff), network folders, dump folders, `table3:NAME`, `example:NAME`.
    rows: outputs of a dumped layer.
    Raises EieError for anything unknown or malformed, for rows without a dump, and unless each layer takes what the
    one before gives.
    """
    _check_rows(names, rows)
    opened = [_open(name, rows, synthesis) for name in names]
    layers = [layer for model in opened for layer in model.layers]
    network.check_chain(layers, "these layers do not follow one another")
    origins = tuple(name for name, model in zip(names, opened, strict=True) for _ in model.layers)
    return Model(tuple(layers), opened[0].activations, opened[0].labels, origins)


def open_workloads(
    names: Sequence[str],
    inputs: Sequence[npt.NDArray[np.float32]] = (),
    seeds: Sequence[int] = (0,),
    variations: Sequence[float] = (0.0,),
    density: float | None = None,
    activation_density: float | None = None,
    rows: int | None = None,
) -> list[Maker]:
    """A maker for each layer the names stand for; `table3:all` is all nine of Table III.

    Every seed and variation makes its own layers of each `table3:` name, seeds outside names; files have neither, and
    stand where they are named in the first round.
    inputs: for the names that bring none (layer files, network folders): one for all, or one for each in order.
    In a network folder the later layers' inputs are the float32 outputs of the layer before.
    Raises EieError for unknown or malformed names, and where inputs are missing or too many.
    """
    _check_rows(names, rows)
    spelled = [each for name in names for each in (_all_nine() if name == ALL_NINE else [name])]
    stored = [name for name in spelled if not name.startswith(TABLE_III)]
    for name in spelled:
        if name.startswith(TABLE_III):
            benchmark_named(name.removeprefix(TABLE_III))
    opened = iter(_open_stored(stored, inputs, rows))
    made: list[Maker] = []
    for number, (seed, variation) in enumerate(product(seeds, variations)):
        synthesis = Synthesis(seed, density, activation_density, variation)
        for name in _once(spelled):
            if name.startswith(TABLE_III):
                made.append(partial(_synthesise, name.removeprefix(TABLE_III), synthesis))
            elif number == 0:
                made.extend(next(opened))
    return made


def given(layer: CompressedLayer, activations: npt.ArrayLike) -> Maker:
    """A maker of a layer and an input that are at hand."""
    held = Workload(layer, np.asarray(activations, np.float32))
    return lambda: held


def float_outputs(layer: CompressedLayer, activations: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The layer's outputs in float32, after its activation: [rows] or [batch, rows]."""
    operands = Operands("float32", np.atleast_2d(activations), layer.codebook, None, np.float32(1.0), {})
    outputs = golden_product(layer, operands)
    if layer.activation == "relu":
        outputs = np.maximum(outputs, np.float32(0))
    return outputs if activations.ndim == 2 else outputs[0]


def _all_nine() -> list[str]:
    return [f"{TABLE_III}{name}" for name in TABLE_III_LAYERS]


def _once(spelled: Sequence[str]) -> Iterator[str]:
    """The names, synthetic ones once; a file that is named twice stands twice."""
    seen: set[str] = set()
    for name in spelled:
        if name not in seen or not name.startswith(TABLE_III):
            yield name
        seen.add(name)


def _check_rows(names: Sequence[str], rows: int | None) -> None:
    if rows is not None and not any(dump.is_dump(Path(name)) for name in names):
        raise EieError(f"rows = {rows}: only a dump leaves its rows open, and {', '.join(names)} is none")


def _synthesise(name: str, synthesis: Synthesis) -> Workload:
    layer, activations = workload(
        name,
        synthesis.seed,
        density=synthesis.density,
        activation_density=synthesis.activation_density,
        variation=synthesis.variation,
    )
    return Workload(layer, activations, synthesis.seed, synthesis.variation)


def _open_stored(
    names: Sequence[str], inputs: Sequence[npt.NDArray[np.float32]], rows: int | None
) -> list[list[Maker]]:
    models = [_open(name, rows, Synthesis()) for name in names]
    hungry = [name for name, model in zip(names, models, strict=True) if model.activations is None]
    if hungry and not inputs:
        raise NoInputError(hungry[0])
    if len(inputs) > 1 and len(inputs) != len(hungry):
        raise EieError(f"{len(inputs)} inputs for {len(hungry)} layers that bring none; give one, or one for each")
    fed = list(inputs) * len(hungry) if len(inputs) == 1 else list(inputs)
    made: list[list[Maker]] = []
    for model in models:
        values = fed.pop(0) if model.activations is None else model.activations
        makers: list[Maker] = []
        for layer in model.layers:
            _check_input(layer, values)
            makers.append(partial(Workload, layer, values))
            if layer is not model.layers[-1]:
                values = float_outputs(layer, values)
        made.append(makers)
    return made


def _check_input(layer: CompressedLayer, values: npt.NDArray[np.float32]) -> None:
    if values.shape[-1] != layer.cols:
        raise EieError(f"the input has {values.shape[-1]} values, but layer '{layer.name}' has {layer.cols} columns")


def _open(name: str, rows: int | None, synthesis: Synthesis) -> Model:
    if name.startswith(TABLE_III):
        made = _synthesise(name.removeprefix(TABLE_III), synthesis)
        return Model((made.layer,), made.activations)
    if name.startswith(examples.PREFIX):
        return _open_network(examples.folder(name.removeprefix(examples.PREFIX)))
    path = Path(name)
    if not path.exists() and (likely := likeliest(name, TABLE_III_LAYERS)):
        raise EieError(f"{name}: no such file or folder; did you mean '{TABLE_III}{likely}'?")
    if not path.is_dir():
        return Model((huffman.load_huffman(path) if path.suffix == huffman.SUFFIX else npz.load(path),), None)
    if network.is_network(path):
        return _open_network(path)
    if dump.is_dump(path):
        layer, activations = dump.load_dump(path, rows)
        return Model((layer,), activations)
    raise EieError(
        f"{path}: a folder with neither {network.FILE} nor the authors' dump (act.dat, arithm.dat, ptr, spm)"
    )


def _open_network(folder: Path) -> Model:
    found = network.load_network(folder)
    if not found.chain:
        raise EieError(
            f"{folder}: its layers do not follow one another (chain = false); name one: {', '.join(found.files)}"
        )
    inputs, labels = folder / network.INPUTS, folder / network.LABELS
    if not inputs.is_file():
        return Model(found.layers, None)
    return Model(found.layers, npz.load_inputs(inputs), npz.load_labels(labels) if labels.is_file() else None)
