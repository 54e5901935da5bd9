"""Networks: a folder with `network.toml`, which names layer files in order (docs/formats.md).

    format = "eiesim-network/1"
    name = "LeNet-300-100"
    chain = true
    [[layers]]
    file = "ip1.npz"

`chain = false` says that the layers do not follow one another (an LSTM's matrices, say): each runs by itself.
Other keys, in the table or a layer, say where things came from and are left to their readers.
The folder may bring its own activations, `inputs.npy`, and what they show, `labels.npy`; and layers' own, recorded
ones, `inputs/NAME.npy`, where NAME is that of the layer's file. A layer's `vectors` says how many input vectors it has
in one input of the whole network (a convolution has one an output position); without it that is 1.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from eiesim._io.atomic import writing
from eiesim._io.folder import check_place, making_folder
from eiesim._io.kept import check_not_read
from eiesim._io.reading import read_bytes, sha256_of
from eiesim._io.toml import read_toml
from eiesim._shown import Brief, Plotted, Tabled
from eiesim.errors import EieError, FolderExistsError, shown
from eiesim.files import npz
from eiesim.layer import CompressedLayer, layers_frame, printable
from eiesim.model import Model

FORMAT = "eiesim-network/1"
if TYPE_CHECKING:
    import pandas as pd

FILE = "network.toml"
WRITTEN = ".eiesim-written.json"
"""The files that eiesim wrote into a network folder, each with its SHA-256."""

INPUTS, LABELS, RECORDED = "inputs.npy", "labels.npy", "inputs"


@dataclass(frozen=True, repr=False)
class Network(Plotted, Tabled, Brief):
    """Layers in order, and what network.toml says besides.

    Attributes
    ----------
    name : str
        The network's name.
    layers : tuple of CompressedLayer
        The layers in order.
    about : dict of str to Any
        All of network.toml, keys of others too.
    files : tuple of str, default ()
        The layers' file names within the folder.
    chain : bool, default True
        Whether the layers follow one another, so that the network can run as one.
    vectors : tuple of float, default ()
        Of each layer, its input vectors in one input of the network.
    """

    name: str
    layers: tuple[CompressedLayer, ...]
    about: dict[str, Any]
    files: tuple[str, ...] = ()
    chain: bool = True
    vectors: tuple[float, ...] = ()

    @property
    def _caption(self) -> str:
        return self.name

    def to_frame(self) -> "pd.DataFrame":
        """The layers.

        Returns
        -------
        pandas.DataFrame
            A row a layer: `layer`, `rows`, `cols`, `kept_weights`, `density`, `codes`, `bias` and `activation`.
        """
        return layers_frame(self.layers)

    def opened(self) -> Model:
        """The network as a source: its layers, without inputs of their own.

        Returns
        -------
        Model
            What `open` gives.
        """
        return Model(self.layers, chain=self.chain or len(self.layers) == 1, vectors=self.vectors)


def is_network(path: str | Path) -> bool:
    """Whether a folder holds a network."""
    return (Path(path) / FILE).is_file()


def load_network(folder: str | Path) -> Network:
    """A network from its folder (docs/networks.md).

    Parameters
    ----------
    folder : str or pathlib.Path
        A folder with `network.toml`, as `compress` and `save_trained` write it.

    Returns
    -------
    Network
        The layers in order. Its inputs and labels are not read; `eiesim.open` does that.

    Raises
    ------
    EieError
        Naming the file, for anything malformed, and for layers that should follow one another and do not fit.
    """
    folder = Path(folder)
    path = folder / FILE
    table = read_toml(path, "no such file; a network folder names its layers there")
    if table.get("format") != FORMAT:
        raise EieError(f"{path}: format: is {shown(table.get('format'))}, needs '{FORMAT}'")
    entries = table.get("layers")
    if not isinstance(entries, list) or not entries:
        raise EieError(f"{path}: layers: needs one [[layers]] table or more, each with a file")
    name = table.get("name", printable(folder.resolve().name))
    if not isinstance(name, str) or not name.isprintable():
        raise EieError(f"{path}: name: {shown(name)} is not one line of text")
    chain = table.get("chain", True)
    if not isinstance(chain, bool):
        raise EieError(f"{path}: chain: is {chain!r}, needs true or false")
    paths = [_layer_path(folder, path, entry) for entry in entries]
    opened = {layer_path: npz.load(layer_path) for layer_path in dict.fromkeys(paths)}
    layers = [opened[layer_path] for layer_path in paths]
    if chain:
        check_chain(layers, str(path))
    files = tuple(str(layer_path.relative_to(folder)) for layer_path in paths)
    vectors = tuple(_vectors(path, entry) for entry in entries)
    return Network(name, tuple(layers), table, files, chain, vectors)


def recorded_inputs(layer_path: Path) -> npt.NDArray[np.float32] | None:
    """A layer's own inputs, recorded when its network was compressed: float32[batch, cols], or None."""
    path = layer_path.parent / RECORDED / f"{layer_path.stem}.npy"
    return npz.load_inputs(path) if path.is_file() else None


