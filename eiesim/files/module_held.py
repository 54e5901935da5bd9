"""A module's layers as read, held against what the module itself gave in a run (`files.held`)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._io import modules
from eiesim.dense import DenseLayer
from eiesim.files.held import RUNS, TOLERANCE, TOLERANCE_16_BITS, Held, Seen, hold
from eiesim.files.module_layers import Part
from eiesim.files.module_run import Call, Run, alike, vectors
from eiesim.files.weights import DenseNetwork

CHANGES_NOTHING = {"Identity", "Flatten", "Unflatten", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout"}
"""Modules that do nothing to a vector when a trained network runs."""

TOLERANCE_8_BITS = 3.2e-2
"""Two steps of the 7 bits in which quantised modules of PyTorch (torchao: 8) hold inputs, over the largest
magnitude."""


def held_against_run(
    network: DenseNetwork,
    parts: Sequence[Part],
    calls: Sequence[Sequence[Call]],
    recorded: Run | None,
    whole: Run | None,
    in_order: bool,
) -> Held:
    """Each layer held against its part's runs, or against a run of the part alone where the module did not reach it.

    whole: the module's run, where its outputs are the last layer's; None where something follows that one.
    in_order: whether the module is a sequence, in which a ReLU that follows belongs to a layer.
    """
    used = {id(call) for own in calls for call in own}
    spare = [call for call in recorded.calls if id(call) not in used] if recorded is not None else []
    seen = []
    for layer, part, own in zip(network.layers, parts, calls, strict=True):
        runs = own or [call for call in spare if call.module is part.module]
        seen.append(_seen(layer, part, runs, recorded, in_order))
    together = None
    if network.chain and recorded is not None and recorded.inputs is not None:
        start, end = calls[0][:1], calls[-1][-1:]
        found = None
        if start and end:
            found = _whole(start[0], end[0], recorded, None if whole is None else whole.outputs, seen[-1])
        elif whole is not None and whole.outputs is not None and recorded.inputs.ndim == whole.outputs.ndim == 2:
            found = recorded.inputs, whole.outputs
        if found is not None:
            tolerance = max(_tolerance(part.module) for part in parts)
            together = Seen(*found, tolerance * (len(parts) if tolerance > TOLERANCE else 1))
    return hold("torch", network.layers, seen, together)


def _whole(
    start: Call, end: Call, recorded: Run, outputs: npt.NDArray[np.float32] | None, last: Seen | None
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]] | None:
    """The network's inputs and outputs as vectors; its outputs are the last layer's where something follows that."""
    if recorded.inputs is None or recorded.inputs.size != start.inputs.size:
        return None
    inputs = vectors(start.module, recorded.inputs.reshape(start.inputs.shape), start.outputs)[0]
    if outputs is None:
        return None if last is None else (inputs, last.outputs)
    if outputs.size != end.outputs.size:
        return inputs, outputs.reshape(len(outputs), -1)
    return inputs, vectors(end.module, end.inputs, outputs.reshape(end.outputs.shape))[1]


def held_against_arrays(network: DenseNetwork, inputs: npt.NDArray[Any], outputs: npt.NDArray[Any]) -> Held:
    """A whole network of layers that were not seen one by one."""
    together = Seen(inputs.reshape(-1, inputs.shape[-1]), outputs.reshape(-1, outputs.shape[-1]))
    return hold("torch", network.layers, [None] * len(network.layers), together)


def _seen(layer: DenseLayer, part: Part, calls: Sequence[Call], recorded: Run | None, in_order: bool) -> Seen | None:
    if not part.is_whole:
        return None
    tolerance = _tolerance(part.module)
    if not calls or recorded is None:
        alone = _alone(part)
        if alone is None:
            return None
        inputs, outputs = alone
        activated = layer.activation == "relu"
        return Seen(inputs, np.maximum(outputs, 0) if activated else outputs, tolerance)
    pairs = []
    for call in calls[:RUNS]:
        outputs = _activated(call, recorded) if in_order else call.outputs
        if not in_order and layer.activation == "relu":
            outputs = np.maximum(outputs, 0)
        pairs.append(vectors(call.module, call.inputs, outputs))
    return Seen(np.concatenate([one for one, _ in pairs]), np.concatenate([one for _, one in pairs]), tolerance)


def _activated(call: Call, recorded: Run) -> npt.NDArray[np.float32]:
    """A call's outputs after the ReLU that follows it in the run, where one does."""
    at = next(k for k, one in enumerate(recorded.calls) if one is call)
    for after in recorded.calls[at + 1 :]:
        if not alike(after.inputs, call.outputs):
            break
        if modules.kind(after.module) == "ReLU":
            return after.outputs.reshape(call.outputs.shape)
        if modules.kind(after.module) not in CHANGES_NOTHING:
            break
    return call.outputs


def _alone(part: Part) -> tuple[npt.NDArray[Any], npt.NDArray[Any]] | None:
    """The inputs and outputs of a part run by itself, as vectors; None where it does not run so."""
    generator = np.random.default_rng(0)
    kernel = getattr(part.module, "kernel_size", ())
    shape = (part.module.in_channels, *(3 for _ in kernel)) if kernel else part.matrix.weights.shape[1:]
    inputs = generator.standard_normal((RUNS, *shape)).astype(np.float32)
    outputs = modules.run_on(part.module, inputs)
    return None if outputs is None or outputs.ndim < 2 else vectors(part.module, inputs, outputs)


def _tolerance(module: Any) -> float:
    own = dict(module.named_parameters(recurse=False)).get("weight")
    rounds_inputs = any(getattr(own, name, None) for name in ("act_quant_kwargs", "activation_quantization"))
    if rounds_inputs or type(module).__module__.startswith("torch.ao."):
        return TOLERANCE_8_BITS
    kinds = {str(one.dtype) for one in module.parameters()}
    return TOLERANCE_16_BITS if kinds & {"torch.float16", "torch.bfloat16"} else TOLERANCE
