"""Opens what a LAYER may be, for every command: files, folders, the authors' dump, Table III names and examples.

`open_model` opens layers that run in a row. `open_workloads` opens layers that run each by itself, with their inputs.
"""

import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._shown import Brief
from eiesim.arithmetic import Operands, golden_product
from eiesim.errors import EieError, NoInputError, likeliest
from eiesim.files import dump, examples, huffman, network, npz
from eiesim.layer import CompressedLayer, as_float32
from eiesim.workloads import TABLE_III as TABLE_III_LAYERS
from eiesim.workloads import benchmark_named, workload

TABLE_III = "table3:"
ALL_NINE = f"{TABLE_III}all"

GIVEN, CHAINED, RECORDED = "given", "chained", "recorded"
"""What a layer is fed; see `Feed`."""


@dataclass(frozen=True)
class Synthesis:
    """How `table3:` layers are made; see `workloads.workload`."""

    seed: int = 0
    density: float | None = None
    activation_density: float | None = None
    variation: float = 0.0


@dataclass(frozen=True, eq=False, repr=False)
class Feed(Brief):
    """Layers that run in a row, and what the first one is fed.

    fed: "given" (by the user, or by what brings its own: a dump, Table III), "chained" (the network's own input, and
    what the layers before make of it) or "recorded" (a layer's own inputs). vectors: a layer's input vectors in one
    input of the whole network.
    """

    layers: tuple[CompressedLayer, ...]
    activations: npt.NDArray[np.float32]
    fed: str = GIVEN
    vectors: float = 1

    @property
    def inputs(self) -> int:
        """How many inputs there are."""
        return len(self.activations) if self.activations.ndim == 2 else 1


@dataclass(frozen=True, eq=False, repr=False)
class Model(Brief):
    """Layers in order, and what came with them.

    activations: float32[cols] or [batch, cols], the first layer's where the layers follow one another, or None.
    labels: int64[batch], the class of each of these, or None. origins: the name that each layer was opened by.
    follows: whether the layers follow one another; if not, each runs by itself. own: each layer's own input, or None.
    owned: what these are, GIVEN or RECORDED. vectors: see `Feed`, by layer.
    """

    layers: tuple[CompressedLayer, ...]
    activations: npt.NDArray[np.float32] | None
    labels: npt.NDArray[np.int64] | None = None
    origins: tuple[str, ...] = ()
    follows: bool = True
    own: tuple[npt.NDArray[np.float32] | None, ...] = ()
    owned: tuple[str, ...] = ()
    vectors: tuple[float, ...] = ()

    def feeds(
        self, given: npt.NDArray[np.float32] | None = None, given_from: str = "", recorded: bool = False
    ) -> tuple[Feed, ...]:
        """What to run: all layers in a row, or each by itself.

        In this order: the given input; the network's own where the layers follow one another; each layer's own.
        given_from: the file it came from, for errors. recorded: prefer each layer's own input.
        Raises EieError where layers that do not follow one another are given one input, and where one has none.
        """
        if given is not None:
            if not self.follows:
                names = ", ".join(layer.name for layer in self.layers[:4]) + (", ..." if len(self.layers) > 4 else "")
                raise EieError(
                    f"{' '.join(dict.fromkeys(self.origins))}: these layers do not follow one another ({names}), so "
                    f"{given_from or 'one input'} does not reach them all; name a single layer"
                )
            self._check_columns(self.layers[0], given, given_from, self.origins[0])
            return (Feed(self.layers, given),)
        if self.follows and self.activations is not None and not recorded:
            self._check_columns(self.layers[0], self.activations, self.origins[0], self.origins[0])
            return (Feed(self.layers, self.activations, CHAINED if self.owned[0] == RECORDED else GIVEN),)
        feeds = []
        parts = zip(self.layers, self.own, self.owned, self.vectors, self.origins, strict=True)
        for layer, own, owned, vectors, origin in parts:
            if own is None:
                raise NoInputError(origin if self.follows and not recorded else f"layer '{layer.name}' of {origin}")
            self._check_columns(layer, own, origin, origin)
            feeds.append(Feed((layer,), own, owned, vectors))
        return tuple(feeds)

    def check_codebooks(self, weight_bits: int) -> None:
        """What `simulate` would refuse too, but naming the files: codebooks too long for the machine."""
        for layer, origin in zip(self.layers, self.origins, strict=True):
            if len(layer.codebook) > 2**weight_bits:
                raise EieError(
                    f"{origin}: codebook: that of '{layer.name}' has {len(layer.codebook)} entries, "
                    f"weight_bits = {weight_bits} reach {2**weight_bits}"
                )

    @staticmethod
    def _check_columns(
        layer: CompressedLayer, activations: npt.NDArray[np.float32], activations_from: str, origin: str
    ) -> None:
        if activations.shape[-1] != layer.cols:
            raise EieError(
                f"{activations_from}: activations: {activations.shape[-1]} an input, "
                f"but '{layer.name}' ({origin}) has {layer.cols} columns"
            )


