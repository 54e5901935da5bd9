"""Layers with what they are fed: what every kind of source is opened as."""

import hashlib
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from eiesim._io.tensors import on_the_host
from eiesim._shown import Brief, Plotted, Tabled, listed
from eiesim.encoding import InterleavedLayer
from eiesim.errors import EieError, NoInputError, shown
from eiesim.layer import CompressedLayer, layers_frame

if TYPE_CHECKING:
    import pandas as pd

Layer = CompressedLayer | InterleavedLayer
"""A layer as it is stored, or as the PEs of one machine hold it."""

GIVEN, CHAINED, RECORDED, DRAWN = "given", "chained", "recorded", "drawn"
"""What a layer is fed; see `Feed`."""

NOTES = logging.getLogger("eiesim.notes")
"""Told, a line each, what was assumed of what is opened; commands show it."""


@dataclass(frozen=True)
class Drawn:
    """How a layer's input was drawn. seed: from what. line: the same in words."""

    seed: int
    line: str


def _inputs(activations: npt.NDArray[Any]) -> str:
    count = len(np.atleast_2d(activations))
    return f"{count:,} input{'s' if count > 1 else ''}"


def _named(layer: CompressedLayer) -> str:
    return f"layer '{layer.name}'"


def plain(layer: Layer) -> CompressedLayer:
    """The layer itself, whichever way it came."""
    return layer.layer if isinstance(layer, InterleavedLayer) else layer


@dataclass(frozen=True, eq=False, repr=False)
class Feed(Brief):
    """Layers that run in a row, and what the first one is fed.

    activations: float32[cols] or [batch, cols]. fed: "given" (by the user, or by what brings its own: a dump, Table
    III), "chained" (the network's own input, and what the layers before make of it), "recorded" (a layer's own
    inputs) or "drawn" (from the seed, for a matrix that brings none). vectors: a layer's input vectors in one input of
    the whole network. seed, variation: how the layer was made, if it is synthetic, or its input, if it was drawn.
    notes: by layer, lines on what was assumed; empty for none.
    """

    layers: tuple[Layer, ...]
    activations: npt.NDArray[np.float32]
    fed: str = GIVEN
    vectors: float = 1
    seed: int | None = None
    variation: float | None = None
    notes: tuple[tuple[str, ...], ...] = ()

    @property
    def batch_size(self) -> int:
        """How many inputs there are."""
        return len(self.activations) if self.activations.ndim == 2 else 1


_DEFAULTS = {
    "recorded_inputs": None, "input_origin": RECORDED, "vectors": 1, "seeds": None, "variations": None,
    "interleaved": None, "notes": (), "drawn": None,
}  # fmt: skip
"""What each layer of a `Model` has unless something else is said."""


