"""Opens what a source may be, for every verb: names, files, folders, the authors' dump, and what is at hand in Python.

Matrices are layers too: their weights share 15 values, and their input is drawn where none is given.
`open_model` opens layers that run in a row. `open_workloads` opens layers that run each by itself, with their inputs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, TypedDict, TypeGuard

import numpy as np
import numpy.typing as npt

from eiesim._checks import LARGEST_SEED, number, several, whole
from eiesim._io.arrays import read_arrays
from eiesim.arithmetic import Operands, golden_product
from eiesim.encoding import InterleavedLayer
from eiesim.errors import EieError, likeliest, shown
from eiesim.files import dump, examples, huffman, matrices, network, npz
from eiesim.layer import CompressedLayer, as_float32
from eiesim.model import (
    CHAINED,
    DRAWN,
    GIVEN,
    NOTES,
    RECORDED,
    Drawn,
    Layer,
    Maker,
    Model,
    Openable,
    Workload,
    plain,
)  # fmt: skip
from eiesim.workloads import TABLE_III as TABLE_III_LAYERS
from eiesim.workloads import benchmark_named, checked_variation, workload

TABLE_III = "table3:"
ALL_NINE = f"{TABLE_III}all"

One = str | Path | CompressedLayer | InterleavedLayer | Openable | tuple[Layer, Any]
Source = One | Sequence[One]
"""What every verb takes: a name as the command line takes it, a path, a layer, an interleaved layer, what has been
opened (`Model`, `Network`, `Workload`), what `compress` and `train` give, (layer, activations), or several of these.
"""

WHAT_WOULD_DO = (
    "give a name such as 'table3:Alex-7', a path, a CompressedLayer or InterleavedLayer, what eiesim.open, compress or "
    "train gives, (layer, activations), or several of these; eiesim.compress makes layers of a network, "
    "CompressedLayer.from_dense of a matrix"
)


class Opening(TypedDict, total=False):
    """How names are opened; every verb takes these as keywords.

    rows: outputs of a dumped layer, which its files leave open. seed, density, activation_density, variation: how
    `table3:` layers are made, see `workload`; seed and activation_density also of what is drawn for matrices.
    """

    rows: int | None
    seed: int
    density: float | None
    activation_density: float | None
    variation: float


@dataclass(frozen=True)
class Synthesis:
    """How `table3:` layers are made, see `workloads.workload`, and what is drawn for matrices."""

    seed: int = 0
    density: float | None = None
    activation_density: float | None = None
    variation: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", whole("seed", self.seed, 0, LARGEST_SEED))
        object.__setattr__(self, "variation", checked_variation(self.variation))
        for name in ("density", "activation_density"):
            if (share := getattr(self, name)) is not None:
                object.__setattr__(self, name, number(name.replace("_", " "), share, 0, 1))


def open_model(source: Any, rows: int | None = None, synthesis: Synthesis = Synthesis()) -> Model:
    """The layers that a source stands for, in order, with what they bring.

    source: see `Source`. Names are layer files (.npz, .huff), matrices (`files.matrices`), network folders, dump
    folders, `table3:NAME`, `table3:all`, `example:NAME`. rows: outputs of a dumped layer.
    Layers follow one another where each takes what the one before gives and nothing says otherwise;
    several layers of Table III never do: each has its own input.
    Raises EieError for anything unknown or malformed, for rows without a dump, and where layers follow neither one
    another nor have inputs of their own.
    """
    if isinstance(source, CompressedLayer | InterleavedLayer) and rows is None:
        return Model.of(source)
    items = _items(source, rows)
    opened = [_open(one, rows, synthesis) if isinstance(one, str) else one for one in items]
    if len(opened) == 1:
        return opened[0]
    synthetic = any(isinstance(one, str) and one.startswith(TABLE_III) for one in items)
    layers = [layer for model in opened for layer in model.layers]
    chain = all(model.chain for model in opened) and not synthetic
    if chain:
        try:
            network.check_chain(layers, _together(items))
        except EieError:
            if any(values is None for model in opened for values in model.recorded_inputs):
                raise
            chain = False

    def of_all(name: str) -> Any:
        return tuple(value for model in opened for value in getattr(model, name))

    return Model(
        tuple(layers),
        opened[0].activations,
        opened[0].labels,
        chain=chain,
        **{name: of_all(name) for name in
           ("origins", "recorded_inputs", "input_origin", "vectors", "seeds", "variations", "interleaved", "notes",
            "drawn")},
    )  # fmt: skip


def open_workloads(
    source: Any,
    inputs: Sequence[tuple[npt.NDArray[np.float32], str]] = (),
    seeds: Sequence[int] | int = (0,),
    variations: Sequence[float] | float = (0.0,),
    density: float | None = None,
    activation_density: float | None = None,
    rows: int | None = None,
    recorded: bool = False,
) -> list[Maker]:
    """A maker for each layer that a source stands for; `table3:all` is all nine of Table III.

    Every seed and variation makes its own layers of each `table3:` name, seeds outside names, and every seed its own
    input of a matrix that is given none; all others have neither, and stand where they are named in the first round.
    inputs: for what brings none (layers, layer files, network folders): one for all, or one for each in order, with the
    file that it came from, for errors; a single source takes it in place of what it brings.
    Where a network's layers follow one another, the later ones' inputs are the float32 outputs of the layer before;
    else, and with `recorded`, each layer's own are used.
    Raises EieError for unknown or malformed names, and where inputs are missing or too many.
    """
    seeds, variations = several("seeds", seeds), several("variations", variations)
    made_by = [Synthesis(s, density, activation_density, v) for s, v in product(seeds, variations)]
    items = _items(source, rows)
    alone = len(items) == 1 and len(inputs) == 1
    if alone and len(made_by) == 1 and isinstance(items[0], str):
        items = [_open(items[0], rows, made_by[0])]
    for one in items:
        if isinstance(one, str) and one.startswith(TABLE_III):
            benchmark_named(one.removeprefix(TABLE_III))
    stored = [one if isinstance(one, Model) else _open(one, rows, made_by[0]) for one in items if _is_stored(one)]
    opened = iter(_with_inputs(stored, inputs, recorded, alone))
    made: list[Maker] = []
    for round_, synthesis in enumerate(made_by):
        named, again = set[str](), iter(stored)
        for one in items:
            if _is_stored(one):
                model = next(again)
                if round_ == 0:
                    made.extend(next(opened))
                elif not inputs and round_ % len(variations) == 0:  # a matrix has no variation
                    made.extend(_drawn_anew(model, synthesis, recorded))
            elif one not in named:  # A file that is named twice stands twice, a synthetic layer once.
                named.add(one)
                made.append(partial(_synthesise, one.removeprefix(TABLE_III), synthesis))
    return made


def float_outputs(layer: CompressedLayer, activations: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The layer's outputs in float32, after its activation: [rows] or [batch, rows]."""
    operands = Operands("float32", np.atleast_2d(activations), layer.codebook, None, np.float32(1.0), {})
    outputs = golden_product(layer, operands)
    if layer.activation == "relu":
        outputs = np.maximum(outputs, np.float32(0))
    return outputs if activations.ndim == 2 else outputs[0]


