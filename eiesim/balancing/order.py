"""Orders of a layer's rows: one that evens out the PEs' work, and how a layer and its outputs are put in order."""

import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.encoding import rows_of_pe
from eiesim.errors import EieError
from eiesim.layer import CompressedLayer


def balanced_order(
    layer: CompressedLayer,
    pes: int,
    times_sent: npt.NDArray[np.int64] | None = None,
    bias_sent: int = 1,
    mapping: str = "interleaved",
) -> npt.NDArray[np.int64]:
    """An order of rows that evens out the PEs' work: int64[rows], where place r takes row order[r].

    The rule is longest processing time first (Graham 1969): the row with most kept weights goes to the PE that has
    least so far and a place left. A PE has as many places as the mapping gives it rows. Within a PE rows
    keep their order. Padding is not foreseen, because it depends on the neighbours.
    times_sent: int[cols], how often each column counts. None counts every column once and needs no input.
    bias_sent: how often the bias counts, which is once an input.
    Raises EieError for times_sent of another shape.
    """
    weights = np.ones(layer.cols, np.int64) if times_sent is None else np.asarray(times_sent)
    if weights.shape != (layer.cols,):
        raise EieError(f"times_sent: shape {weights.shape}, needs one a column = ({layer.cols},)")
    column_of = np.repeat(np.arange(layer.cols), np.diff(layer.indptr))
    load = np.bincount(layer.indices, weights[column_of], layer.rows).astype(np.int64)
    if layer.bias_codes is not None:
        load += (layer.bias_codes != 0) * bias_sent
    owned = [rows for rows in rows_of_pe(layer.rows, pes, mapping) if rows]
    places = [list[int]() for _ in owned]
    lightest = [(0, p) for p in range(len(places))]
    for row in np.argsort(-load, kind="stable").tolist():
        carried, p = heapq.heappop(lightest)
        places[p].append(row)
        if len(places[p]) < len(owned[p]):
            heapq.heappush(lightest, (carried + int(load[row]), p))
    order = np.empty(layer.rows, np.int64)
    for own, rows in zip(owned, places, strict=True):
        order[own] = sorted(rows)
    return order


def permute_rows(layer: CompressedLayer, order: Sequence[int] | npt.NDArray[np.int64]) -> CompressedLayer:
    """The layer with its rows in another order: its row r is the original's row order[r].

    Its outputs come in that order too; `unpermute` turns them back. The next layer's columns could be permuted alike
    instead, at no cost to the machine. Raises EieError unless `order` names every row once.
    """
    order = np.asarray(order, np.int64)
    if order.shape != (layer.rows,) or not np.array_equal(np.sort(order), np.arange(layer.rows)):
        raise EieError(f"order: is no permutation of {layer.rows} rows")
    place = np.empty(layer.rows, np.int32)
    place[order] = np.arange(layer.rows, dtype=np.int32)
    column_of = np.repeat(np.arange(layer.cols), np.diff(layer.indptr))
    placed = place[layer.indices]
    ascending = np.lexsort((placed, column_of))
    return CompressedLayer(
        shape=layer.shape,
        indptr=layer.indptr,
        indices=placed[ascending],
        codes=layer.codes[ascending],
        codebook=layer.codebook,
        bias_codes=None if layer.bias_codes is None else layer.bias_codes[order],
        activation=layer.activation,
        name=layer.name,
        activation_said=layer.activation_said,
    )


def unpermute(outputs: npt.NDArray[Any], order: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Outputs of a permuted layer, [rows] or [batch, rows], in the original's order."""
    original = np.empty_like(outputs)
    original[..., order] = outputs
    return original
