"""A trained network as a folder that every other command takes, with its held-out examples (docs/formats.md)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._io.arrays import read_arrays
from eiesim._io.atomic import writing
from eiesim._io.reading import sha256_of
from eiesim._version import __version__
from eiesim.compression.pipeline import REPORT, load_model
from eiesim.dense import DenseLayer
from eiesim.errors import EieError
from eiesim.files import npz
from eiesim.files.network import FILE, INPUTS, LABELS, is_network, load_network, write_network, writing_network_folder
from eiesim.files.weights import save_npz_model
from eiesim.layer import CompressedLayer
from eiesim.training.trained import Trained

DENSE, PRUNED = "dense.npz", "pruned.npz"


def save_trained(trained: Trained, folder: str | Path, *, force: bool = False) -> None:
    """Write the network's folder, whole or not at all: layers, held-out inputs and labels, the dense network, a report.

    `eiesim accuracy FOLDER` finds the dense network in it, and the pruned one: that is left out for `low-rank`, between
    whose factors there is no ReLU, which a file of arrays cannot say.

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
        For a folder that is there already, or that cannot be written.
    """
    with writing_network_folder(folder, force) as parts:
        _write_parts(trained, parts)


def _write_parts(trained: Trained, parts: Path) -> None:
    recipe, outcome, held_out = trained.recipe, trained.outcome, trained.parts.held_out
    tables = []
    for layer in trained.shared:
        npz.save(layer, parts / f"{layer.name}.npz")
        tables.append(
            {
                "file": f"{layer.name}.npz",
                "rows": layer.rows,
                "cols": layer.cols,
                "density": layer.density,
                "bits": recipe.bits,
            }
        )
    narrow = held_out.inputs.astype(np.float16)
    exact = bool((narrow == held_out.inputs).all())
    npz.save_array(narrow if exact else held_out.inputs, parts / INPUTS)
    npz.save_array(held_out.labels, parts / LABELS)
    save_npz_model(trained.networks.dense, parts / DENSE)
    about: dict[str, Any] = {"method": recipe.method or "masks", "seed": recipe.seed, "eiesim": __version__}
    about |= {"model": DENSE, "model_sha256": sha256_of(parts / DENSE)}
    if all(layer.activation == "relu" for layer in outcome.layers[:-1]):
        save_npz_model(outcome.layers, parts / PRUNED)
        about |= {"pruned": PRUNED, "pruned_sha256": sha256_of(parts / PRUNED)}
    write_network(parts / FILE, f"{recipe.method or 'masks'}, seed {recipe.seed}", True, about, tables)
    with writing(parts / REPORT) as file:
        file.write(f"{trained.to_json()}\n".encode())


def load_inputs(path: Path) -> npt.NDArray[Any]:
    """Examples from an .npy file: numbers [n, ...]. Raises EieError for anything else."""
    values = read_arrays(path)
    if not isinstance(values, np.ndarray):
        raise EieError(f"{path}: inputs: is an archive of arrays, needs one .npy array")
    return values


def load_teacher(path: Path) -> tuple[DenseLayer, ...] | tuple[CompressedLayer, ...]:
    """A teacher's layers, from a network folder or a model file whose layers follow one another."""
    if path.is_dir() or is_network(path):
        network = load_network(path)
        if network.chain:
            return network.layers
    else:
        model, _ = load_model(path)
        if model.chain:
            return model.layers
    raise EieError(f"{path}: its layers do not follow one another, so it cannot teach")


def load_masks(path: Path) -> Mapping[str, npt.NDArray[np.bool_]]:
    """Masks by layer name from an .npz file: what is not zero is kept."""
    arrays = read_arrays(path)
    if not isinstance(arrays, Mapping) or not arrays:
        raise EieError(f"{path}: masks: needs an .npz with an array a layer, by name")
    for name, values in arrays.items():
        if values.dtype.kind not in "biuf" or values.ndim != 2:
            raise EieError(f"{path}: mask '{name}': is {values.dtype}{list(values.shape)}, needs (rows, cols)")
    return {name: values != 0 for name, values in arrays.items()}