def _is_stored(item: str | Model) -> TypeGuard[Model]:
    """Whether an item is made once, and not anew for each seed. (A stored name is opened before it is asked for.)"""
    return isinstance(item, Model) or not item.startswith(TABLE_III)


def _items(source: Any, rows: int | None) -> list[Any]:
    """A source's parts: names as text, `table3:all` spelled out, and what is at hand as models."""
    items = list(_parts(source))
    if not items:
        raise EieError(f"source: holds no layer; {WHAT_WOULD_DO}")
    names = [one for one in items if isinstance(one, str)]
    if rows is not None:
        whole("rows", rows, 1)
    if rows is not None and not any(dump.is_dump(Path(name)) for name in names):
        raise EieError(f"rows = {rows}: only a dump leaves its rows open, and {', '.join(names) or 'this'} is none")
    return items


def _parts(source: Any) -> Iterable[str | Model]:
    if isinstance(source, str | Path):
        yield from map(f"{TABLE_III}{{}}".format, TABLE_III_LAYERS) if source == ALL_NINE else [str(source)]
    elif isinstance(source, CompressedLayer | InterleavedLayer):
        yield Model.of(source)
    elif is_pair(source):
        values = np.atleast_1d(as_float32("activations", source[1]))
        yield replace(Model.of(source[0]), recorded_inputs=(values,), input_origin=(GIVEN,))
    elif isinstance(source, Openable):
        yield source.opened()
    elif isinstance(source, Sequence) and not isinstance(source, bytes | bytearray):
        for one in source:
            if isinstance(one, Sequence) and not isinstance(one, str) and not is_pair(one):
                raise EieError(f"source: a {type(one).__name__} among several holds no single layer; {WHAT_WOULD_DO}")
            yield from _parts(one)
    else:
        raise EieError(f"source: {type(source).__name__} is neither a layer nor layers; {WHAT_WOULD_DO}")


