"""Trained networks in memory: a `torch.nn.Module`, a `state_dict`, a matrix, layers in order. Torch is not imported.

A module is read part by part, as each computes its weight, and run on a few inputs: that says in which order its
layers run, what follows each, and whether each layer as read gives the module's own outputs (`files.held`).
A state dictionary says nothing of activations (see `files.weights`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eiesim._io import modules
from eiesim._io.memory import check_allowed
from eiesim._io.tensors import is_sparse, on_the_host
from eiesim.dense import DenseLayer, chains
from eiesim.errors import EieError
from eiesim.files.ledger import NO_CHOICE, Choice, Entry
from eiesim.files.module_network import network_of_module
from eiesim.files.tensors import of_mapping
from eiesim.files.weights import DenseNetwork, check_layers, network_of_tensors

WHAT_WOULD_DO = "a torch module, a state_dict, a matrix (rows, cols), or DenseLayers in order"


def model_in_memory(
    source: Any, name: str | None = None, choice: Choice = NO_CHOICE, check: bool = True, inputs: Any = None
) -> DenseNetwork:
    """A trained network as it is at hand.

    source: a torch module, or what is like one (`state_dict` and `named_children`); a mapping of names to arrays or
        tensors; a matrix, float[rows, cols], also SciPy's sparse ones; a `DenseLayer`, or several in order.
    name: of the network, or of a single matrix's layer. check: whether a module is run. inputs: on these; None is
    random ones. Raises EieError for anything else, NaN and infinity, and where there is no layer that EIE can run.
    """
    if isinstance(source, DenseNetwork):
        found = source
    elif modules.is_module(source):
        found = network_of_module(source, name or type(source).__name__, choice, check, inputs)
    elif hasattr(source, "state_dict") and hasattr(source, "named_children"):
        called = name or type(source).__name__
        held = {key if "." in key else f"{called}.{key}": values for key, values in source.state_dict().items()}
        found = network_of_tensors(called, of_mapping(held), choice, "the module")
    elif isinstance(source, Mapping):
        found = network_of_tensors(name or "state_dict", of_mapping(source), choice, "a state_dict")
    else:
        found = _of_layers(source, name)
    check_layers(found, found.name)
    return found


def _of_layers(source: Any, name: str | None) -> DenseNetwork:
    layers = [source] if isinstance(source, DenseLayer) else source
    if isinstance(layers, Sequence) and layers and all(isinstance(one, DenseLayer) for one in layers):
        called = tuple(one.name for one in layers)
        entries = tuple(Entry(one.name, one.weights.shape, "float32", "weight", one.name) for one in layers)
        return DenseNetwork(name or called[0], tuple(layers), called, (), chains(layers), ledger=entries)
    if not (is_sparse(source) or hasattr(source, "__array__") or isinstance(source, Sequence)) or isinstance(
        source, str
    ):
        raise EieError(f"model: {type(source).__name__} is no network; give {WHAT_WOULD_DO}")
    called_one = name or "layer"
    if is_sparse(source):
        check_allowed(16 * math.prod(source.shape), f"'{called_one}': {' x '.join(map(str, source.shape))} made dense")
    try:
        matrix = np.asarray(on_the_host(source))
    except ValueError:
        matrix = np.zeros(0, object)
    if matrix.dtype.kind not in "fiu" or matrix.ndim != 2:
        raise EieError(f"model: {matrix.dtype}{list(matrix.shape)} is no matrix of numbers; give {WHAT_WOULD_DO}")
    layer = DenseLayer(called_one, matrix.astype(np.float32), activation="none")
    entry = Entry(called_one, layer.weights.shape, str(matrix.dtype), "weight", called_one)
    return DenseNetwork(called_one, (layer,), (called_one,), (), True, ledger=(entry,))
