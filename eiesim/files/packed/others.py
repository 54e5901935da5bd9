"""Layouts of packed weights that are known by the names of their tensors, and are not read."""

from collections.abc import Mapping

from eiesim.files.tensors import Tensor

BY_NAMES = (
    ("HQQ", {"W_q"}),
    ("AQLM", {"codes", "codebooks"}),
    ("QuIP#", {"Qidxs"}),
    ("QTIP", {"trellis", "SU"}),
    ("EXL3 (ExLlamaV3)", {"trellis", "svh"}),
    ("EXL2 (ExLlamaV2)", {"q_weight", "q_scale"}),
    ("VPTQ", {"indices", "centroids"}),
    ("HIGGS", {"weight", "scales", "tables"}),
    ("SpQR", {"dense_weights"}),
    ("QQQ", {"B", "s_channel"}),
    ("Marlin", {"B", "s"}),
    ("Marlin", {"qweight", "s"}),
    ("marlin-24 of compressed-tensors", {"weight_packed", "scale_packed"}),
    ("optimum-quanto", {"_data", "_scale"}),
    ("torchao, flattened", {"_weight_qdata"}),
    ("NVFP4 of ModelOpt", {"weight", "weight_scale", "weight_scale_2"}),
)
"""What tools call their layouts, and names that only these have beside one another."""

OF_INTEGERS = (
    ("EETQ", {"weight", "weight_scales"}),
    ("MLX", {"weight", "scales", "biases"}),
)
"""The same, where `weight` holds whole numbers."""


def other_layout(held: Mapping[str, Tensor]) -> str:
    """The name of a layout that is not read, by the last names of one owner's tensors; else an empty text."""
    for called, needed in BY_NAMES:
        if needed <= held.keys():
            return called
    weight = held.get("weight")
    if weight is not None and not weight.is_float:
        for called, needed in OF_INTEGERS:
            if needed <= held.keys():
                return called
    for part in held:
        if part.endswith("_blocks") and f"{part.removesuffix('_blocks')}_scales" in held:
            return "MXFP4 of experts (gpt-oss)"
    return ""
