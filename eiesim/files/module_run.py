"""A torch module run on a few inputs, each leaf's inputs and outputs recorded by hooks. Torch is not imported."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._io import modules
from eiesim._io.tensors import on_the_host
from eiesim.errors import EieError
from eiesim.files.held import RUNS

SIDES = (32, 28, 64, 224, 8, 1)
"""Sides of images that a convolution first in a network is tried with."""

LARGE = 30.0
"""By how much two of the random inputs are larger: an activation that saturates is then seen to be no ReLU."""

STEPS = 5
"""Of a sequence."""


@dataclass(frozen=True, eq=False)
class Call:
    """One run of a leaf: its path (the first, where it stands twice), its inputs and outputs as the module has them."""

    path: str
    module: Any
    inputs: npt.NDArray[np.float32]
    outputs: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Run:
    """A module's run: its leaves' in order; and its own inputs and outputs, None where these are not one array.

    batch: inputs of the network in it.
    """

    calls: tuple[Call, ...]
    batch: int
    inputs: npt.NDArray[np.float32] | None
    outputs: npt.NDArray[np.float32] | None


def run(module: Any, parts: Sequence[tuple[str, Any]], given: Any = None, most: int | None = RUNS) -> Run | None:
    """Run a module, inside `untouched`, on inputs of a shape that it takes; None where none is found.

    parts: what is recorded, by path. given: calibration inputs, an array or the module's arguments by name, of which
    the first `most` are taken, and others tried where the module does not run on them; most None: all, and no others.
    given None: random ones. Raises EieError where all are asked for and the module does not run on them.
    """
    calls: list[Call] = []
    paths: dict[int, str] = {}
    for path, part in parts:
        if not hasattr(part, "_c"):
            paths.setdefault(id(part), path)

    def record(part: Any, arguments: tuple[Any, ...], keywords: Mapping[str, Any], output: Any) -> None:
        inputs = next((one for one in (*arguments, *keywords.values()) if _is_tensor(one)), None)
        first = output[0] if isinstance(output, tuple) and output else output
        if inputs is not None and _is_tensor(first):
            calls.append(Call(paths[id(part)], part, _array(inputs), _array(first)))

    trouble = ""
    handles = [part.register_forward_hook(record, with_kwargs=True) for path, part in parts if id(part) in paths
               and paths[id(part)] == path]  # fmt: skip
    try:
        for arguments, keywords in _tries(module, parts, given, most):
            calls.clear()
            values = [_array(one) for one in (*arguments, *keywords.values()) if _is_tensor(one)]
            try:
                output = module(*arguments, **keywords)
            except Exception as error:  # whatever the module's own code raises: another shape may do
                trouble = trouble or " ".join(str(error).split())[:200]
                continue
            whole = output[0] if isinstance(output, tuple) and len(output) == 1 else output
            return Run(
                tuple(calls),
                len(values[0]) if values and values[0].ndim else 1,
                values[0] if len(values) == 1 else None,
                _array(whole) if _is_tensor(whole) else None,
            )
    finally:
        for handle in handles:
            handle.remove()
    if most is None:
        raise EieError(f"calibration inputs: the module does not run on them: {trouble}")
    return None


def _tries(
    module: Any, parts: Sequence[tuple[str, Any]], given: Any, most: int | None
) -> Iterator[tuple[tuple[Any, ...], Mapping[str, Any]]]:
    torch = sys.modules["torch"]
    example = next((one for one in module.parameters() if one.is_floating_point()), None)
    place = {} if example is None else {"device": example.device, "dtype": example.dtype}
    generator = torch.Generator().manual_seed(0)

    def placed(values: Any) -> Any:
        return values.to(**place) if values.is_floating_point() else values.to(place.get("device"))

    if isinstance(given, Mapping):
        yield (), {name: placed(torch.as_tensor(np.asarray(values)[:most])) for name, values in given.items()}
    elif given is not None:
        first = torch.as_tensor(np.asarray(given)[:most])
        shaped = [first, *(first.reshape(len(first), *shape) for shape in _shapes(parts) if _fits(first, shape))]
        for one in shaped:
            yield (placed(one),), {}
        if not first.is_floating_point():
            for one in shaped:
                yield (one.to(**place),), {}
    if most is None:
        return
    for name in ("dummy_inputs", "example_input_array"):
        try:
            ready = getattr(module, name, None)
        except Exception:  # a property of the module's own
            ready = None
        if isinstance(ready, Mapping):
            yield (), dict(ready)
        elif _is_tensor(ready):
            yield (ready,), {}
    for shape in dict.fromkeys(_shapes(parts)):
        values = torch.randn(RUNS, *shape, generator=generator)
        values[-2:] *= LARGE
        yield (values.to(**place),), {}
    for _, part in parts:
        if type(part).__name__ in ("Embedding", "EmbeddingBag"):
            most = int(part.weight.shape[0])
            yield (torch.randint(0, most, (RUNS, STEPS), generator=generator).to(place.get("device")),), {}
            break


def _fits(values: Any, shape: tuple[int, ...]) -> bool:
    return int(np.prod(values.shape[1:])) == int(np.prod(shape)) and tuple(values.shape[1:]) != shape


def _shapes(parts: Sequence[tuple[str, Any]]) -> Iterator[tuple[int, ...]]:
    """Shapes of one input that the first parts could take, the first one's first."""
    for _, part in parts[:8]:
        named = modules.kinds(part)
        weight = getattr(part, "weight", None)
        shape = tuple(getattr(weight, "shape", ()))
        if hasattr(part, "input_size"):
            yield (STEPS, int(part.input_size))
            yield (int(part.input_size),)
        elif "in_channels" in dir(part):
            axes = next((k for k in (1, 2, 3) if {f"Conv{k}d", f"ConvTranspose{k}d"} & named), 2)
            for side in SIDES:
                yield (int(part.in_channels), *(side,) * axes)
        elif hasattr(part, "in_features"):
            yield (int(part.in_features),)
            yield (STEPS, int(part.in_features))
        elif hasattr(part, "num_features"):
            size = int(part.num_features)
            axes = next((k for k in (1, 2, 3) if f"BatchNorm{k}d" in named), 1)
            yield (size, *(SIDES[0],) * axes) if axes > 1 else (size,)
        elif hasattr(part, "embed_dim"):
            yield (STEPS, int(part.embed_dim))
        elif len(shape) == 2 and "Embedding" not in named:
            first, second = (shape[0], shape[1]) if "Conv1D" in named else (shape[1], shape[0])
            yield (first,)
            yield (STEPS, first)
            if second != first:
                yield (second,)
        elif len(shape) == 1 and shape:
            yield shape
            yield (STEPS, *shape)
        elif weight is None:
            wide = [tuple(one.shape) for one in part._parameters.values() if one is not None and one.dim() == 2]
            if wide:
                yield from ((size,) for size in dict.fromkeys((wide[0][0], wide[0][1])))


