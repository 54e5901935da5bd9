"""Files and mappings of tensors: each tensor has one role, whatever path it comes by."""

import json

import numpy as np
import pytest

import eiesim
from eiesim.files.ledger import ROLES
from tests.cases import cli

torch = pytest.importorskip("torch", reason="needs extra [train]")
save_file = pytest.importorskip("safetensors.torch", reason="safetensors is not installed").save_file
from torch import nn  # noqa: E402

from tests.files import torch_modules as made  # noqa: E402

RNG = np.random.default_rng(0)


def floats(*shape):
    return torch.from_numpy(RNG.standard_normal(shape).astype(np.float32))


def codes(*shape, dtype=torch.int8):
    return torch.from_numpy(RNG.integers(-100, 100, shape)).to(dtype)


def bits(*shape):
    return torch.from_numpy(RNG.random(shape) < 0.5)


PATHS = ("mapping", "arrays", "safetensors", "npz")


def read(tensors, path, folder, **options):
    """The network of these tensors by one of the ways in; None where bfloat16 and float8 do not go by it."""
    plain = {name: value.contiguous() for name, value in tensors.items()}
    if path == "mapping":
        return eiesim.compress(plain, **options).model
    if path == "safetensors":
        save_file({name: value.clone() for name, value in plain.items()}, folder / "m.safetensors")
        return eiesim.compress(folder / "m.safetensors", **options).model
    arrays = {name: value.numpy() for name, value in plain.items()}
    if path == "arrays":
        return eiesim.compress(arrays, **options).model
    np.savez(folder / "m.npz", **arrays)
    return eiesim.compress(folder / "m.npz", **options).model


def whole(model, tensors):
    """That each tensor stands in the ledger just once."""
    assert sorted(entry.tensor for entry in model.ledger) == sorted(tensors)
    assert {entry.role for entry in model.ledger} <= set(ROLES)
    layers = {layer.name for layer in model.layers}
    assert {entry.layer for entry in model.ledger if entry.layer} == layers
    assert all(entry.reason for entry in model.ledger if entry.role == "left out")
    return {entry.tensor: entry.role for entry in model.ledger}


NEEDS_CODE = {
    "torch.ao.pruning", "spectral_norm", "spectral_norm, by column", "orthogonal", "orthogonal, cayley",
    "code of one's own", "weight_norm, then a mask",
}  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", made.PARAMETRISED)
def test_parametrised_modules_state_is_their_weights(kind, path, tmp_path):
    net = made.PARAMETRISED[kind]()
    state = net.state_dict()
    if kind in NEEDS_CODE:
        with pytest.raises(eiesim.EieError, match=r"0\.parametrizations\.weight\.\S*: needs the module"):
            read(state, path, tmp_path)
        return
    model = read(state, path, tmp_path)
    with torch.no_grad():
        net(torch.zeros(1, made.COLS))
    whole(model, state)
    for layer, k in zip(model.layers, (0, 2), strict=True):
        right = net[k].weight.detach().numpy()
        assert layer.name == str(k)
        assert np.abs(layer.weights - right).max() < 1e-6 * max(1, np.abs(right).max())
        assert np.array_equal(layer.weights == 0, right == 0)
        assert np.abs(layer.bias - net[k].bias.detach().numpy()).max() < 1e-6
    assert model.chain
    assert model.held.against is None
    assert model.notes[-1].startswith("held against nothing")


