"""Packed checkpoints, against the dense values of the tools that wrote them (checkpoints/make.py); damaged ones.

Every surprise that a guess from memory gets wrong has a test here (docs/formats-in-the-wild.md).
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eiesim
from tests.cases import cli

safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")

FOLDER = Path(__file__).parent / "checkpoints"
DENSE = dict(np.load(FOLDER / "dense.npz"))
LIKE = {
    "awq-gemv": "awq-gemm",
    "bnb-nf4-bfloat16": "bnb-nf4",
    **{f"gptq-v2-{bits}": f"gptq-v1-{bits}" for bits in (2, 3, 4, 8)},
}
FLOAT8 = ("ct-float8", "ct-float8-block", "ct-float8-tensor", "ct-mxfp8", "ct-nvfp4")
BFLOAT16 = ("ct-int4-group", "bnb-nf4-bfloat16")
FILES = sorted(path.stem for path in FOLDER.glob("*.safetensors"))
PLAIN = [name for name in FILES if name not in FLOAT8 + BFLOAT16]
P = "fc1"


def config(name):
    """What the tool writes into config.json or quantize_config.json, in so far as the reader asks for it."""
    if name.startswith(("gptq", "auto-gptq")):
        form = {} if name.startswith("auto") else {"checkpoint_format": "gptq_v2" if "v2" in name else "gptq"}
        bits = 4 if name.endswith(("order", "symmetric")) else int(name[-1])
        return {"quant_method": "gptq", "bits": bits, "desc_act": name.endswith("order"), **form}
    if name.startswith("awq"):
        return {"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": True, "version": name[4:]}
    return None


def tensors_of(name):
    return dict(safetensors.load_file(FOLDER / f"{name}.safetensors"))


def read(tensors, folder, about=None):
    """The network of a file, or of these tensors as one, with a configuration beside it."""
    if about is not None:
        (folder / "quantize_config.json").write_text(json.dumps(about))
    path = folder / "m.safetensors"
    if isinstance(tensors, str):
        path.write_bytes((FOLDER / f"{tensors}.safetensors").read_bytes())
    else:
        safetensors.save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, path)
    return eiesim.read_model(path)


@pytest.mark.parametrize("name", FILES)
def test_each_tools_file_has_the_tools_own_dense_values(name, tmp_path):
    if name in FLOAT8:
        pytest.importorskip("ml_dtypes", reason="needs extra [formats]")
    model = read(name, tmp_path, config(name))
    dense = DENSE[LIKE.get(name, name)]
    assert [layer.name for layer in model.layers] == [P]
    assert model.layers[0].weights.shape == dense.shape
    assert np.abs(model.layers[0].weights - dense).max() <= 1e-6 * np.abs(dense).max()
    assert all(entry.layer == P and entry.role != "left out" for entry in model.ledger)
    assert any(note.startswith(f"dequantised: {P}: ") for note in model.notes)


@pytest.mark.parametrize("name", PLAIN)
def test_npz_and_mappings_are_read_as_files_are(name, tmp_path):
    model = read(name, tmp_path, config(name))
    tensors = tensors_of(name)
    np.savez(tmp_path / "m.npz", **tensors)
    again = eiesim.read_model(tmp_path / "m.npz")
    assert np.array_equal(again.layers[0].weights, model.layers[0].weights)
    assert {one.tensor: one.role for one in again.ledger} == {one.tensor: one.role for one in model.ledger}
    if config(name) is None:
        in_memory = eiesim.compress(tensors).model
        assert np.array_equal(in_memory.layers[0].weights, model.layers[0].weights)


ROLES = {
    "gptq-v1-4": {"qweight": "weight", "qzeros": "zero_point", "scales": "scale", "g_idx": "indices", "bias": "bias"},
    "ct-int4-asymmetric": {
        "weight_packed": "weight", "weight_scale": "scale", "weight_zero_point": "zero_point", "weight_shape": "shape",
    },
    "ct-sparse-bitmask": {"compressed": "weight", "bitmask": "mask", "row_offsets": "indices", "shape": "shape"},
    "bnb-nf4-nested": {
        "weight": "weight", "weight.absmax": "scale", "weight.quant_map": "lookup", "weight.nested_absmax": "scale",
        "weight.nested_quant_map": "lookup", "weight.quant_state.bitsandbytes__nf4": "shape", "bias": "bias",
    },
    "bnb-int8": {"weight": "weight", "SCB": "scale", "weight_format": "shape", "bias": "bias"},
}  # fmt: skip


@pytest.mark.parametrize("name", ROLES)
def test_each_tensor_has_its_role(name, tmp_path):
    model = read(name, tmp_path, config(name))
    assert {one.tensor.removeprefix(f"{P}."): one.role for one in model.ledger} == ROLES[name]


def test_zero_points_of_3_bits_straddle_words_in_new_files_and_not_in_old_ones():
    new, old = tensors_of("ct-int3-straddling"), tensors_of("ct-old-int3")
    assert new[f"{P}.weight_packed"].shape[1] == 64 * 3 // 32
    assert old[f"{P}.weight_packed"].shape[1] == -(-64 // 10)


def by_hand(codes, bits, padded):
    """Rows of codes in 32-bit words, the lowest bits first, without numpy; padded: whole codes in a word."""
    each = 32 // bits
    rows = []
    for row in codes.tolist():
        if padded:
            words = [sum(c << bits * k for k, c in enumerate(row[at : at + each])) for at in range(0, len(row), each)]
        else:
            whole = sum(c << bits * k for k, c in enumerate(row))
            words = [whole >> 32 * k & 0xFFFFFFFF for k in range(-(-len(row) * bits // 32))]
        rows.append(words)
    return np.array(rows, np.uint32).view(np.int32)


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("cols", [12, 40, 128])
def test_any_number_of_bits_is_read_where_the_configuration_says_what_it_is(bits, cols, tmp_path):
    codes = np.random.default_rng(bits).integers(0, 1 << bits, (3, cols))
    dense = (codes - (1 << (bits - 1))).astype(np.float32) / 4
    for version, padded in (("0.17.1", True), ("0.18.0", False)):
        words = by_hand(codes, bits, padded)
        tensors = {
            f"{P}.weight_packed": words, f"{P}.weight_shape": np.array([3, cols]),
            f"{P}.weight_scale": np.full((3, 1), 0.25, np.float32),
        }  # fmt: skip
        groups = {"group_0": {"weights": {"num_bits": bits}, "input_activations": {"num_bits": 8}}}
        about = {"quant_method": "compressed-tensors", "config_groups": groups, "version": version}
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "x", "quantization_config": about}))
        assert np.array_equal(read(tensors, tmp_path).layers[0].weights, dense)
        (tmp_path / "config.json").unlink()
        found = read(tensors, tmp_path)
        if found.layers:  # told by the widths alone
            assert np.array_equal(found.layers[0].weights, dense)
        else:
            assert re.search("may have codes", next(one.reason for one in found.ledger if one.stops))


def changed(name, **parts):
    """A file's tensors with some changed: by a function of what is there, or gone where it is None."""
    tensors = tensors_of(name)
    for part, change in parts.items():
        key = f"{P}.{re.sub('__(?!nf4)', '.', part)}"
        if change is None:
            del tensors[key]
        else:
            tensors[key] = change(tensors[key])
    return tensors


