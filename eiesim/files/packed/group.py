"""The tensors of one layer in a packed checkpoint, by their last names, and what a scheme makes of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.files.packed.config import Said
from eiesim.files.tensors import Tensor


class DamagedError(Exception):
    """The tensors of a layer do not fit one another; the text says how."""


class NotReadError(Exception):
    """A layout that is known by its name and is not read; the text is that name."""


@dataclass(frozen=True, eq=False)
class Dense:
    """A layer's weights, float32[outputs, inputs].

    how: the scheme, its bits, and over what its scales go. of: its tensors' last names, each with its role.
    """

    weights: npt.NDArray[np.float32]
    how: str
    of: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False)
class Group:
    """Tensors of one owner by their last names, and what the checkpoint says of its quantisation."""

    owner: str
    held: Mapping[str, Tensor]
    said: Said

    def __contains__(self, part: str) -> bool:
        return part in self.held

    def numbers(self, part: str, dimensions: tuple[int, ...] = (0, 1, 2)) -> npt.NDArray[Any]:
        """A tensor's numbers. Raises DamagedError where it is missing, none, or of other dimensions."""
        tensor = self.held.get(part)
        if tensor is None:
            raise DamagedError(f"'{part}' is missing")
        if tensor.values is None:
            raise DamagedError(f"'{part}' is {tensor.problem or 'no array of numbers'}")
        if tensor.values.ndim not in dimensions:
            wanted = " or ".join(map(str, dimensions))
            raise DamagedError(f"'{part}' has {tensor.values.ndim} dimensions, needs {wanted}")
        if 0 in tensor.shape:
            raise DamagedError(f"'{part}' holds nothing")
        return tensor.values

    def matrix(self, part: str) -> npt.NDArray[Any]:
        """A tensor of two dimensions."""
        return self.numbers(part, (2,))

    def whole(self, part: str, dimensions: tuple[int, ...] = (0, 1, 2)) -> npt.NDArray[Any]:
        """A tensor of whole numbers."""
        values = self.numbers(part, dimensions)
        if values.dtype.kind not in "iu":
            raise DamagedError(f"'{part}' is {self.held[part].dtype}, needs whole numbers")
        return values

    def words(self, part: str) -> npt.NDArray[Any]:
        """A matrix of 32-bit words."""
        values = self.whole(part, (2,))
        if values.dtype.itemsize != 4:
            raise DamagedError(f"'{part}' is {self.held[part].dtype}, needs words of 32 bits")
        return values

    def octets(self, part: str, dimensions: tuple[int, ...] = (0, 1, 2)) -> npt.NDArray[np.uint8]:
        """A tensor of bytes."""
        values = self.whole(part, dimensions)
        if values.dtype != np.uint8:
            raise DamagedError(f"'{part}' is {self.held[part].dtype}, needs uint8")
        return values

    def scales(self, part: str, dimensions: tuple[int, ...] = (0, 1, 2)) -> npt.NDArray[np.float32]:
        """A tensor of scales, float8 too, as float32. Raises DamagedError for NaN and infinity."""
        values = self.numbers(part, dimensions)
        if values.dtype.kind != "f":
            raise DamagedError(f"'{part}' is {self.held[part].dtype}, needs floating point")
        with np.errstate(over="ignore"):
            found = values.astype(np.float32)
        if not np.isfinite(found).all():
            raise DamagedError(f"'{part}' holds NaN or infinity")
        return found

    def fitting(self, part: str, values: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """These numbers, where they have this shape; else DamagedError."""
        if values.shape != shape:
            raise DamagedError(f"'{part}' has shape {list(values.shape)}, needs {list(shape)}")
        return values


def groups_of(indices: npt.NDArray[Any], part: str, inputs: int, groups: int) -> npt.NDArray[np.intp]:
    """The group of each input, where all are there. Raises DamagedError for another length and numbers out of range."""
    flat = indices.reshape(-1)
    if len(flat) != inputs:
        raise DamagedError(f"'{part}' has {len(flat)} numbers for {inputs} inputs")
    if flat.min() < 0 or flat.max() >= groups:
        raise DamagedError(f"'{part}' holds {int(flat.min())} to {int(flat.max())}, and there are {groups} groups")
    return flat.astype(np.intp)


def group_size(inputs: int, groups: int, said: Said) -> int:
    """Inputs of one group where so many cover them all. Raises DamagedError where that is not known."""
    if inputs % groups == 0 and (not said.group_sizes or inputs // groups in said.group_sizes or groups == 1):
        return inputs // groups
    fitting = [size for size in said.group_sizes if -(-inputs // size) == groups]
    if len(fitting) == 1:
        return fitting[0]
    told = f", and {said.file} says {', '.join(map(str, sorted(said.group_sizes)))}" if said.group_sizes else ""
    raise DamagedError(f"{groups} groups do not divide {inputs} inputs{told}")
