"""A torch module as a network: its layers in the order in which they run, and what follows each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._io import modules
from eiesim.dense import DenseLayer, chains, forward
from eiesim.files.held import TOLERANCE
from eiesim.files.ledger import Choice
from eiesim.files.module_held import CHANGES_NOTHING, held_against_arrays, held_against_run
from eiesim.files.module_layers import EMBEDDED, Part, Parts, ledger, read_parts
from eiesim.files.module_run import Call, Run, alike, run, vectors
from eiesim.files.tensors import of_mapping
from eiesim.files.weights import HELD_AGAINST_NOTHING, DenseNetwork, LeftOut, network_of_tensors

WRAPPERS = {
    "DataParallel": "module",
    "DistributedDataParallel": "module",
    "FullyShardedDataParallel": "module",
    "AveragedModel": "module",
    "OptimizedModule": "_orig_mod",
}
IN_SEQUENCE = "activations are those of the nn.Sequential"
AS_SEEN = "activations are those seen in a run of the module"
AS_GUESSED = "activations are those with which the layers give the module's outputs"
APART = "these layers do not follow one another"
INNER = "what it computes between its matrices runs outside EIE; these are layers of their own"
NOT_RUN = "the module was not run: which layer follows which is not known, nor what stands between"
NOT_RUNNABLE = "no inputs were found that the module takes; each layer is held by itself (calibration inputs run it)"
NOT_CHECKED = "held against nothing: --no-check"


@dataclass(frozen=True, eq=False)
class Step:
    """A leaf of a module where it runs. part: the layer that it is, None for what is none. call: its run, if known."""

    path: str
    module: Any
    part: Part | None
    call: Call | None = None


@dataclass(frozen=True, eq=False)
class Order:
    """Layers in the order in which they run, each with the activation that follows it.

    between: what stands before the first or between two of them. after: what follows the last.
    """

    parts: list[Part]
    calls: list[Call | None]
    activations: list[str]
    between: list[LeftOut]
    after: list[LeftOut]


def network_of_module(module: Any, name: str, choice: Choice, check: bool, given: Any = None) -> DenseNetwork:
    """A torch module's network, and what it was held against, without changing the module.

    check: whether to hold its layers against it. given: calibration inputs, an array or the module's arguments by name,
    on which it is run; None is random ones of a shape that it takes.
    """
    while (wrapped := WRAPPERS.get(type(module).__name__)) is not None:
        module = getattr(module, wrapped)
    modules.check_complete(module)
    if isinstance(given, np.ndarray) and given.ndim == 1 and given.dtype.kind == "f":
        given = given[None]
    every = list(modules.parts(module))
    leaves = [one for one in every if modules.is_leaf(one[1]) or modules.has_weight(one[1])]
    with modules.untouched(module):
        sequence = _sequence(module)
        recorded = run(module, leaves, given) if check or given is not None else None
        found = read_parts(every, name, choice)
        if not found.layers and not found.left_out:
            return _of_raw_parameters(module, name, choice, check, recorded)
        by_path = {one.path: one for one in found.layers if one.is_whole}
        inner = {one.path for one in found.layers if not one.is_whole}
        if sequence is not None:
            steps = [Step(path, leaf, by_path.get(path)) for path, leaf in sequence]
            order = _followed(_with_calls(steps, recorded), inner)
        elif recorded is not None:
            steps = [Step(one.path, one.module, by_path.get(one.path), one) for one in recorded.calls]
            order = _followed(steps, inner, recorded)
        else:
            order = Order([], [], [], [], [])
        guessed = recorded is not None and sequence is None and not recorded.calls and _guess(found, recorded, order)
        network, calls = _network(name, found, order, sequence is not None, recorded, given is not None)
        if guessed:
            network = replace(network, notes=(AS_GUESSED,))
        entries = ledger(module, every, found, choice)
        tensors = [
            LeftOut(one.tensor, one.reason, macs=_work(one.shape, one.reason)) for one in entries if not one.layer
        ]
        network = replace(network, ledger=entries, left_out=(*tensors, *network.left_out))
        if given is not None and recorded is not None and not _reach(network, given):
            everything = run(module, leaves, given, None)
            if everything is not None:
                network = replace(network, recorded=_recorded([own for _, own in calls], recorded, everything))
        if not check:
            return replace(network, notes=(*network.notes, NOT_CHECKED))
        if recorded is None:
            network = replace(network, notes=(*network.notes, NOT_RUNNABLE))
        whole = None if order.after else recorded
        held = held_against_run(
            network, [part for part, _ in calls], [own for _, own in calls], recorded, whole, sequence is not None
        )
        return replace(network, held=held)


def _network(
    name: str, found: Parts, order: Order, is_sequence: bool, recorded: Run | None, is_given: bool
) -> tuple[DenseNetwork, list[tuple[Part, list[Call]]]]:
    """The network without its ledger; and its layers' parts with their calls."""
    parts, activations = order.parts, order.activations
    calls = [[] if call is None else [call] for call in order.calls]
    chain = not order.between and {part.source for part in parts} == {part.source for part in found.layers}
    chain = chain and all(before.matrix.weights.shape[0] == after.matrix.weights.shape[1]
                          for before, after in pairwise(parts))  # fmt: skip
    if not chain:
        known = {part.path: one for part, one in zip(parts, activations, strict=True)}
        of_path: dict[str, list[Call]] = {}
        for part, own in zip(parts, calls, strict=True):
            of_path.setdefault(part.path, []).extend(own)
        parts = list(found.layers)
        activations = [known.get(part.path, "none") if part.is_whole else "none" for part in parts]
        calls = [of_path.get(part.path, []) if part.is_whole else [] for part in parts]
    layers: list[DenseLayer] = []
    seen: dict[str, int] = {}
    for part, activation in zip(parts, activations, strict=True):
        seen[part.layer] = count = seen.get(part.layer, 0) + 1
        called = part.layer if count == 1 else f"{part.layer}-{count}"
        follows = part.matrix.activation if part.matrix.activation != "none" else activation
        of = part.matrix
        layer = DenseLayer(called, of.weights, of.bias, follows, groups=of.groups, depthwise=of.depthwise)
        layers.append(layer)
    left_out = [one for one in (*order.between, *order.after) if one.name not in found.left_out]
    notes = [IN_SEQUENCE if is_sequence else AS_SEEN] if len(parts) > 1 else []
    if is_sequence and not order.parts:
        notes = [APART] * (len(parts) > 1)
    elif not is_sequence and not chain:
        notes = [NOT_RUN] if recorded is None else [APART, *notes]
        left_out.append(LeftOut("forward", "what the module's own code computes besides is not known", macs=None))
    sizes = [(part.matrix.parameters or part.matrix.weights.size,
              0 if part.matrix.bias is None else part.matrix.bias.size) for part in parts]  # fmt: skip
    network = DenseNetwork(
        name,
        tuple(layers),
        tuple(part.source for part in parts),
        tuple({part.name: part for part in left_out}.values()),
        chain and bool(layers),
        tuple(notes),
        tuple(map(sum, sizes)),
        vectors=tuple(_vectors(part, own, recorded, is_given) for part, own in zip(parts, calls, strict=True)),
    )
    return network, list(zip(parts, calls, strict=True))