def at(index, value):
    def change(values):
        values = values.copy()
        values.reshape(-1)[index] = value
        return values

    return change


def state(**about):
    """bitsandbytes' JSON with other values; None takes one out."""

    def change(values):
        held = json.loads(values.tobytes()) | about
        text = json.dumps({key: value for key, value in held.items() if value is not None})
        return np.frombuffer(text.encode(), np.uint8)

    return change


def cut(*shape):
    return lambda values: values[tuple(slice(size) for size in shape)]


NF4 = "bnb-nf4-nested"
DAMAGED = {
    "GPTQ, no scales": (changed("gptq-v1-4", scales=None), "gptq-v1-4", "'scales' is missing"),
    "GPTQ, no zero points": (changed("gptq-v1-4", qzeros=None), "gptq-v1-4", "'qzeros' is missing"),
    "GPTQ, scales cut": (changed("gptq-v1-4", scales=cut(1, 32)), "gptq-v1-4", "'qzeros' has shape .2, 4., needs .1,"),
    "GPTQ, scales of other outputs": (changed("gptq-v1-4", scales=cut(2, 31)), "gptq-v1-4", "fits no 'qweight'"),
    "GPTQ, group out of range": (changed("gptq-v1-act-order", g_idx=at(3, 2)), "gptq-v1-act-order", "0 to 2, and "),
    "GPTQ, negative group": (changed("gptq-v1-act-order", g_idx=at(3, -1)), "gptq-v1-act-order", "holds -1 to 1"),
    "GPTQ, words missing": (changed("gptq-v1-4", qweight=cut(3, 32)), "gptq-v1-4", "fit no codes of 2, 3, 4 or 8 bits"),
    "GPTQ, other bits": (tensors_of("gptq-v1-4"), "gptq-v1-8", "have codes of 4 bits, and quantize_config.json says 8"),
    "GPTQ, 16-bit words": (changed("gptq-v1-4", qweight=lambda q: q.view(np.int16)), "gptq-v1-4", "words of 32 bits"),
    "GPTQ, infinite scale": (changed("gptq-v1-4", scales=at(0, np.inf)), "gptq-v1-4", "'scales' holds NaN or infinity"),
    "GPTQ v1, a zero point of 0": (changed("gptq-v1-4", qzeros=at(0, -1)), "gptq-v1-4", "tools read as 0 or as 16"),
    "GPTQ, no version": (tensors_of("gptq-v1-4"), None, "stored less 1"),
    "AWQ, wrong group size": (tensors_of("awq-gemm"), {"group_size": 16}, "2 groups do not divide 64 inputs"),
    "AWQ, scales cut": (changed("awq-gemm", scales=cut(1, 32)), "awq-gemm", "'qzeros' has shape"),
    "AWQ, GEMV without its group size": (tensors_of("awq-gemv"), None, "pads its groups"),
    "packed, no scale": (changed("ct-int4-channel", weight_scale=None), None, "'weight_scale' is missing"),
    "packed, no shape": (changed("ct-int4-channel", weight_shape=None), None, "'weight_shape' is missing"),
    "packed, other rows": (changed("ct-int4-channel", weight_shape=at(0, 9)), None, "8 rows, 'weight_shape' says 9"),
    "packed, other columns": (changed("ct-int4-channel", weight_shape=at(1, 640)), None, "fits no codes of 1 to"),
    "packed, other bits": (tensors_of("ct-int4-channel"), {"num_bits": 8}, "quantize_config.json says 8 bits"),
    "packed, scales cut": (changed("ct-int4-channel", weight_scale=cut(7, 1)), None, "divides 8 x 64 into no"),
    "packed, other group size": (
        {**changed("ct-int4-channel"), f"{P}.weight_scale": np.ones((8, 4), np.float32)}, {"group_size": 32},
        "4 groups do not divide 64 inputs, and quantize_config.json says 32",
    ),
    "packed, zero points cut": (
        changed("ct-int4-asymmetric", weight_zero_point=cut(1, 4)), None, "'weight_zero_point' has shape .1, 4., needs",
    ),
    "packed, group out of range": (changed("ct-old-g-idx", weight_g_idx=at(0, 2)), None, "there are 2 groups"),
    "mxfp4, no scale": (changed("ct-mxfp4", weight_scale=None), None, "'weight_scale' is missing"),
    "mxfp4, scales cut": (changed("ct-mxfp4", weight_scale=cut(8, 1)), None, "'weight_scale' has shape"),
    "bitmask, a value too few": (changed("ct-sparse-bitmask", compressed=cut(20)), None, "'compressed' holds 20"),
    "bitmask, row offsets": (changed("ct-sparse-bitmask", row_offsets=at(1, 0)), None, "'row_offsets' are not where"),
    "bitmask, other columns": (changed("ct-sparse-bitmask", shape=at(1, 70)), None, "'bitmask' has shape"),
    "2:4, three of four": (changed("ct-sparse-24", bitmask=at(0, 0x37)), None, "'bitmask' keeps"),
    "int8, no rows": (changed("ct-int8", weight_scale=cut(5, 1)), None, "divides 8 x 64 into no"),
    "int8, zero points": (changed("ct-int8-tensor", weight_zero_point=lambda z: np.repeat(z, 2)), None, "its scale"),
    "NF4, no lookup": (changed(NF4, weight__quant_map=None), None, "'weight.quant_map' is missing"),
    "NF4, no scales": (changed(NF4, weight__absmax=None), None, "'weight.absmax' is missing"),
    "NF4, no state": (changed(NF4, weight__quant_state__bitsandbytes__nf4=None), None, "nf4' is missing"),
    "NF4, no nested scales": (changed(NF4, weight__nested_absmax=None), None, "'weight.nested_absmax' is missing"),
    "NF4, no offset": (
        changed(NF4, weight__quant_state__bitsandbytes__nf4=state(nested_offset=None)), None, "has no nested_offset",
    ),
    "NF4, other block": (
        changed(NF4, weight__quant_state__bitsandbytes__nf4=state(blocksize=128)), None,
        "8 scales, and blocks of 128 need 4",
    ),
    "NF4, other shape": (
        changed(NF4, weight__quant_state__bitsandbytes__nf4=state(shape=[8, 65])), None, "8 x 65 weights need 260",
    ),
    "NF4, no JSON": (
        changed(NF4, weight__quant_state__bitsandbytes__nf4=lambda s: s[:9]), None, "bitsandbytes__nf4' is no JSON",
    ),
    "int8, other rows": (changed("bnb-int8", SCB=cut(3)), None, "'SCB' has 3 scales for 8 rows"),
    "GPTQ, widths that fit two": (
        {f"{P}.qweight": np.zeros((4, 1), np.int32), f"{P}.qzeros": np.zeros((1, 1), np.int32),
         f"{P}.scales": np.ones((1, 1), np.float16)}, {"quant_method": "gptq"}, "may have codes of 2, 3, 4, 8 bits",
    ),
    "AWQ, 8 bits": (tensors_of("awq-gemm"), {"quant_method": "awq", "bits": 8}, "codes have 4 bits, and quantize"),
    "AWQ, GEMV of small groups": (
        tensors_of("awq-gemv"), {"quant_method": "awq", "bits": 4, "group_size": 1}, "64 inputs need 64 of 1",
    ),
    "packed, a scale for all": (
        changed("ct-int4-asymmetric", weight_scale=lambda s: s[:1, 0]), None, "needs one a row",
    ),
    "packed, no weights": (changed("ct-int4-channel", weight_packed=cut(0, 8)), None, "'weight_packed' holds nothing"),
    "packed, a shape of fractions": (
        changed("ct-int4-channel", weight_shape=lambda s: s.astype(np.float32)), None, "needs whole numbers",
    ),
    "packed, a shape of none": (changed("ct-int4-channel", weight_shape=at(0, 0)), None, "no rows and columns"),
    "packed, a group for each of fewer": (
        changed("ct-old-g-idx", weight_g_idx=cut(63)), None, "'weight_g_idx' has 63 numbers for 64 inputs",
    ),
    "packed, scales of whole numbers": (
        changed("ct-int4-channel", weight_scale=lambda s: s.astype(np.int32)), None, "needs floating point",
    ),
    "mxfp4, scales of floating point": (
        changed("ct-mxfp4", weight_scale=lambda s: s.astype(np.float32)), None, "'weight_global_scale' is missing",
    ),
    "bitmask of words": (changed("ct-sparse-bitmask", bitmask=lambda m: m.view(np.int8)), None, "needs uint8"),
    "bitmask, whole numbers without a scale": (
        changed("ct-sparse-bitmask", compressed=lambda v: v.astype(np.int8)), None, "'weight_scale' is missing",
    ),
    "bitmask, NaN": (changed("ct-sparse-bitmask", compressed=at(0, np.nan)), None, "weights that are NaN or infinity"),
    "int8, groups in order without one a row": (
        {**tensors_of("ct-int8-tensor"), f"{P}.weight_g_idx": np.zeros(64, np.int32)}, None, "one by row and group",
    ),
    "int8, blocks of another size": (
        {**changed("ct-int8"), f"{P}.weight_scale": np.ones((4, 2), np.float32)}, {"weight_block_size": [4, 32]},
        "has shape .4, 2., blocks of 4 x 32 need .2, 2.",
    ),
    "int8, blocks of no known size": (
        {f"{P}.weight": np.ones((8, 96), np.int8), f"{P}.weight_scale": np.ones((4, 2), np.float32)}, None,
        "which says the size of a block",
    ),
    "int8, scales of other rows": (changed("ct-int8", weight_scale=lambda s: s[:7, 0]), None, "7 scales for 8 rows"),
    "NF4, more nested scales": (changed(NF4, weight__nested_absmax=lambda a: np.repeat(a, 3)), None, "_absmax' has 3"),
    "NF4, a shape of three": (
        changed(NF4, weight__quant_state__bitsandbytes__nf4=state(shape=[8, 8, 8])), None, "no shape of two sizes",
    ),
    "NF4, no block size": (
        changed(NF4, weight__quant_state__bitsandbytes__nf4=state(blocksize=True)), None, "has no blocksize",
    ),
    "int8, of 16 bits": (changed("bnb-int8", weight=lambda w: w.astype(np.int16)), None, "needs int8"),
    "a weight of the same name": (
        {**tensors_of("ct-int4-channel"), f"{P}.weight": np.ones((8, 64), np.float32)}, None, "is the same layer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_layers_are_refused_by_name_unless_left(case, tmp_path):
    tensors, like, why = DAMAGED[case]
    about = config(like) if isinstance(like, str) else like
    ledger = read(tensors, tmp_path, about).ledger
    entry = next(one for one in ledger if one.stops)
    safetensors.save_file({"fc2.weight": np.ones((4, 3), np.float32), **tensors}, tmp_path / "m.safetensors")
    with pytest.raises(eiesim.EieError, match=rf"m\.safetensors: {P}\.\S+: .*{why}") as refusal:
        eiesim.compress(tmp_path / "m.safetensors")
    assert "\n" not in str(refusal.value)
    rest = eiesim.compress(tmp_path / "m.safetensors", leave=[entry.tensor, f"{P}.weight"][: 1 + ("same" in case)])
    assert [layer.name for layer in rest.layers] == ["fc2"]


UNREAD = {
    "AWQ, for GEMV of 16-bit words": (
        {**tensors_of("gptq-v1-4"), f"{P}.scaled_zeros": np.ones((2, 4), np.int32)}, "gptq-v1-4",
        "AWQ's layout for GEMV of 16-bit words",
    ),
    "GPTQ, Marlin's layout": (
        tensors_of("gptq-v1-4"), {"quant_method": "gptq", "checkpoint_format": "marlin"}, "the layout 'marlin'",
    ),
    "NF4, words": (changed("bnb-nf4", weight=lambda w: w.view(np.int8)), None, "kept in I8"),
    "int8, for one GPU": (changed("bnb-int8", weight_format=lambda w: w * 0 + 1), None, "in an order for one GPU"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNREAD)
def test_layouts_that_are_known_and_not_read_are_named(case, tmp_path):
    tensors, like, why = UNREAD[case]
    tensors = {"fc2.weight": np.ones((4, 3), np.float32), **tensors}
    found = read(tensors, tmp_path, config(like) if isinstance(like, str) else like)
    assert [layer.name for layer in found.layers] == ["fc2"]
    assert any(why in entry.reason for entry in found.ledger)


def test_the_command_ends_with_status_2(tmp_path):
    safetensors.save_file(changed("ct-int4-channel", weight_scale=None), tmp_path / "m.safetensors")
    result = cli("compress", tmp_path / "m.safetensors", "-o", tmp_path / "out")
    assert result.status == 2
    assert "fc1.weight_packed: compressed-tensors: 'weight_scale' is missing; or leave" in result.err.replace("\n", " ")
    assert not (tmp_path / "out").exists()


OTHERS: dict[str, dict[str, Any]] = {
    "HQQ": {"W_q": np.ones((8, 4), np.uint8), "meta": np.ones(3, np.uint8)},
    "EETQ": {"weight": np.ones((8, 8), np.int8), "weight_scales": np.ones(8, np.float16)},
    "optimum-quanto": {"weight._data": np.ones((8, 8), np.int8), "weight._scale": np.ones((8, 1), np.float32)},
    "AQLM": {"codes": np.ones((8, 2, 1), np.int16), "codebooks": np.ones((1, 9, 1, 8), np.float16),
             "scales": np.ones((8, 1, 1, 1), np.float16)},
    "Marlin": {"B": np.ones((4, 16), np.int32), "s": np.ones((2, 8), np.float16)},
    "marlin-24": {"weight_packed": np.ones((4, 16), np.int32), "scale_packed": np.ones((2, 8), np.float16),
                  "meta": np.ones((8, 2), np.int16)},
    "QuIP#": {"Qidxs": np.ones((8, 2), np.int16), "SU": np.ones(8, np.float16), "SV": np.ones(8, np.float16)},
    "EXL2": {"q_weight": np.ones((8, 2), np.int32), "q_scale": np.ones((2, 1), np.int32)},
    "EXL3": {"trellis": np.ones((1, 1, 64), np.int16), "svh": np.ones(8, np.float16)},
    "VPTQ": {"indices": np.ones((1, 8, 2), np.int32), "centroids": np.ones((1, 8), np.float16)},
    "BitNet": {"weight": np.ones((2, 8), np.uint8), "weight_scale": np.ones(1, np.float16)},
    "ModelOpt": {"weight": np.ones((8, 4), np.uint8), "weight_scale": np.ones((8, 1), np.float32),
                 "weight_scale_2": np.ones((), np.float32)},
    "torchao, flattened": {"_weight_qdata": np.ones((8, 8), np.int8), "_weight_scale": np.ones((8, 1), np.float32)},
    "MLX": {"weight": np.ones((8, 4), np.uint32), "scales": np.ones((8, 1), np.float16),
            "biases": np.ones((8, 1), np.float16)},
    "MXFP4 of experts": {"down_proj_blocks": np.ones((2, 8, 1, 16), np.uint8),
                         "down_proj_scales": np.ones((2, 8, 1), np.uint8)},
}  # fmt: skip


@pytest.mark.parametrize("kind", OTHERS)
def test_other_layouts_are_refused_by_their_name(kind, tmp_path):
    tensors = {f"{P}.{part}": values for part, values in OTHERS[kind].items()}
    safetensors.save_file(tensors, tmp_path / "m.safetensors")
    with pytest.raises(eiesim.EieError, match=rf"m\.safetensors: has no layer .*{kind}"):
        eiesim.compress(tmp_path / "m.safetensors")
    model = read({**tensors, "head.weight": np.ones((4, 3), np.float32)}, tmp_path)
    assert [layer.name for layer in model.layers] == ["head"]


def test_one_scale_keeps_a_layers_shared_values():
    found = eiesim.compress(tensors_of("ct-int4-tensor"))
    assert found.reports[0].shared == "as it was"
    assert np.abs(found.layers[0].to_dense() - DENSE["ct-int4-tensor"]).max() < 1e-6
    by_row = eiesim.compress(tensors_of("ct-int4-channel"))
    assert by_row.reports[0].shared == "k-means"
    assert by_row.reports[0].sharing_error > 0


RNG = np.random.default_rng(0)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("said", [True, False])
def test_gptq_without_an_order_of_groups(bits, said, tmp_path):
    """Inputs are in groups one after the other; a last group may have fewer where the configuration says the size."""
    inputs, outputs, size = 96, 32, 40 if said else 48
    groups = -(-inputs // size)
    codes, zeros = RNG.integers(0, 1 << bits, (outputs, inputs)), RNG.integers(1, 1 << bits, (groups, outputs))
    scales = RNG.uniform(0.5, 1, (groups, outputs)).astype(np.float32)
    tensors = {f"{P}.qweight": by_hand(codes, bits, False).T, f"{P}.qzeros": by_hand(zeros - 1, bits, False),
               f"{P}.scales": scales}  # fmt: skip
    about = {
        "quant_method": "gptq",
        "checkpoint_format": "gptq",
        "bits": bits,
        **({"group_size": size} if said else {}),
    }
    own = np.arange(inputs) // size
    exact = (codes - zeros.T[:, own]) * scales.T[:, own]
    np.testing.assert_allclose(read(tensors, tmp_path, about).layers[0].weights, exact, rtol=1e-6)


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("kind", ["packed", "plain"])
def test_compressed_tensors_with_zero_points_by_group(kind, ordered, tmp_path):
    """weight_g_idx says each input's group, of scales and zero points both; -1 says nothing."""
    rows, inputs, groups, bits = 10, 64, 4, 4
    codes, zeros = RNG.integers(0, 16, (rows, inputs)), RNG.integers(0, 16, (rows, groups))
    scales = RNG.uniform(0.5, 1, (rows, groups)).astype(np.float32)
    order = RNG.integers(0, groups, inputs) if ordered else np.full(inputs, -1)
    own = order if ordered else np.arange(inputs) // 16
    tensors = {f"{P}.weight_scale": scales, f"{P}.weight_g_idx": order.astype(np.int32)}
    if kind == "packed":
        tensors |= {f"{P}.weight_packed": by_hand(codes, bits, False), f"{P}.weight_shape": np.array([rows, inputs]),
                    f"{P}.weight_zero_point": by_hand(zeros.T, bits, False).T}  # fmt: skip
    else:
        tensors |= {f"{P}.weight": (codes - 8).astype(np.int8), f"{P}.weight_zero_point": (zeros - 8).astype(np.int8)}
    found = read(tensors, tmp_path, {"quant_method": "compressed-tensors", "num_bits": bits})
    np.testing.assert_allclose(found.layers[0].weights, (codes - zeros[:, own]) * scales[:, own], rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "block", "said"),
    [((8, 64), (2, 32), True), ((8, 64), (3, 40), True), ((8, 64), (8, 64), True), ((8, 64), (1, 64), False),
     ((256, 300), (128, 128), False), ((8, 64), (8, 1), False)],
)  # fmt: skip
def test_scales_of_blocks(shape, block, said, tmp_path):
    """As the configuration says, the last block with what is left; without it 128 x 128, or what alone fits."""
    codes = RNG.integers(-128, 128, shape).astype(np.int8)
    blocks = tuple(-(-size // one) for size, one in zip(shape, block, strict=True))
    scales = RNG.uniform(0.5, 1, blocks).astype(np.float32)
    about = {"quant_method": "fp8", **({"weight_block_size": list(block)} if said else {})}
    found = read({f"{P}.weight": codes, f"{P}.weight_scale": scales}, tmp_path, about)
    wide = np.kron(scales, np.ones(block, np.float32))[: shape[0], : shape[1]]
    np.testing.assert_allclose(found.layers[0].weights, codes * wide, rtol=1e-6)


def test_scales_by_row_of_one_dimension(tmp_path):
    tensors = changed("ct-int8", weight_scale=lambda scale: scale[:, 0])
    np.testing.assert_array_equal(read(tensors, tmp_path).layers[0].weights, DENSE["ct-int8"])


@pytest.mark.parametrize("name", ["ct-sparse-bitmask", "ct-sparse-24"])
@pytest.mark.parametrize("zeros", [False, True])
def test_sparse_codes_times_a_scale(name, zeros, tmp_path):
    """The kept ones are codes of 8 bits; a zero point would make weights of what is not kept."""
    tensors = changed(name, compressed=lambda values: np.clip(np.rint(values * 40), -128, 127).astype(np.int8))
    kept = np.unpackbits(tensors[f"{P}.bitmask"], axis=1, bitorder="little")[
        :, : tensors[f"{P}.shape"].reshape(-1)[1]
    ].astype(bool)
    exact = np.zeros(kept.shape, np.float32)
    exact[kept] = tensors[f"{P}.compressed"].reshape(-1)
    scale = np.linspace(0.5, 1, 8, dtype=np.float32)[:, None]
    tensors[f"{P}.weight_scale"] = scale
    if zeros:
        tensors[f"{P}.weight_zero_point"] = np.ones((8, 1), np.int8)
        with pytest.raises(eiesim.EieError, match="bitmask with zero points"):
            eiesim.compress(tensors)
        return
    np.testing.assert_allclose(read(tensors, tmp_path).layers[0].weights, exact * scale, rtol=1e-6)


def test_a_configuration_that_is_no_json(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(eiesim.EieError, match=r"config\.json: is no JSON, and says how the checkpoint beside it"):
        read(tensors_of("ct-int8"), tmp_path)
