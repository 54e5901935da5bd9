"""A model run in onnxruntime: every layer's real inputs, read off the untouched graph."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim.errors import EieError, with_extra
from eiesim.files.onnx.reading import TOO_LARGE, bodies
from eiesim.files.onnx.taps import Tap
from eiesim.files.onnx.walk import read_plain
from eiesim.files.onnx.work import element_types

Arrays = Mapping[str, npt.NDArray[Any]]

TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int16)": np.int16,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(uint16)": np.uint16,
    "tensor(uint32)": np.uint32,
    "tensor(uint64)": np.uint64,
    "tensor(bool)": np.bool_,
}


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A layer's inputs, float32[batch, cols]. vectors: how many the layer has in one of the network's inputs.

    Fewer are kept where positions are drawn.
    """

    inputs: npt.NDArray[np.float32]
    vectors: float


def activations(
    path: Path,
    taps: tuple[Tap | None, ...],
    inputs: npt.NDArray[Any] | Arrays,
    positions: int | None = None,
    seed: int = 0,
) -> tuple[tuple[Calibrated | None, ...], dict[str, tuple[int, ...]], int]:
    """Every layer's real inputs, when the model runs on calibration inputs in onnxruntime.

    Returns also the shapes of the model's inputs in the first run, and how many of the network's inputs that has.

    inputs: of the model's one input, or by input name; (batch, n) is reshaped where the model wants another shape.
    positions: at most so many output positions of each image, drawn by seed, of a convolution; None is all.
    None stands for a layer that the calibration inputs do not reach.
    """
    proto = read_plain(path)
    types = element_types(proto)
    exposed = [
        None if tap is None else tuple(expose(proto, name, tap.within, types.get(name, 1)) for name in tap.tensors)
        for tap in taps
    ]
    wanted = list(dict.fromkeys(name for names in exposed if names is not None for name in names))
    session = start(proto, path)
    feeds = list(batches(session, inputs, str(path)))
    rows = sum(feed_rows(feed) for feed in feeds)
    parts: list[list[npt.NDArray[Any]]] = [[] for _ in taps]
    totals = [0] * len(taps)
    for feed in feeds:
        values = dict(zip(wanted, call(session, wanted, feed, path), strict=True))
        for k, (tap, names) in enumerate(zip(taps, exposed, strict=True)):
            if tap is None or names is None or values[names[0]].size == 0:
                continue
            vectors, count = tap.read(*(values[name] for name in names), positions=positions, seed=seed)
            parts[k].append(np.asarray(vectors, np.float32))
            totals[k] += count
    found = tuple(
        Calibrated(np.concatenate(held), _plain(total, rows)) if held else None
        for held, total in zip(parts, totals, strict=True)
    )
    return found, {name: values.shape for name, values in feeds[0].items()}, feed_rows(feeds[0])


def _plain(total: int, rows: int) -> float:
    return total // rows if total % rows == 0 else total / rows


def feed_rows(feed: Arrays) -> int:
    """How many of the network's inputs a run has: the first axis of its first input that has one."""
    return next((len(values) for values in feed.values() if values.ndim > 0), 1)


def is_not_run(node: Any) -> bool:
    """Whether onnxruntime (1.32) is not to be given a node: MatMulNBits of fewer than 4 bits that has a g_idx."""
    if node.op_type != "MatMulNBits" or node.domain != "com.microsoft" or len(node.input) < 5 or not node.input[4]:
        return False
    return next((one.i for one in node.attribute if one.name == "bits"), 4) < 4


def start(proto: Any, path: Path, optimised: bool = False) -> Any:
    """An onnxruntime session of a model. Raises EieError where onnxruntime refuses it, and for what it is not given.

    optimised: with onnxruntime's fused operators, whose values between layers are others than the graph's: of weights
    and activations rounded to 8 bits for one.
    """
    try:
        import onnxruntime
    except ImportError:
        raise EieError(f"running an ONNX model needs onnxruntime; {with_extra('onnx')}") from None
    if any(map(is_not_run, proto.graph.node)):
        raise EieError(
            f"{path}: MatMulNBits of fewer than 4 bits with a g_idx is not run: onnxruntime computes it wrongly"
        )
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        if not optimised:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        providers = ["CPUExecutionProvider"]
        if proto.ByteSize() < TOO_LARGE:
            return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=providers)
        return _from_disk(proto, options, providers)
    except Exception as error:
        raise EieError(f"{path}: onnxruntime refuses: {' '.join(str(error).split())[:300]}") from None


def _from_disk(proto: Any, options: Any, providers: list[str]) -> Any:
    """A session of a model that is too large for one message: its tensors go through a file."""
    import onnx
    import onnxruntime

    copy = type(proto)()
    copy.CopyFrom(proto)
    with tempfile.TemporaryDirectory() as folder:
        place = str(Path(folder) / "model.onnx")
        onnx.save(copy, place, save_as_external_data=True, all_tensors_to_one_file=True, location="tensors")
        return onnxruntime.InferenceSession(place, options, providers=providers)


def call(session: Any, wanted: list[str] | None, feed: Arrays, path: Path) -> list[npt.NDArray[Any]]:
    """Run a session. Raises EieError where onnxruntime refuses."""
    try:
        found: list[npt.NDArray[Any]] = session.run(wanted, dict(feed))
    except Exception as error:
        raise EieError(f"{path}: onnxruntime refuses: {' '.join(str(error).split())[:300]}") from None
    return found