@dataclass(frozen=True, eq=False, repr=False)
class Model(Plotted, Tabled, Brief):
    """Layers in order, and what came with them: what `eiesim.open` gives.

    What is left out is filled in for each layer: `origins` by its name, `recorded_inputs` by None, `input_origin` by
    "recorded", `vectors` by 1, and the others by None.

    Attributes
    ----------
    layers : tuple of CompressedLayer
        The layers in order.
    activations : float32[cols] or float32[batch, cols], or None, default None
        The first layer's input, where the layers follow one another; None where they bring none.
    labels : int64[batch] or None, default None
        The class of each input.
    origins : tuple of str, default ()
        By layer, the name that it was opened by.
    chain : bool, default True
        Whether the layers follow one another; if not, each runs by itself.
    recorded_inputs : tuple of float32[cols] or float32[batch, cols], or None, default ()
        By layer, its own input; None where it has none.
    input_origin : tuple of str, default ()
        By layer, what its own input is: "given", "recorded" or "drawn".
    vectors : tuple of float, default ()
        By layer, how many input vectors it takes for one input of the whole network.
    seeds : tuple of int or None, default ()
        By layer, its seed if it is synthetic.
    variations : tuple of float or None, default ()
        By layer, the coefficient of variation of its densities if it is synthetic.
    interleaved : tuple of InterleavedLayer or None, default ()
        By layer, the layer for one machine, if it came so.
    notes : tuple of tuple of str, default ()
        By layer, lines on what was assumed when it was opened: how the weights of a matrix share values.
    drawn : tuple of Drawn or None, default ()
        By layer, how its own input was drawn, if it was.
    """

    layers: tuple[CompressedLayer, ...]
    activations: npt.NDArray[np.float32] | None = None
    labels: npt.NDArray[np.int64] | None = None
    origins: tuple[str, ...] = ()
    chain: bool = True
    recorded_inputs: tuple[npt.NDArray[np.float32] | None, ...] = ()
    input_origin: tuple[str, ...] = ()
    vectors: tuple[float, ...] = ()
    seeds: tuple[int | None, ...] = ()
    variations: tuple[float | None, ...] = ()
    interleaved: tuple[InterleavedLayer | None, ...] = ()
    notes: tuple[tuple[str, ...], ...] = ()
    drawn: tuple[Drawn | None, ...] = ()

    def __post_init__(self) -> None:
        held, count = vars(self), len(self.layers)  # where a frozen dataclass keeps its fields
        for name, default in _DEFAULTS.items():
            held[name] = held[name] or (default,) * count
        held["origins"] = self.origins or tuple(map(_named, self.layers))

    @classmethod
    def of(cls, layer: Layer) -> "Model":
        """One layer as a model, whichever way it comes.

        Parameters
        ----------
        layer : CompressedLayer or InterleavedLayer
            The layer.

        Returns
        -------
        Model
            The layer, without an input.
        """
        return cls((plain(layer),), interleaved=(layer if isinstance(layer, InterleavedLayer) else None,))

    @property
    def _caption(self) -> str:
        names = listed([layer.name for layer in self.layers])
        return names if self.activations is None else f"{names}, with {_inputs(self.activations)}"

    def to_frame(self) -> "pd.DataFrame":
        """The layers.

        Returns
        -------
        pandas.DataFrame
            A row a layer: `layer`, `rows`, `cols`, `kept_weights`, `density`, `codes`, `bias` and `activation`.
        """
        return layers_frame(self.layers)

    def opened(self) -> "Model":
        """Itself: it is a source as it stands.

        Returns
        -------
        Model
            This one.
        """
        return self

    @property
    def as_they_came(self) -> tuple[Layer, ...]:
        """The layers, interleaved where they came so."""
        return tuple(made or layer for layer, made in zip(self.layers, self.interleaved, strict=True))

    def brings_inputs(self, recorded: bool = False) -> bool:
        """Whether the layers bring all the inputs that they need.

        Parameters
        ----------
        recorded : bool, default False
            Whether each layer's own input is asked for.

        Returns
        -------
        bool
            True where `feeds` needs no given input, and draws none.
        """
        brought = [values is not None and origin != DRAWN
                   for values, origin in zip(self.recorded_inputs, self.input_origin, strict=True)]  # fmt: skip
        chained = self.chain and self.activations is not None and not recorded
        return all(brought) or (chained and self.input_origin[0] != DRAWN)

    def feeds(
        self, given: npt.NDArray[np.float32] | None = None, given_from: str = "", recorded: bool = False
    ) -> tuple[Feed, ...]:
        """What to run: all layers in a row, or each by itself.

        In this order: the given input; the network's own where the layers follow one another; each layer's own, which
        for a matrix was drawn.

        Parameters
        ----------
        given : float32[cols] or float32[batch, cols], or None, default None
            The input that the user gives; None is what the layers bring.
        given_from : str, default ""
            The file that it came from, for errors.
        recorded : bool, default False
            Prefer each layer's own input.

        Returns
        -------
        tuple of Feed
            Layers that run in a row, with what the first one is fed.

        Raises
        ------
        EieError
            Where layers that do not follow one another are given one input, where one has none, and where an input has
            another length than its layer has columns.
        """
        # Synthetic layers never follow one another, so a feed of several has none.
        made_by = (self.seeds[0], self.variations[0]) if len(self.layers) == 1 else (None, None)
        if given is not None:
            if not self.chain:
                names = [layer.name for layer in self.layers]
                shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
                raise EieError(
                    f"{' '.join(dict.fromkeys(self.origins))}: these layers do not follow one another ({shown}), so "
                    f"{given_from or 'one input'} does not reach them all; name a single layer"
                )
            _check_columns(self.layers[0], given, given_from, self.origins[0])
            return (Feed(self.as_they_came, given, GIVEN, 1, *made_by, self.notes),)
        if self.chain and self.activations is not None and not recorded:
            _check_columns(self.layers[0], self.activations, self.origins[0], self.origins[0])
            drawn, notes = self.drawn[0], self.notes
            fed = CHAINED if self.input_origin[0] == RECORDED else self.input_origin[0]
            if drawn is not None:
                made_by, notes = (drawn.seed, None), ((*notes[0], drawn.line), *notes[1:])
                NOTES.info("%s: %s", self.origins[0], drawn.line)
            return (Feed(self.as_they_came, self.activations, fed, 1, *made_by, notes),)
        feeds = []
        how = zip(self.input_origin, self.vectors, self.seeds, self.variations, strict=True)
        for k, (fed, vectors, seed, variation) in enumerate(how):
            layer, origin, own = self.layers[k], self.origins[k], self.recorded_inputs[k]
            drawn, lines = self.drawn[k], self.notes[k]
            if own is None:
                whole = (self.chain and not recorded) or origin == _named(layer)
                raise NoInputError(origin if whole else f"{_named(layer)} of {origin}")
            _check_columns(layer, own, origin, origin)
            if drawn is not None:
                seed, lines = drawn.seed, (*lines, drawn.line)
                NOTES.info("%s: %s", origin, drawn.line)
            feeds.append(Feed((self.interleaved[k] or layer,), own, fed, vectors, seed, variation, (lines,)))
        return tuple(feeds)

    def check_codebooks(self, weight_bits: int) -> None:
        """Refuse codebooks that are too long for the machine.

        Parameters
        ----------
        weight_bits : int
            Bits of the machine's weight codes.

        Raises
        ------
        EieError
            Naming what the layer was opened by.
        """
        for layer, origin in zip(self.layers, self.origins, strict=True):
            check_codebook(layer, weight_bits, origin)


