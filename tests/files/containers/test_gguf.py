"""GGUF files that package gguf wrote, against its own dequantisation, and by hand where a layout is easily told."""

import numpy as np
import pytest

import eiesim
from eiesim.compression.pipeline import load_model
from eiesim.errors import EieError

gguf = pytest.importorskip("gguf", reason="gguf is not installed (extra formats)")

RNG = np.random.default_rng(25)
KINDS = [kind for kind in gguf.GGMLQuantizationType if kind.name not in ("I8", "I16", "I32", "I64")]


def write(path, tensors, **more):
    """A file of arrays, or of pairs of bytes and a type."""
    writer = gguf.GGUFWriter(path, "llama", **more)
    for name, held in tensors.items():
        data, kind = held if isinstance(held, tuple) else (held, None)
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def codes(kind, rows, cols):
    """Bytes of a type, rows by bytes: what gguf makes of numbers, or any bytes where it makes none."""
    try:
        return gguf.quants.quantize(RNG.standard_normal((rows, cols)).astype(np.float32), kind)
    except NotImplementedError:
        block, size = gguf.GGML_QUANT_SIZES[kind]
        held = RNG.integers(0, 256, (rows, cols // block * size)).astype(np.uint8)
        # Scales stay numbers: no byte has all bits of a float16's exponent.
        return held & 0x3B


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_type(tmp_path, kind):
    """(outputs, inputs), as gguf dequantises it; what it does not is refused by its name."""
    values = {"F32": np.float32, "F16": np.float16, "F64": np.float64}.get(kind.name)
    data = codes(kind, 3, 512) if values is None else RNG.standard_normal((3, 512)).astype(values)
    path = write(
        tmp_path / "m.gguf", {"fc.weight": (data, kind) if values is None else data, "fc.bias": np.ones(3, "f4")}
    )
    known = values is not None or kind in gguf.quants._type_traits
    if not known:
        with pytest.raises(EieError, match=f"fc.weight: quantised as {kind.name}, which package gguf"):
            load_model(path)
        return
    layer = load_model(path)[0].layers[0]
    exact = data if values is not None else gguf.quants.dequantize(data, kind)
    assert (layer.rows, layer.cols) == (3, 512)
    np.testing.assert_allclose(layer.weights, exact, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(layer.bias, np.ones(3))


def test_nibbles_of_q4_0(tmp_path):
    """Byte j of a block holds elements j (low half) and j + 16 (high half), less 8, times the block's scale."""
    block = np.concatenate([np.array([0.5], "<f2").view(np.uint8), np.arange(16, dtype=np.uint8) * 17])
    block[2] = 0x3F  # element 0 is 15, element 16 is 3
    path = write(tmp_path / "m.gguf", {"fc.weight": (block[None], gguf.GGMLQuantizationType.Q4_0)})
    weights = load_model(path)[0].layers[0].weights
    assert weights[0, 0] == (15 - 8) * 0.5
    assert weights[0, 16] == (3 - 8) * 0.5
    np.testing.assert_array_equal(weights[0, 1:16], weights[0, 17:])


def test_a_model(tmp_path):
    """Embeddings and norms are no layers, by their names; matrices of an attention stand side by side."""

    def f(*shape):
        return np.asarray(RNG.standard_normal(shape), np.float32)

    tensors = {"token_embd.weight": f(40, 32), "output_norm.weight": f(32), "rope_freqs.weight": f(8)}
    for name, shape in {"attn_q": (32, 32), "attn_k": (16, 32), "ffn_up": (64, 32), "ffn_down": (32, 64)}.items():
        tensors[f"blk.0.{name}.weight"] = f(*shape)
    tensors |= {
        "blk.0.attn_norm.weight": f(32),
        "blk.0.ffn_gate_exps.weight": f(2, 8, 32),
        "ids": np.arange(4, dtype="i4"),
    }
    path = write(tmp_path / "m.gguf", tensors)
    model, _ = load_model(path)
    assert [layer.name for layer in model.layers] == ["blk.0.attn_q", "blk.0.attn_k", "blk.0.ffn_up", "blk.0.ffn_down"]
    assert not model.chain
    reasons = {entry.tensor: entry.reason for entry in model.ledger if entry.role == "left out"}
    assert "embedding" in reasons["token_embd.weight"]
    assert "scale of a normalisation" in reasons["blk.0.attn_norm.weight"]
    assert "3 dimensions" in reasons["blk.0.ffn_gate_exps.weight"]
    assert [entry.tensor for entry in model.ledger] == list(tensors)
    quantised = gguf.quants.quantize(tensors["token_embd.weight"], gguf.GGMLQuantizationType.Q8_0)
    path = write(path, tensors | {"token_embd.weight": (quantised, gguf.GGMLQuantizationType.Q8_0)})
    assert "embedding" in {entry.tensor: entry.reason for entry in load_model(path)[0].ledger}["token_embd.weight"]
    taken = next(one for one in eiesim.read_model(path, take="token_embd.weight").layers if one.name == "token_embd")
    np.testing.assert_array_equal(taken.weights, gguf.quants.dequantize(quantised, gguf.GGMLQuantizationType.Q8_0))
    left = eiesim.read_model(path, leave="blk.0.ffn*")
    assert [layer.name for layer in left.layers] == ["blk.0.attn_q", "blk.0.attn_k"]


def test_parts(tmp_path):
    """A model in parts: all of them, whichever is named; or the missing one is."""
    tensors = {f"fc{k}.weight": RNG.standard_normal((32, 32)).astype(np.float32) for k in range(1, 6)}
    write(tmp_path / "m.gguf", tensors, split_max_tensors=2)
    parts = sorted(tmp_path.glob("m-*.gguf"))
    assert len(parts) == 3
    for path in parts:
        model, _ = load_model(path)
        assert [layer.name for layer in model.layers] == [f"fc{k}" for k in range(1, 6)]
        assert model.name == "m"
        for layer in model.layers:
            np.testing.assert_array_equal(layer.weights, tensors[f"{layer.name}.weight"])
    parts[1].rename(tmp_path / "one.gguf")
    with pytest.raises(EieError, match=f"is one of 3 parts, and {parts[1].name} is not beside it"):
        load_model(parts[0])
    with pytest.raises(EieError, match=r"one\.gguf: is one of 3 parts; give it its name back"):
        load_model(tmp_path / "one.gguf")


def test_refused(tmp_path, damage):
    path = write(tmp_path / "m.gguf", {"fc.weight": np.ones((4, 32), np.float32)})
    data = path.read_bytes()
    bad = tmp_path / "bad.gguf"
    for held, why in (
        (b"", "too short"), (b"GGUF" + b"\0" * 40, "GGUF; damaged or"), (b"GGML" + data[4:], "GGUF magic invalid"),
        (data[:-64], "bad.gguf: "), (data[:60], "bad.gguf: "),
    ):  # fmt: skip
        bad.write_bytes(held)
        with pytest.raises(EieError, match=why):
            load_model(bad)
    said = damage(bad, data, 120)
    assert len(said) > 10
    assert all(str(bad) in one and "\n" not in one for one in said)


@pytest.mark.parametrize("kind", [None, gguf.GGMLQuantizationType.Q8_0])
def test_a_tensor_without_rows_is_refused(tmp_path, kind):
    """Of a quantised type package gguf ended in a ValueError."""
    ones = np.ones((8, 32), np.float32)
    held = ones if kind is None else (gguf.quants.quantize(ones, kind), kind)
    path = write(tmp_path / "m.gguf", {"fc.weight": held})
    data = path.read_bytes()
    place = data.index(b"fc.weight") + len(b"fc.weight") + 4 + 8  # its second axis
    assert data[place : place + 8] == (8).to_bytes(8, "little")
    path.write_bytes(data[:place] + bytes(8) + data[place + 8 :])
    with pytest.raises(EieError, match=r"m\.gguf: fc\.weight: has shape \(0, 32\), which holds nothing"):
        load_model(path)