def expose(proto: Any, value: str, within: tuple[tuple[str, str], ...], kind: int = 1) -> str:
    """Make a value an output of the model, through the bodies that hold it; its name there. kind: ONNX's type.

    Out of an If it is empty where the other branch was taken; out of a Loop or Scan it has one more axis, the first.
    """
    from onnx import helper

    graphs: list[tuple[Any, Any]] = [(proto.graph, None)]
    for output, attribute in within:
        node = next(node for node in graphs[-1][0].node if node.output and node.output[0] == output)
        graphs.append((dict(bodies(node))[attribute], (node, attribute)))
    name = value
    for graph, place in reversed(graphs):
        ends = {output.name for output in graph.output}
        # A body's outputs must be its own, and one that it has already may be a loop's state, of the last turn alone.
        is_new = place is not None and f"{name}.out.{place[1]}" not in place[0].output
        if place is not None and is_new and (name in ends or name not in _made_in(graph)):
            inner = f"{name}.of.{place[0].output[0]}.{place[1]}"
            if inner not in ends:
                graph.node.append(helper.make_node("Identity", [name], [inner]))
            name = inner
        if name not in ends:
            graph.output.append(helper.make_tensor_value_info(name, kind, None))
        if place is None:
            continue
        node, attribute = place
        outer = f"{name}.out.{attribute}"
        if outer not in node.output:
            # Outputs that nobody takes may be left off a node; what is added stands behind them all.
            held = len(graph.output) - 1 - (node.op_type == "Loop")
            node.output.extend([""] * (held - len(node.output)))
            node.output.append(outer)
            if node.op_type == "If":
                # Both branches give as many outputs; the other one's are empty.
                for other, body in bodies(node):
                    if other != attribute:
                        empty = f"{outer}.empty"
                        blank = helper.make_tensor(empty, kind, [0], [])
                        body.node.append(helper.make_node("Constant", [], [empty], value=blank))
                        body.output.append(helper.make_tensor_value_info(empty, kind, None))
        name = outer
    return name


def _made_in(graph: Any) -> set[str]:
    return {value for node in graph.node for value in node.output}


def batches(session: Any, inputs: npt.NDArray[Any] | Arrays, where: str) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Calibration inputs as the model wants them; in parts where its batch is fixed."""
    entries = session.get_inputs()
    if isinstance(inputs, Mapping):
        given = dict(inputs)
    elif len(entries) == 1:
        given = {entries[0].name: inputs}
    else:
        raise EieError(f"{where}: has {len(entries)} inputs; give an .npz with {', '.join(map(_wants, entries))}")
    missing = [entry for entry in entries if entry.name not in given]
    if missing:
        raise EieError(f"{where}: calibration inputs: {_wants(missing[0])} is missing")
    unknown = [name for name in given if name not in {entry.name for entry in entries}]
    if unknown:
        names = ", ".join(map(_wants, entries))
        raise EieError(f"{where}: calibration inputs: '{unknown[0]}' is no input of it; these are: {names}")
    split: dict[str, list[npt.NDArray[Any]]] = {}
    for entry in entries:
        split[entry.name] = _parts(entry, _typed(entry, given[entry.name]))
    count = max(map(len, split.values()))
    for name, parts in split.items():
        if len(parts) not in (1, count):
            raise EieError(f"calibration inputs: '{name}' is for {len(parts)} runs of the model, others for {count}")
    for k in range(count):
        yield {name: parts[k % len(parts)] for name, parts in split.items()}


def _wants(entry: Any) -> str:
    kind = entry.type.removeprefix("tensor(").removesuffix(")")
    return f"'{entry.name}' {kind}{entry.shape}"


def _typed(entry: Any, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The values in the type that the model wants, where that loses nothing."""
    wanted = TYPES.get(entry.type)
    if wanted is None:
        raise EieError(f"calibration inputs: '{entry.name}' is {entry.type}, which no array of numbers is")
    kinds = {"f": "f", "i": "iu", "u": "iu", "b": "b"}[np.dtype(wanted).kind]
    if values.dtype.kind not in kinds or (values.dtype == np.float64 and wanted != np.float64):
        raise EieError(f"calibration inputs: are {values.dtype}, '{entry.name}' needs {np.dtype(wanted)}")
    cast: npt.NDArray[Any] = values.astype(wanted)
    if values.dtype.kind in "iu" and (cast != values).any():
        raise EieError(f"calibration inputs: '{entry.name}' is {np.dtype(wanted)}, which does not hold every number")
    return cast


def _parts(entry: Any, values: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """Inputs in the shape a model wants; one part, or several where its batch is fixed."""
    sizes = [size if isinstance(size, int) and size > 0 else None for size in entry.shape]
    refusal = f"calibration inputs: '{entry.name}' has shape {values.shape}, the model wants {entry.shape}"
    if values.ndim != len(sizes):
        if not sizes and values.size == 1:
            return [values.reshape(())]
        if any(size is None for size in sizes[1:]) or not sizes:
            raise EieError(refusal)
        values = values[None] if values.ndim == 1 else values
        if int(np.prod(values.shape[1:])) != int(np.prod([size or 0 for size in sizes[1:]])):
            raise EieError(refusal)
        values = values.reshape(len(values), *[size or 0 for size in sizes[1:]])
    if any(size not in (None, own) for size, own in zip(sizes[1:], values.shape[1:], strict=True)):
        raise EieError(refusal)
    fixed = sizes[0] if sizes else None
    if fixed is None or fixed == len(values):
        return [values]
    if len(values) % fixed:
        raise EieError(f"calibration inputs: {len(values)} do not divide into the model's batches of {fixed}")
    return np.split(values, len(values) // fixed)
