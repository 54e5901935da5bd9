"""Arrays of Keras without a config (.weights.h5): layers by their names, as in any file of tensors."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.files.containers.hdf5 import Weights, text
from eiesim.files.ledger import NO_CHOICE, Choice
from eiesim.files.names import is_aside, natural
from eiesim.files.order import NOT_ONE_AFTER_ANOTHER
from eiesim.files.tensors import Tensor, of_array
from eiesim.files.weights import HELD_AGAINST_NOTHING, DenseNetwork, network_of_tensors

NUMBERED = {
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "embedding": ("embeddings",),
    "cell": ("kernel", "recurrent_kernel", "bias"),
}
"""What numbered arrays are in groups of these classes. In others a matrix is a kernel, the vector behind it a bias."""


def load_arrays(path: Path, parts: Sequence[Weights], choice: Choice = NO_CHOICE) -> DenseNetwork:
    """Layers of the arrays of a file, or of all its parts, groups in the order of their names, numbers by value."""
    groups: dict[str, list[str]] = {}
    every = {name: (part, dataset) for part in parts for name, dataset in part.datasets()}
    for name in sorted(every, key=natural):
        groups.setdefault(name.rpartition("/")[0], []).append(name)
    names = _layer_names({group: every[members[0]][0] for group, members in groups.items()})
    tensors: list[Tensor] = []
    for group, members in groups.items():
        if not group.endswith("vars") or not all(name.rpartition("/")[2].isdigit() for name in members):
            tensors += [of_array(name, _values(*every[name])) for name in members]
            continue
        held = [of_array(f"{names[group]}/{k}", _values(*every[name])) for k, name in enumerate(members)]
        tensors += _meant(group, held)
    network = network_of_tensors(path, tensors, choice, ordered=False)
    scales = {f"{one.tensor}_scale" for one in network.ledger if one.layer and one.dtype == "int8"}
    loose = (one for one in network.ledger if not one.layer and one.tensor not in scales)
    other = next((one for one in loose if not is_aside(one.tensor)), None)
    if not network.chain or other is None or len(network.layers) < 2:
        return network
    # Groups stand by the names of their classes: whatever is no layer may stand between two.
    notes = (NOT_ONE_AFTER_ANOTHER, f"between them may stand '{other.tensor}'", HELD_AGAINST_NOTHING)
    apart = tuple(replace(layer, activation="none") for layer in network.layers)
    return replace(network, layers=apart, chain=False, notes=notes)


def _values(part: Weights, dataset: Any) -> npt.NDArray[Any]:
    return part.values(dataset)


def _layer_names(groups: Mapping[str, Weights]) -> dict[str, str]:
    """Of each group of numbered arrays, its path, or the layer's own name where the path has only its class' name.

    Attributes of a model that is code have their own names in the path; those of `layers` are called by their class.
    """
    said = {}
    for group, part in groups.items():
        held, above = part.group(group), group.split("/")[-3:-2]
        said[group] = text(held.attrs["name"]) if "name" in held.attrs and above == ["layers"] else ""
    times = Counter(said.values())
    plain = {group: re.sub(r"(^|/)(layers|vars)(?=/|$)", "", group).strip("/") for group in groups}
    return {group: said[group] if said[group] and times[said[group]] == 1 else plain[group] for group in groups}


def _meant(group: str, held: list[Tensor]) -> list[Tensor]:
    """A group's arrays under names that say what they are, an int8 kernel as numbers."""
    own = re.sub(r"_\d+$", "", group.split("/")[-2] if "/" in group else "")
    meant = next((called for stem, called in NUMBERED.items() if own == stem), None)
    stem = held[0].name.rpartition("/")[0]
    if meant is None:
        if len(held[0].shape) < 2 or set(held[0].shape[:-2]) - {1}:
            beside = f"stands beside a kernel of {len(held[0].shape)} axes, which is no matrix"
            return [replace(one, values=None, problem=beside) if len(one.shape) == 2 else one for one in held]
        meant = ("kernel", "bias" if len(held) > 1 and held[1].shape == held[0].shape[-1:] else "", "kernel_scale")
    named = [replace(one, name=f"{stem}/{name or k}") for k, (one, name) in enumerate(zip(held, meant, strict=False))]
    named += held[len(named) :]
    codes, scale = held[0].values, held[2].values if len(held) == 3 else None
    if codes is not None and scale is not None and codes.dtype == np.int8 and scale.shape == codes.shape[1:]:
        named[0] = replace(named[0], values=codes.astype(np.float32) / scale.astype(np.float32))
    return named