def _sequence(module: Any) -> list[tuple[str, Any]] | None:
    """The leaves of nested `nn.Sequential`s in order, each with its path; None for what nests otherwise."""
    leaves: list[tuple[str, Any]] = []

    def walk(part: Any, at: str) -> bool:
        if modules.is_leaf(part):
            leaves.append((at, part))
            return True
        if "Sequential" not in modules.kinds(part) or not modules.runs_as_torch_does(part):
            return False
        return all(walk(child, f"{at}.{key}" if at else key) for key, child in part._modules.items())

    return leaves if walk(module, "") else None


def _guess(found: Parts, recorded: Run, order: Order) -> bool:
    """Whether layers in the order of their names, each with ReLU but the last, are what a scripted module computes.

    Nothing can be recorded inside such a module. If so they are written into `order`.
    """
    layers = [
        DenseLayer(one.layer, one.matrix.weights, one.matrix.bias, "relu" if k + 1 < len(found.layers) else "none")
        for k, one in enumerate(found.layers)
        if one.is_whole
    ]
    inputs, outputs = recorded.inputs, recorded.outputs
    if not layers or inputs is None or outputs is None or len(layers) < len(found.layers) or not chains(layers):
        return False
    flat = inputs.reshape(len(inputs), -1)
    if flat.shape[1] != layers[0].cols or outputs.shape != (len(flat), layers[-1].rows):
        return False
    if np.abs(forward(layers, flat) - outputs).max() > TOLERANCE * np.abs(outputs).max():
        return False
    order.parts.extend(found.layers)
    order.calls.extend([None] * len(layers))
    order.activations.extend(layer.activation for layer in layers)
    return True


def _with_calls(steps: Sequence[Step], recorded: Run | None) -> list[Step]:
    """Steps with their runs: where one module stands n times, its n-th step has its n-th run."""
    waiting: dict[int, list[Call]] = {}
    for call in recorded.calls if recorded is not None else ():
        waiting.setdefault(id(call.module), []).append(call)
    found = []
    for step in steps:
        calls = waiting.get(id(step.module), [])
        found.append(replace(step, call=calls.pop(0) if calls else None))
    return found


