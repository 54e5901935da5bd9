"""A trained network as a folder that every other command takes, with its held-out examples (docs/formats.md)."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._io.arrays import read_arrays
from eiesim._io.atomic import writing
from eiesim._io.reading import sha256_of
from eiesim._version import __version__
from eiesim.compression.pipeline import REPORT, load_model
from eiesim.dense import DenseLayer, expand
from eiesim.errors import EieError
from eiesim.files import npz
from eiesim.files.network import (
    FILE,
    INPUTS,
    LABELS,
    RECORDED,
    Network,
    is_network,
    load_network,
    write_network,
    writing_network_folder,
)
from eiesim.files.weights import save_npz_model
from eiesim.layer import CompressedLayer
from eiesim.training.convolution import Convolution, features_of, given_by, placed, windows_of
from eiesim.training.graph import save_graph
from eiesim.training.trained import Trained

DENSE, PRUNED = "dense.npz", "pruned.npz"


def save_trained(trained: Trained, folder: str | Path, *, force: bool = False) -> None:
    """Write the network's folder, whole or not at all: layers, held-out inputs and labels, the dense network, a report.

    `eiesim accuracy FOLDER` finds the dense network in it, and the pruned one: that is left out for `low-rank`, between
    whose factors there is no ReLU, which a file of arrays cannot say. A convolutional network comes with its layers'
    recorded inputs and three ONNX graphs: `model.onnx` of the shared network, `pruned.onnx` and `dense.onnx`.

    Parameters
    ----------
    trained : Trained
        What `train` gives.
    folder : str or pathlib.Path
        The folder to make (docs/formats.md, "Trained network folder").
    force : bool, default False
        Take the place of a network folder that eiesim wrote; files of others in it stay.

    Raises
    ------
    EieError
        For a folder that is there already, or that cannot be written, and where a graph is to be written without onnx.
    """
    with writing_network_folder(folder, force) as parts:
        _write_parts(trained, parts)


def _write_parts(trained: Trained, parts: Path) -> None:
    recipe, outcome = trained.recipe, trained.outcome
    tables = []
    for layer, place, vectors in zip(trained.shared, outcome.layers, trained.vectors, strict=True):
        npz.save(layer, parts / f"{layer.name}.npz")
        tables.append(
            {
                "file": f"{layer.name}.npz",
                "rows": layer.rows,
                "cols": layer.cols,
                "density": layer.density,
                "bits": recipe.bits,
                **({"vectors": vectors} if vectors > 1 else {}),
                **windows_of(place),
            }
        )
    inputs, first = trained.parts.held_out.inputs, trained.networks.dense[0]
    if isinstance(first, Convolution):
        inputs = inputs.reshape(len(inputs), first.channels, *first.image)
    narrow = inputs.astype(np.float16)
    exact = bool((narrow == inputs).all())
    npz.save_array(narrow if exact else inputs, parts / INPUTS)
    npz.save_array(trained.parts.held_out.labels, parts / LABELS)
    about: dict[str, Any] = {"method": recipe.method or "masks", "seed": recipe.seed, "eiesim": __version__}
    for key, name in (_write_arrays if trained.chain else _write_graphs)(trained, parts).items():
        about |= {key: name, f"{key}_sha256": sha256_of(parts / name)}
    write_network(parts / FILE, f"{recipe.method or 'masks'}, seed {recipe.seed}", trained.chain, about, tables)
    with writing(parts / REPORT) as file:
        file.write(f"{trained.to_json()}\n".encode())


def _write_arrays(trained: Trained, parts: Path) -> dict[str, str]:
    """The dense network, and the pruned one where arrays can say it; by the keys of network.toml."""
    save_npz_model(trained.networks.dense, parts / DENSE)
    if any(layer.activation != "relu" for layer in trained.outcome.layers[:-1]):
        return {"model": DENSE}
    save_npz_model(trained.outcome.layers, parts / PRUNED)
    return {"model": DENSE, "pruned": PRUNED}


def _write_graphs(trained: Trained, parts: Path) -> dict[str, str]:
    """The recorded inputs, and the graph of the shared network, the pruned and the dense one; by the same keys."""
    (parts / RECORDED).mkdir()
    for layer, recorded in zip(trained.shared, trained.recorded, strict=True):
        npz.save_array(recorded, parts / RECORDED / f"{layer.name}.npy")
    names = {"graph": "model.onnx", "model": "dense.onnx", "pruned": "pruned.onnx"}
    of_all = (trained.expanded, trained.networks.dense, trained.outcome.layers)
    for name, layers in zip(names.values(), of_all, strict=True):
        save_graph(layers, parts / name)
    return names


def load_inputs(path: Path) -> npt.NDArray[Any]:
    """Examples from an .npy file: numbers [n, ...]. Raises EieError for anything else."""
    values = read_arrays(path)
    if not isinstance(values, np.ndarray):
        raise EieError(f"{path}: inputs: is an archive of arrays, needs one .npy array")
    return values


def load_teacher(path: Path) -> tuple[DenseLayer, ...] | tuple[CompressedLayer, ...]:
    """A teacher's layers, from a network folder or a model file whose layers follow one another.

    So do those of a folder that `train` wrote: where there are convolutions it says how they take their inputs.
    """
    if path.is_dir() or is_network(path):
        network = load_network(path)
        if network.chain:
            return network.layers
        if "method" in network.about:
            return _placed(path, network)
    else:
        model, _ = load_model(path)
        if model.chain:
            return model.layers
    raise EieError(f"{path}: its layers do not follow one another, so it cannot teach")


def _placed(path: Path, network: Network) -> tuple[DenseLayer, ...]:
    """The layers of a convolutional network that `train` wrote. Raises EieError where they do not go together."""
    layers = []
    for layer, said in zip(map(expand, network.layers), network.about["layers"], strict=True):
        try:
            layers.append(placed(layer, said))
        except (KeyError, TypeError, ValueError, OverflowError):
            raise EieError(f"{path}: '{layer.name}': image, kernel and pool are not those of a convolution") from None
    for before, after in pairwise(layers):
        if given_by(before) != features_of(after):
            raise EieError(
                f"{path}: '{before.name}' gives {given_by(before)} numbers, '{after.name}' takes {features_of(after)}"
            )
    return tuple(layers)


def load_masks(path: Path) -> Mapping[str, npt.NDArray[np.bool_]]:
    """Masks by layer name from an .npz file: what is not zero is kept."""
    arrays = read_arrays(path)
    if not isinstance(arrays, Mapping) or not arrays:
        raise EieError(f"{path}: masks: needs an .npz with an array a layer, by name")
    for name, values in arrays.items():
        if values.dtype.kind not in "biuf" or values.ndim not in (2, 4):
            raise EieError(
                f"{path}: mask '{name}': is {values.dtype}{list(values.shape)}, needs (rows, cols), or of a "
                "convolution (maps, channels, height, width)"
            )
    return {name: values != 0 for name, values in arrays.items()}