MASKS = {
    "fc.mask": "fc.weight", "fc.weight_mask": "fc.weight", "fc.weight.mask": "fc.weight", "mask.fc": "fc",
    "fc.pre_ops.0.op._binary_mask": "fc.weight", "fc_mask": "fc", "W1_mask": "W1", "mask_W1": "W1", "mask1": "W1",
    "masks.fc.weight": "fc.weight", "fc.prune_mask": "fc.weight", "dense/kernel_mask": "dense/kernel",
    "nncf_module.fc.pre_ops.0.op._binary_mask": "nncf_module.fc.weight", "fc.sparsity_mask": "fc.weight",
}  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.bool, torch.int8, torch.float32, torch.uint8])
@pytest.mark.parametrize("mask", MASKS)
def test_masks_of_every_spelling_are_applied(mask, dtype, tmp_path):
    weight = MASKS[mask]
    tensors = {weight: floats(6, 5), mask: bits(6, 5).to(dtype), "unrelated": floats(3, 3)}
    right = (tensors[weight] * tensors[mask]).numpy()
    for path in PATHS:
        model = read(tensors, path, tmp_path)
        roles = whole(model, tensors)
        assert (roles[weight], roles[mask]) == ("weight", "mask")
        found = next(layer for layer, source in zip(model.layers, model.sources, strict=True) if source == weight)
        assert np.array_equal(found.weights, right.T if "kernel" in weight else right)


def test_masks_that_fit_nothing_are_no_layers(tmp_path):
    tensors = {"fc.weight": floats(6, 5), "fc.mask": bits(5, 6).float(), "gate_mask": bits(4, 4)}
    tensors["fc.soft_mask"] = floats(6, 5)
    model = read(tensors, "npz", tmp_path)
    assert [layer.name for layer in model.layers] == ["fc"]
    reasons = {entry.tensor: entry.reason for entry in model.ledger}
    assert "no weight of its shape" in reasons["fc.mask"]
    assert "other numbers than 0 and 1" in reasons["fc.soft_mask"]


P = "layers.0.up_proj"
UNREAD = {
    "int8, a scale of unknown tools": ({f"{P}.weight": codes(32, 64), f"{P}.scales": floats(32)}, "weight"),
    "quanto": ({f"{P}.weight._data": codes(32, 64), f"{P}.weight._scale": floats(32, 1)}, "weight._data"),
    "mlx": (
        {f"{P}.weight": codes(32, 8, dtype=torch.int32), f"{P}.scales": floats(32, 2), f"{P}.biases": floats(32, 2)},
        "weight",
    ),
    "whole numbers stored as floating point": (
        {f"{P}.weight": codes(32, 64).float(), f"{P}.weight_scale": floats(32, 1)}, "weight",
    ),
}  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", UNREAD)
def test_codes_and_their_scales_are_no_layers(kind, path, tmp_path):
    tensors, codes_are = UNREAD[kind]
    with pytest.raises(eiesim.EieError, match=rf"has no layer that EIE can run \({P}\.{codes_are}: ") as refusal:
        read(tensors, path, tmp_path)
    assert "dequantise" in str(refusal.value)
    model = read(tensors | {"head.weight": floats(4, 32)}, path, tmp_path)
    assert [layer.name for layer in model.layers] == ["head"]
    roles = whole(model, [*tensors, "head.weight"])
    for name, role in roles.items():
        if name.endswith(("scale", "scales", "absmax", "SCB")):
            assert role == "scale"


def test_float8_with_the_scale_of_its_inputs_alone_is_not_guessed(tmp_path):
    tensors = {"fc1.weight": torch.ones(4, 3).to(torch.float8_e4m3fn), "fc1.input_scale": torch.tensor(0.5)}
    save_file(tensors, tmp_path / "m.safetensors")
    with pytest.raises(eiesim.EieError, match=r"fc1\.weight: F8_E4M3 codes with no scale that is known"):
        eiesim.compress(tmp_path / "m.safetensors")


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_float8_is_multiplied_by_its_scale_and_without_one_taken_as_it_is(kind, tmp_path):
    pytest.importorskip("ml_dtypes", reason="needs extra [formats]")
    weight = floats(32, 64).to(kind)
    for scale in ("weight_scale", "weight_scale_inv", "scale_weight"):
        tensors = {f"{P}.weight": weight, f"{P}.{scale}": torch.tensor([0.25])}
        for path in ("mapping", "safetensors"):
            assert np.array_equal(read(tensors, path, tmp_path).layers[0].weights, weight.float().numpy() / 4)
    plain = {f"{P}.weight": weight, f"{P}.bias": floats(32).to(kind)}
    for path in ("mapping", "safetensors"):
        layer = read(plain, path, tmp_path).layers[0]
        assert np.array_equal(layer.weights, weight.float().numpy())
        assert np.array_equal(layer.bias, plain[f"{P}.bias"].float().numpy())
        with pytest.raises(eiesim.EieError, match=rf"\({P}\.weight: "):
            read({f"{P}.weight": weight, f"{P}.unknown": floats(2)}, path, tmp_path)


