"""PyTorch modules as they compute: run without leaving a trace, and what matrix one stands for; torch is not imported.

A module's parameters are not always what it multiplies by: masks, norms and other parametrisations lie between. So
its `weight` is read after what computes it has run, and a module whose `forward` is not PyTorch's own is run to see
what its matrix is.
"""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._io.tensors import dequantised, on_the_host
from eiesim.errors import EieError

CONVOLUTIONS = {"Conv1d", "Conv2d", "Conv3d"}
TRANSPOSED = {"ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"}
CLOSE = 1e-5
"""Largest error over largest magnitude at which a module's outputs are those of a matrix."""

LARGEST = 2**27
"""Elements of a matrix that a convolution of several groups may become."""


@dataclass(frozen=True, eq=False)
class Matrix:
    """What a module multiplies by: float32[outputs, inputs], and its bias, float32[outputs] or None.

    activation: "relu" where the module itself applies one. parameters: weights before groups are spread.
    groups, depthwise: of a convolution.
    is_seen: False where the module's code is its own and was not seen to multiply by this matrix.
    """

    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32] | None
    activation: str = "none"
    parameters: int = 0
    is_seen: bool = True
    groups: int = 1
    depthwise: bool = False


def is_module(source: Any) -> bool:
    """Whether this is a torch module."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(source, torch.nn.Module)


def kinds(module: Any) -> set[str]:
    """The names of a module's class and of those that it is made from; a scripted module's are what it was."""
    named = {one.__name__ for one in type(module).__mro__}
    return named | {module.original_name} if hasattr(module, "original_name") else named


def kind(module: Any) -> str:
    """The name of a module's class; of a scripted module, of what it was."""
    return str(getattr(module, "original_name", type(module).__name__))


INSIDE = ("parametrizations", "_packed_params")
"""Parts of a module that hold its weights and are no modules of the network."""


def is_leaf(module: Any) -> bool:
    """Whether a module has no others inside it, but for what holds its weights."""
    return not any(child is not None and key not in INSIDE for key, child in module._modules.items())


def runs_as_torch_does(module: Any) -> bool:
    """Whether a module's `forward` is PyTorch's own, or that of a scripted module, which cannot be told."""
    known = ("torch.", "transformers.pytorch_utils")
    return hasattr(module, "_c") or type(module).forward.__module__.startswith(known)


def parts(module: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """A module and all inside it by path, those that stand twice twice; not what parametrises a weight."""
    yield at, module
    for key, child in module._modules.items():
        if child is not None and key not in INSIDE:
            yield from parts(child, f"{at}.{key}" if at else key)


@contextmanager
def untouched(module: Any) -> Iterator[None]:
    """Evaluation mode without gradients, in which nothing that runs changes the module or the state of random numbers.

    Parameters, buffers, attributes, mode and hooks of the module and all inside it are afterwards what they were.
    """
    torch = sys.modules["torch"]
    every = list(module.modules())
    devices = sorted({one.device.index or 0 for one in module.parameters() if one.device.type == "cuda"})
    tensors = [*module.parameters(), *module.buffers()]
    held = [(one, one.data, one.data.clone()) for one in tensors if _is_plain(torch, one)]
    states = [(one, _state(one)) for one in every]
    rng, numpy_rng = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices), torch.no_grad():
            for one in every:
                one.training = False
            yield
    finally:
        random.setstate(rng)
        np.random.set_state(numpy_rng)
        for one, state in states:
            _restore(one, state)
        with torch.no_grad():
            for one, data, copy in held:
                if one.data.data_ptr() != data.data_ptr():
                    one.data = data
                if not _same(torch, data, copy):
                    data.copy_(copy)


def _is_plain(torch: Any, tensor: Any) -> bool:
    return type(tensor) in (torch.Tensor, torch.nn.Parameter) and tensor.device.type != "meta"


