"""docs/networks.md, depthwise convolutions: the first blocks of MobileNetV2's shapes, pointwise and depthwise layers.

    python -m studies.depthwise                 the rows, the page's section and its picture; a minute
    python -m studies.depthwise --page-only     section and picture of the rows that are there

MobileNetV2 (Sandler et al., CVPR 2018, Table 2): behind a first convolution that gives 32 maps of 112 x 112 stand
inverted residuals, each a pointwise layer that expands, a depthwise one of 3 x 3, and a pointwise one that projects.
Their shapes are the paper's; weights are random (He et al.), pruned and shared by `compress`; ReLU stands where the
paper has ReLU6, which EIE has not. Inputs are seeded noise, and 16 positions of each layer.

The pruned and shared weights are put back into the graph. onnxruntime runs that, and its own values at each layer's
outputs are what the machine's, in float32, are held against.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import eiesim
from eiesim._io.atomic import writing
from eiesim._io.csv_file import write_csv
from eiesim.reach import reach
from eiesim.view import palette
from eiesim.view.saving import save
from eiesim.view.style import LINES
from studies.findings import page, paragraph, where

BLOCKS = ((1, 16, 1), (6, 24, 2), (6, 24, 1), (6, 32, 2))
"""Of each block: how many times it expands, the maps it gives, its stride."""
MAPS, SIDE = 32, 112
POSITIONS = 16
PES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SHOWN = 64
PRUNED, WHOLE = 0.3, 1.0
POINTWISE, DEPTHWISE = "pointwise", "depthwise"
DOCS = Path(__file__).parents[1] / "docs"
ROWS, PICTURE = "networks/depthwise.csv", "networks/depthwise"
BEGIN, END = "<!-- python -m studies.depthwise writes this -->", "<!-- up to here -->"
COLUMNS = (
    "layer", "block", "kind", "rows", "cols", "positions", "weights", "kept", "density", "pes", "broadcasts", "entries",
    "padding_entries", "scan_bubbles", "cycles", "load_balance", "most_pes", "mean_pes", "error", "sentence",
)  # fmt: skip

Weights = dict[str, np.ndarray]


def shapes() -> dict[str, tuple[int, str, tuple[int, ...], int]]:
    """Layers in order: block, kind, the kernel's shape, stride."""
    found: dict[str, tuple[int, str, tuple[int, ...], int]] = {}
    maps = MAPS
    for block, (times, gives, stride) in enumerate(BLOCKS, start=1):
        inner = maps * times
        if times > 1:
            found[f"block{block}.expand"] = (block, POINTWISE, (inner, maps, 1, 1), 1)
        found[f"block{block}.dw"] = (block, DEPTHWISE, (inner, 1, 3, 3), stride)
        found[f"block{block}.project"] = (block, POINTWISE, (gives, inner, 1, 1), 1)
        maps = gives
    return found


def drawn() -> Weights:
    """Random weights of every layer, and small biases."""
    rng, found = np.random.default_rng(30), {}
    for name, (_, _, shape, _) in shapes().items():
        found[f"{name}.w"] = (rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32)
        found[f"{name}.b"] = (rng.standard_normal(shape[0]) * 0.1).astype(np.float32)
    return found


def write_graph(weights: Weights, path: Path) -> None:
    """The blocks as an ONNX graph: what a block takes is added to what it gives where both are alike."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, value, side = [], "x", SIDE
    came_in, maps, came_in_side = "x", MAPS, SIDE
    for name, (_, kind, shape, stride) in shapes().items():
        own: dict[str, Any] = {"strides": [stride, stride]}
        if kind == DEPTHWISE:
            own |= {"group": shape[0], "pads": [1, 1, 1, 1]}
        nodes.append(helper.make_node("Conv", [value, f"{name}.w", f"{name}.b"], [f"{name}.c"], name, **own))
        value, side = f"{name}.c", side // stride
        if not name.endswith("project"):
            nodes.append(helper.make_node("Relu", [value], [f"{name}.r"]))
            value = f"{name}.r"
            continue
        if shape[0] == maps and came_in_side == side:
            nodes.append(helper.make_node("Add", [value, came_in], [f"{name}.a"]))
            value = f"{name}.a"
        came_in, maps, came_in_side = value, shape[0], side
    graph = helper.make_graph(
        nodes, "mobilenet-v2-first-blocks",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", MAPS, SIDE, SIDE])],
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, ["N", maps, side, side])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


def kernels(layers: Any) -> Weights:
    """The kernels that layers stand for, out of their matrices: of a depthwise one each row's own 9 columns."""
    found = {}
    for layer in layers:
        _, kind, shape, _ = shapes()[layer.name]
        dense = layer.to_dense()
        if kind == DEPTHWISE:
            dense = np.stack([row[9 * k : 9 * k + 9] for k, row in enumerate(dense)])
        found[f"{layer.name}.w"], found[f"{layer.name}.b"] = dense.reshape(shape), layer.bias
    return found


