"""Random inputs that an ONNX model takes, where its user gave none."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.errors import EieError
from eiesim.files.onnx.found import QUANTISE
from eiesim.files.onnx.reading import tensor
from eiesim.files.onnx.running import TYPES, call
from eiesim.files.onnx.walk import Loaded

SIZES = (16, 32, 64, 224, 640, 8, 4, 2, 1)
"""Sizes of axes that a model leaves open, in the order in which they are tried; the first axis is the batch."""


def samples(session: Any, loaded: Loaded, path: Path, most: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """So many random inputs of a shape that the model takes, in one run or, where its batch is fixed, in several.

    An input of one truth value is given both. An open axis that is called as another input's first axis is has the
    batch's size.
    Floating point is normal, or even over the range of a quantiser that takes it; bytes are any; other whole numbers
    are 0 or 1, which every table has. Raises EieError where no shape does.
    """
    rng = np.random.default_rng(0)
    entries = session.get_inputs()
    ranges = _ranges(loaded)
    is_open = any(isinstance(size, str) or size is None for entry in entries for size in entry.shape[1:])
    last: EieError | None = None
    batches = {entry.shape[0] for entry in entries if entry.shape and isinstance(entry.shape[0], str)}
    for size in SIZES if is_open else SIZES[:1]:
        for batch, unnamed in ((most, size), (most, most), (1, size), (1, 1)):
            sizes = {**dict.fromkeys(batches, batch), "": unnamed}
            try:
                feed = {entry.name: _random(entry, size, batch, sizes, ranges, rng) for entry in entries}
                call(session, [session.get_outputs()[0].name], feed, path)
            except EieError as error:
                last = error
                continue
            rows = max((len(values) for values in feed.values() if values.ndim), default=1)
            yield feed
            choices = [name for name, values in feed.items() if values.ndim == 0 and values.dtype == bool]
            if choices:  # the other branches of what is chosen
                yield {
                    name: np.logical_not(values, out=values.copy()) if name in choices else values
                    for name, values in feed.items()
                }
            for _ in range(rows, most, max(rows, 1)):
                yield {entry.name: _random(entry, size, batch, sizes, ranges, rng) for entry in entries}
            return
    raise last or EieError(f"{path}: has no inputs")


def _random(
    entry: Any, size: int, batch: int, sizes: dict[str, int], ranges: dict[str, tuple[float, float]], rng: Any
) -> npt.NDArray[Any]:
    """One input. size: of open axes; batch: of the first; sizes: of open axes by name, and of those without one."""
    kind = TYPES.get(entry.type)
    if kind is None:
        raise EieError(f"'{entry.name}' is {entry.type}, which no array of numbers is")
    shape = []
    for k, one in enumerate(entry.shape):
        if isinstance(one, int) and one > 0:
            shape.append(one)
        else:
            shape.append(batch if k == 0 else sizes.get(one or "", size))
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        values = rng.uniform(*ranges[entry.name], shape) if entry.name in ranges else rng.standard_normal(shape)
        return np.asarray(values, dtype)
    if dtype.itemsize == 1 and dtype.kind in "iu":
        held: Any = np.iinfo(dtype.name)
        return np.asarray(rng.integers(held.min, held.max + 1, shape), dtype)
    return np.asarray(rng.integers(0, 2, shape), dtype)


def _ranges(loaded: Loaded) -> dict[str, tuple[float, float]]:
    """What the quantiser of an input of the graph can hold, by the input's name."""
    graph = loaded.proto.graph
    stored = {one.name: one for one in graph.initializer}
    found = {}
    for node in graph.node:
        if node.op_type != "QuantizeLinear" or node.domain not in QUANTISE or len(node.input) < 3:
            continue
        if node.input[1] not in stored or node.input[2] not in stored:
            continue
        scale, zero = tensor(stored[node.input[1]]), tensor(stored[node.input[2]])
        if scale.size == 1 and zero.dtype.kind in "iu":
            limits: Any = np.iinfo(zero.dtype)
            by, less = float(scale.reshape(())), int(zero.reshape(()))
            found[node.input[0]] = ((limits.min - less) * by, (limits.max - less) * by)
    return found
