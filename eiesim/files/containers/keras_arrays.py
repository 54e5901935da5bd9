"""Arrays of Keras without a config (.weights.h5): layers by their names, as in any file of tensors."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from eiesim.files.containers.hdf5 import Weights, text
from eiesim.files.ledger import NO_CHOICE, Choice
from eiesim.files.names import natural
from eiesim.files.tensors import Tensor, of_array
from eiesim.files.weights import DenseNetwork, network_of_tensors

NUMBERED = {
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "embedding": ("embeddings",),
    "lstm_cell": ("kernel", "recurrent_kernel", "bias"),
    "gru_cell": ("kernel", "recurrent_kernel", "bias"),
    "simple_rnn_cell": ("kernel", "recurrent_kernel", "bias"),
}
"""What numbered arrays are in groups of these classes. In others a matrix is a kernel, the vector behind it a bias."""


def load_arrays(path: Path, weights: Weights, choice: Choice = NO_CHOICE) -> DenseNetwork:
    """Layers of the arrays of a file, groups in the order of their names, numbers by value."""
    groups: dict[str, list[str]] = {}
    every = dict(weights.datasets())
    for name in sorted(every, key=natural):
        groups.setdefault(name.rpartition("/")[0], []).append(name)
    names = _layer_names(weights, groups)
    tensors: list[Tensor] = []
    for group, members in groups.items():
        if not group.endswith("vars") or not all(name.rpartition("/")[2].isdigit() for name in members):
            tensors += [of_array(name, weights.values(every[name])) for name in members]
            continue
        held = [of_array(f"{names[group]}/{k}", weights.values(every[name])) for k, name in enumerate(members)]
        tensors += _meant(group, held)
    return network_of_tensors(path, tensors, choice, ordered=False)


def _layer_names(weights: Weights, groups: dict[str, list[str]]) -> dict[str, str]:
    """Of each group of numbered arrays, the layer's own name where the file says it and no other has it."""
    said = {}
    for group in groups:
        held = weights.group(group)
        said[group] = text(held.attrs["name"]) if "name" in held.attrs else ""
    times = Counter(said.values())
    plain = {group: re.sub(r"(^|/)(layers|vars)(?=/|$)", "", group).strip("/") for group in groups}
    return {group: said[group] if said[group] and times[said[group]] == 1 else plain[group] for group in groups}


def _meant(group: str, held: list[Tensor]) -> list[Tensor]:
    """A group's arrays under names that say what they are, an int8 kernel as numbers."""
    own = re.sub(r"_\d+$", "", group.split("/")[-2] if "/" in group else "")
    meant = next((called for stem, called in NUMBERED.items() if own == stem), None)
    stem = held[0].name.rpartition("/")[0]
    if meant is None:
        if len(held[0].shape) != 2:
            return held
        meant = ("kernel", "bias" if len(held) > 1 and held[1].shape == held[0].shape[1:] else "", "kernel_scale")
    named = [replace(one, name=f"{stem}/{name or k}") for k, (one, name) in enumerate(zip(held, meant, strict=False))]
    named += held[len(named) :]
    codes, scale = held[0].values, held[2].values if len(held) == 3 else None
    if codes is not None and scale is not None and codes.dtype == np.int8 and scale.shape == codes.shape[1:]:
        named[0] = replace(named[0], values=codes.astype(np.float32) / scale.astype(np.float32))
    return named
