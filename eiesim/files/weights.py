"""Trained networks as named tensors: safetensors (PyTorch's `state_dict`), numpy's .npz (never pickled), mappings.

Every tensor gets one role (`files.ledger`). A matrix of floating point is a layer, two-dimensional or a 1x1
convolution's, unless its name or what stands beside it says that it is something else (`files.names`,
`files.joined`). The vector `X.bias` goes with `X.weight`, `bX` with `WX`, `bias_ih_l0` with `weight_ih_l0`.
Matrices are (outputs, inputs), as PyTorch keeps them; Keras' and Flax's `kernel`, and one whose bias is as long as its
columns and not its rows, are (inputs, outputs).
Arrays do not say what activation follows a layer. Where each matrix takes what the one before gives, ReLU follows each
but the last. Otherwise each layer runs by itself, without an activation.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._io.arrays import write_archive
from eiesim._io.atomic import writing
from eiesim._shown import Brief
from eiesim.dense import DenseLayer
from eiesim.errors import EieError
from eiesim.files.assembly import Assembly
from eiesim.files.held import AGAINST_NOTHING, Held
from eiesim.files.ledger import LEFT_BY_NAME, NO_CHOICE, Choice, Entry, first_reason
from eiesim.files.order import followed
from eiesim.files.packed.config import NOTHING_SAID, Said
from eiesim.files.packed.reading import said_of
from eiesim.files.sharded import of_checkpoint
from eiesim.files.tensors import Tensor, of_npz
from eiesim.layer import printable

HELD_AGAINST_NOTHING = "held against nothing: arrays do not run"


@dataclass(frozen=True)
class LeftOut:
    """A part of a model that is no layer of EIE's, and why.

    kind: its operator, where it has one. macs: its multiply-accumulates in one input; None where they are not known.
    """

    name: str
    reason: str
    kind: str = ""
    macs: int | None = 0


@dataclass(frozen=True, repr=False)
class DenseNetwork(Brief):
    """A trained network as read from a file.

    sources: for each layer, where its weights stand in the file. chain: whether the layers follow one another.
    notes: what was assumed. parameters: of each layer, before groups of a convolution are spread; empty where that is
    the size of its weights and bias. all_parameters: of the whole model, None where that is not known.
    vectors: each layer's input vectors in one input of the network, None where that is not known; empty is 1 each.
    ledger: every tensor of the source with its role. held: what the reading was held against.
    recorded: each layer's inputs where a module ran on the inputs it was given, None for a layer that they do not
    reach; empty where nothing ran on them.
    """

    name: str
    layers: tuple[DenseLayer, ...]
    sources: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    chain: bool
    notes: tuple[str, ...] = ()
    parameters: tuple[int, ...] = ()
    all_parameters: int | None = None
    vectors: tuple[float | None, ...] = ()
    ledger: tuple[Entry, ...] = ()
    held: Held = AGAINST_NOTHING
    recorded: tuple[npt.NDArray[np.float32] | None, ...] = ()


def load_npz_model(path: Path, choice: Choice = NO_CHOICE) -> DenseNetwork:
    """A network from an .npz file of arrays, in the file's order. Raises EieError for anything malformed."""
    tensors = of_npz(path)
    return network_of_tensors(path, tensors, choice, said=said_of(tensors, path.parent))


def save_npz_model(layers: Sequence[DenseLayer], path: str | Path) -> None:
    """Write layers as `load_npz_model` reads them, whole or not at all: NAME.weight and NAME.bias, compressed."""
    arrays: dict[str, npt.NDArray[np.float32]] = {}
    for layer in layers:
        arrays[f"{layer.name}.weight"] = layer.weights
        if layer.bias is not None:
            arrays[f"{layer.name}.bias"] = layer.bias
    with writing(path) as file:
        write_archive(file, arrays)


def load_safetensors(path: Path, choice: Choice = NO_CHOICE) -> DenseNetwork:
    """A network from a safetensors file or a folder of them, its tensors sorted by name (numbers by value)."""
    tensors, own = of_checkpoint(path, choice)
    folder = path if path.is_dir() else path.parent
    found = network_of_tensors(path, tensors, own, ordered=False, said=said_of(tensors, folder))
    return replace(found, name=printable(folder.resolve().name)) if path.is_dir() or path.suffix == ".json" else found


def check_layers(network: DenseNetwork, where: str | Path) -> None:
    """Raise EieError where a network has no layer, or a weight that only the module itself can tell."""
    stops = next((entry for entry in network.ledger if entry.stops), None)
    if stops is not None:
        raise EieError(f"{where}: {stops.tensor}: {stops.reason}; or leave it out with --leave '{stops.tensor}'")
    if not network.layers:
        reasons = first_reason(network.ledger) or "; ".join(f"{one.name}: {one.reason}" for one in network.left_out)
        raise EieError(f"{where}: has no layer that EIE can run" + (f" ({reasons})" if reasons else ""))


def network_of_tensors(
    origin: str | Path,
    tensors: Iterable[Tensor],
    choice: Choice = NO_CHOICE,
    holder: str = "the file",
    ordered: bool = True,
    said: Said = NOTHING_SAID,
) -> DenseNetwork:
    """A network from named tensors in order, each with its role.

    origin: where they come from; its stem is the network's name. holder: what notes call that. ordered: whether their
    order says which layer is first. said: what is said of their quantisation. Raises EieError where a name of `choice`
    is no tensor's, and for NaN and infinity.
    """
    found = Assembly(Path(origin), tuple(tensors), choice, said)
    layers, chain, notes = followed(found, holder, ordered)
    ledger = found.ledger
    return DenseNetwork(
        Path(origin).stem,
        layers,
        tuple(found.sources),
        tuple(LeftOut(one.tensor, one.reason, macs=_work(one)) for one in ledger if not one.layer),
        chain,
        (*notes, *found.notes, HELD_AGAINST_NOTHING),
        vectors=tuple(found.vectors),
        ledger=ledger,
    )


def without(network: DenseNetwork, choice: Choice) -> tuple[DenseNetwork, tuple[int, ...]]:
    """A network without the layers that are to be left by name, their weight's or their own; and which are kept."""
    gone = {
        layer.name
        for layer, source in zip(network.layers, network.sources, strict=True)
        if choice.leaves(layer.name) or choice.leaves(source) or choice.leaves(source.rpartition(" ")[2])
    }
    kept = tuple(k for k, layer in enumerate(network.layers) if layer.name not in gone)
    if not gone:
        return network, kept
    ledger = tuple(
        replace(one, role="left out", layer="", reason=LEFT_BY_NAME) if one.layer in gone else one
        for one in network.ledger
    )

    def chosen(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(values[k] for k in kept) if values else ()

    found = replace(
        network,
        layers=chosen(network.layers),
        sources=chosen(network.sources),
        left_out=(*network.left_out, *(LeftOut(name, LEFT_BY_NAME, macs=None) for name in sorted(gone))),
        chain=False,
        parameters=chosen(network.parameters),
        vectors=chosen(network.vectors),
        ledger=ledger,
    )
    return found, kept


def _work(entry: Entry) -> int | None:
    """Multiply-accumulates of a tensor that is no layer: none for what only stands beside one, else not known."""
    return 0 if entry.role != "left out" or len(entry.shape) < 2 else None
