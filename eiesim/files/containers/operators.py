"""Operators of a file in the order in which they run, read as layers: for formats that hold a graph.

A reader says of each operator what it is: a product with a constant matrix (`Product`), or anything else (`Step`),
which may leave values as they are, be a ReLU, or be left out. Layers follow one another where the first takes the
file's input and each takes what the one before gives; what follows the last is no matter.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.dense import DenseLayer
from eiesim.errors import EieError
from eiesim.files.assembly import check_patterns
from eiesim.files.ledger import Choice, Entry
from eiesim.files.order import NOT_ONE_AFTER_ANOTHER
from eiesim.files.weights import DenseNetwork, LeftOut, without

HELD_AGAINST_NOTHING = "held against nothing: the file was read, not run"
NO_MATRIX = "no matrix; EIE multiplies matrices by vectors, with ReLU after it"
ROUNDED = "activations are quantised in the file; the layers here do not round"
MAY_MULTIPLY = "what it computes is not known here"

EXPONENTIAL = "EIE has no exponential; the largest output stays the largest without it"
POOLS = "pools values over positions; no matrix"
MOVES = "moves or chooses values; nothing is multiplied"
FROM_ONNX = "of convolutions only 1x1 are read from this file, and all of them from ONNX"
DEPTHWISE = f"a depthwise convolution; {FROM_ONNX}"


@dataclass(frozen=True, eq=False)
class Product:
    """A product of a constant matrix, weights[rows, cols], with what `takes` names; a bias is added, `gives` is made.

    source: the tensor of its weights. relu: whether its ReLU is within it. vectors: its input vectors in one input of
    the network; None where that is not known. parameters: None is the size of its weights and bias.
    """

    name: str
    source: str
    takes: str
    gives: str
    weights: npt.NDArray[Any]
    bias: npt.NDArray[Any] | None = None
    relu: bool = False
    vectors: float | None = 1


@dataclass(frozen=True)
class Step:
    """An operator that is no layer.

    does: "same" where it leaves values as they are; "relu"; "clips" where what it gives cannot be below 0 and is else
    what it takes; "" for anything else. macs: multiply-accumulates in one input, None where they are not known.
    """

    name: str
    kind: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    does: str = ""
    reason: str = NO_MATRIX
    macs: int | None = 0


class Names:
    """Names of layers, each once: the second `fc` is `fc-2`."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def of(self, name: str) -> str:
        """A name that no layer has yet."""
        self._seen[name] += 1
        return self._of_again(name) if self._seen[name] > 1 else name

    def _of_again(self, name: str) -> str:
        return self.of(f"{name}-{self._seen[name]}")


def network_of(
    where: str,
    name: str,
    steps: Sequence[Product | Step],
    entries: Iterable[str],
    results: Iterable[str],
    ledger: Sequence[Entry],
    choice: Choice,
    notes: Sequence[str] = (),
) -> DenseNetwork:
    """The layers of a file's operators.

    where: the file, for what is refused. entries, results: the values that the file takes and gives. ledger: each
    stored tensor in the file's order, those of a product under its layer's name.
    """
    if choice.take:
        raise EieError("take: the file's operators say what is a layer; a file of tensors has names to take")
    came_from = dict.fromkeys(entries, -1)
    users = Counter(value for step in steps for value in ([step.takes] if isinstance(step, Product) else step.takes))
    users.update(results)
    layers: list[DenseLayer] = []
    products: list[Product] = []
    feeds: list[int | None] = []
    left_out: list[LeftOut] = []
    shared: set[int] = set()  # layers whose outputs, as they are, several take: a ReLU behind them is not theirs
    for step in steps:
        if isinstance(step, Product):
            came_from[step.gives] = len(layers)
            shared.update([len(layers)] if users[step.gives] > 1 else [])
            feeds.append(came_from.get(step.takes))
            products.append(step)
            layers.append(_layer(where, step))
            continue
        at = came_from.get(step.takes[0]) if step.takes else None
        if step.does == "clips" and (at is None or at < 0):
            pass  # an input, which is taken as the file takes it
        elif step.does in ("relu", "clips") and at is not None and at >= 0 and at not in shared:
            layers[at] = replace(layers[at], activation="relu")
        elif step.does in ("relu", "clips") and at is not None and at >= 0 and layers[at].activation == "relu":
            pass  # of what is not negative
        elif step.does != "same":
            reason = step.reason
            if step.does in ("relu", "clips"):
                reason = "it does not directly follow a layer as the only user of its outputs"
            left_out.append(LeftOut(step.name, f"{step.kind}: {reason}", step.kind, step.macs))
            at = None
        if at is not None:
            came_from.update(dict.fromkeys(step.gives, at))
            shared.update([at] if any(users[value] > 1 for value in step.gives) else [])
    chain = bool(layers) and all(feed == k - 1 for k, feed in enumerate(feeds))
    chain = chain and len({one.vectors for one in products}) == 1
    chain = chain and all(before.rows == after.cols for before, after in pairwise(layers))
    more = () if chain or len(layers) < 2 else (NOT_ONE_AFTER_ANOTHER.removesuffix("; none has an activation"),)
    network = DenseNetwork(
        name,
        tuple(layers),
        tuple(one.source for one in products),
        tuple(left_out),
        chain,
        (*notes, *more, HELD_AGAINST_NOTHING),
        vectors=tuple(one.vectors for one in products),
        ledger=(*ledger, *(Entry(one.name, (), one.kind, "left out", "", one.reason) for one in left_out)),
    )
    check_patterns("leave", choice.leave, [*(layer.name for layer in layers), *(one.tensor for one in network.ledger)])
    return without(network, choice)[0]


def _layer(where: str, step: Product) -> DenseLayer:
    weights = np.asarray(step.weights, np.float32)
    if step.bias is not None and step.bias.size == 1 != len(weights):
        step = replace(step, bias=np.full(len(weights), step.bias.reshape(())))
    bias = None if step.bias is None else np.asarray(step.bias, np.float32)
    try:
        return DenseLayer(step.name, weights, bias, "relu" if step.relu else "none")
    except EieError as error:
        raise EieError(f"{where}: {error}") from None


def entries_of(
    tensors: Mapping[str, tuple[tuple[int, ...], str]], roles: Mapping[str, tuple[str, str, str]], unused: str
) -> list[Entry]:
    """The ledger of stored tensors by name, [shape, type]; roles: [role, layer, reason] of those that have one."""
    return [
        Entry(name, shape, kind, *roles.get(name, ("left out", "", unused))) for name, (shape, kind) in tensors.items()
    ]
