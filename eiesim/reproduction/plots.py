"""Pictures of the reproduction: Table IV, its correlation, and Figs. 6 to 13. They are made of items and runs.

Published figures are grey or red and plain, simulated ones hatched or with whiskers over the seeds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from eiesim._io.atomic import Outputs
from eiesim.comparison.plots import EFFICIENCY, SPEEDUP, ratio_picture
from eiesim.comparison.records import Ratio
from eiesim.config import MachineConfig
from eiesim.paper.speedups import BASELINES, EIE
from eiesim.reproduction.conclusion import Reproduction
from eiesim.reproduction.figures import LENET
from eiesim.reproduction.items import (
    FC8,
    MODEL,
    UNIFORM,
    VARIATIONS,
    VARIED,
    AccuracyKey,
    BarKey,
    ItemRow,
    PaperItem,
    Power,
    Spread,
    Time,
    picture_names,
)  # fmt: skip
from eiesim.reproduction.simulations import Simulations
from eiesim.sweeps import curves
from eiesim.sweeps.canvas import log_ticks
from eiesim.view import palette, style
from eiesim.view.document import TEX
from eiesim.view.helper import Drawn
from eiesim.view.panels import Note, Panel, Picture, Scale, Series, floats, names
from eiesim.view.saving import FORMATS, render
from eiesim.view.words import Words

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Curve:
    """A figure that a sweep draws. key: what varies. draw: from the rows and what LeNet-300-100 recognises."""

    key: str
    draw: Callable[["pd.DataFrame", Mapping[str, float]], Picture]


def _plain(draw: Callable[["pd.DataFrame"], Picture]) -> Callable[["pd.DataFrame", Mapping[str, float]], Picture]:
    """A picture that no accuracy enters."""
    return lambda table, _: draw(table)


CURVES: Mapping[str, Curve] = {
    "fig_8": Curve("queue_depth", _plain(curves.queue_depth)),
    "fig_9": Curve("spmat_width", _plain(curves.sram_width)),
    "fig_10": Curve("arithmetic", partial(curves.arithmetic, accuracy_label=f"accuracy of {LENET} (simulated)")),
    "fig_11": Curve("pes", _plain(curves.speedup)),
    "fig_12": Curve("pes", _plain(curves.real_work)),
    "fig_13": Curve("pes", _plain(curves.load_balance)),
}
"""The figures that a sweep draws, by item."""

MARKED = ("fig_8", "fig_13")
"""The items of `CURVES` with published figures: one a layer, at the published machine."""

(_GREEN, _), (_PURPLE, _) = palette.SIMULATED
SERIES = {UNIFORM: (_GREEN, "o"), VARIED: (_PURPLE, "s"), FC8: (palette.BLACK, "*")}


def pictures(found: Reproduction) -> list[tuple[str, Picture]]:
    """Every picture, by its file's name."""
    table4 = found.item("table_4")
    made = [("table_4", times(table4)), ("correlation", correlation(table4))]
    for key, words, power in (("fig_6", SPEEDUP, None), ("fig_7", EFFICIENCY, Power.TABLE_2)):
        item = found.item(key)
        made.append((key, ratio_picture(ratios(item, power), words, item.title)))
    for key in CURVES:
        for name, series in zip(picture_names(key), VARIATIONS, strict=True):
            made.append((name, swept(found.runs, found.item(key), series)))
    return made


@dataclass(frozen=True)
class Shown:
    """A figure of the report. png: the still image. panels: what it shows."""

    png: bytes
    panels: tuple[Panel, ...] = ()