def rows_of(density: float, pes: tuple[int, ...] = PES) -> list[dict[str, Any]]:
    """Every layer on every machine."""
    from eiesim.compression import pipeline
    from eiesim.files.onnx.running import activations
    from eiesim.files.onnx.taps import Tap, pixels
    from eiesim.files.onnx.walk import load_found

    x = np.maximum(np.random.default_rng(7).standard_normal((1, MAPS, SIDE, SIDE)), 0).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dense.onnx"
        write_graph(drawn(), path)
        layers = pipeline.compress(load_found(path)[0], pipeline.Options(density=density)).layers
        path = Path(folder) / "shared.onnx"
        write_graph(kernels(layers), path)
        model, found = load_found(path)
        calibration = pipeline.calibrate(path, model, tuple(one.tap for one in found), x, POSITIONS)
        exact, _, _ = activations(path, tuple(Tap((one.value,), pixels) for one in found), x, POSITIONS)
        shared = pipeline.compress(model, pipeline.Options(), calibration)
    rows = []
    for layer, given, vectors, right in zip(shared.layers, shared.inputs, calibration.vectors, exact, strict=True):
        block, kind, _, _ = shapes()[layer.name]
        for count in pes:
            config = {"pes": count, "arithmetic": "float32"}
            balance = eiesim.balance(layer, given, config) if count == SHOWN else None
            result = eiesim.simulate(layer, given, config).layers[0]
            counters, largest = result.counters, float(np.abs(right.inputs).max())
            reached = reach(eiesim.interleave(layer, count), np.count_nonzero(given, axis=0))
            rows.append({
                "layer": layer.name, "block": block, "kind": kind, "rows": layer.rows, "cols": layer.cols,
                "positions": int(vectors), "weights": layer.dense_weights, "kept": layer.nnz, "density": density,
                "pes": count, "broadcasts": counters.broadcasts, "entries": counters.entries,
                "padding_entries": counters.padding_entries, "scan_bubbles": counters.scan_bubbles,
                "cycles": result.cycles, "load_balance": result.load_balance,
                "most_pes": reached.most, "mean_pes": reached.mean,
                "error": float(np.abs(result.outputs - right.inputs).max()) / largest,
                "sentence": "" if balance is None else balance.sentence,
            })  # fmt: skip
    return rows


def of(table: pd.DataFrame, kind: str, density: float = PRUNED, pes: int = SHOWN) -> pd.DataFrame:
    """The layers of a kind on a machine."""
    return table[(table.kind == kind) & (table.density == density) & (table.pes == pes)]


def an_image(layers: pd.DataFrame) -> float:
    """Cycles of an image on them."""
    return float((layers.cycles * layers.positions).sum())


def macs(layers: pd.DataFrame) -> float:
    """Multiply-accumulates of an image before anything is pruned."""
    return float((layers.weights * layers.positions).sum())


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _span(shares: pd.Series) -> str:
    least, most = _percent(shares.min()), _percent(shares.max())
    return least if least == most else f"{least} to {most}"


