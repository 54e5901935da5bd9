"""Trained networks in memory: a `torch.nn.Module`, a `state_dict`, a matrix, layers in order. Torch is not imported.

A state dictionary says nothing of activations (see `files.weights`). An `nn.Sequential` does: its ReLUs are taken as
they stand, and what else stands between two layers keeps them from being one chain.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from eiesim._io.tensors import is_sparse, on_the_host
from eiesim.dense import DenseLayer, chains
from eiesim.errors import EieError
from eiesim.files.weights import DenseNetwork, LeftOut, model_of_arrays

CHANGES_NOTHING = ("Identity", "Flatten", "Dropout", "AlphaDropout")
"""Modules that do nothing to a vector when a trained network runs."""

WHAT_WOULD_DO = "a torch module, a state_dict, a matrix (rows, cols), or DenseLayers in order"


def model_in_memory(source: Any, name: str | None = None) -> DenseNetwork:
    """A trained network as it is at hand.

    source: a torch module, or what is like one (`state_dict` and `named_children`); a mapping of names to arrays or
        tensors; a matrix, float[rows, cols], also SciPy's sparse ones; a `DenseLayer`, or several in order.
    name: of the network, or of a single matrix's layer. Raises EieError for anything else, NaN and infinity, and
    where there is no layer that EIE can run.
    """
    if isinstance(source, DenseNetwork):
        found = source
    elif hasattr(source, "state_dict") and hasattr(source, "named_children"):
        found = _of_module(source, name or type(source).__name__)
    elif isinstance(source, Mapping):
        found = model_of_arrays(name or "state_dict", _arrays(source), "a state_dict")
    else:
        found = _of_layers(source, name)
    if not found.layers:
        reasons = "; ".join(f"{part.name}: {part.reason}" for part in found.left_out)
        raise EieError(f"{found.name}: has no layer that EIE can run" + (f" ({reasons})" if reasons else ""))
    return found


def _of_layers(source: Any, name: str | None) -> DenseNetwork:
    layers = [source] if isinstance(source, DenseLayer) else source
    if isinstance(layers, Sequence) and layers and all(isinstance(one, DenseLayer) for one in layers):
        names = tuple(one.name for one in layers)
        return DenseNetwork(name or names[0], tuple(layers), names, (), chains(layers))
    if not (is_sparse(source) or hasattr(source, "__array__") or isinstance(source, Sequence)) or isinstance(
        source, str
    ):
        raise EieError(f"model: {type(source).__name__} is no network; give {WHAT_WOULD_DO}")
    called = name or "layer"
    try:
        matrix = np.asarray(on_the_host(source))
    except ValueError:
        matrix = np.zeros(0, object)
    if matrix.dtype.kind not in "fiu" or matrix.ndim != 2:
        raise EieError(f"model: {matrix.dtype}{list(matrix.shape)} is no matrix of numbers; give {WHAT_WOULD_DO}")
    return model_of_arrays(called, [(called, matrix.astype(np.float32))])


def _arrays(tensors: Mapping[str, Any]) -> Iterator[tuple[str, np.ndarray[Any, Any] | str]]:
    """Each entry as an array, or why it is none. `torch.nn.utils.prune` keeps `X_orig` and `X_mask`: together, X."""
    for name, values in tensors.items():
        stem = str(name).removesuffix("_orig")
        if str(name).endswith("_mask") and f"{str(name).removesuffix('_mask')}_orig" in tensors:
            continue
        try:
            array = np.asarray(on_the_host(values))
            if stem != name and f"{stem}_mask" in tensors:
                name, array = stem, array * np.asarray(on_the_host(tensors[f"{stem}_mask"]), array.dtype)
        except (TypeError, ValueError, RuntimeError):
            yield str(name), f"{type(values).__name__} is no array of numbers"
            continue
        yield str(name), array


def _of_module(module: Any, name: str) -> DenseNetwork:
    parameters = {key if "." in key else f"{name}.{key}": held for key, held in module.state_dict().items()}
    model = model_of_arrays(name, _arrays(parameters), "the module")
    leaves = list(_leaves(module, ""))
    if any(leaf is None for _, leaf in leaves):
        return model
    return _as_it_stands(model, [(key, type(leaf).__name__) for key, leaf in leaves])


def _leaves(module: Any, at: str) -> Iterator[tuple[str, Any]]:
    """The modules of nested `nn.Sequential`s in order, each with its name; None for one that nests otherwise."""
    for key, child in module.named_children() if type(module).__name__ == "Sequential" else [("", module)]:
        path = ".".join(part for part in (at, key) if part)
        if type(child).__name__ == "Sequential":
            yield from _leaves(child, path)
        else:
            yield path, None if list(child.named_children()) else child


def _as_it_stands(model: DenseNetwork, leaves: Sequence[tuple[str, str]]) -> DenseNetwork:
    """The model with the activations that follow its layers, and what else does told as left out."""
    of_layer = {source.rpartition(".")[0]: k for k, source in enumerate(model.sources)}
    activations = ["none"] * len(model.layers)
    between: list[LeftOut] = []
    strange: list[LeftOut] = []
    latest: int | None = None
    for name, kind in leaves:
        if name in of_layer or (not name and model.layers):
            latest = of_layer.get(name, 0)
            between += strange if latest else []
            strange = []
        elif kind == "ReLU" and latest is not None:
            activations[latest] = "none" if strange else "relu"
        elif kind not in CHANGES_NOTHING and latest is not None:
            strange.append(LeftOut(name, f"{kind} follows '{model.layers[latest].name}'; EIE has ReLU, nothing else"))
    known = {part.name for part in model.left_out}
    return replace(
        model,
        layers=tuple(replace(layer, activation=one) for layer, one in zip(model.layers, activations, strict=True)),
        left_out=(*model.left_out, *(part for part in _once([*between, *strange]) if part.name not in known)),
        chain=model.chain and not between,
        notes=("activations are those of the nn.Sequential",) if len(model.layers) > 1 else (),
    )


def _once(parts: Iterable[LeftOut]) -> list[LeftOut]:
    return list({part.name: part for part in parts}.values())
