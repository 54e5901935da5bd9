"""Which scheme a layer's tensors are of; each layer dequantised, or why it cannot be."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from eiesim.files import names
from eiesim.files.joined import Joined
from eiesim.files.ledger import INSTEAD, Entry
from eiesim.files.packed import bitsandbytes, compressed_tensors, gptq, scaled
from eiesim.files.packed.config import NOTHING_SAID, Said, said_beside
from eiesim.files.packed.group import DamagedError, Dense, Group, NotReadError
from eiesim.files.packed.others import other_layout
from eiesim.files.tensors import Tensor

BESIDE_A_WEIGHT = re.compile(r"(.*)[./](weight[./](?:absmax|quant_map|nested_.*|quant_state[./].*))")
"""bitsandbytes' tensors, whose names go on after the weight's."""

PLAIN = "float8 without a scale, taken as numbers"

Found = tuple[list[Joined], list[Entry], list[Tensor]]


def unpacked(tensors: Sequence[Tensor], said: Said = NOTHING_SAID) -> Found:
    """Layers of packed tensors as one tensor each; tensors that cannot be one, with the reason; and all other tensors.

    said: what the checkpoint says of its quantisation.
    """
    groups: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for tensor in tensors:
        beside = BESIDE_A_WEIGHT.fullmatch(tensor.name)
        of = beside.group(1) if beside else names.owner(tensor.name)
        if of:
            groups[of][beside.group(2).replace("/", ".") if beside else names.parts(tensor.name)[-1]] = tensor
    made: list[Joined] = []
    refused: list[Entry] = []
    gone: set[str] = set()
    every = {tensor.name for tensor in tensors}
    for owner, held in groups.items():
        if _is_plain_float8(held):
            plain = [one for one in held.values() if one.is_small]
            made += [Joined(replace(one, dtype="float32"), ((one.name, "weight"),), PLAIN) for one in plain]
            gone |= {one.name for one in plain}
            continue
        if other := other_layout(held):
            reason = f"codes of {other} or what belongs to them, a layout that is not read; {INSTEAD}"
            parts = [one for part, one in held.items() if part != "bias"]
            refused += [Entry(one.name, one.shape, one.dtype, _role(one), "", reason) for one in parts]
            gone |= {one.name for one in parts}
            continue
        found = _scheme(held)
        if found is None:
            continue
        main, scheme, called = found
        group = Group(owner, held, said)
        codes = held[main]
        try:
            with np.errstate(all="ignore"):  # NaN and infinity are refused where a layer is made
                one = _joined(group, scheme(group))
            used = {name for name, _ in one.of}
            if one.tensor.name in every - used:
                raise DamagedError(f"stands beside '{one.tensor.name}', which is the same layer")
        except NotReadError as error:
            reason = f"{codes.dtype} codes of {error}, a layout that is not read; {INSTEAD}"
            refused.append(Entry(codes.name, codes.shape, codes.dtype, "left out", "", reason))
            gone.add(codes.name)
            continue
        except DamagedError as error:
            reason = f"{called}: {error}"
            refused.append(Entry(codes.name, codes.shape, codes.dtype, "left out", "", reason, stops=True))
            gone.add(codes.name)
            continue
        made.append(one)
        gone |= used
    return made, refused, [tensor for tensor in tensors if tensor.name not in gone]


def said_of(tensors: Sequence[Tensor], folder: Path) -> Said:
    """What the files of a folder say of the quantisation of these tensors; nothing where none is quantised."""
    quantised = any(names.packed_format(one.name) or names.known_for(one.name)[0] == "scale" for one in tensors)
    return said_beside(folder) if quantised else NOTHING_SAID


def _is_plain_float8(held: dict[str, Tensor]) -> bool:
    """Whether a weight is float8 and has no scale: nothing but its bias stands beside it."""
    weight = held.get("weight")
    return (
        weight is not None
        and weight.values is not None
        and weight.dtype.lower().startswith(("float8_e4", "float8_e5", "f8_e4", "f8_e5"))
        and held.keys() <= {"weight", "bias"}
    )


def _role(tensor: Tensor) -> str:
    """The role of a tensor of a layout that is not read: by its name."""
    return names.known_for(tensor.name, not tensor.is_float)[0] or "left out"


def _joined(group: Group, dense: Dense) -> Joined:
    owner = group.owner
    name = owner if names.parts(owner)[-1] == "weight" else f"{owner}.weight"
    of = tuple((group.held[part].name, role) for part, role in dense.of)
    return Joined(Tensor(name, "float32", dense.weights.shape, dense.weights), of, dense.how)


def _scheme(held: dict[str, Tensor]) -> tuple[str, Callable[[Group], Dense], str] | None:
    """The codes' last name, who reads them, and what that is called; None for tensors that are as they should be."""
    if "qweight" in held and ("qzeros" in held or "scales" in held):
        return "qweight", gptq.gptq_or_awq, "GPTQ or AWQ"
    if "weight_packed" in held:
        return "weight_packed", compressed_tensors.packed, "compressed-tensors"
    if "compressed" in held and "bitmask" in held:
        return "compressed", compressed_tensors.sparse, "compressed-tensors"
    if "weight" not in held:
        return None
    if any(name.startswith(bitsandbytes.STATE) or name == "weight.quant_map" for name in held):
        return "weight", bitsandbytes.four_bits, "bitsandbytes"
    weight = held["weight"]
    if "SCB" in held and not weight.is_float:
        return "weight", bitsandbytes.int8, "bitsandbytes"
    is_scaled = any(name in held for name in (scaled.SCALES if weight.is_small else scaled.SCALES[:2]))
    is_code = weight.is_small or weight.dtype.lower() in ("int8", "i8", "uint8", "u8")
    if is_scaled and is_code and len(weight.shape) == 2 and "scales" not in held:
        return "weight", scaled.scaled, "a weight and its scale"
    return None