def write_figures(
    made: Sequence[tuple[str, Picture]], folder: Path, files: Outputs, drawn: Drawn, formats: Sequence[str] = FORMATS
) -> Iterator[tuple[str, Shown]]:
    """Draw pictures, and write them; gives their names and what the report needs, one by one, in any order.

    made: what `pictures` gives. files: the set that they appear with. drawn: what draws them, see `view.helper`.
    formats: what is written; the report has PNG whatever it is.
    """
    kinds = tuple(dict.fromkeys(("png", *(kind for kind in formats if kind != TEX))))
    for (name, picture), images in drawn(partial(_images, kinds), made):
        for kind, image in images.items():
            if kind in formats:
                files.open(folder / f"{name}.{kind}").write(image)
        yield name, Shown(images["png"], picture.panels)


def _images(kinds: tuple[str, ...], named: tuple[str, Picture]) -> dict[str, bytes]:
    return render(named[1], kinds)


def times(table4: PaperItem) -> Picture:
    """Table IV: theoretical and actual time, published and simulated."""
    panels = tuple(_times_panel(table4, time) for time in (Time.THEORETICAL, Time.ACTUAL))
    return Picture(table4.title, panels, (style.PAGE_IN, 4.6), _seeds(table4), 1, shared="x", legend="above")


def _times_panel(table4: PaperItem, time: Time) -> Panel:
    rows = [row for row in table4.rows if row.key is time]
    series = [_bars_of_times("published", -1, [row.published for row in rows], palette.VERMILION)]
    for k, kind in enumerate((UNIFORM, VARIED)):
        spreads = [row.ours[kind] for row in rows]
        colour, hatch = palette.SIMULATED[k]
        bars = _bars_of_times(f"simulated, {kind}", k, [one.mean for one in spreads], colour)
        series.append(_with_whiskers(replace(bars, hatch=hatch), spreads))
    exact = [(place, row.ours[FC8].mean) for place, row in enumerate(rows) if FC8 in row.ours]
    if exact:
        where, values = zip(*exact, strict=True)
        name = f"simulated, {FC8}"
        series.append(
            Series(name, "points", floats(where), floats(values), (palette.BLACK,), marker="*", size=9)
        )  # fmt: skip
    return Panel(names(Words(""), [row.item for row in rows]), Scale(_words(time)), tuple(series))


def _bars_of_times(name: str, k: int, heights: Sequence[float | str | None], colour: str) -> Series:
    places = floats(place + 0.27 * k for place in range(len(heights)))
    return Series(name, "bars", places, floats(height or 0 for height in heights), (colour,), width=0.26)


def _words(time: Time, basis: str = "") -> Words:
    return Words(f"{time.value} time", "µs", basis)


def _seeds(item: PaperItem) -> str:
    """What the whiskers over seeds are, where there are several."""
    seeds = max(one.count for row in item.rows for one in row.ours.values())
    return f"simulated: mean of {seeds} seeds, whiskers from least to most" if seeds > 1 else ""


def _with_whiskers(series: Series, spreads: Sequence[Spread]) -> Series:
    return replace(series, low=floats(one.least for one in spreads), high=floats(one.most for one in spreads))


def correlation(table4: PaperItem) -> Picture:
    """Simulated over published actual time, with the band of 10 %."""
    rows = [row for row in table4.rows if row.key is Time.ACTUAL]
    published = floats(row.published or 1 for row in rows)
    start, end = min(published) * 0.75, max(published) * 1.35
    band = (start, end, end, start), (0.9 * start, 0.9 * end, 1.1 * end, 1.1 * start)
    series = [
        Series("equal", "line", (start, end), (start, end), (palette.DARK,)),
        Series("within 10 %", "band", *band, (palette.PALE,)),
    ]
    for kind, (colour, marker) in SERIES.items():
        known = [(x, row.ours[kind]) for x, row in zip(published, rows, strict=True) if kind in row.ours]
        if known:
            spreads = [one for _, one in known]
            points = Series(
                f"simulated, {kind}", "points", floats(x for x, _ in known), floats(one.mean for one in spreads),
                (colour,), marker=marker, size=9 if kind == FC8 else 5,
            )  # fmt: skip
            series.append(_with_whiskers(points, spreads))
    ranked = sorted(zip(published, rows, strict=True), key=lambda pair: pair[0])
    ticks = log_ticks(start / 10, end * 10, (1, 2, 3, 5, 7))
    panel = Panel(
        Scale(Words("actual time", "µs", "published, Table IV"), start, end, log=10, ticks=ticks),
        Scale(_words(Time.ACTUAL, "simulated"), log=10, ticks=ticks),
        tuple(series),
        notes=tuple(_beside(row, x, k) for k, (x, row) in enumerate(ranked)),
    )
    title = "Actual time, simulated over published"
    return Picture(title, (panel,), (5.4, 4.8), _seeds(table4), legend="inside")