@dataclass(frozen=True, eq=False, repr=False)
class Workload(Brief):
    """A layer with its input. seed, variation: how a synthetic layer was made; None for one that came from a file.

    activations: float32[cols] or [batch, cols]. fed, vectors: as in `Feed`.
    """

    layer: CompressedLayer
    activations: npt.NDArray[np.float32]
    seed: int | None = None
    variation: float | None = None
    fed: str = GIVEN
    vectors: float = 1

    @property
    def layers(self) -> tuple[CompressedLayer]:
        """The layer, as `simulate` takes it."""
        return (self.layer,)

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
    """The layers that the names stand for, in order, with what they bring.

    names: layer files (.npz, .huff), network folders, dump folders, `table3:NAME`, `table3:all`, `example:NAME`.
    rows: outputs of a dumped layer.
    Layers follow one another where each takes what the one before gives and no folder says otherwise;
    several layers of Table III never do: each has its own input.
    Raises EieError for anything unknown or malformed, for rows without a dump, and where layers follow neither one
    another nor have inputs of their own.
    """
    _check_rows(names, rows)
    spelled = _spelled(names)
    opened = [_open(name, rows, synthesis) for name in spelled]
    layers = tuple(layer for model in opened for layer in model.layers)
    own = tuple(values for model in opened for values in model.own)
    synthetic = any(name.startswith(TABLE_III) for name in spelled)
    follows = all(model.follows for model in opened) and not (synthetic and len(layers) > 1)
    if follows:
        try:
            network.check_chain(list(layers), "these layers do not follow one another")
        except EieError:
            if None in [None if values is None else 0 for values in own]:
                raise
            follows = False
    return Model(
        layers,
        opened[0].activations,
        opened[0].labels,
        tuple(name for name, model in zip(spelled, opened, strict=True) for _ in model.layers),
        follows,
        own,
        tuple(owned for model in opened for owned in model.owned),
        tuple(vectors for model in opened for vectors in model.vectors),
    )


def open_workloads(
    names: Sequence[str],
    inputs: Sequence[npt.NDArray[np.float32]] = (),
    seeds: Sequence[int] = (0,),
    variations: Sequence[float] = (0.0,),
    density: float | None = None,
    activation_density: float | None = None,
    rows: int | None = None,
    recorded: bool = False,
) -> list[Maker]:
    """A maker for each layer the names stand for; `table3:all` is all nine of Table III.

    Every seed and variation makes its own layers of each `table3:` name, seeds outside names; files have neither, and
    stand where they are named in the first round.
    inputs: for the names that bring none (layer files, network folders): one for all, or one for each in order; a
    single name takes it in place of what it brings.
    Where a network's layers follow one another, the later ones' inputs are the float32 outputs of the layer before;
    else, and with `recorded`, each layer's own are used.
    Raises EieError for unknown or malformed names, and where inputs are missing or too many.
    """
    _check_rows(names, rows)
    spelled = _spelled(names)
    stored = [name for name in spelled if not name.startswith(TABLE_III)]
    for name in spelled:
        if name.startswith(TABLE_III):
            benchmark_named(name.removeprefix(TABLE_III))
    opened = iter(_open_stored(stored, inputs, rows, recorded))
    made: list[Maker] = []
    for number, (seed, variation) in enumerate(product(seeds, variations)):
        synthesis = Synthesis(seed, density, activation_density, variation)
        for name in _once(spelled):
            if name.startswith(TABLE_III):
                made.append(partial(_synthesise, name.removeprefix(TABLE_III), synthesis))
            elif number == 0:
                made.extend(next(opened))
    return made


