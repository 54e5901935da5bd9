"""HDF5 files as Keras writes them, by h5py: groups and arrays of the file itself, never of another."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.errors import EieError, with_extra


class Weights:
    """An HDF5 file. where: what messages call it."""

    def __init__(self, where: str, file: Any, h5py: Any) -> None:
        self.where, self.file, self.h5py = where, file, h5py

    def group(self, *path: str) -> Any:
        """A group by its path, or None. Links to other places of the file or to other files are not followed."""
        here = self.file
        for part in filter(None, "/".join(path).split("/")):
            if part == ".." or not isinstance(here, self.h5py.Group):
                return None
            if not isinstance(here.get(part, getlink=True), self.h5py.HardLink):
                return None
            here = here[part]
        return here

    def values(self, dataset: Any) -> npt.NDArray[Any]:
        """A dataset's numbers. Raises EieError where they lie elsewhere or cannot be read."""
        called = f"{self.where}: {dataset.name}"
        if dataset.external or dataset.is_virtual or (dataset.size and not dataset.id.get_storage_size()):
            raise EieError(f"{called}: its numbers are not in this file")
        try:
            values = np.asarray(dataset[()])
        except (OSError, ValueError, TypeError) as error:
            raise EieError(f"{called}: not readable: {' '.join(str(error).split())[:200]}") from None
        if values.dtype.kind == "V" and values.dtype.itemsize == 2:  # bfloat16, which HDF5 does not know
            return (values.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        return values

    def datasets(self, start: str = "") -> Iterator[tuple[str, Any]]:
        """Every array with its path, groups in the order of their names."""
        here = self.group(start)
        for part in here if isinstance(here, self.h5py.Group) else ():
            path = f"{start}/{part}".lstrip("/")
            found = self.group(path)
            if isinstance(found, self.h5py.Dataset):
                yield path, found
            elif found is not None:
                yield from self.datasets(path)


def open_hdf5(where: str, data: bytes) -> Weights:
    """An HDF5 file of these bytes. Raises EieError for anything malformed."""
    try:
        import h5py
    except ImportError:
        raise EieError(f"reading Keras' HDF5 files needs h5py: {with_extra('formats')}") from None
    try:
        return Weights(where, h5py.File(io.BytesIO(data), "r"), h5py)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise EieError(f"{where}: not readable as HDF5: {' '.join(str(error).split())[:200]}") from None


def text(value: Any) -> str:
    """An attribute's text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def suffix_of(path: Path) -> str:
    """Its suffix, `.weights.h5` as one."""
    return ".weights.h5" if path.name.endswith(".weights.h5") else path.suffix
