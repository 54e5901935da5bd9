"""Arrays of other libraries, known by what they can do: no library is imported for arrays that are not its own."""

from typing import Any

from eiesim.errors import EieError


def on_the_host(values: Any) -> Any:
    """Torch tensors and sparse matrices as numpy has them, also those in a list; anything else as it is."""
    if isinstance(values, list | tuple):
        return [on_the_host(one) for one in values] if any(map(_is_tensor, values)) else values
    if _is_tensor(values):
        plain = values.detach().cpu()
        plain = plain.to_dense() if "sparse" in str(plain.layout) else plain
        # numpy has no bfloat16, and torch widens it exactly.
        return (plain.float() if plain.is_floating_point() else plain).numpy()
    if _is_pydata(values):
        return values.todense()
    return values.toarray() if is_sparse(values) else values


def dequantised(values: Any) -> Any:
    """Quantised tensors of torch and of libraries on it (torchao) as numbers; anything else as it is.

    Raises TypeError for one that is not all that its layer multiplies by.
    """
    if getattr(values, "act_pre_scale", None) is not None:
        raise TypeError(f"{type(values).__name__}'s inputs are scaled first (act_pre_scale), which is no part of it")
    kinds = (one for one in type(values).__mro__ if not f"{one.__module__}.".startswith("torch."))
    can = getattr(values, "is_quantized", False) or (_is_tensor(values) and any("dequantize" in vars(k) for k in kinds))
    return values.dequantize() if can else values


def _is_tensor(values: Any) -> bool:
    return all(hasattr(values, name) for name in ("detach", "cpu", "is_floating_point", "layout"))


def is_sparse(values: Any) -> bool:
    """Whether these are a SciPy sparse matrix or array, or one of pydata's (package sparse), in any format."""
    return all(hasattr(values, name) for name in ("tocsc", "toarray", "nnz")) or _is_pydata(values)


def as_scipy(values: Any) -> Any:
    """A sparse matrix as SciPy has it. Raises EieError where what pydata does not store is no zero."""
    if not _is_pydata(values):
        return values
    if values.fill_value != 0:
        raise EieError(f"fill_value: is {values.fill_value}, so that what is not stored is no zero; needs 0")
    if values.ndim != 2:
        raise EieError(f"has {values.ndim} dimensions, needs 2")
    return values.to_scipy_sparse()


def _is_pydata(values: Any) -> bool:
    return all(hasattr(values, name) for name in ("to_scipy_sparse", "fill_value", "nnz"))