def words(table: pd.DataFrame) -> str:
    """The section's table and what it says."""
    shown = table[(table.density == PRUNED) & (table.pes == SHOWN)]
    lines = [
        "| layer | rows x cols | positions | weights kept | broadcasts | cycles | load balance "
        "| PEs with work on one: most, mean | cycles an image | off onnxruntime by |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for _, one in shown.iterrows():
        lines.append(
            f"| {one.layer} | {one.rows} x {one.cols:,} | {one.positions:,} | {one.kept:,} of {one.weights:,} "
            f"| {one.broadcasts:,.1f} | {one.cycles:,.1f} | {_percent(one.load_balance)} "
            f"| {one.most_pes}, {one.mean_pes:.2f} | {one.cycles * one.positions:,.0f} | {one.error:.1e} |"
        )
    deep, point = of(table, DEPTHWISE), of(table, POINTWISE)
    both = an_image(deep) + an_image(point)
    work, cycles = macs(deep) / (macs(deep) + macs(point)), an_image(deep) / both
    whole = of(table, DEPTHWISE, WHOLE)
    alone, many = of(table, DEPTHWISE, pes=PES[0]), of(table, DEPTHWISE, pes=PES[-1])
    few, more = an_image(of(table, POINTWISE, pes=PES[0])), an_image(of(table, POINTWISE, pes=PES[-1]))
    gained = max(an_image(alone) - an_image(many), 1.0)
    padded = [float((one.padding_entries * one.positions).sum()) for one in (alone, many)]
    padding = (padded[0] - padded[1]) / gained
    bubbles = [float((one.scan_bubbles * one.positions).sum()) for one in (alone, many)]
    worst = float(table.error.max())
    quoted = next((one for one in deep.sentence if one), "")
    return page(
        "\n".join(lines),
        paragraph(
            cycles > work,
            f"""Depthwise layers are {_percent(work)} of the multiply-accumulates of these blocks and {_percent(cycles)}
            of their cycles on {SHOWN} PEs. Their load balance is {_span(deep.load_balance)}, that of the pointwise ones
            {_span(point.load_balance)}.""",
            where(
                (whole.most_pes == 1).all() and (whole.load_balance * SHOWN < 1.5).all(),
                f"""With all weights kept, as depthwise layers often are, it is {_span(whole.load_balance)}: one PE of
                {SHOWN} is {_percent(1 / SHOWN)}.""",
            ),
            where(quoted, f"`eiesim balance` says: *{quoted}*"),
        ),
        paragraph(
            few / more > an_image(alone) / an_image(many),
            f"""From {PES[0]} PE to {PES[-1]} an image takes {few / more:.1f} times fewer cycles in the pointwise layers
            and {an_image(alone) / an_image(many):.1f} times fewer in the depthwise ones.""",
            where(
                0.1 < padding < 1 and bubbles[0] > bubbles[1],
                f"""{_percent(padding)} of what these gain is padding: on one PE a column's only weight lies up to
                {int(alone.rows.max()) - 1} rows down, further than four bits say. The rest is the bias, the one column
                that all PEs share, and scan bubbles, of which wider activation rows have fewer.""",
            ),
        ),
        paragraph(
            worst <= 1e-4,
            f"""No output of any layer on any of these machines, in float32, is further from onnxruntime's own than
            {worst:.1e} of the layer's largest.""",
        ),
    )


def renewed(text: str, table: pd.DataFrame) -> str:
    """The page with its section made anew."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{words(table)}\n{END}{rest.partition(END)[2]}"


def draw(table: pd.DataFrame) -> Any:
    """Cycles an image over PEs by kind; and every layer's load balance on the shown machine."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    colour = {POINTWISE: palette.BLUE, DEPTHWISE: palette.VERMILION}
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.2), layout="constrained", width_ratios=(1, 1.25))
    for kind, marker in ((DEPTHWISE, "s"), (POINTWISE, "o")):
        cycles = [an_image(of(table, kind, pes=count)) / 1e6 for count in PES]
        left.plot(PES, cycles, marker=marker, color=colour[kind], label=kind)
        left.annotate(kind, (PES[-1], cycles[-1]), (0, 8), textcoords="offset points", ha="right", color=colour[kind])
    left.set_xscale("log", base=2)
    left.xaxis.set_major_locator(FixedLocator(PES))
    left.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    left.xaxis.set_minor_locator(NullLocator())
    left.set_yscale("log")
    left.yaxis.set_major_locator(FixedLocator((1, 2, 5, 10, 20)))
    left.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    left.yaxis.set_minor_locator(NullLocator())
    left.set(xlabel="PEs", ylabel="million cycles an image (simulated)", title="cycles of all layers of a kind")
    shown = table[(table.density == PRUNED) & (table.pes == SHOWN)].iloc[::-1]
    places = np.arange(len(shown))
    right.barh(places, 100 * shown.load_balance, color=[colour[kind] for kind in shown.kind])
    right.set_yticks(places, shown.layer)
    right.grid(visible=False, axis="y")
    for place, share in zip(places, shown.load_balance, strict=True):
        right.annotate(
            f"{share:.1%}", (100 * share, place), (4, 0), textcoords="offset points", va="center", fontsize=9
        )
    right.set(xlabel="load balance, % (simulated)", title=f"load balance on {SHOWN} PEs, {PRUNED:.0%} of weights kept")
    right.set_xlim(0, 116 * shown.load_balance.max())
    return figure


def read_rows(path: Path) -> pd.DataFrame:
    """The table as it is on the disk."""
    return pd.read_csv(path, keep_default_na=False)


def main() -> None:
    """Run, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page-only", action="store_true", help="of the rows that are there")
    chosen = parser.parse_args()
    if not chosen.page_only:
        write_csv([row for density in (PRUNED, WHOLE) for row in rows_of(density)], COLUMNS, DOCS / ROWS)
    table, text = read_rows(DOCS / ROWS), DOCS / "networks.md"
    save(lambda: draw(table), DOCS / PICTURE, LINES, formats=("svg",))
    renewed_page = renewed(text.read_text(encoding="utf-8"), table)
    with writing(text) as file:
        file.write(renewed_page.encode())


if __name__ == "__main__":
    main()