def test_float4_has_two_numbers_in_a_byte_the_lower_half_first(tmp_path):
    pytest.importorskip("ml_dtypes", reason="needs extra [formats]")
    stored = torch.tensor([[0x21, 0x73], [0xF8, 0x9C]], dtype=torch.uint8).view(torch.float4_e2m1fn_x2)
    scale = torch.tensor([[2.0], [0.5]]).to(torch.float8_e8m0fnu)
    save_file({"fc.weight": stored, "fc.weight_scale": scale}, tmp_path / "m.safetensors")
    layer = eiesim.compress(tmp_path / "m.safetensors").model.layers[0]
    assert layer.weights.tolist() == [[1.0, 2.0, 3.0, 12.0], [0.0, -3.0, -1.0, -0.25]]
    save_file({"fc.weight": stored}, tmp_path / "m.safetensors")
    with pytest.raises(eiesim.EieError, match=r"\(fc\.weight: F4 codes with no scale"):
        eiesim.compress(tmp_path / "m.safetensors")


def test_a_float_weight_with_a_scale_beside_it_is_the_layer(tmp_path):
    tensors = {"a.weight": floats(8, 6), "a.weight_scale": floats(8, 1), "a.bias": floats(8), "b.weight": floats(4, 8),
               "b.pre_ops.0.op.scale": floats(4, 1), "b.input_scale": floats(1)}  # fmt: skip
    for path in PATHS:
        model = read(tensors, path, tmp_path)
        assert [layer.name for layer in model.layers] == ["a", "b"]
        assert model.chain
        assert model.layers[0].bias is not None


NOT_LAYERS = {
    "embedding.weight": "an embedding", "model.embed_tokens.weight": "an embedding", "transformer.wte.weight": "embed",
    "wpe.weight": "embed", "token_embd.weight": "embed", "tok_embeddings.weight": "embed",
    "bert.embeddings.word_embeddings.weight": "embed", "text_model.embeddings.token_embedding.weight": "embed",
    "positional_embedding": "embed", "q.lora_A.weight": "LoRA", "q.lora_B.default.weight": "LoRA",
    "lora_unet_down.lora_up.weight": "LoRA", "exp_avg.fc.weight": "optimiser", "state.0.exp_avg_sq": "optimiser",
    "fc.weight.momentum_buffer": "optimiser", "optimizer.m": "optimiser", "state.3.max_exp_avg_sq": "optimiser",
    "fc.weight_grad": "stands beside", "fc.other": "stands beside", "fc.running_var": "normalisation",
    "act_scale": "scale",
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_LAYERS)
def test_what_is_known_for_something_else_is_no_layer_unless_taken(name, tmp_path):
    tensors = {"fc.weight": floats(8, 6), name: floats(7, 5)}
    for path in PATHS:
        model = read(tensors, path, tmp_path)
        assert [layer.name for layer in model.layers] == ["fc"]
        assert NOT_LAYERS[name] in {entry.tensor: entry.reason for entry in model.ledger}[name]
        assert len(read(tensors, path, tmp_path, take=[name]).layers) == 2


LAYERS = ("fc.weight", "dense.kernel", "W1", "rnn.weight_ih_l0", "rnn.weight_hh_l0_reverse", "attn.in_proj_weight",
          "coefs_0", "arr_0", "fc1", "layer.0", "m.0.weight")  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_a_matrix_under_any_other_name_is_a_layer(name, tmp_path):
    for path in PATHS:
        assert len(read({name: floats(6, 5)}, path, tmp_path).layers) == 1


