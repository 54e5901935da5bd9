"""Which of a graph's outputs says what an input is, and how: scores by class, labels, or one Sigmoid column."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.errors import EieError
from eiesim.files.onnx.reading import IS_ONNX
from eiesim.files.onnx.running import batches, call, feed_rows, start
from eiesim.files.onnx.walk import read_plain

KEEPS = ("Cast", "Squeeze", "Unsqueeze", "Reshape", "Flatten", "Identity", "QuantizeLinear", "DequantizeLinear")
"""Operators behind which a Sigmoid's or an ArgMax's output is still that."""

SCORES, LABELS, THRESHOLD = "scores", "labels", "one Sigmoid column"


@dataclass(frozen=True)
class Judged:
    """The output that is judged. how: the largest of the scores, the label itself, or above 0.5."""

    output: str
    how: str

    def share(self, outputs: npt.NDArray[Any], labels: npt.NDArray[np.int64]) -> float:
        """The share of inputs whose output says their label; outputs: [batch, ...] as the graph gives them."""
        flat = outputs.reshape(len(outputs), -1)
        if self.how == SCORES:
            found = flat.argmax(axis=1)
        elif self.how == LABELS:
            found = flat[:, 0]
        else:
            found = flat[:, 0] > 0.5
        return float((found == labels).mean())


def judged(
    path: Path, inputs: npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]], labels: npt.NDArray[np.int64]
) -> Judged:
    """The output that holds scores: floating point, [batch, classes]; else one of labels, or of one Sigmoid column.

    Of several with scores the one that has as many columns as there are labels, else the first if they agree.
    Raises EieError where no output is one of these, and for labels that are no class of it.
    """
    proto = read_plain(path)
    names = [one.name for one in proto.graph.output if one.type.WhichOneof("value") == "tensor_type"]
    if not names:
        raise EieError(f"{path}: has no output that is a tensor; accuracy needs scores, (batch, classes)")
    session = start(proto, path, optimised=True)
    given = list(batches(session, inputs, str(path)))
    total, rows = sum(map(feed_rows, given)), feed_rows(given[0])
    values = {name: _trimmed(one) for name, one in zip(names, call(session, names, given[0], path), strict=True)}
    values = {name: one for name, one in values.items() if one.ndim and len(one) == rows}
    if total != len(labels) or not values:
        many = total if values else len(np.atleast_1d(call(session, names[:1], given[0], path)[0]))
        raise EieError(f"{path}: gives {many} outputs for {len(labels)} labels; it needs one each, (batch, classes)")
    scores = {name: one.shape[1] for name, one in values.items() if one.dtype.kind == "f" and one.ndim == 2}
    if scores:
        return Judged(_of_scores(path, scores, labels), SCORES)
    makers = {value: node for node in proto.graph.node for value in node.output}
    for name, one in values.items():
        kind = _made_by(name, makers)
        if one.ndim == 1 and (one.dtype.kind in "iu" or kind == "ArgMax"):
            return Judged(name, LABELS)
        if one.ndim == 1 and one.dtype.kind == "f" and kind == "Sigmoid":
            if int(labels.max()) > 1:
                raise EieError(f"labels: {labels.max()} occurs, but output '{name}' is one Sigmoid column: 0 or 1")
            return Judged(name, THRESHOLD)
    told = ", ".join(f"'{name}' {one.dtype}{list(one.shape)}" for name, one in values.items())
    raise EieError(
        f"{path}: none of its outputs is judged: {told}; accuracy needs scores, (batch, classes), labels, or one "
        f"column that a Sigmoid makes"
    )


def _trimmed(values: Any) -> npt.NDArray[Any]:
    """Values without axes of 1 at their end: [batch, classes, 1, 1] are scores, [batch, 1] is one number."""
    array = np.asarray(values)
    while array.ndim > 1 and array.shape[-1] == 1:
        array = array[..., 0]
    return array


def _of_scores(path: Path, scores: Mapping[str, int], labels: npt.NDArray[np.int64]) -> str:
    wide = {name: columns for name, columns in scores.items() if columns > int(labels.max())}
    if not wide:
        name, columns = max(scores.items(), key=lambda pair: pair[1])
        raise EieError(f"labels: {labels.max()} occurs, but output '{name}' has {columns} columns, 0 to {columns - 1}")
    exact = [name for name, columns in wide.items() if columns == int(labels.max()) + 1]
    if not exact and len(set(wide.values())) > 1:
        told = ", ".join(f"'{name}' {columns}" for name, columns in wide.items())
        raise EieError(f"{path}: several outputs may hold the scores, by columns: {told}; keep one of them")
    return exact[0] if exact else next(iter(wide))


def _made_by(value: str, makers: Mapping[str, Any]) -> str:
    """The operator that makes a value, behind those that leave it what it is."""
    node = makers.get(value)
    while node is not None and node.op_type in KEEPS and node.domain in IS_ONNX:
        node = makers.get(node.input[0])
    return str(node.op_type) if node is not None and node.domain in IS_ONNX else ""