def is_pair(source: Any) -> bool:
    """Whether a source is (layer, activations), and not two layers."""
    return (
        isinstance(source, tuple)
        and len(source) == 2
        and isinstance(source[0], CompressedLayer | InterleavedLayer)
        and not isinstance(source[1], str | Path | CompressedLayer | InterleavedLayer | Openable)
        and not is_pair(source[1])
    )


def _together(items: list[Any]) -> str:
    """What an error says of layers that should follow one another, with their files where all are from some."""
    names = [one for one in items if isinstance(one, str)]
    return f"{', '.join(names) if len(names) == len(items) else 'these layers'} do not follow one another"


def is_model(name: str) -> bool:
    """Whether a name is that of a trained network's file or folder, of which `compress` makes layers."""
    path = Path(name)
    if name.startswith((TABLE_III, examples.PREFIX)) or not name or not _exists(path):
        return False
    if path.suffix in (".npz", huffman.SUFFIX) or network.is_network(path) or dump.is_dump(path):
        return False
    # imported where it is used: a run does not wait for it
    from eiesim.files.containers import CONTAINERS, FOLDERS
    from eiesim.files.sharded import is_checkpoint

    known = FOLDERS if path.is_dir() else (".onnx", ".safetensors", *CONTAINERS)
    return path.suffix in known or is_checkpoint(path)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except ValueError:  # a name that no file can have
        return False
    except OSError as error:
        raise EieError(f"{shown(str(path))}: no such file or folder: {error.strerror}") from None


def _synthesise(name: str, synthesis: Synthesis) -> Workload:
    layer, activations = workload(
        name,
        synthesis.seed,
        density=synthesis.density,
        activation_density=synthesis.activation_density,
        variation=synthesis.variation,
    )
    return Workload(layer, activations, synthesis.seed, synthesis.variation)


def _with_inputs(
    models: Sequence[Model], inputs: Sequence[tuple[npt.NDArray[np.float32], str]], recorded: bool, alone: bool
) -> list[list[Maker]]:
    """Makers of each model's layers. alone: a single source takes the input in place of what it brings."""
    takes = [alone or not model.brings_inputs(recorded) for model in models]
    if inputs and len(inputs) != 1 and len(inputs) != sum(takes):
        raise EieError(f"{len(inputs)} inputs for {sum(takes)} layers that bring none; give one, or one for each")
    waiting = list(inputs) * sum(takes) if len(inputs) == 1 else list(inputs)
    made: list[list[Maker]] = []
    for model, hungry in zip(models, takes, strict=True):
        makers: list[Maker] = []
        values, file = waiting.pop(0) if hungry and waiting else (None, "")
        for feed in model.feeds(values, file, recorded):
            given, fed = feed.activations, feed.fed
            for place, layer in enumerate(feed.layers, 1):
                came = layer if isinstance(layer, InterleavedLayer) else None
                makers.append(
                    partial(Workload, plain(layer), given, feed.seed, feed.variation, fed, feed.vectors, came)
                )
                if place < len(feed.layers):
                    given, fed = float_outputs(plain(layer), given), CHAINED
        made.append(makers)
    return made


def _alone(layer: CompressedLayer, name: str, own: npt.NDArray[np.float32] | None, origin: str) -> Model:
    """A model of one layer. own: its input, of which a given one is the model's too."""
    activations = own if origin == GIVEN else None
    return Model((layer,), activations, origins=(name,), recorded_inputs=(own,), input_origin=(origin,))