TRANSPOSED = {
    "keras": ["dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"],
    "keras, with :0": ["dense/kernel:0", "dense/bias:0", "dense_1/kernel:0", "dense_1/bias:0"],
    "flax": ["params.Dense_0.kernel", "params.Dense_0.bias", "params.Dense_1.kernel", "params.Dense_1.bias"],
    "scikit-learn": ["coefs_0", "intercepts_0", "coefs_1", "intercepts_1"],
    "gpt-2": ["h.0.mlp.c_fc.weight", "h.0.mlp.c_fc.bias", "h.0.mlp.c_proj.weight", "h.0.mlp.c_proj.bias"],
    "by hand": ["W1", "b1", "W2", "b2"],
    "haiku": ["mlp/linear_0/w", "mlp/linear_0/b", "mlp/linear_1/w", "mlp/linear_1/b"],
}


@pytest.mark.parametrize("kind", TRANSPOSED)
def test_inputs_first_is_told_by_name_or_bias(kind, tmp_path):
    names = TRANSPOSED[kind]
    tensors = dict(zip(names, (floats(12, 8), floats(8), floats(8, 4), floats(4)), strict=True))
    for path in PATHS:
        model = read(tensors, path, tmp_path)
        assert model.chain
        for layer, weight, bias in zip(model.layers, names[::2], names[1::2], strict=True):
            assert np.array_equal(layer.weights, tensors[weight].numpy().T)
            assert np.array_equal(layer.bias, tensors[bias].numpy())
        whole(model, tensors)


def test_square_ones(tmp_path):
    square, bias = floats(8, 8), floats(8)
    for weight, other in (("dense/kernel", "dense/bias"), ("coefs_0", "intercepts_0")):
        model = read({weight: square, other: bias}, "npz", tmp_path)
        assert np.array_equal(model.layers[0].weights, square.numpy().T)
        assert not any("taken as" in note for note in model.notes)
    for weight, other in (("fc.weight", "fc.bias"), ("W1", "b1"), ("fc1", "fc1_bias")):
        model = read({weight: square, other: bias}, "npz", tmp_path)
        assert np.array_equal(model.layers[0].weights, square.numpy())
        assert any("taken as (outputs, inputs)" in note for note in model.notes)
        assert model.layers[0].bias is not None
    gpt2 = {"h.0.attn.c_attn.weight": floats(8, 24), "h.0.attn.c_attn.bias": floats(24),
            "h.0.attn.c_proj.weight": square, "h.0.attn.c_proj.bias": bias}  # fmt: skip
    model = read(gpt2, "safetensors", tmp_path)
    assert np.array_equal(model.layers[1].weights, square.numpy().T)
    assert any("taken as (inputs, outputs)" in note for note in model.notes)
    nano = {name: value.T if value.ndim == 2 else value for name, value in gpt2.items()}  # nanoGPT: nn.Linear
    assert np.array_equal(read(nano, "safetensors", tmp_path).layers[1].weights, square.numpy().T)


def test_kernels_of_1x1_convolutions(tmp_path):
    weight = floats(8, 6)
    flax = read({"Conv_0.kernel": weight.T[None, None], "Conv_0.bias": floats(8)}, "arrays", tmp_path)
    torchs = read({"conv.weight": weight[:, :, None, None], "conv.bias": floats(8)}, "arrays", tmp_path)
    turned = read({"conv.weight": weight.T[:, :, None, None], "conv.bias": floats(8)}, "arrays", tmp_path)
    for model in (flax, torchs, turned):
        assert np.array_equal(model.layers[0].weights, weight.numpy())
        assert model.layers[0].bias is not None


def test_what_stands_between_layers_keeps_them_apart(tmp_path):
    between = {
        "BatchNorm": nn.BatchNorm1d(8), "LayerNorm": nn.LayerNorm(8), "PReLU": nn.PReLU(),
    }  # fmt: skip
    for path in PATHS:
        assert read(made.plain().state_dict(), path, tmp_path).chain
        for kind, module in between.items():
            model = read(made.plain(module, nn.ReLU()).state_dict(), path, tmp_path)
            assert not model.chain, kind
            assert any("between them stands '1." in note for note in model.notes)
            assert {layer.activation for layer in model.layers} == {"none"}


