"""Core ML (.mlpackage): an ML program, read and decompressed by coremltools (docs/formats-in-the-wild.md).

`linear`, `matmul` by a constant and 1x1 `conv` are layers, their weights stored as they are or behind `constexpr_*`
operators: palettised (a look-up table), sparse, quantised, or several of these at once. Tables reach the layer exactly.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.errors import EieError, with_extra
from eiesim.files.containers.operators import (
    DEPTHWISE,
    EXPONENTIAL,
    FROM_ONNX,
    MAY_MULTIPLY,
    MOVES,
    NO_MATRIX,
    POOLS,
    Names,
    Product,
    Step,
    entries_of,
    network_of,
)  # fmt: skip
from eiesim.files.ledger import NO_CHOICE, Choice
from eiesim.files.weights import DenseNetwork

PARTS = {
    "scale": "scale", "offset": "zero_point", "zero_point": "zero_point", "bias": "zero_point", "lut": "lookup",
    "mask": "mask", "data_mask": "mask", "indices_mask": "mask", "shape": "shape", "axis": "shape",
    "vector_axis": "shape", "output_dtype": "shape",
}  # fmt: skip
"""What an input of a `constexpr_*` operator is; all others are the weights."""

SAME = {"identity", "reshape", "squeeze", "expand_dims", "flatten2d"}
EXPONENTIALS = {"softmax", "sigmoid", "tanh", "gelu", "silu", "exp", "elu", "softplus", "sigmoid_hard", "erf"}
POOLING = {"avg_pool", "max_pool", "l2_pool", "reduce_mean", "reduce_sum", "reduce_max", "reduce_min"}
MOVING = {
    "transpose", "concat", "slice_by_index", "slice_by_size", "split", "stack", "gather", "gather_nd", "pad", "tile",
    "select", "topk", "shape", "fill", "one_hot", "reverse", "depth_to_space", "space_to_depth", "pixel_shuffle",
    "argmax", "reduce_argmax", "classify", "band_part", "cumsum",
}  # fmt: skip
BY_ELEMENT = {
    "add", "sub", "mul", "real_div", "floor_div", "maximum", "minimum", "pow", "sqrt", "rsqrt", "square", "abs",
    "clip", "leaky_relu", "prelu", "relu6", "clamped_relu", "batch_norm", "layer_norm", "instance_norm", "l2_norm",
    "local_response_norm", "log", "sin", "cos", "floor", "ceil", "round", "sign", "inverse", "equal", "greater", "less",
    "not_equal", "greater_equal", "less_equal",
    "logical_and", "logical_or", "logical_not", "quantize", "dequantize", "cast", "threshold",
}  # fmt: skip


def load_mlpackage(path: Path, choice: Choice = NO_CHOICE) -> DenseNetwork:
    """A network from an .mlpackage folder: its main function. Raises EieError for anything malformed."""
    if not path.is_dir():
        raise EieError(f"{path}: {'is a file; an .mlpackage is a folder' if path.exists() else 'no such folder'}")
    with _quiet():
        try:
            import coremltools
            from coremltools.converters.mil.frontend.milproto.load import load
            from coremltools.converters.mil.mil.types import builtin_to_string
        except ImportError:
            raise EieError(f"reading Core ML needs coremltools: {with_extra('formats')}") from None
        try:
            model = coremltools.models.MLModel(str(path), skip_model_load=True)
            spec = model.get_spec()
            kind = spec.WhichOneof("Type")
            if kind != "mlProgram":
                raise EieError(f"{path}: holds a Core ML {kind}, need an mlProgram (convert_to='mlprogram')")
            program = load(spec, specification_version=spec.specificationVersion, file_weights_dir=model.weights_dir)
            name = getattr(program, "default_function_name", None) or "main"
            function = program.functions[name if name in program.functions else next(iter(program.functions))]
            reader = _Reader(path, builtin_to_string, function.operations)
            for operator in function.operations:
                reader.read(operator)
        except EieError:
            raise
        except Exception as error:  # of a damaged package anything may come
            about = " ".join(str(error).split())[:200] or type(error).__name__
            raise EieError(f"{path}: not readable as a Core ML package: {about}") from None
    notes = []
    if len(program.functions) > 1:
        notes.append(f"of {len(program.functions)} functions '{name}' is read")
    ledger = entries_of(reader.held, reader.roles, "no operator takes it")
    entries, results = list(function.inputs), [value.name for value in function.outputs]
    return network_of(str(path), path.stem, reader.steps, entries, results, ledger, choice, notes)


@contextmanager
def _quiet() -> Iterator[None]:
    """coremltools warns of every library that it was not tested with."""
    logger = logging.getLogger("coremltools")
    before = logger.level
    logger.setLevel(logging.ERROR)
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(disabled)
        logger.setLevel(before)


class _Reader:
    """A function's operators as steps, and what each constant is. held: shape and type of each, in order.

    names: of constants that the file holds within an operator, `OPERATOR.INPUT`; coremltools numbers them as it reads.
    """

    def __init__(self, path: Path, type_name: Any, operators: Iterable[Any]) -> None:
        self.path, self.type_name = path, type_name
        self.names = {
            value.name: f"{operator.name}.{name}"
            for operator in operators
            if operator.op_type != "const"
            for name, value in _named(operator)
            if _is_constant(value) and re.fullmatch(rf"{re.escape(operator.name)}_{name}_\d+", value.name)
        }
        self.steps: list[Product | Step] = []
        self.held: dict[str, tuple[tuple[int, ...], str]] = {}
        self.roles: dict[str, tuple[str, str, str]] = {}
        self.called = Names()

    def read(self, operator: Any) -> None:
        """One operator, in the program's order."""
        kind = operator.op_type
        if kind == "const":
            value = operator.outputs[0]
            if isinstance(value.val, np.ndarray) and value.val.dtype.kind in "fiub":
                self.held[self._name(value)] = (tuple(value.val.shape), self.type_name(value.dtype))
            return
        if kind.startswith("constexpr_"):
            return
        if kind in ("linear", "matmul", "conv"):
            reason = self._product(operator, kind)
            if not reason:
                return
        else:
            reason = ""
        self._step(operator, kind, reason)

    def _name(self, value: Any) -> str:
        return self.names.get(value.name, str(value.name))

    def _step(self, operator: Any, kind: str, reason: str) -> None:
        takes = [value for value in _values(operator) if not _is_constant(value)]
        gives = tuple(value.name for value in operator.outputs)
        does = "same" if kind in SAME else "relu" if kind == "relu" else ""
        if kind == "cast":
            every = [*takes, *operator.outputs]
            does = "same" if all(self.type_name(value.dtype).startswith("fp") for value in every) else does
        groups = ((EXPONENTIALS, EXPONENTIAL), (POOLING, POOLS), (MOVING, MOVES), (BY_ELEMENT | SAME, NO_MATRIX))
        known = next((text for group, text in groups if kind in group), "relu" if does else "")
        macs = 0 if known else None
        reason = reason or known or MAY_MULTIPLY
        name = operator.name or kind
        for value in _values(operator):
            for constant in self._parts(value):
                is_shape = does == "same" or self.held.get(constant, ((), "fp"))[1].startswith(("int", "bool"))
                role = ("shape", "") if is_shape else ("left out", "")
                self.roles.setdefault(constant, (*role, f"of {kind} '{name}', which is no layer"))
        self.steps.append(Step(name, kind, tuple(value.name for value in takes), gives, does, reason, macs))

    def _product(self, operator: Any, kind: str) -> str:
        """Add a layer; or why it is none."""
        own = operator.inputs
        x, weight = (own["x"], own["y"]) if kind == "matmul" else (own["x"], own["weight"])
        bias = own.get("bias")
        if not _is_constant(weight):
            return (
                "its first factor is the constant; EIE multiplies vectors from the left"
                if _is_constant(x)
                else ("both factors are activations; no constant matrix")
            )
        if kind == "matmul" and (own["transpose_x"].val or len(weight.shape) != 2):
            return "its inputs are transposed, or its matrix has more than two axes"
        if kind == "conv":
            size = tuple(weight.shape[2:])
            if set(size) != {1} and weight.shape[1] == 1 < own["groups"].val:
                return DEPTHWISE
            if set(size) != {1}:
                return f"a {'x'.join(map(str, size))} convolution; EIE runs matrices, of convolutions only 1x1"
            if own["groups"].val != 1:
                return DEPTHWISE if weight.shape[1] == 1 else f"a convolution in groups; {FROM_ONNX}"
        if bias is not None and not _is_constant(bias):
            return "its bias is an activation"
        values = _dense(weight)
        if values.dtype.kind != "f":
            return f"{self.type_name(weight.dtype)} values; EIE's weights are made from floating point"
        if kind == "matmul":
            values = values if own["transpose_y"].val else values.T
        layer = self.called.of(_short(operator.name or kind))
        parts = self._parts(weight)
        for constant, role in parts.items():
            self.roles.setdefault(constant, (role, layer, ""))
        source = next((one for one, role in parts.items() if role == "weight"), self._name(weight))
        offsets = None if bias is None else _dense(bias)
        if bias is not None:
            self.roles.update((one, ("bias", layer, "")) for one in self._parts(bias) if one not in parts)
        gives, is_strided = operator.outputs[0], kind == "conv" and set(np.ravel(own["strides"].val)) != {1}
        taken = f"{x.name} strided" if is_strided else x.name
        self.steps.append(
            Product(
                layer, source, taken, gives.name, values.reshape(len(values), -1), offsets,
                vectors=_vectors(gives.shape, 1 if kind == "conv" else len(gives.shape) - 1),
            )
        )  # fmt: skip
        return ""

    def _parts(self, value: Any) -> dict[str, str]:
        """The constants that a constant value is made of, each with its role."""
        if value.op is None:
            return {}
        if value.op.op_type == "const":
            return {self._name(value): "weight"}
        if not value.op.op_type.startswith("constexpr_"):
            return {}
        found: dict[str, str] = {}
        for name, one in _named(value.op):
            own = PARTS.get(name, "weight")
            for constant, role in self._parts(one).items():
                found.setdefault(constant, own if role == "weight" else role)
        return found