def _followed(steps: Sequence[Step], inner: Collection[str], seen: Run | None = None) -> Order:
    """Layers in the order of their steps, what follows each, and what stands between.

    inner: paths of parts whose matrices are layers of their own, inside them.
    seen: a run of code of the module's own, in which anything may lie between two steps: each layer's inputs are to be
    the outputs of the one before, or their positive part.
    """
    order = Order([], [], [], [], [])
    strange: list[LeftOut] = []
    values = None if seen is None else seen.inputs
    for step in steps:
        kind = modules.kind(step.module)
        where = f"follows '{order.parts[-1].layer}'" if order.parts else "stands before the first layer"
        if step.part is not None:
            order.between.extend(strange)
            strange = []
            if seen is not None and step.call is not None:
                if values is None or not alike(values, step.call.inputs):
                    if order.parts and values is not None and alike(np.maximum(values, 0), step.call.inputs):
                        order.activations[-1] = "relu"
                    else:
                        order.between.append(
                            LeftOut("forward", f"something {where}, before '{step.part.layer}'", macs=None)
                        )
                values = step.call.outputs
            order.parts.append(step.part)
            order.calls.append(step.call)
            order.activations.append("none")
        elif kind == "ReLU" and order.parts:
            order.activations[-1] = "none" if strange else "relu"
            if step.call is not None and values is not None and alike(values, step.call.inputs):
                values = step.call.outputs
        elif step.path in inner:
            strange.append(LeftOut(step.path or kind, f"{kind}: {INNER}", macs=None))
        elif kind not in CHANGES_NOTHING:
            strange.append(LeftOut(step.path, f"{kind} {where}; EIE has ReLU, nothing else"))
    order.after.extend(strange)
    if seen is None or not order.parts or strange or values is None or seen.outputs is None:
        return order
    if not alike(values, seen.outputs) and alike(np.maximum(values, 0), seen.outputs):
        order.activations[-1] = "relu"
    elif not alike(values, seen.outputs):
        order.after.append(LeftOut("forward", f"something follows '{order.parts[-1].layer}'", macs=None))
    return order


def _vectors(part: Part, calls: Sequence[Call], recorded: Run | None, is_given: bool) -> float | None:
    """A layer's vectors in one input of the network; None where that depends on a shape that nobody gave."""
    if not calls or recorded is None:
        return 1 if part.is_whole and "Conv" not in modules.kind(part.module) else None
    if not (is_given or (recorded.inputs is not None and calls[0].inputs.ndim == 2)):
        return None
    count = sum(len(vectors(part.module, call.inputs, call.outputs)[0]) for call in calls)
    return count / recorded.batch if count % recorded.batch else count // recorded.batch


def _reach(network: DenseNetwork, given: Any) -> bool:
    """Whether inputs reach every layer without the module: each layer's are the outputs of the one before."""
    return network.chain and not isinstance(given, Mapping) and given[0].size == network.layers[0].cols


def _recorded(calls: Sequence[Sequence[Call]], few: Run, every: Run) -> tuple[npt.NDArray[np.float32] | None, ...]:
    """Each layer's inputs in a run on all inputs, as vectors. calls: of each layer in the run on a few of them."""
    if [call.module for call in every.calls] != [call.module for call in few.calls]:
        return ()
    place = {id(call): k for k, call in enumerate(few.calls)}
    found = [[every.calls[place[id(call)]] for call in own] for own in calls]
    return tuple(
        np.concatenate([vectors(call.module, call.inputs, call.outputs)[0] for call in own]) if own else None
        for own in found
    )


def _work(shape: tuple[int, ...], reason: str) -> int | None:
    return 0 if len(shape) < 2 or reason == EMBEDDED else None


def _of_raw_parameters(module: Any, name: str, choice: Choice, check: bool, recorded: Run | None) -> DenseNetwork:
    """A module of matrices of its own, without other modules: read by their names, and held as a whole."""
    tensors = {key if "." in key else f"{name}.{key}": values for key, values in module.state_dict().items()}
    network = network_of_tensors(name, of_mapping(tensors), choice, "the module")
    notes = [note for note in network.notes if note != HELD_AGAINST_NOTHING]
    if not check:
        return replace(network, notes=(*notes, NOT_CHECKED))
    if not network.chain or recorded is None or recorded.inputs is None or recorded.outputs is None:
        return replace(network, notes=(*notes, HELD_AGAINST_NOTHING))
    return replace(network, notes=tuple(notes), held=held_against_arrays(network, recorded.inputs, recorded.outputs))