def _same(torch: Any, one: Any, other: Any) -> bool:
    return (
        bool(torch.equal(one.view(torch.uint8), other.view(torch.uint8)))
        if one.is_contiguous() and one.dim()
        else (bool(torch.equal(one, other)))
    )


def _state(module: Any) -> dict[str, Any]:
    """Everything that a module is made of, containers copied."""
    if hasattr(module, "_c"):  # a scripted module's attributes are not Python's
        return {"training": module.training}
    return {key: (value, value.copy() if isinstance(value, dict | list | set) else None)
            for key, value in vars(module).items()}  # fmt: skip


def _restore(module: Any, state: dict[str, Any]) -> None:
    if hasattr(module, "_c"):
        module.training = state["training"]
        return
    own = vars(module)
    own.clear()
    for key, (value, copy) in state.items():
        own[key] = value
        if copy is not None:
            value.clear()
            value.extend(copy) if isinstance(value, list) else value.update(copy)


def check_complete(module: Any) -> None:
    """Raise EieError where a module has parameters that its first run is yet to make."""
    for name, held in [*module.named_parameters(), *module.named_buffers()]:
        if type(held).__name__.startswith("Uninitialized"):
            raise EieError(f"{name}: is not there yet; run the module once, so that its shape is known")


def has_weight(module: Any) -> bool:
    """Whether a module has a weight, which is not computed for that: computing it may change the module."""
    if not is_module(module) or hasattr(module, "_c"):
        return getattr(module, "weight", None) is not None
    for where in (module._parameters, module._buffers, vars(module)):
        if where.get("weight") is not None:
            return True
    return hasattr(type(module), "weight")


def compute(module: Any) -> None:
    """Let a module's own hooks compute its weights, as they do before each run: pruning, weight and spectral norm."""
    for hook in getattr(module, "_forward_pre_hooks", {}).values():
        if hasattr(hook, "apply_mask") or hasattr(hook, "compute_weight"):
            hook(module, ())


def numbers(value: Any) -> npt.NDArray[Any] | None:
    """A parameter as numpy has it, dequantised where it can say how; None where it is no array of numbers."""
    if callable(value) and not hasattr(value, "shape"):
        value = value()
    if value is None:
        return None
    try:
        array = np.asarray(on_the_host(dequantised(value)))
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        return None
    return array if array.dtype.kind in "fiub" else None


def matrix_of(module: Any) -> Matrix | str:
    """The matrix of a module that has a `weight`, or why it has none. To be called inside `untouched`."""
    compute(module)
    kind = type(module).__name__
    weights = numbers(getattr(module, "weight", None))
    if callable(getattr(module, "weight_fake_quant", None)):
        weights = numbers(module.weight_fake_quant(module.weight))
    bias = numbers(getattr(module, "bias", None))
    if weights is None:
        return f"{kind}: its weight is no array of numbers"
    if weights.dtype.kind != "f":
        return (
            f"{kind}: its weight is {weights.dtype}{list(weights.shape)}, codes of a quantised one; "
            "give its state_dict(), or dequantise it first"
        )
    with np.errstate(over="ignore"):
        weights = weights.astype(np.float32)
        bias = None if bias is None else bias.astype(np.float32)
    named = kinds(module)
    if named & (CONVOLUTIONS | TRANSPOSED):
        spread = _convolution(module, weights, bool(named & TRANSPOSED))
        if isinstance(spread, str):
            return spread
        groups = int(getattr(module, "groups", 1))
        depthwise = 1 < groups == spread.shape[1]
        return Matrix(spread, bias, parameters=weights.size, groups=groups, depthwise=depthwise)
    if weights.ndim != 2:
        return f"{kind}: its weight has {weights.ndim} dimensions; EIE runs matrices, of convolutions only 1x1"
    known = Matrix(weights.T if "Conv1D" in named else weights, bias, parameters=weights.size)
    if is_module(module) and not runs_as_torch_does(module):
        found = _seen_to_compute(module, weights, bias)
        if found is not None:
            return found
        if "Linear" not in named and not hasattr(module, "original_name"):
            return f"{kind}: its outputs are not its weight times its inputs, and a bias"
        return replace(known, is_seen=False)
    return known


