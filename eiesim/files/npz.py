"""Layer files and inputs: numpy's .npz and .npy, never pickled (docs/formats.md, "Layer file").

A key that `eiesim-layer/1` does not have is refused, not skipped. It is either a typing error (`bias_code`), or part of
a later format that this reader does not understand. In both cases the results would be those of another layer.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from eiesim._io.arrays import read_arrays, write_archive
from eiesim._io.atomic import writing
from eiesim.errors import EieError
from eiesim.layer import CompressedLayer, as_float32, check_layer, printable

FORMAT = "eiesim-layer/1"
REQUIRED = ("format", "shape", "indptr", "indices", "codes", "codebook")
OPTIONAL = ("name", "bias_codes", "activation", "groups", "depthwise")


def load(path: str | Path) -> CompressedLayer:
    """A layer from a `.npz` file (docs/formats.md, "Layer file").

    Parameters
    ----------
    path : str or pathlib.Path
        The file, as `save` writes it.

    Returns
    -------
    CompressedLayer
        The layer.

    Raises
    ------
    EieError
        Naming file and key, for anything malformed, missing or unknown.

    Examples
    --------
    >>> import eiesim
    >>> layer = eiesim.CompressedLayer.from_dense([[1.0, 0.0], [0.0, 2.0]], name="fc1")
    >>> eiesim.save(layer, "fc1.npz")
    >>> eiesim.load("fc1.npz")
    <CompressedLayer fc1: 2 x 2, 2 weights (50.00%), 3 codes, activation relu>
    """
    path = Path(path)
    return of_arrays(path, read_arrays(path))


def keys(path: Path) -> set[str]:
    """The names of an archive's arrays, which are not read; none of what is no archive, and of no regular file."""
    if not path.is_file():
        return set()
    try:
        with zipfile.ZipFile(path) as archive:
            return {name.removesuffix(".npy") for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return set()


def is_layer(keys: set[str]) -> bool:
    """Whether an archive is meant to be a layer file, be it a damaged one, and no arrays of a network."""
    return bool({"format", "codebook", "codes", "indptr", "bias_codes"} & keys)


def of_arrays(path: Path, arrays: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]]) -> CompressedLayer:
    """The layer of a file whose arrays are read. Raises EieError as `load` does."""
    if not isinstance(arrays, Mapping):
        raise EieError(f"{path}: is one array, not a layer file")
    missing = [key for key in REQUIRED if key not in arrays]
    if missing:
        raise EieError(f"{path}: {missing[0]}: key is missing; a layer file has {', '.join(REQUIRED)}")
    unknown = [key for key in arrays if key not in REQUIRED + OPTIONAL]
    if unknown:
        raise EieError(f"{path}: {unknown[0]!r}: unknown key; a layer file has {', '.join(REQUIRED + OPTIONAL)}")
    try:
        if _text(arrays, "format") != FORMAT:
            raise EieError(f"format: is {_text(arrays, 'format')!r}, needs '{FORMAT}'")
        shape = arrays["shape"]
        if shape.dtype != np.int64 or shape.shape != (2,):
            raise EieError(f"shape: is {shape.dtype}{list(shape.shape)}, needs int64[2]")
        return CompressedLayer(
            shape=(int(shape[0]), int(shape[1])),
            indptr=arrays["indptr"],
            indices=arrays["indices"],
            codes=arrays["codes"],
            codebook=arrays["codebook"],
            bias_codes=arrays.get("bias_codes"),
            activation=_text(arrays, "activation") if "activation" in arrays else "relu",
            name=_text(arrays, "name") if "name" in arrays else printable(path.stem),
            activation_said="activation" in arrays,
            groups=_number(arrays, "groups") if "groups" in arrays else 1,
            depthwise=_is_depthwise(arrays),
        )
    except EieError as error:
        raise EieError(f"{path}: {error}") from None


def save(layer: CompressedLayer, path: str | Path) -> None:
    """Write a layer as a compressed `.npz` file, whole or not at all.

    Parameters
    ----------
    layer : CompressedLayer
        The layer.
    path : str or pathlib.Path
        The file; one that is there is replaced.

    Raises
    ------
    EieError
        Where the file cannot be written.
    """
    check_layer(layer)
    with writing(path) as file:
        save_to(file, layer)


def save_to(file: IO[bytes], layer: CompressedLayer) -> None:
    """Write a layer's `.npz` into an open file."""
    arrays: dict[str, Any] = {
        "format": FORMAT,
        "name": layer.name,
        "shape": np.array(layer.shape, np.int64),
        "indptr": layer.indptr,
        "indices": layer.indices,
        "codes": layer.codes,
        "codebook": layer.codebook,
    }
    if layer.activation_said:
        arrays["activation"] = layer.activation
    if layer.bias_codes is not None:
        arrays["bias_codes"] = layer.bias_codes
    if layer.groups > 1:
        arrays |= {"groups": np.int64(layer.groups), "depthwise": np.int64(layer.depthwise)}
    write_archive(file, arrays)