def given(layer: CompressedLayer, activations: Any) -> Maker:
    """A maker of a layer and an input that are at hand."""
    held = Workload(layer, as_float32("activations", activations))
    return lambda: held


def float_outputs(layer: CompressedLayer, activations: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The layer's outputs in float32, after its activation: [rows] or [batch, rows]."""
    operands = Operands("float32", np.atleast_2d(activations), layer.codebook, None, np.float32(1.0), {})
    outputs = golden_product(layer, operands)
    if layer.activation == "relu":
        outputs = np.maximum(outputs, np.float32(0))
    return outputs if activations.ndim == 2 else outputs[0]


def _spelled(names: Sequence[str]) -> list[str]:
    """The names, `table3:all` spelled out."""
    every = [f"{TABLE_III}{name}" for name in TABLE_III_LAYERS]
    return [each for name in names for each in (every if name == ALL_NINE else [name])]


def _once(spelled: Sequence[str]) -> Iterator[str]:
    """The names, each synthetic one once. A file that is named twice stands twice."""
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
    names: Sequence[str], inputs: Sequence[npt.NDArray[np.float32]], rows: int | None, recorded: bool
) -> list[list[Maker]]:
    models = [_open(name, rows, Synthesis()) for name in names]
    takes = [len(names) == 1 or not _brings(model, recorded) for model in models]
    if len(inputs) > 1 and len(inputs) != sum(takes):
        raise EieError(f"{len(inputs)} inputs for {sum(takes)} layers that bring none; give one, or one for each")
    waiting = list(inputs) * sum(takes) if len(inputs) == 1 else list(inputs)
    made: list[list[Maker]] = []
    for model, hungry in zip(models, takes, strict=True):
        makers: list[Maker] = []
        for feed in model.feeds(waiting.pop(0) if hungry and waiting else None, recorded=recorded):
            values, fed = feed.activations, feed.fed
            for layer in feed.layers:
                makers.append(partial(Workload, layer, values, fed=fed, vectors=feed.vectors))
                if layer is not feed.layers[-1]:
                    values, fed = float_outputs(layer, values), CHAINED
        made.append(makers)
    return made


def _brings(model: Model, recorded: bool) -> bool:
    """Whether a model has all the inputs that it needs."""
    chained = model.follows and model.activations is not None and not recorded
    return chained or all(values is not None for values in model.own)


def _alone(layer: CompressedLayer, name: str, own: npt.NDArray[np.float32] | None, owned: str) -> Model:
    """A model of one layer."""
    return Model((layer,), own, None, (name,), True, (own,), (owned,), (1,))


def _open(name: str, rows: int | None, synthesis: Synthesis) -> Model:
    if name.startswith(TABLE_III):
        made = _synthesise(name.removeprefix(TABLE_III), synthesis)
        return _alone(made.layer, name, made.activations, GIVEN)
    if name.startswith(examples.PREFIX):
        return _open_network(examples.folder(name.removeprefix(examples.PREFIX)))
    path = Path(name)
    if not path.exists() and (likely := likeliest(name, TABLE_III_LAYERS)):
        raise EieError(f"{name}: no such file or folder; did you mean '{TABLE_III}{likely}'?")
    if not path.is_dir():
        layer = huffman.load_huffman(path) if path.suffix == huffman.SUFFIX else npz.load(path)
        recorded = network.recorded_inputs(path)
        return replace(_alone(layer, name, recorded, RECORDED), activations=None)
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
    count = len(found.layers)
    return Model(
        found.layers,
        npz.load_inputs(inputs) if chained else None,
        npz.load_labels(labels) if chained and labels.is_file() else None,
        (str(folder),) * count,
        found.chain or count == 1,
        tuple(network.recorded_inputs(folder / file) for file in found.files),
        (RECORDED,) * count,
        found.vectors,
    )