def _of_matrix(matrix: matrices.Matrix, name: str, synthesis: Synthesis) -> Model:
    """A matrix as a layer, with an input that is drawn."""
    lines = matrix.told()
    for line in lines:
        NOTES.info("%s: %s", name, line)
    made = Model((matrix.layer,), origins=(name,), seeds=(matrix.seed,), notes=(lines,))
    return _with_drawn(made, synthesis)


def _with_drawn(model: Model, synthesis: Synthesis) -> Model:
    """A model of one layer with an input drawn from the seed: each value is not zero with the given probability."""
    share, seed = synthesis.activation_density, synthesis.seed
    rng = np.random.default_rng([seed, 2])
    cols = model.layers[0].cols
    values = (np.abs(rng.standard_normal(cols, np.float32)) + np.float32(1e-3)).astype(np.float32)
    values[rng.random(cols) >= (1.0 if share is None else share)] = 0
    line = f"input drawn at density {1.0 if share is None else share:g}, seed {seed}"
    if share is None:
        line += "; neither an input nor an activation density is given"
    return replace(
        model, activations=values, recorded_inputs=(values,), input_origin=(DRAWN,), drawn=(Drawn(seed, line),)
    )


def _drawn_anew(model: Model, synthesis: Synthesis, recorded: bool) -> list[Maker]:
    """Makers for another seed of a matrix whose input is drawn, and the values of a file of positions; else none."""
    if len(model.layers) != 1 or model.drawn[0] is None:
        return []
    again = _open(model.origins[0], None, synthesis) if model.seeds[0] is not None else model
    return _with_inputs([_with_drawn(again, synthesis)], (), recorded, False)[0]


def _open(name: str, rows: int | None, synthesis: Synthesis) -> Model:
    if name.startswith(TABLE_III):
        made = _synthesise(name.removeprefix(TABLE_III), synthesis)
        alone = _alone(made.layer, name, made.activations, GIVEN)
        return replace(alone, seeds=(made.seed,), variations=(made.variation,))
    if name.startswith(examples.PREFIX):
        return _open_network(examples.folder(name.removeprefix(examples.PREFIX)))
    path = Path(name)
    if not name:
        raise EieError(f"source: an empty name; {WHAT_WOULD_DO}")
    if not _exists(path) and (likely := likeliest(name, TABLE_III_LAYERS)):
        raise EieError(f"{name}: no such file or folder; did you mean '{TABLE_III}{likely}'?")
    if is_model(name):
        raise EieError(f"{name}: is a trained network; eiesim compress makes layers of it, eiesim inspect shows it")
    if not path.is_dir():
        if matrices.is_matrix(path):
            return _of_matrix(matrices.read_matrix(path, synthesis.seed), name, synthesis)
        if path.suffix == huffman.SUFFIX:
            layer = huffman.load_huffman(path)
        else:
            arrays = read_arrays(path)
            if isinstance(arrays, dict) and matrices.is_archive(arrays):
                return _of_matrix(matrices.of_archive(path, arrays), name, synthesis)
            layer = npz.of_arrays(path, arrays)
        return _alone(layer, name, network.recorded_inputs(path), RECORDED)
    if network.is_network(path):
        return _open_network(path)
    if dump.is_dump(path):
        layer, activations = dump.load_dump(path, rows)
        return _alone(layer, name, activations, GIVEN)
    raise EieError(
        f"{path}: a folder with neither {network.FILE} nor the authors' dump (act.dat, arithm.dat, ptr, spm)"
    )


def _open_network(folder: Path) -> Model:
    found = network.load_network(folder)
    inputs, labels = folder / network.INPUTS, folder / network.LABELS
    chained = found.chain and inputs.is_file()
    return replace(
        found.opened(),
        activations=npz.load_inputs(inputs) if chained else None,
        labels=npz.load_labels(labels) if chained and labels.is_file() else None,
        origins=(str(folder),) * len(found.layers),
        recorded_inputs=tuple(network.recorded_inputs(folder / file) for file in found.files),
    )