def load_inputs(path: str | Path) -> npt.NDArray[np.float32]:
    """Activations from `.npy`, or from `.npz` with one array or one named `activations`.

    Parameters
    ----------
    path : str or pathlib.Path
        The file, of numbers of any kind, which are rounded to float32 as those given from Python are.

    Returns
    -------
    float32[cols] or float32[batch, cols]
        The activations.

    Raises
    ------
    EieError
        For what are no numbers, another shape, NaN, infinity or what float32 does not hold, and a file that cannot be
        read.
    """
    arrays = read_arrays(Path(path))
    if isinstance(arrays, Mapping):
        if "activations" in arrays:
            arrays = arrays["activations"]
        elif len(arrays) == 1:
            arrays = next(iter(arrays.values()))
        else:
            raise EieError(f"{path}: activations: key is missing among {', '.join(sorted(arrays)) or 'no keys'}")
    values = rounded(f"{path}: activations", arrays)
    if values.ndim not in (1, 2) or 0 in values.shape:
        raise EieError(f"{path}: activations: shape {values.shape}, need (cols,) or (batch, cols)")
    return values


def rounded(what: str, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """A file's numbers, rounded to float32. Raises EieError where they are none, or float32 does not hold them."""
    if values.dtype.kind not in "fiub":
        raise EieError(f"{what}: are {values.dtype}, need numbers")
    if not np.isfinite(values).all():
        raise EieError(f"{what}: hold NaN or infinity")
    narrow = as_float32(what, values)
    if not np.isfinite(narrow).all():
        raise EieError(f"{what}: reach {float(np.abs(values.astype(np.float64)).max()):.3g}, beyond float32")
    return narrow


def load_labels(path: str | Path) -> npt.NDArray[np.int64]:
    """Class numbers from `.npy`: int64[batch], of whole numbers in any dtype. Raises EieError for anything else."""
    array = read_arrays(Path(path))
    if isinstance(array, Mapping):
        raise EieError(f"{path}: labels: is an archive of arrays, needs one .npy array")
    if array.dtype.kind == "f":
        whole = np.isfinite(array).all() and (np.trunc(array) == array).all() and (np.abs(array) < 2**53).all()
        array = array.astype(np.int64) if whole else array
    if array.dtype.kind not in "iu":
        raise EieError(f"{path}: labels: are {array.dtype}, need whole numbers")
    if array.ndim != 1 or len(array) == 0:
        raise EieError(f"{path}: labels: shape {array.shape}, need (batch,)")
    if int(array.max()) >= 2**63:
        raise EieError(f"{path}: labels: hold {array.max()}, need class numbers below 2**63")
    if int(array.min()) < 0:
        raise EieError(f"{path}: labels: hold {array.min()}, need class numbers from 0")
    labels: npt.NDArray[np.int64] = array.astype(np.int64)
    return labels


def as_file_values(outputs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Outputs as files hold them, float32. Raises EieError where one is beyond float32, as fixed point's may be."""
    if outputs.size and float(np.abs(outputs).max()) > float(np.finfo(np.float32).max):
        raise EieError(f"outputs reach {float(np.abs(outputs).max()):.3g}, beyond float32, which output files hold")
    values: npt.NDArray[np.float32] = outputs.astype(np.float32)
    return values


def save_array(array: npt.NDArray[Any], path: str | Path) -> None:
    """Write one array as `.npy`, whole or not at all."""
    with writing(path) as file:
        np.save(file, array)


def _number(arrays: Mapping[str, npt.NDArray[Any]], key: str) -> int:
    value = arrays[key]
    if value.dtype != np.int64 or value.shape != ():
        raise EieError(f"{key}: is {value.dtype}{list(value.shape)}, needs one int64")
    return int(value)


def _is_depthwise(arrays: Mapping[str, npt.NDArray[Any]]) -> bool:
    value = _number(arrays, "depthwise") if "depthwise" in arrays else 0
    if value not in (0, 1):
        raise EieError(f"depthwise: is {value}, needs 0 or 1")
    return bool(value)


def _text(arrays: Mapping[str, npt.NDArray[Any]], key: str) -> str:
    value = arrays[key]
    if value.dtype.kind != "U" or value.shape != ():
        raise EieError(f"{key}: is {value.dtype}{list(value.shape)}, needs a string")
    try:
        return str(value)
    except (ValueError, OverflowError):
        raise EieError(f"{key}: holds characters that do not exist; damaged?") from None
