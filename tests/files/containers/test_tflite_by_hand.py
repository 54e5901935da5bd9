"""TensorFlow Lite files made by hand, table by table: types, operators and damage that the converted ones have not."""

from typing import Any

import numpy as np
import pytest

from eiesim.compression.pipeline import read_model

tflite = pytest.importorskip("tflite", reason="tflite is not installed (extra formats)")
flatbuffers = pytest.importorskip("flatbuffers", reason="flatbuffers is not installed (extra formats)")

TYPES, KINDS = tflite.TensorType, tflite.BuiltinOperator


def table(builder, kind, **fields):
    """A table; arrays, texts and lists of tables become vectors first."""
    held = {}
    for name, value in fields.items():
        if isinstance(value, np.ndarray):
            value = builder.CreateNumpyVector(value)
        elif isinstance(value, str):
            value = builder.CreateString(value)
        elif isinstance(value, list):
            builder.StartVector(4, len(value), 4)
            for one in reversed(value):
                builder.PrependUOffsetTRelative(one)
            value = builder.EndVector()
        held[name] = value
    getattr(tflite, f"{kind}Start")(builder)
    for name, value in held.items():
        getattr(tflite, f"{kind}Add{name}")(builder, value)
    return getattr(tflite, f"{kind}End")(builder)


class Held:
    """A tensor: shape, type, numbers (none: an activation), scale and zero point, or more of its table."""

    def __init__(self, shape, kind=TYPES.FLOAT32, data=None, scale=None, zero=0, axis=0, sparsity=None, **by):
        self.shape, self.kind, self.data, self.sparsity, self.by = shape, kind, data, sparsity, by
        if scale is not None:
            scale = np.atleast_1d(np.float32(scale))
            self.by = {"Scale": scale, "ZeroPoint": np.full(scale.size, zero, np.int64), "QuantizedDimension": axis}


def saved(tmp_path, tensors, operators, inputs=(0,), outputs=None, behind=False, second=()):
    """operators: (kind, taken, given, options). behind: numbers stand behind the tables, as in files of over 2 GB.

    second: names of the stored tensors of another subgraph.
    """
    path, offset = tmp_path / "m.tflite", 1
    stored = [one for one in tensors if one.data is not None]
    for _ in range(2):
        builder, at = flatbuffers.Builder(0), offset
        buffers = [table(builder, "Buffer")]
        for one in stored:
            data = np.frombuffer(one.data.tobytes(), np.uint8)
            fields: dict[str, Any] = {"Offset": at, "Size": len(data)} if behind else {"Data": data}
            buffers.append(table(builder, "Buffer", **fields))
            at += len(data)
        made = []
        for k, one in enumerate(tensors):
            fields = {"Name": f"t{k}", "Shape": np.array(one.shape, np.int32), "Type": one.kind,
                      "Buffer": 0 if one.data is None else 1 + stored.index(one)}  # fmt: skip
            if one.by:
                details = {"Details": table(builder, "CustomQuantization")} if "DetailsType" in one.by else {}
                fields["Quantization"] = table(builder, "QuantizationParameters", **one.by, **details)
            if one.sparsity is not None:
                fields["Sparsity"] = one.sparsity(builder)
            made.append(table(builder, "Tensor", **fields))
        codes = sorted({kind for kind, *_ in operators})
        steps = []
        for kind, takes, gives, options in operators:
            fields = {"OpcodeIndex": codes.index(kind), "Inputs": np.array(takes, np.int32),
                      "Outputs": np.array(gives, np.int32)}  # fmt: skip
            if options:
                name, own = options
                fields |= {"BuiltinOptions": table(builder, name, **own),
                           "BuiltinOptionsType": getattr(tflite.BuiltinOptions, name)}  # fmt: skip
            steps.append(table(builder, "Operator", **fields))
        names = [table(builder, "OperatorCode", BuiltinCode=code, DeprecatedBuiltinCode=min(code, 127),
                       **({"CustomCode": "Mine"} if code == KINDS.CUSTOM else {})) for code in codes]  # fmt: skip
        ends = [operators[-1][2][-1]] if outputs is None else outputs
        graph = table(builder, "SubGraph", Tensors=made, Inputs=np.array(inputs, np.int32),
                      Outputs=np.array(ends, np.int32), Operators=steps)  # fmt: skip
        graphs = [graph]
        if second:
            others = [table(builder, "Tensor", Name=name, Shape=np.array([3], np.int32), Buffer=1) for name in second]
            graphs.append(table(builder, "SubGraph", Tensors=others))
        model = table(builder, "Model", Version=3, OperatorCodes=names, Subgraphs=graphs, Buffers=buffers)
        builder.Finish(model, file_identifier=b"TFL3")
        offset = len(builder.Output())
    whole = bytes(builder.Output()) + (b"".join(one.data.tobytes() for one in stored) if behind else b"")
    path.write_bytes(whole)
    return path