def vectors(module: Any, inputs: Any, outputs: Any) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """A call's inputs and outputs as vectors that belong together, [n, inputs] and [n, outputs].

    A 1x1 convolution has one at each position that comes of a pixel: padding has none.
    """
    named = modules.kinds(module)
    if not named & (modules.CONVOLUTIONS | modules.TRANSPOSED):
        return inputs.reshape(-1, inputs.shape[-1]), outputs.reshape(-1, outputs.shape[-1])
    axes = len(module.kernel_size)
    if inputs.ndim == axes + 1:
        inputs, outputs = inputs[None], outputs[None]
    backwards = bool(named & modules.TRANSPOSED)
    for k in range(axes):
        step, pad = module.stride[k], 0 if isinstance(module.padding, str) else module.padding[k]
        few, many = (inputs, outputs) if backwards else (outputs, inputs)
        places = np.arange(few.shape[2 + k])
        others = places * step - pad
        inside = (others >= 0) & (others < many.shape[2 + k])
        few, many = few.take(places[inside], 2 + k), many.take(others[inside], 2 + k)
        inputs, outputs = (few, many) if backwards else (many, few)
    return (
        np.moveaxis(inputs, 1, -1).reshape(-1, inputs.shape[1]),
        np.moveaxis(outputs, 1, -1).reshape(-1, outputs.shape[1]),
    )


def alike(some: npt.NDArray[Any], others: npt.NDArray[Any]) -> bool:
    """Whether these are the same values in the same order, in whatever shape."""
    return some.size == others.size and bool(np.array_equal(some.ravel(), others.ravel()))


def _is_tensor(value: Any) -> bool:
    return isinstance(value, sys.modules["torch"].Tensor)


def _array(tensor: Any) -> npt.NDArray[np.float32]:
    return np.array(on_the_host(tensor), np.float32)
