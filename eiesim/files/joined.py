"""Tensors that are one weight together: pruned ones with their masks, and weights under torch's parametrisations.

| in the source | the weight |
| --- | --- |
| `X_orig`, `X_mask` (torch.nn.utils.prune) | X_orig x X_mask |
| `X_orig`, `X_u`, `X_v` (spectral_norm) | X_orig / (u' X_orig v) |
| `X_g`, `X_v`; `parametrizations.X.original0`, `original1` (weight_norm) | g v / ||v||, by the axes of g |
| `parametrizations.X.original`, `parametrizations.X.0.mask` | original x mask |
| `X`, and a mask of its shape by another name (`X_mask`, `X.mask`, NNCF's `_binary_mask`) | X x mask |

Anything else under `parametrizations` is code that a file does not hold.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.files.ledger import Entry
from eiesim.files.names import is_mask, masked
from eiesim.files.tensors import Tensor

NEEDS_THE_MODULE = "needs the module (its parametrisation is code): load it and pass it to eiesim.compress"
PARAMETRISED = re.compile(r"(?:(.*)[./])?parametrizations[./]([^./]+)[./](.+)")


@dataclass(frozen=True, eq=False)
class Joined:
    """A tensor as its layer has it.

    of: the source's tensors that it was made of, with their roles. how: what it was dequantised from, as
    (outputs, inputs); empty where it is as it was stored.
    """

    tensor: Tensor
    of: tuple[tuple[str, str], ...]
    how: str = ""


def joined(tensors: Sequence[Tensor], before: Sequence[Joined] = ()) -> tuple[list[Joined], list[Entry]]:
    """Tensors as layers have them, in the source's order; and those that cannot be, with the reason.

    before: what is such a tensor already, dequantised; it may have a mask among the others.
    """
    by_name = {tensor.name: tensor for tensor in tensors}
    made: dict[str, Joined] = {}  # by the name of the first tensor that it is made of
    gone: set[str] = set()
    refused: list[Entry] = []
    for tensor in tensors:
        if tensor.name in gone:
            continue
        found = _by_suffix(tensor, by_name) or _parametrised(tensor, by_name)
        if found is None:
            continue
        if isinstance(found, Entry):
            gone.add(tensor.name)
            refused.append(found)
            continue
        gone |= {name for name, _ in found.of}
        made[tensor.name] = found
    whole = [
        made.get(tensor.name, Joined(tensor, ((tensor.name, "weight"),)))
        for tensor in tensors
        if tensor.name in made or tensor.name not in gone
    ]
    return _with_masks([*before, *whole], refused), refused


def _by_suffix(tensor: Tensor, by_name: dict[str, Tensor]) -> Joined | Entry | None:
    """X_orig with its mask or vectors, X_g with X_v; None for a tensor that is not the first of such."""
    name = tensor.name
    for suffix in ("_orig", "_mask", "_u", "_v", "_g"):
        if not name.endswith(suffix):
            continue
        stem = name.removesuffix(suffix)
        raw, mask, u, v, g = (by_name.get(stem + end) for end in ("_orig", "_mask", "_u", "_v", "_g"))
        if raw is not None and raw.is_float and mask is not None and mask.values is not None:
            weight = _masked(raw.values, mask.values)
            if weight is not None:
                return Joined(_renamed(raw, stem, weight), ((raw.name, "weight"), (mask.name, "mask")))
        if raw is not None and raw.is_float and u is not None and v is not None:
            weight = _spectral(raw.values, u.values, v.values)
            if weight is not None:
                of = ((raw.name, "weight"), (u.name, "statistics"), (v.name, "statistics"))
                return Joined(_renamed(raw, stem, weight), of)
        if raw is None and g is not None and v is not None and v.is_float and g.is_float:
            weight = _weight_norm(g.values, v.values)
            if weight is not None:
                return Joined(_renamed(v, stem, weight), ((g.name, "scale"), (v.name, "weight")))
        if suffix == "_orig" and raw is not None and re.search(r"(^|[._/])(weight|bias)_orig$", name):
            return _of_the_module(
                tensor, f"is not what '{stem}' is: what makes it is not beside it; {NEEDS_THE_MODULE}"
            )
    return None


def _parametrised(tensor: Tensor, by_name: dict[str, Tensor]) -> Joined | Entry | None:
    found = PARAMETRISED.fullmatch(tensor.name)
    if found is None:
        return None
    head = tensor.name[: -len(found.group(3))]
    effective = ".".join(part for part in (found.group(1), found.group(2)) if part)
    family = {name[len(head) :]: held for name, held in by_name.items() if name.startswith(head)}
    if set(family) == {"original0", "original1"}:
        g, v = family["original0"], family["original1"]
        weight = _weight_norm(g.values, v.values) if g.is_float and v.is_float else None
        if weight is not None:
            return Joined(_renamed(v, effective, weight), ((g.name, "scale"), (v.name, "weight")))
    if set(family) == {"original", "0.mask"}:
        raw, mask = family["original"], family["0.mask"]
        weight = None
        if raw.is_float and mask.values is not None and _is_zeros_and_ones(mask.values):
            weight = _masked(raw.values, mask.values)
        if weight is not None:
            return Joined(_renamed(raw, effective, weight), ((raw.name, "weight"), (mask.name, "mask")))
    return _of_the_module(tensor, NEEDS_THE_MODULE)


def _with_masks(whole: list[Joined], refused: list[Entry]) -> list[Joined]:
    """Weights times the masks that stand beside them under any other name; masks alone are refused."""
    places = {one.tensor.name: k for k, one in enumerate(whole)}
    kept = list(whole)
    gone = set()
    for k, one in enumerate(whole):
        mask = one.tensor
        if len(one.of) > 1 or mask.values is None or mask.values.ndim < 2 or not is_mask(mask.name):
            continue
        gone.add(k)
        if not _is_zeros_and_ones(mask.values):
            refused.append(_refused(mask, "is called a mask and holds other numbers than 0 and 1"))
            continue
        fits = (places[name] for name in masked(mask.name) if name in places and places[name] != k)
        for at in fits:
            target = kept[at]
            weight = _masked(target.tensor.values, mask.values) if target.tensor.is_float else None
            if weight is not None:
                of = (*target.of, (mask.name, "mask"))
                kept[at] = replace(target, tensor=replace(target.tensor, values=weight), of=of)
                break
        else:
            refused.append(_refused(mask, "a mask, and no weight of its shape is called alike"))
    return [one for k, one in enumerate(kept) if k not in gone]


def _is_zeros_and_ones(values: npt.NDArray[Any]) -> bool:
    return values.dtype.kind == "b" or bool(((values == 0) | (values == 1)).all())


def _masked(weight: Any, mask: Any) -> npt.NDArray[Any] | None:
    """weight x mask, or None where shapes do not fit."""
    if (
        weight is None
        or mask.ndim != weight.ndim
        or any(size not in (1, own) for size, own in zip(mask.shape, weight.shape, strict=True))
    ):
        return None
    return np.asarray(weight * mask.astype(weight.dtype))


def _spectral(weight: Any, u: Any, v: Any) -> npt.NDArray[Any] | None:
    """weight / (u' W v), as spectral_norm has it in evaluation mode; u has one number a row of W."""
    if u is None or v is None or u.ndim != 1 or v.ndim != 1 or weight.ndim < 2:
        return None
    for axis in (0, 1):  # 1 is a transposed convolution's
        matrix = np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1)
        if matrix.shape == (len(u), len(v)):
            with np.errstate(all="ignore"):
                return np.asarray((weight / (u @ (matrix @ v))).astype(np.float32))
    return None


def _weight_norm(g: Any, v: Any) -> npt.NDArray[Any] | None:
    """g v / ||v||, the norm over the axes on which g has one number."""
    if v.ndim < 2 or (g.size != 1 and g.ndim != v.ndim):
        return None
    shape = g.shape if g.ndim == v.ndim else (1,) * v.ndim
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1)
    if not axes or any(size not in (1, own) for size, own in zip(shape, v.shape, strict=True)):
        return None
    wide = v.astype(np.float64)
    with np.errstate(all="ignore"):
        weight = wide * (g.reshape(shape) / np.sqrt(np.square(wide).sum(axis=axes, keepdims=True)))
    return np.asarray(weight.astype(np.float32))


def _renamed(tensor: Tensor, name: str, values: npt.NDArray[Any]) -> Tensor:
    return Tensor(name, tensor.dtype, values.shape, values)


def _of_the_module(tensor: Tensor, reason: str) -> Entry:
    return replace(_refused(tensor, reason), stops=True)


def _refused(tensor: Tensor, reason: str) -> Entry:
    return Entry(tensor.name, tensor.shape, tensor.dtype, "mask" if is_mask(tensor.name) else "left out", "", reason)