def write_network(
    path: Path, name: str, chain: bool, about: Mapping[str, Any], layers: Sequence[Mapping[str, Any]]
) -> None:
    """Write a network.toml. about, layers: keys besides these, numbers, booleans and text; each layer has a "file"."""
    head = {"format": FORMAT, "name": name, "chain": chain, **about}
    lines = [f"{key} = {_toml(value)}" for key, value in head.items()]
    for layer in layers:
        lines += ["", "[[layers]]", *(f"{key} = {_toml(value)}" for key, value in layer.items())]
    with writing(path) as file:
        file.write(("\n".join(lines) + "\n").encode())


def check_network_folder(folder: str | Path, force: bool = False, keep: str | Path | None = None) -> None:
    """Raise EieError where `writing_network_folder` could not begin: something is there that it may not replace.

    Nor is a file that is being read replaced, but for `keep`, which stays.
    """
    folder = Path(folder)
    parent = Path(os.path.realpath(folder)).parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise EieError(f"{folder}: cannot be written: {parent} is no folder that can be written")
    check_place(folder)
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise EieError(f"{folder}: is there already and is no folder")
    if not any(folder.iterdir()):
        return
    if not force:
        raise FolderExistsError(folder)
    if not is_network(folder) or "eiesim" not in read_toml(folder / FILE):
        raise EieError(f"{folder}: is there already and was not made by eiesim; only a network that was is replaced")
    for name in _written(folder):
        if keep is None or os.path.realpath(folder / name) != os.path.realpath(keep):
            check_not_read(folder / name)


@contextmanager
def writing_network_folder(folder: str | Path, force: bool = False, keep: Path | None = None) -> Iterator[Path]:
    """A new folder that takes `folder`'s place when the block ends well; else what was there stays.

    force: replace a network that eiesim wrote: the files that it wrote and that nobody changed since, and nothing else
    in the folder. keep: one file in it to keep all the same. Raises EieError where something may not be replaced.
    """
    folder = Path(folder)
    check_network_folder(folder, force, keep)
    kept = None if keep is None else os.path.realpath(keep)

    def owned(there: Path) -> set[str]:
        return {name for name in _written(there) if os.path.realpath(there / name) != kept} if force else set()

    with making_folder(folder, owned) as parts:
        yield parts
        hashes = {
            path.relative_to(parts).as_posix(): sha256_of(path) for path in sorted(parts.rglob("*")) if path.is_file()
        }
        (parts / WRITTEN).write_text(f"{json.dumps(hashes, indent=1)}\n", encoding="utf-8")


def _written(folder: Path) -> set[str]:
    """What eiesim wrote into a network folder and nobody changed since, as paths inside it."""
    if not is_network(folder):
        return set()
    if not (folder / WRITTEN).is_file():
        # From a version that kept no list: by name, what it always wrote.
        entries = read_toml(folder / FILE).get("layers", [])
        files = {entry["file"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("file"), str)}
        return {FILE, "report.json", *files}
    try:
        hashes = dict(json.loads(read_bytes(folder / WRITTEN)))
    except (ValueError, TypeError, RecursionError):
        raise EieError(f"{folder / WRITTEN}: is damaged, so nothing here can be told from files of yours") from None
    return {WRITTEN, *(name for name, digest in hashes.items() if _digest(folder / name) == digest)}


def _digest(path: Path) -> str | None:
    return sha256_of(path) if path.is_file() else None


def _toml(value: str | bool | float | list[int]) -> str:
    # TOML's basic strings, numbers, booleans and lists of numbers are written as JSON's, but for DEL.
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f")


def check_chain(layers: list[CompressedLayer], where: str) -> None:
    """Raise EieError unless each layer takes what the one before gives."""
    for before, after in pairwise(layers):
        if before.rows != after.cols:
            raise EieError(
                f"{where}: '{before.name}' has {before.rows} outputs, but '{after.name}' takes {after.cols} inputs"
            )


def _vectors(path: Path, entry: Any) -> float:
    vectors = entry.get("vectors", 1)
    if isinstance(vectors, bool) or not isinstance(vectors, int | float) or not 0 < vectors < 2**53:
        raise EieError(f"{path}: vectors: is {shown(vectors)}, needs a number above 0")
    return vectors


def _layer_path(folder: Path, path: Path, entry: Any) -> Path:
    file = entry.get("file") if isinstance(entry, dict) else None
    if not isinstance(file, str) or Path(file).is_absolute() or ".." in Path(file).parts:
        raise EieError(f"{path}: layers: each needs file = a name inside the folder, not {shown(file)}")
    return folder / file
