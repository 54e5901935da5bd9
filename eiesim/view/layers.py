"""Pictures of layers that nobody has run: where their weights lie, what the PEs store, what fits, what was lost."""

from collections.abc import Iterator, Sequence

import numpy as np

from eiesim.compression.pipeline import Compressed
from eiesim.encoding import InterleavedLayer
from eiesim.inspection import Inspection
from eiesim.layer import CompressedLayer
from eiesim.view import palette, style
from eiesim.view.bars import MOST_LAYERS, grouped
from eiesim.view.panels import Cells, Panel, Picture, Rule, Scale, Series, floats, names, reach
from eiesim.view.words import Words

BLOCKS = 128
"""Cells of the map of a layer's weights, across and down, at most."""

MOST_BARS = 256
"""PEs, at most, that have a bar each."""

MOST_VALUES = 5
"""Shared values, at most, that are written at the axis."""


def weights(layer: CompressedLayer) -> Picture:
    """Left the share of weights that are kept, by place in the matrix; right how often each shared value is used."""
    title = f"{layer.name}: {layer.rows:,} x {layer.cols:,}, {layer.density:.1%} of the weights kept"
    return Picture(title, (_places(layer), _values(layer)), (style.PAGE_IN, 3.0), widths=(3, 2))


def _places(layer: CompressedLayer) -> Panel:
    high, wide = -(-layer.rows // BLOCKS), -(-layer.cols // BLOCKS)
    down, across = -(-layer.rows // high), -(-layer.cols // wide)
    kept = np.zeros(down * across, np.int64)
    for here, columns in layer.stretches():
        kept += np.bincount(layer.indices[here] // high * across + columns // wide, minlength=down * across)
    in_rows = np.minimum(high, layer.rows - high * np.arange(down))
    in_columns = np.minimum(wide, layer.cols - wide * np.arange(across))
    shares = kept.reshape(down, across) / (in_rows[:, None] * in_columns)
    cells = Cells(
        shares, (-0.5, across * wide - 0.5), (-0.5, down * high - 0.5),
        Scale(Words("share kept"), 0, float(shares.max()) or 1.0, form=".0%"),
    )  # fmt: skip
    return Panel(
        Scale(Words("column (input)"), -0.5, layer.cols - 0.5, form=",.0f"),
        Scale(Words("row (output)"), layer.rows - 0.5, -0.5, form=",.0f"),
        cells=cells,
    )


def _values(layer: CompressedLayer) -> Panel:
    table = layer.to_frame().sort_values("value", kind="stable")
    table = table[table["code"] > 0]
    step = max(1, -(-len(table) // MOST_VALUES))
    ticks = tuple((float(k), f"{value:.2g}") for k, value in enumerate(table["value"]) if k % step == 0)
    bars = Series(
        "weights", "bars", floats(range(len(table))), floats(table["weights"]), (palette.BLUE,), base=(0.0,),
    )  # fmt: skip
    return Panel(Scale(Words("shared value"), ticks=ticks, named=True), Scale(Words("weights"), form=",.0f"), (bars,))


def entries(layer: InterleavedLayer) -> Picture:
    """What each PE stores: kept weights, and padding on top; the line is the mean."""
    stored, padding = layer.entries_per_pe, layer.padding_per_pe
    pes, kind = floats(range(layer.pes)), "bars" if layer.pes <= MOST_BARS else "levels"
    kept = Series("kept weights", kind, pes, floats(stored - padding), (palette.BLUE,), width=0.9)  # type: ignore[arg-type]
    series = [kept]
    if padding.any():
        base = floats(stored - padding) if kind == "bars" else (0.0,)
        above = Series("with padding", kind, pes, floats(stored), (palette.ORANGE,), base=base, width=0.9)  # type: ignore[arg-type]
        series.append(above)
    panel = Panel(
        Scale(Words("PE"), -0.6, layer.pes - 0.4, form=",.0f"),
        Scale(Words("entries stored"), 0, form=",.0f"),
        tuple(series),
        rules=(Rule(float(stored.mean()), palette.BLACK, look="dashed"),),
    )
    title = f"{layer.layer.name} on {layer.pes} PEs: what each stores (dashed: the mean)"
    return Picture(title, (panel,), (style.PAGE_IN, 2.8), legend="above")


def memories(looked: Sequence[Inspection]) -> Picture:
    """What layers need of each memory of the PE that needs most, over what there is; right of the line is too much."""
    known = list(dict.fromkeys(need.name for one in looked for need in one.needs))
    shown, series = looked[:MOST_LAYERS], []
    for k, one in enumerate(shown):
        shares = {need.name: need.needs / need.holds for need in one.needs if need.needs and need.holds}
        places = floats(known.index(name) + (k - (len(shown) - 1) / 2) * 0.7 / len(shown) for name in shares)
        look = {"colours": (palette.LINES[k],), "marker": palette.MARKERS[k]}
        series.append(Series(one.layer.layer.name, "points", floats(shares.values()), places, **look))  # type: ignore[arg-type]
    low, high = reach([share for one in series for share in one.x] + [1.0], log=10)
    panel = Panel(
        Scale(Words("what the fullest PE needs / what it holds"), low, high, log=10),
        names(Words(""), [name.replace("_", " ") for name in known], downward=True),
        tuple(series),
        rules=(Rule(1, palette.BLACK, upright=True),),
    )
    left_out = f" (the first {MOST_LAYERS} of {len(looked)} layers)" if len(looked) > MOST_LAYERS else ""
    title = f"What fits the memories of {looked[0].layer.pes} PEs{left_out}"
    return Picture(title, (panel,), (style.PAGE_IN, 1.0 + 0.36 * len(known)), legend="right")


def compressed(network: Compressed) -> Iterator[tuple[str, Picture]]:
    """Sizes layer by layer, stage by stage; and what was lost, where that is known."""
    table = network.to_frame()
    layers = list(table["layer"])
    stages = {"dense, float32": "dense_bytes", "pruned and shared": "shared_bytes", "Huffman-coded": "huffman_bytes"}
    sizes = {name: floats(table[column]) for name, column in stages.items()}
    title = f"{network.model.name}: bytes of each layer, {network.options.bits} bits a code"
    yield "sizes", grouped(title, layers, sizes, Scale(Words("size", "bytes"), log=10))
    kinds = {"of the weights": "weight_error", "of the outputs": "output_error"}
    errors = {name: floats(table[column]) for name, column in kinds.items() if table[column].notna().any()}
    if errors:
        scale = Scale(Words("relative error"), 0, form=".0%")
        yield "errors", grouped(f"{network.model.name}: what was lost", layers, errors, scale)
    for number, layer in enumerate(network.layers, 1):
        yield f"weights_{number}", weights(layer)
