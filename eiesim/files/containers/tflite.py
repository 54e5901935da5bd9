"""TensorFlow Lite (.tflite): a FlatBuffer of subgraphs, read with package tflite (docs/formats-in-the-wild.md).

FULLY_CONNECTED and 1x1 CONV_2D are layers, whatever their weights are stored as (`TensorValues`).
"""

from math import prod
from pathlib import Path
from typing import Any

from eiesim._io.reading import read_bytes
from eiesim.errors import EieError, with_extra
from eiesim.files.containers.operators import (
    DEPTHWISE,
    EXPONENTIAL,
    FROM_ONNX,
    MAY_MULTIPLY,
    MOVES,
    NO_MATRIX,
    POOLS,
    ROUNDED,
    Names,
    Product,
    Step,
    entries_of,
    network_of,
)  # fmt: skip
from eiesim.files.containers.tflite_tensors import Tensors, UnfitError, constants_of
from eiesim.files.ledger import NO_CHOICE, Choice
from eiesim.files.weights import DenseNetwork

SAME = {"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "QUANTIZE", "DEQUANTIZE", "DENSIFY"}
EXPONENTIALS = {"SOFTMAX", "LOG_SOFTMAX", "LOGISTIC", "TANH", "EXP", "GELU", "ELU"}
POOLING = {"AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D", "MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"}
MOVING = {
    "TRANSPOSE", "CONCATENATION", "SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "GATHER", "GATHER_ND", "PAD", "PADV2",
    "MIRROR_PAD", "TILE", "PACK", "UNPACK", "SPACE_TO_DEPTH", "DEPTH_TO_SPACE", "REVERSE_V2", "BROADCAST_TO", "SELECT",
    "SELECT_V2", "TOPK_V2", "ARG_MAX", "ARG_MIN", "SHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "ONE_HOT",
    "EMBEDDING_LOOKUP", "FILL", "CAST",
}  # fmt: skip
BY_ELEMENT = {
    "ADD", "ADD_N", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "LEAKY_RELU",
    "PRELU", "HARD_SWISH", "ABS", "NEG", "SQRT", "RSQRT", "SQUARE", "SQUARED_DIFFERENCE", "POW", "LOG", "SIN", "COS",
    "FLOOR", "CEIL", "ROUND", "L2_NORMALIZATION", "LOCAL_RESPONSE_NORMALIZATION", "GREATER", "LESS", "EQUAL",
    "NOT_EQUAL", "GREATER_EQUAL", "LESS_EQUAL", "LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT",
}  # fmt: skip
SHUFFLED = "its weights are in another order (weights_format SHUFFLED4x16INT8)"


def load_tflite(path: Path, choice: Choice = NO_CHOICE) -> DenseNetwork:
    """A network from a TensorFlow Lite file: its first subgraph. Raises EieError for anything malformed."""
    try:
        import tflite
    except ImportError:
        raise EieError(f"reading TensorFlow Lite needs tflite: {with_extra('formats')}") from None
    data = read_bytes(path)
    if data[4:8] != b"TFL3":
        raise EieError(f"{path}: is no TensorFlow Lite file (it has no TFL3 at byte 4)")
    try:
        model = tflite.Model.GetRootAsModel(data, 0)
        if model.Version() != 3:
            raise EieError(f"{path}: is of schema version {model.Version()}, need 3")
        return _Reader(path, model, Tensors(tflite, model, data)).network(choice)
    except EieError:
        raise
    except Exception as error:  # flatbuffers checks nothing: a damaged offset may end in any of them
        about = " ".join(str(error).split())[:200]
        raise EieError(f"{path}: is damaged: {type(error).__name__} where it is read ({about})") from None


class _Reader:
    """The operators of a model's first subgraph as steps, and what each stored tensor is."""

    def __init__(self, path: Path, model: Any, tensors: Tensors) -> None:
        self.path, self.model, self.tensors = path, model, tensors
        self.graph = model.Subgraphs(0)
        self.kinds = constants_of(tensors.tflite.BuiltinOperator)
        self.called = Names()
        self.roles: dict[str, tuple[str, str, str]] = {}
        self.stored: dict[int, int] = {}  # of a value that an operator makes of a stored tensor alone, that tensor
        self.numbers: dict[int, float] = {}  # of values, where their shapes do not say it
        self.shapes: set[int] = set()  # values that are computed of shapes and stored tensors alone
        self.entries = [str(k) for k in self.graph.InputsAsNumpy()]
        self.rounds = False
        first = tensors.shape(int(self.entries[0])) if self.entries else ()
        self.batch = first[0] if first else 1

    def network(self, choice: Choice) -> DenseNetwork:
        steps: list[Product | Step] = []
        for k in range(self.graph.OperatorsLength()):
            steps += self._steps(self.graph.Operators(k), k)
        notes = [ROUNDED] if self.rounds else []
        if self.model.SubgraphsLength() > 1:
            notes.append(f"the first of {self.model.SubgraphsLength()} subgraphs is read")
        held = {
            self.tensors.name(k): (self.tensors.shape(k), self.tensors.kind(k))
            for k in range(self.graph.TensorsLength())
            if self.tensors.is_stored(k)
        }
        for number in range(1, self.model.SubgraphsLength()):
            others = Tensors(self.tensors.tflite, self.model, self.tensors.data, number)
            for k in filter(others.is_stored, range(len(others.every))):
                name = f"subgraph {number}: {others.name(k)}"
                held[name] = (others.shape(k), others.kind(k))
                self.roles[name] = ("left out", "", f"of subgraph {number}; the first one is read")
        return network_of(
            str(self.path), self.path.stem, steps, self.entries, [str(k) for k in self.graph.OutputsAsNumpy()],
            entries_of(held, self.roles, "no operator takes it"), choice, notes,
        )  # fmt: skip

    def _kind(self, operator: Any) -> str:
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kind = self.kinds.get(number, f"operator {number}")
        custom = code.CustomCode() if kind == "CUSTOM" else None
        return kind if custom is None else f"CUSTOM {custom.decode(errors='replace')}"

    def _numbers(self, k: int) -> float:
        """A value's numbers in one input. Behind a reshape an axis that is not known stands as 1 and tells nothing."""
        return self.numbers.get(k, prod(self.tensors.shape(k)) / self.batch)

    def _stored(self, k: int) -> int:
        """The stored tensor that a value is, or is made of alone; -1 for none."""
        return self.stored.get(k, k if k >= 0 and self.tensors.is_stored(k) else -1)

    def _steps(self, operator: Any, number: int) -> list[Product | Step]:
        kind = self._kind(operator)
        takes = [int(k) for k in operator.InputsAsNumpy()] if operator.InputsLength() else []
        gives = [int(k) for k in operator.OutputsAsNumpy()] if operator.OutputsLength() else []
        if kind in ("DEQUANTIZE", "DENSIFY") and self._stored(takes[0]) >= 0:
            self.stored[gives[0]] = self._stored(takes[0])
            return []
        name = f"{kind}-{number}"
        if kind in ("FULLY_CONNECTED", "CONV_2D"):
            return self._product(operator, kind, takes, gives[0], name)
        live = [k for k in takes if k >= 0 and self._stored(k) < 0 and k not in self.shapes]
        if kind == "SHAPE" or not live:  # computes a shape, or what no input changes
            self.shapes.update(gives)
            self._of_others(takes, f"of {name}", "same")
            return []
        does, reason, macs = "", MAY_MULTIPLY, self._macs(kind, takes, gives)
        if kind in SAME or self.tensors.shape(live[0]) == self.tensors.shape(gives[0]):
            self.numbers[gives[0]] = self._numbers(live[0])
        if kind in SAME:
            does, reason = "same", ""
            if kind in ("QUANTIZE", "DEQUANTIZE"):
                self.rounds = True
            if kind == "QUANTIZE" and self.tensors.starts_at_zero(gives[0]):
                does = "clips"
        elif kind == "RELU":
            does = "relu"
        elif kind == "CAST" and all(self.tensors.kind(k).startswith("FLOAT") for k in (*takes, *gives)):
            does = "same"
        else:
            groups = ((EXPONENTIALS, EXPONENTIAL), (POOLING, POOLS), (MOVING, MOVES), (BY_ELEMENT, NO_MATRIX))
            reason = next((text for group, text in groups if kind in group), reason)
            if kind == "BATCH_MATMUL":
                reason = "products of activations; no constant matrix" if len(live) > 1 else reason
            elif kind == "DEPTHWISE_CONV_2D":
                reason = DEPTHWISE
            elif kind in ("CONV_3D", "TRANSPOSE_CONV"):
                reason = "a convolution; EIE runs matrices, of convolutions only 1x1"
        self._of_others(takes, f"of {name}, which is {'left out' if not does else 'no layer'}", does)
        return [Step(name, kind, tuple(map(str, live)), tuple(map(str, gives)), does, reason, macs)]

    def _of_others(self, takes: list[int], reason: str, does: str = "") -> None:
        for k in takes:
            if (held := self._stored(k)) >= 0:
                is_shape = does == "same" or self.tensors.kind(held) in ("INT32", "INT64", "BOOL")
                name = self.tensors.name(held)
                self.roles.setdefault(name, ("shape" if is_shape else "left out", "", reason))

    def _macs(self, kind: str, takes: list[int], gives: list[int]) -> int | None:
        """Multiply-accumulates of an operator that is no layer, in one input; None where they are not known."""
        if kind in SAME | EXPONENTIALS | POOLING | MOVING | BY_ELEMENT | {"RELU"}:
            return 0
        shape = self.tensors.shape
        if kind == "CONV_3D":  # the outputs are the last axis of its weights, of the others the first
            return prod(shape(gives[0])) * prod(shape(takes[1])[:-1]) // self.batch
        if kind == "DEPTHWISE_CONV_2D":
            return prod(shape(gives[0])) * prod(shape(takes[1])[1:3]) // self.batch
        if kind == "TRANSPOSE_CONV":
            return prod(shape(takes[2])) * prod(shape(takes[1])[:3]) // self.batch
        return None

    def _product(self, operator: Any, kind: str, takes: list[int], gives: int, name: str) -> list[Product | Step]:
        tensors, tflite = self.tensors, self.tensors.tflite
        own = tflite.FullyConnectedOptions() if kind == "FULLY_CONNECTED" else tflite.Conv2DOptions()
        table = operator.BuiltinOptions()
        fused = 0
        if table is not None:
            own.Init(table.Bytes, table.Pos)
            fused = own.FusedActivationFunction()
        x, held = takes[0], self._stored(takes[1])
        bias = takes[2] if len(takes) > 2 else -1
        reason, strided = "", False
        if held < 0:
            reason = "both factors are activations; no constant matrix"
        elif kind == "FULLY_CONNECTED":
            reason = SHUFFLED if table is not None and own.WeightsFormat() else ""
        else:
            shape = tensors.shape(held)
            strided = table is not None and (own.StrideH(), own.StrideW()) != (1, 1)
            if shape[1:3] != (1, 1):
                reason = f"a {shape[1]}x{shape[2]} convolution; EIE runs matrices, of convolutions only 1x1"
            elif tensors.shape(x)[-1] != shape[3]:
                reason = f"a convolution in groups; {FROM_ONNX}"
        if bias >= 0 and self._stored(bias) < 0:
            reason = "its bias is an activation"
        weights = offsets = None
        if not reason:
            try:
                weights = tensors.values(held)
                offsets = tensors.bias(self._stored(bias), x, held) if bias >= 0 else None
            except UnfitError as unfit:
                reason = str(unfit)
        acts = constants_of(tflite.ActivationFunctionType)
        if reason or weights is None:
            self._of_others(takes, reason)
            step = Step(name, kind, (str(x),), (str(gives),), "", reason, self._macs_of_product(kind, takes, gives))
            return [step]
        weights = weights.reshape(len(weights), -1)
        layer = self.called.of(tensors.short(held) or f"fc{len(self.roles) + 1}")
        self.roles.setdefault(tensors.name(held), ("weight", layer, ""))
        if bias >= 0:
            self.roles.setdefault(tensors.name(self._stored(bias)), ("bias", layer, ""))
        is_relu = fused == tflite.ActivationFunctionType.RELU or tensors.starts_at_zero(gives)
        if tensors.is_quantised(x) or tensors.is_quantised(gives):
            self.rounds = True
        inner = str(gives) if fused in (0, tflite.ActivationFunctionType.RELU) else f"{gives} before its activation"
        vectors = self._numbers(x) / weights.shape[1]
        if kind == "CONV_2D":
            vectors = prod(tensors.shape(gives)) / len(weights) / self.batch
        self.numbers[gives] = vectors * len(weights)
        made: list[Product | Step] = [
            Product(
                layer, tensors.name(held), f"{x} strided" if strided else str(x), inner, weights, offsets, is_relu,
                vectors if vectors.is_integer() else None,
            )
        ]  # fmt: skip
        if inner != str(gives):
            what = acts.get(fused, f"activation {fused}")
            made.append(Step(f"{layer}'s {what}", what, (inner,), (str(gives),), "", "EIE's only activation is ReLU"))
        return made

    def _macs_of_product(self, kind: str, takes: list[int], gives: int) -> int:
        inner = self.tensors.shape(takes[1])
        return prod(self.tensors.shape(gives)) * prod(inner[1:]) // self.batch
