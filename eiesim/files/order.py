"""Whether layers read from named tensors follow one another: by their sizes, their names and what stands between."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from eiesim.dense import DenseLayer, chains
from eiesim.files import names
from eiesim.files.assembly import Assembly
from eiesim.files.ledger import Entry

STEPS = 10_000
"""Orders that are tried, layer by layer, in search of a second one."""

NOT_ONE_AFTER_ANOTHER = "these layers do not follow one another; none has an activation"


def followed(found: Assembly, holder: str, ordered: bool) -> tuple[tuple[DenseLayer, ...], bool, list[str]]:
    """The layers with their activations, whether they follow one another, and what was assumed.

    holder: what notes call the source. ordered: whether its order says which layer is first.
    """
    layers = found.layers
    notes = []
    between = _between(found)
    chain = chains(layers) and not between and not any(_is_side_by_side(name) for name in found.sources)
    if len(layers) > 1 and chain:
        notes.append(f"{holder} says nothing of activations: ReLU is taken to follow every layer but the last")
        if not ordered and _orders(layers) > 1:
            first, last = layers[0].name, layers[-1].name
            notes.append(
                f"{holder} says nothing of order: layers are taken in that of their names, '{first}' to '{last}', and "
                "others would follow one another too"
            )
    elif len(layers) > 1:
        notes.append(NOT_ONE_AFTER_ANOTHER)
        if between:
            notes.append(f"between them stands {between}")
        if all(before.cols == after.rows for before, after in pairwise(layers)):
            notes.append("taken as (outputs, inputs); as (inputs, outputs) they would follow one another")
    layers = [
        replace(layer, activation="relu" if chain and k + 1 < len(layers) else "none") for k, layer in enumerate(layers)
    ]
    return tuple(layers), chain, notes


def _between(found: Assembly) -> str:
    """A tensor between the first and the last layer that belongs to none and may do something; else an empty text."""
    ledger = found.ledger
    places = [k for k, entry in enumerate(ledger) if entry.layer and entry.role in ("weight", "scale")]
    if not places:
        return ""
    for entry in ledger[min(places) : max(places)]:
        if not entry.layer and _does_something(entry):
            return f"'{entry.tensor}', {entry.reason}"
    return ""


def _does_something(entry: Entry) -> bool:
    """Whether what is left out may change the values that go from one layer to the next."""
    own = names.parts(entry.tensor)[-1]
    if entry.role == "statistics":
        return own.startswith(("running", "moving"))
    runs = own in ("weight", "kernel", "scale", "gamma", "alpha") and not names.is_aside(entry.tensor)
    return entry.role == "left out" and runs


def _is_side_by_side(source: str) -> bool:
    """Whether a weight is one of a recurrent layer's or an attention's, by its name."""
    own = names.parts(source)
    return names.RECURRENT.fullmatch(own[-1]) is not None or any(
        names.ATTENTION.fullmatch(part) is not None for part in own[-2:]
    )


def _orders(layers: Sequence[DenseLayer]) -> int:
    """In how many orders layers would follow one another: 1, or 2 for more than one."""
    found = steps = 0
    stack: list[tuple[int, ...]] = [(k,) for k in range(len(layers))]
    while stack and found < 2 and steps < STEPS:
        steps += 1
        path = stack.pop()
        if len(path) == len(layers):
            found += 1
            continue
        stack += [(*path, k) for k in range(len(layers)) if k not in path and layers[path[-1]].rows == layers[k].cols]
    return 2 if steps >= STEPS else found