def f(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


W, CODES = f(5, 6), np.arange(-15, 15, dtype=np.int8).reshape(5, 6)
FC = KINDS.FULLY_CONNECTED


def product(tmp_path, weights, *bias, x=None, y=None, options=None, **more):
    tensors = [x or Held((1, 6)), weights, *bias, y or Held((1, 5))]
    last = len(tensors) - 1
    return saved(tmp_path, tensors, [(FC, list(range(last)), [last], options)], **more)


def halves(values):
    return (values.view(np.uint32) >> 16).astype("<u2")


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("kind", ["float32", "float16", "float64", "bfloat16", "uint8", "int16 by row"])
def test_types_of_weights(tmp_path, kind, behind):
    """Each as the numbers that it stands for, within the tables or behind them."""
    short = (halves(W).astype(np.uint32) << 16).view(np.float32)
    scales = np.linspace(0.5, 1, 5, dtype=np.float32)
    held, exact = {
        "float32": (Held(W.shape, data=W), W),
        "float16": (Held(W.shape, TYPES.FLOAT16, W.astype(np.float16)), W.astype(np.float16)),
        "float64": (Held(W.shape, TYPES.FLOAT64, W.astype(np.float64)), W),
        "bfloat16": (Held(W.shape, TYPES.BFLOAT16, halves(W)), short),
        "uint8": (Held(W.shape, TYPES.UINT8, CODES.view(np.uint8), 0.25, 128), (CODES.view(np.uint8) - 128.0) / 4),
        "int16 by row": (Held(W.shape, TYPES.INT16, CODES.astype("<i2"), scales), CODES * scales[:, None]),
    }[kind]
    (layer,) = read_model(product(tmp_path, held, behind=behind))[0].layers
    np.testing.assert_allclose(layer.weights, exact, rtol=1e-6)


@pytest.mark.parametrize("by_row", [True, False])
def test_a_bias_of_whole_numbers_has_both_scales(tmp_path, by_row):
    """Where it says none of its own: that of the inputs times those of the weights, a row."""
    scales, codes = np.linspace(0.5, 1, 5 if by_row else 1, dtype=np.float32), np.int32([1, -2, 300, 4, 5])
    path = product(tmp_path, Held(W.shape, TYPES.INT8, CODES, scales), Held((5,), TYPES.INT32, codes),
                   x=Held((1, 6), TYPES.INT8, scale=0.125), y=Held((1, 5), TYPES.INT8, scale=2.0))  # fmt: skip
    model, _ = read_model(path)
    np.testing.assert_allclose(model.layers[0].bias, codes * 0.125 * scales, rtol=1e-6)
    assert any("quantised" in note for note in model.notes)


def levels(order, *dims, blocks=()):
    """A sparse tensor's levels: a number is a dense one's size, a pair the segments and indices of a sparse one."""

    def made(builder):
        held = []
        for one in dims:
            if isinstance(one, int):
                held.append(table(builder, "DimensionMetadata", Format=0, DenseSize=one))
                continue
            segments, indices, *kind = one
            parts = [table(builder, "Int32Vector", Values=np.array(part, np.int32)) for part in (segments, indices)]
            held.append(table(builder, "DimensionMetadata", Format=1, ArraySegments=parts[0], ArrayIndices=parts[1],
                              ArraySegmentsType=1, ArrayIndicesType=kind[0] if kind else 1))  # fmt: skip
        fields = {"BlockMap": np.array(blocks, np.int32)} if blocks else {}
        return table(
            builder, "SparsityParameters", TraversalOrder=np.array(order, np.int32), DimMetadata=held, **fields
        )

    return made


ENDS = ([0, 1, 2, 2, 2, 3], [0, 5, 2])


def test_a_sparse_matrix(tmp_path):
    exact = np.zeros((5, 6), np.float32)
    exact[[0, 1, 4], [0, 5, 2]] = 1, 2, 3
    held = Held((5, 6), data=np.float32([1, 2, 3]), sparsity=levels([0, 1], 5, ENDS))
    np.testing.assert_array_equal(read_model(product(tmp_path, held))[0].layers[0].weights, exact)


THREE = np.float32([1, 2, 3])
UNFIT = {
    "a type that is not read": (Held(W.shape, TYPES.COMPLEX64, W.astype(np.complex64)), "values of COMPLEX64"),
    "an unknown type": (Held(W.shape, 99, W), "values of type 99, which are not read"),
    "too few numbers": (Held(W.shape, data=W[:4]), "24 numbers are stored where its shape [5, 6] needs 30"),
    "no scale": (Held(W.shape, TYPES.INT8, CODES), "INT8 without a scale"),
    "scales of another number": (Held(W.shape, TYPES.INT8, CODES, np.ones(4)), "4 scales along axis 0 of shape [5, 6]"),
    "scales of no axis": (Held(W.shape, TYPES.INT8, CODES, np.ones(5), axis=2), "5 scales along axis 2"),
    "a custom quantiser": (Held(W.shape, TYPES.INT8, CODES, DetailsType=1), "by a custom operator"),
    "levels that do not fit": (Held((5, 6), data=THREE, sparsity=levels([0, 2], 5, ENDS)), "walks [0, 2], with 2"),
    "segments that do not fit": (
        Held((5, 6), data=THREE, sparsity=levels([0, 1], 5, (ENDS[0][:5], ENDS[1]))), "segments do not fit its indices",
    ),
    "indices beyond": (
        Held((5, 6), data=THREE, sparsity=levels([0, 1], 5, (ENDS[0], [0, 5, 6]))), "lead beyond its shape [5, 6]",
    ),
    "indices of no type": (
        Held((5, 6), data=THREE, sparsity=levels([0, 1], 5, (*ENDS, 9))), "its sparse indices are of no known type",
    ),
    "too large": (
        Held((2**20, 2**20), data=THREE, sparsity=levels([0, 1], 5, ENDS)), "too large to be made dense",
    ),
    "dense levels too large": (
        Held((5, 6), data=THREE, sparsity=levels([0, 1], 2**30, ENDS)), "dense levels are larger than its shape",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNFIT)
def test_weights_that_stay_out(tmp_path, case):
    held, words = UNFIT[case]
    model, _ = read_model(product(tmp_path, held))
    assert not model.layers
    assert words in model.left_out[0].reason


def test_biases_and_matrices_that_stay_out(tmp_path):
    bias, given, weights = Held((5,), TYPES.INT32, np.ones(5, np.int32)), Held((5,)), Held(W.shape, data=W)
    for tensors, more, words in (
        ((weights, bias), {}, "a bias of INT32 without a scale"),
        ((weights, given), {"inputs": (0, 2)}, "its bias is an activation"),
        ((Held(W.shape),), {"inputs": (0, 1)}, "both factors are activations"),
        ((weights,), {"options": ("FullyConnectedOptions", {"WeightsFormat": 1})}, "weights_format SHUFFLED4x16INT8"),
    ):
        model, _ = read_model(product(tmp_path, *tensors, **more))
        assert not model.layers
        assert words in model.left_out[0].reason


@pytest.mark.parametrize(
    ("zero", "shared", "activation"),
    [(-128, False, "relu"), (-128, True, "none"), (0, False, "none")],
)
def test_a_quantiser_behind_a_layer(tmp_path, zero, shared, activation):
    """It cuts off what is below its type's least value: the layer's ReLU, where it alone takes the outputs."""
    tensors = [Held((1, 6)), Held(W.shape, data=W), Held((1, 5)), Held((1, 5), TYPES.INT8, scale=0.25, zero=zero),
               Held((1, 5)), Held((4, 5), data=f(4, 5)), Held((1, 4))]  # fmt: skip
    operators = [(FC, [0, 1], [2], None), (KINDS.QUANTIZE, [2], [3], None), (KINDS.DEQUANTIZE, [3], [4], None),
                 (FC, [4, 5], [6], None)]  # fmt: skip
    model, _ = read_model(saved(tmp_path, tensors, operators, outputs=[6, 2] if shared else None))
    assert [layer.activation for layer in model.layers] == [activation, "none"]
    assert model.chain == (not shared)


OTHERS = {
    "a ReLU": (KINDS.RELU, [], TYPES.FLOAT32, None, "relu"),
    "a Cast to halves": (KINDS.CAST, [], TYPES.FLOAT16, None, "same"),
    "a Cast to whole numbers": (KINDS.CAST, [], TYPES.INT32, 0, "moves or chooses values"),
    "a BATCH_MATMUL": (KINDS.BATCH_MATMUL, [2], TYPES.FLOAT32, None, "products of activations"),
    "a TANH": (KINDS.TANH, [], TYPES.FLOAT32, 0, "no exponential"),
    "another's": (KINDS.CUSTOM, [], TYPES.FLOAT32, None, "not known here"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_operators_behind_a_layer(tmp_path, kind):
    code, more, made, macs, words = OTHERS[kind]
    tensors = [Held((1, 6)), Held(W.shape, data=W), Held((1, 5)), Held((1, 5), made), Held((4, 5), data=f(4, 5)),
               Held((1, 4))]  # fmt: skip
    operators = [(FC, [0, 1], [2], None), (code, [2, *more], [3], None), (FC, [3, 4], [5], None)]
    model, _ = read_model(saved(tmp_path, tensors, operators))
    assert [layer.activation for layer in model.layers] == ["relu" if words == "relu" else "none", "none"]
    assert model.chain == (words in ("relu", "same"))
    if not model.chain:
        assert words in model.left_out[0].reason
        assert model.left_out[0].macs == macs
        assert model.left_out[0].kind == ("CUSTOM Mine" if code == KINDS.CUSTOM else kind.split()[1].upper())


@pytest.mark.parametrize(
    ("kind", "x", "weights", "y", "words", "macs"),
    [
        (KINDS.CONV_2D, (1, 2, 2, 6), (4, 1, 1, 3), (1, 2, 2, 4), "a convolution in groups", 2 * 2 * 4 * 3),
        (KINDS.CONV_3D, (1, 2, 2, 2, 3), (2, 2, 2, 3, 4), (1, 1, 1, 1, 4), "a convolution; EIE", 2 * 2 * 2 * 3 * 4),
        (KINDS.TRANSPOSE_CONV, (1, 2, 2, 3), (4, 2, 2, 3), (1, 4, 4, 4), "a convolution; EIE", 2 * 2 * 3 * 4 * 2 * 2),
    ],
)
def test_convolutions_that_stay_out(tmp_path, kind, x, weights, y, words, macs):
    """With their work: of one output each weight that reaches it once, of a transposed one each input's."""
    tensors = [Held(x), Held(weights, data=f(*weights)), Held(y), Held((4,), TYPES.INT32, np.array(y, np.int32))]
    takes = [3, 1, 0] if kind == KINDS.TRANSPOSE_CONV else [0, 1]
    model, _ = read_model(saved(tmp_path, tensors, [(kind, takes, [2], None)]))
    assert not model.layers
    assert words in model.left_out[0].reason
    assert model.left_out[0].macs == macs


def test_subgraphs_behind_the_first(tmp_path):
    """Said in a note, and each of their tensors in the ledger."""
    model, _ = read_model(product(tmp_path, Held(W.shape, data=W), second=("t1", "body")))
    assert len(model.layers) == 1
    assert "the first of 2 subgraphs is read" in model.notes
    assert [(entry.tensor, entry.shape, entry.role) for entry in model.ledger[1:3]] == [
        ("subgraph 1: t1", (3,), "left out"),
        ("subgraph 1: body", (3,), "left out"),
    ]