def check_codebook(layer: CompressedLayer, weight_bits: int, origin: str | None = None) -> None:
    """Raise EieError where a layer's codebook is too long for the machine's weight codes. origin: as `Model`'s."""
    entries, named = len(layer.codebook), _named(layer)
    if entries > 2**weight_bits:
        of = f"{named}: its codebook" if origin in (None, named) else f"{origin}: codebook: that of {named[6:]}"
        raise EieError(f"{of} has {entries} entries, weight_bits = {weight_bits} reach {2**weight_bits}")


def _check_columns(
    layer: CompressedLayer, activations: npt.NDArray[np.float32], activations_from: str, origin: str
) -> None:
    cols, named = layer.cols, _named(layer)
    if activations.shape[-1] != cols:
        where = f"{activations_from}: " if activations_from else ""
        what = named if origin == named else f"{named[6:]} ({origin})"
        raise EieError(f"{where}activations: {activations.shape[-1]} an input, but {what} has {cols} columns")


@dataclass(frozen=True, eq=False, repr=False)
class Workload(Plotted, Tabled, Brief):
    """A layer with its input.

    Parameters
    ----------
    layer : CompressedLayer
        The layer.
    activations : float32[cols] or float32[batch, cols]
        Its input.
    seed : int or None, default None
        Of a synthetic layer, or of an input that was drawn; None for one that is neither.
    variation : float or None, default None
        Coefficient of variation of a synthetic layer's densities; None for one that is not synthetic.
    fed : str, default "given"
        What the input is: "given", "chained" (what the layer before gives), "recorded" or "drawn" (from the seed).
    vectors : float, default 1
        How many input vectors the layer takes for one input of the whole network.
    interleaved : InterleavedLayer or None, default None
        The layer for one machine, if it came so.
    """

    layer: CompressedLayer
    activations: npt.NDArray[np.float32]
    seed: int | None = None
    variation: float | None = None
    fed: str = GIVEN
    vectors: float = 1
    interleaved: InterleavedLayer | None = None

    @property
    def layers(self) -> tuple[CompressedLayer]:
        """The layer, as a model has its layers."""
        return (self.layer,)

    @property
    def _caption(self) -> str:
        return f"{self.layer.name}, with {_inputs(self.activations)} ({self.fed})"

    def to_frame(self) -> "pd.DataFrame":
        """The layer.

        Returns
        -------
        pandas.DataFrame
            One row: `layer`, `rows`, `cols`, `kept_weights`, `density`, `codes`, `bias` and `activation`.
        """
        return layers_frame(self.layers)

    def opened(self) -> Model:
        """The layer and its input as a source.

        Returns
        -------
        Model
            What `open` gives.
        """
        return Model(
            (self.layer,),
            recorded_inputs=(self.activations,),
            input_origin=(self.fed,),
            vectors=(self.vectors,),
            seeds=(self.seed,),
            variations=(self.variation,),
            interleaved=(self.interleaved,),
        )

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


@runtime_checkable
class Openable(Protocol):
    """What gives layers to the machine: `Model`, `Network`, `Workload`, and what `compress` and `train` return."""

    def opened(self) -> Model:
        """Its layers, with what they bring."""


def as_labels(labels: Any) -> npt.NDArray[np.int64]:
    """Class numbers, int64[batch], from whatever holds whole numbers from 0. Raises EieError for anything else."""
    values = np.atleast_1d(np.asarray(on_the_host(labels)))
    if values.dtype.kind not in "iuf" or values.ndim != 1:
        raise EieError(f"labels: {shown(labels)}: need whole numbers from 0, one an input")
    if values.size and (values.min() < 0 or values.max() >= 2**53 or (values % 1 != 0).any()):
        raise EieError(f"labels: hold {values.min()} to {values.max()}, need whole numbers from 0")
    return values.astype(np.int64)


def check_labels(labels: npt.NDArray[np.int64], inputs: int, classes: int, origin: str = "") -> None:
    """Raise EieError unless there is a label an input, each one of the outputs. origin: of labels that nobody gave."""
    where = f"{origin}: " if origin else ""
    if len(labels) != inputs:
        raise EieError(f"{where}labels: {len(labels)} for {inputs} inputs, needs one each")
    if not inputs:
        raise EieError(f"{where}labels: there is no input to recognise")
    if int(labels.max()) >= classes:
        reach = f"has {classes} outputs, 0 to {classes - 1}"
        raise EieError(f"{where}labels: {labels.max()} occurs, but the last layer {reach}")


def recognised(outputs: npt.NDArray[Any], labels: npt.NDArray[np.int64]) -> float:
    """The share of inputs whose largest output is their label's; of outputs as large, the first counts.

    outputs: [rows] or [batch, rows]. labels: int64[batch].
    """
    return float((np.atleast_2d(outputs).argmax(axis=1) == labels).mean())
