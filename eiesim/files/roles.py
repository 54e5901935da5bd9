"""What each tensor of a file or mapping is: by its name, its numbers, and what stands beside it (`docs/reading.md`)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.files import names
from eiesim.files.ledger import INSTEAD
from eiesim.files.tensors import Tensor

WEIGHTS = ("weight", "kernel")


class Beside:
    """All tensors of a source by name, and what stands beside what.

    every: as the source has them. whole: as layers have them, masks and parametrisations applied.
    """

    def __init__(self, every: Sequence[Tensor], whole: Sequence[Tensor]) -> None:
        self.every = {tensor.name: tensor for tensor in every}
        self.whole = {tensor.name: tensor for tensor in whole}
        self.scales: dict[str, str] = {}
        self.packed: dict[str, str] = {}
        for name in self.every:
            if form := names.packed_format(name):
                self.packed[names.owner(name)] = form
            if names.known_for(name)[0] == "scale":
                of = names.owner(name)
                if not names.parts(name)[-1].startswith(("input", "output", "act", "k_", "v_", "q_")):
                    self.scales.setdefault(of, name)

    def role(self, tensor: Tensor, is_dequantised: bool = False) -> tuple[str, str]:
        """The role and the reason of what is no weight and no bias; empty texts for a matrix or vector of numbers.

        is_dequantised: whether it was made of codes and what belongs to them.
        """
        name = tensor.name
        role, reason = names.known_for(name, not tensor.is_float)
        if is_dequantised:
            unfit = "" if role or len(tensor.shape) == 1 else is_unfit(tensor)
            return (role, reason) if not unfit else ("left out", unfit)
        form = self.packed.get(names.owner(name)) or self.packed.get(name)
        if form and names.parts(name)[-1] != "bias":
            if role in ("", "left out"):
                return "left out", f"{tensor.dtype} codes of {form}, or what belongs to them; {INSTEAD}"
            return role, reason
        if role == "scale" and tensor.is_float and not self._beside_a_weight(name):
            return "left out", "a scale, and beside no weight"
        if role:
            return role, reason
        if tensor.values is None and not tensor.is_small:
            return "left out", tensor.problem
        scale = self._scale_of(name)
        if scale and len(tensor.shape) > 1 and (not tensor.is_float or is_whole(tensor.values)):
            return "left out", f"{tensor.dtype} codes, quantised, with their scale in '{scale}'; {INSTEAD}"
        if not tensor.is_float and tensor.is_small:
            return "left out", f"{tensor.dtype} codes with no scale that is known; {INSTEAD}"
        if not tensor.is_float:
            return "left out", f"{tensor.dtype} values; EIE's weights are made from floating point"
        if tensor.values is not None and tensor.values.ndim == 1 and tensor.values.size:
            of = names.owner(name)
            if any(f"{of}{join}{one}" in self.whole for join in "./" for one in ("running_mean", "moving_mean")):
                return "statistics", "of a normalisation"
            return "", ""
        unfit = is_unfit(tensor)
        return ("left out", unfit) if unfit else self._companion(name)

    def _companion(self, name: str) -> tuple[str, str]:
        """Where a matrix stands beside a weight, that it does."""
        of, own = names.owner(name), names.parts(name)[-1]
        if own in (*WEIGHTS, "recurrent_kernel") or not of:
            return "", ""
        for other in (of, *(f"{of}{join}{one}" for join in "./" for one in WEIGHTS)):
            held = self.whole.get(other)
            if held is not None and len(held.shape) > 1:
                return "left out", f"stands beside '{other}' and is not known; --take has it as a layer"
        return "", ""

    def _scale_of(self, name: str) -> str:
        """The name of the scale that goes with a weight, or an empty text."""
        of = names.owner(name)
        found = self.scales.get(name) or (self.scales.get(of) if of else None)
        if found is not None and found != name:
            return found
        beside = [f"{name}{end}" for end in ("_scale", "_scales", "_scale_inv")]
        return next((one for one in beside if one in self.every), "")

    def _beside_a_weight(self, name: str) -> bool:
        of = names.owner(name)
        beside = {of, *(f"{of}{join}{one}" for join in "./" for one in WEIGHTS)} if of else set()
        stems = {name.removesuffix(end) for end in ("_scale", "_scales", "_scale_inv")} - {name}
        return bool((beside | stems) & (self.every.keys() | self.whole.keys()))


def is_whole(values: Any) -> bool:
    """Whether these are whole numbers, not all of them 0 and 1: codes that are stored as floating point."""
    return bool((values == np.rint(values)).all() and (np.abs(values) > 1).any())


def is_unfit(tensor: Tensor) -> str:
    """Why numbers are no matrix; an empty text where they are one."""
    shape = tensor.shape
    if 0 in shape:
        return f"shape {list(shape)} holds nothing"
    if as_matrix(tensor) is not None:
        return ""
    if len(shape) == 4:
        kernel = shape[:2] if _is_kernel(tensor) else shape[2:]
        return f"a {kernel[0]}x{kernel[1]} convolution; EIE runs matrices, of convolutions only 1x1"
    return f"{len(shape)} dimensions, a layer has 2"


def as_matrix(tensor: Tensor) -> npt.NDArray[Any] | None:
    """Two dimensions as they are, a 1x1 convolution's as two; None for anything else.

    PyTorch has (outputs, inputs, 1, 1), Keras and Flax (1, 1, inputs, outputs) in what they call a kernel.
    """
    values = tensor.values
    if values is None or values.dtype.kind not in "fiub":
        return None
    if values.ndim == 4 and values.shape[:2] == (1, 1) and _is_kernel(tensor):
        return np.asarray(values[0, 0])
    if values.ndim == 4 and values.shape[2:] == (1, 1):
        return np.asarray(values[:, :, 0, 0])
    return values if values.ndim == 2 else None


def _is_kernel(tensor: Tensor) -> bool:
    return names.INPUTS_FIRST.fullmatch(names.last(tensor.name)) is not None