def _named(operator: Any) -> Iterator[tuple[str, Any]]:
    for name, value in operator.inputs.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            if hasattr(one, "op"):
                yield name, one


def _values(operator: Any) -> list[Any]:
    return [value for _, value in _named(operator)]


def _is_constant(value: Any) -> bool:
    return value.op is not None and (value.op.op_type == "const" or value.op.op_type.startswith("constexpr_"))


def _dense(value: Any) -> npt.NDArray[Any]:
    """A constant's numbers: stored, or what coremltools makes of a constexpr operator."""
    operator = value.op
    if operator.op_type == "const":
        return np.asarray(value.val)
    table = operator.inputs.get("lut")
    if (
        table is not None and table.op.op_type != "const"
    ):  # a table that is compressed itself, which it asks for as stored
        axis = operator.inputs.get("vector_axis")
        names = (
            ("indices",) if operator.op_type == "constexpr_lut_to_dense" else ("indices_mask", "indices_nonzero_data")
        )
        given = [_dense(operator.inputs[name]) for name in names]
        made = operator.decompress(*given, _dense(table), None if axis is None else axis.val)
    else:
        made = operator.materialized_val_inference()
    return np.asarray(made[operator.outputs.index(value)] if isinstance(made, tuple) else made)


def _vectors(shape: Any, channels: int) -> float | None:
    """Positions of an output beside its channels and the first axis; None where an axis is not known."""
    inner = [size for k, size in enumerate(shape) if k not in (0, channels)]
    return float(prod(map(int, inner))) if all(isinstance(size, int | np.integer) for size in inner) else None


def _short(name: str) -> str:
    """An operator's name without the type that a conversion to 16 bits adds."""
    return name.removesuffix("_cast_fp16")