def _beside(row: ItemRow, x: float, place: int) -> Note:
    """The layer's name, led to the end of its whiskers.

    Neighbours are named on different sides of the line, and those on one side at different distances.
    """
    ours, away = row.ours.values(), 34 if place % 4 > 1 else 20
    if place % 2:
        return Note(row.item, x, max(one.most for one in ours), (-12, away), "center", "center", leader=True)
    return Note(row.item, x, min(one.least for one in ours), (12, -away), "center", "center", leader=True)


def ratios(item: PaperItem, power: Power | None) -> list[Ratio]:
    """The bars of Fig. 6 or 7: the baselines as printed, EIE as printed, and simulated of both kinds of layers.

    power: which of EIE's simulated bars in Fig. 7.
    """
    bars = [(row.key, row) for row in item.rows if isinstance(row.key, BarKey)]
    made = []
    for key, row in bars:
        value = float(row.published or 0)
        if key.series != EIE:
            made.append(Ratio(key.layer, BASELINES[key.series].machine, key.series, "published", value))
        elif key.power is power:
            made.append(Ratio(key.layer, EIE, f"{EIE} published", "published", value))
    words, basis = ("", "simulated") if power is None else (f"{power.value}, ", "estimated")
    for series in VARIATIONS:
        made += [
            Ratio(
                key.layer,
                EIE,
                f"{EIE} {basis}, {words}{series}",
                basis,
                row.ours[series].mean,
                low=row.ours[series].least,
                high=row.ours[series].most,
            )
            for key, row in bars
            if key.series == EIE and key.power is power and series in row.ours
        ]
    return made


def swept(runs: Simulations, item: PaperItem, kind: str) -> Picture:
    """A sweep's picture for one kind of layers, with the published points where there are some."""
    curve = CURVES[item.key]
    table = _along(runs.table, curve.key, VARIATIONS[kind])
    accuracies = {
        row.key.arithmetic: row.ours[MODEL].mean / 100
        for row in item.rows
        if isinstance(row.key, AccuracyKey) and row.key.network == LENET
    }
    picture = replace(curve.draw(table, accuracies), title=f"{item.title} ({kind})")
    if item.key not in MARKED:
        return picture
    known = {row.item: float(row.published) for row in item.rows if isinstance(row.published, int | float)}
    first, *others = picture.panels
    return replace(picture, panels=(_marked(first, known, float(MachineConfig().model_dump()[curve.key])), *others))


def _along(table: "pd.DataFrame", key: str, variation: float) -> "pd.DataFrame":
    """The rows of a kind of layers in which only `key` differs from the published machine."""
    published = MachineConfig().model_dump()
    rows = table[table["variation"] == variation]
    for other in {curve.key for curve in CURVES.values()} - {key}:
        rows = rows[rows[other] == published[other]]
    return rows


def _marked(panel: Panel, known: Mapping[str, float], at: float) -> Panel:
    """A cross in the layer's colour at each published point."""
    colours = {one.name: one.colours[0] for one in panel.series}
    points = Series(
        "published (derived)", "points", (at,) * len(known), floats(known.values()),
        tuple(colours.get(layer, palette.BLACK) for layer in known), marker="x", size=8,
    )  # fmt: skip
    return replace(panel, series=(*panel.series, points))