def test_attention_is_no_chain(tmp_path):
    names = [f"attn.{name}.weight" for name in ("k_proj", "o_proj", "q_proj", "v_proj")]
    model = read({name: floats(8, 8) for name in names}, "safetensors", tmp_path)
    assert not model.chain
    assert not read(nn.MultiheadAttention(8, 2).state_dict(), "mapping", tmp_path).chain


def test_order_is_told_where_a_file_has_none(tmp_path):
    several = {"a.weight": floats(8, 8), "b.weight": floats(8, 8)}
    one = {"a.weight": floats(8, 6), "b.weight": floats(4, 8)}
    assert any("says nothing of order" in note for note in read(several, "safetensors", tmp_path).notes)
    assert not any("says nothing of order" in note for note in read(several, "npz", tmp_path).notes)
    assert not any("says nothing of order" in note for note in read(one, "safetensors", tmp_path).notes)


def test_take_and_leave(tmp_path):
    tensors = {
        "fc1.weight": floats(8, 6),
        "fc1.bias": floats(8),
        "fc2.weight": floats(4, 8),
        "wte.weight": floats(9, 9),
    }
    for path in PATHS:
        model = read(tensors, path, tmp_path, leave=["fc1*"])
        assert [layer.name for layer in model.layers] == ["fc2"]
        assert not any(entry.layer == "fc1" for entry in model.ledger)
        by_layer = read(tensors, path, tmp_path, leave="fc1")
        assert [layer.name for layer in by_layer.layers] == ["fc2"]
        assert {entry.reason for entry in by_layer.ledger if entry.tensor.startswith("fc1")} == {"left out by --leave"}
        assert "wte" in [layer.name for layer in read(tensors, path, tmp_path, take=["w?e.*"]).layers]
        for option in ("take", "leave"):
            with pytest.raises(eiesim.EieError, match=f"{option}: no tensor is called 'fc3'; there are: fc1"):
                read(tensors, path, tmp_path, **{option: "fc3"})
    masked = {"fc.weight": floats(6, 5), "fc.mask": bits(6, 5).float()}
    assert np.array_equal(
        read(masked, "npz", tmp_path, leave=["fc.mask"]).layers[0].weights, masked["fc.weight"].numpy()
    )


def test_the_commands_say_what_each_tensor_is(tmp_path):
    state = made.PARAMETRISED["prune"]().state_dict()
    save_file({name: value.contiguous() for name, value in state.items()}, tmp_path / "m.safetensors")
    before = sorted(tmp_path.iterdir())
    answer = cli("compress", str(tmp_path / "m.safetensors"), "--explain")
    assert answer.status == 0
    for name in state:
        assert name in answer.out
    assert answer.out.count("mask") == 4
    assert sorted(tmp_path.iterdir()) == before
    answer = cli("compress", str(tmp_path / "m.safetensors"), "--explain", "--json", "-")
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith("eiesim: --json: --explain writes no JSON; eiesim inspect MODEL --json")
    answer = cli("compress", str(tmp_path / "m.safetensors"), "-o", str(tmp_path / "net"), "--leave", "2")
    assert answer.status == 0
    assert "held against nothing" in answer.out
    report = json.loads((tmp_path / "net" / "report.json").read_text())
    assert [entry["tensor"] for entry in report["ledger"]] == sorted(state)
    assert {frozenset(entry) for entry in report["ledger"]} == {
        frozenset({"tensor", "shape", "dtype", "role", "layer", "reason"})
    }
    assert report["held"] == {"against": None, "layers": [], "network_error": None}
    assert report["macs_share"] is None


def test_explain_says_why_where_nothing_can_be_read(tmp_path):
    save_file({"a.weight": codes(8, 6), "a.scales": floats(8, 1)}, tmp_path / "q.safetensors")
    answer = cli("compress", str(tmp_path / "q.safetensors"), "--explain")
    assert answer.status == 0
    assert "I8" in answer.out
    answer = cli("compress", str(tmp_path / "q.safetensors"), "-o", str(tmp_path / "net"))
    assert (answer.status, answer.out) == (2, "")
    assert "(a.weight: I8 codes" in answer.err
    assert not (tmp_path / "net").exists()