def matrix_alone(module: Any) -> Matrix | str:
    """The matrix of a single module, which is left as it was; or why it has none."""
    if not is_module(module):
        return matrix_of(module)
    check_complete(module)
    with untouched(module):
        found = matrix_of(module)
        if isinstance(found, str) and found.startswith("a "):
            return f"its weight has {len(module.weight.shape)} dimensions, {found}"
    if isinstance(found, Matrix) and not found.is_seen:
        return "its outputs are not its weight times its inputs, and a bias"
    return found


def _convolution(module: Any, weights: npt.NDArray[Any], transposed: bool) -> npt.NDArray[np.float32] | str:
    """A 1x1 convolution as one matrix of all channels, 0 where a row's group does not reach; or why it is none."""
    kernel = [int(one) for one in weights.shape[2:]]
    groups = int(getattr(module, "groups", 1))
    size = "x".join(map(str, kernel))
    if any(one != 1 for one in kernel):
        called = "transposed " * transposed + "depthwise " * (1 < groups == int(module.in_channels))
        read = "" if transposed else "; exported to ONNX it is read, whatever its kernel"
        return f"a {size} {called}convolution; EIE runs matrices, of convolutions only 1x1{read}"
    flat: npt.NDArray[Any] = weights.reshape(weights.shape[:2])
    if groups == 1:
        return flat.T if transposed else flat
    if flat.size * groups > LARGEST:
        return f"{groups} groups, too large as one matrix"
    blocks = [block.T if transposed else block for block in np.split(flat, groups)]
    rows, cols = blocks[0].shape
    spread = np.zeros((rows * groups, cols * groups), np.float32)
    for k, block in enumerate(blocks):
        spread[k * rows : (k + 1) * rows, k * cols : (k + 1) * cols] = block
    return spread


def _seen_to_compute(module: Any, weights: npt.NDArray[np.float32], bias: Any) -> Matrix | None:
    """The matrix that a module of its own kind is seen to multiply by: its weight, turned or masked; None for none."""
    masks = [
        one.astype(np.float32)
        for one in (
            numbers(held) for held in [*module._buffers.values(), *module._parameters.values()] if held is not None
        )
        if one is not None and one.shape == weights.shape and bool(((one == 0) | (one == 1)).all())
    ]
    generator = np.random.default_rng(0)
    for matrix in [weights, *(weights * mask for mask in masks)]:
        for turned in (matrix, matrix.T):
            inputs = generator.standard_normal((3, turned.shape[1])).astype(np.float32)
            outputs = run_on(module, inputs)
            if outputs is None or outputs.shape != (3, len(turned)):
                continue
            for offsets in ([bias] if bias is not None and bias.shape == (len(turned),) else []) + [None]:
                sums = inputs @ turned.T + (0 if offsets is None else offsets)
                for activation, values in (("none", sums), ("relu", np.maximum(sums, 0))):
                    if np.abs(values - outputs).max() <= CLOSE * np.abs(outputs).max():
                        return Matrix(turned, offsets, activation, weights.size)
    return None


def run_on(module: Any, inputs: npt.NDArray[Any]) -> npt.NDArray[np.float32] | None:
    """A module's output for one input array, in its own device and type; None where it does not take it."""
    torch = sys.modules["torch"]
    example = next((one for one in module.parameters() if one.is_floating_point()), None)
    try:
        tensor = torch.from_numpy(np.ascontiguousarray(inputs))
        if example is not None:
            tensor = tensor.to(example.device, example.dtype)
        return np.asarray(on_the_host(module(tensor)), np.float32)
    except Exception:  # whatever the module's own code raises
        return None
