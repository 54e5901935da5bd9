"""Pictures as plain data: panels of series, with their scales. A study makes them, and nothing in them knows how it is
drawn: `view.figure` draws them with matplotlib, `view.page` makes data for a page's script of them.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from eiesim.view.words import Words

Values = tuple[float, ...]
Look = Literal["", "dashed", "dashdot", "dotted"]
Kind = Literal["line", "step", "levels", "points", "bars", "hbars", "band"]

MARGIN = 0.05
"""What is left free beside the outermost mark, of the length of the axis."""


@dataclass(frozen=True)
class Series:
    """One entry of the legend: marks of one kind.

    kind: `line` joins the points; `step`: y holds from its x to the next; `levels`: y holds half way to its neighbours;
    `points`; `bars` stand on `base` at x and end at y; `hbars` lie at y, begin at `base` and end at x; `band`: x and y
    are its outline.
    x, y: in the units of the panel's scales. low, high: ends of whiskers along y, nan where there is none; or empty.
    base, width: of bars; one base for all or one each. colours: one, or one a mark. size: of markers, in points.
    labels: a text a mark, may be empty. hatch, marker: as matplotlib names them. dashed: a line that others are held
    against. line: how a line is drawn, solid unless told.
    """

    name: str
    kind: Kind
    x: Values
    y: Values
    colours: tuple[str, ...]
    low: Values = ()
    high: Values = ()
    base: Values = (0.0,)
    width: float = 0.8
    hatch: str = ""
    marker: str = ""
    size: float = 6.0
    dashed: bool = False
    line: Look = ""
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError where a value is missing somewhere."""
        count = len(self.x)
        parts = {"low": self.low, "high": self.high, "labels": self.labels}
        wrong = ["y"] * (len(self.y) != count)
        wrong += [name for name, part in parts.items() if part and len(part) != count]
        wrong += [
            name for name, part in (("colours", self.colours), ("base", self.base)) if len(part) not in (1, count)
        ]
        if wrong:
            raise ValueError(f"series '{self.name}' has {count} x, and not as many {', '.join(wrong)}")


@dataclass(frozen=True)
class Scale:
    """An axis. start, end: what it shows, from left to right or upward; None leaves room for all marks.

    log: the base of a logarithmic axis, 0 for a linear one. form: how numbers stand at it, such as `,.0f` or `.0%`.
    ticks: places and what stands there; empty where whoever draws it may choose. named: names stand there, no numbers.
    """

    words: Words
    start: float | None = None
    end: float | None = None
    log: int = 0
    form: str = ""
    ticks: tuple[tuple[float, str], ...] = ()
    named: bool = False

    @property
    def label(self) -> str:
        """What stands along the axis."""
        return self.words.label

    @property
    def percent(self) -> bool:
        """Whether values are shares of 1, shown in per cent."""
        return self.form.endswith("%")


@dataclass(frozen=True, eq=False)
class Cells:
    """A raster. values: float64[rows, columns], or colours float64[rows, columns, 3] in 0..1.

    x, y: the edges of the first and the last column, and of the first and the last row, in the panel's units.
    scale: of the values, for the bar of colours; None without one. colours: name of matplotlib's colour map.
    labels: a text a cell, may be empty. key: (name, colour) of what colours mean.
    """

    values: npt.NDArray[np.float64]
    x: tuple[float, float]
    y: tuple[float, float]
    scale: Scale | None = None
    colours: str = "cividis"
    labels: tuple[tuple[str, ...], ...] = ()
    key: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Note:
    """A text at a point. shift: from there, in points of print. side: on which side of that the text ends or begins.

    leader: whether a thin line leads from the text to the point.
    """

    text: str
    x: float
    y: float
    shift: tuple[float, float] = (0, 2)
    side: Literal["left", "center", "right"] = "center"
    up: Literal["top", "center", "bottom"] = "bottom"
    leader: bool = False


@dataclass(frozen=True)
class Rule:
    """A thin line over the whole panel, at an x (upright) or a y. look: solid, dashed or dotted."""

    at: float
    colour: str
    upright: bool = False
    look: Literal["solid", "dashed", "dotted"] = "solid"


@dataclass(frozen=True)
class Panel:
    """One pair of axes and what they show."""

    x: Scale
    y: Scale
    series: tuple[Series, ...] = ()
    title: str = ""
    cells: Cells | None = None
    notes: tuple[Note, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Picture:
    """Panels, row by row, under a title.

    size_in: width and height in inches. across: panels beside one another; 0 is all. widths, heights: of the columns
    and rows of panels, as ratios. shared: the axis that all panels have in common. style: see `view.style.STYLES`.
    legend: where the names of the first panel's series stand.
    """

    title: str
    panels: tuple[Panel, ...]
    size_in: tuple[float, float]
    caption: str = ""
    across: int = 0
    widths: tuple[float, ...] = ()
    heights: tuple[float, ...] = ()
    shared: Literal["", "x", "y"] = ""
    legend: Literal["", "above", "right", "below", "inside"] = ""
    style: Literal["bars", "lines", "paper"] = "bars"

    @property
    def widths_in(self) -> tuple[float, ...]:
        """About how wide the panels of a row are, in inches."""
        ratios = self.widths or (1.0,) * (self.across or len(self.panels))
        return tuple(self.size_in[0] * ratio / sum(ratios) for ratio in ratios)


def floats(values: Iterable[Any]) -> Values:
    """Numbers of any kind as floats; None becomes nan."""
    return tuple(math.nan if value is None else float(value) for value in values)


def names(words: Words, texts: Sequence[str], *, downward: bool = False) -> Scale:
    """The axis of names at 0, 1, 2... downward: from the top on."""
    ends = (-0.6, len(texts) - 0.4)
    start, end = reversed(ends) if downward else ends
    return Scale(words, start, end, ticks=tuple(enumerate(texts)), named=True)


def reach(values: Iterable[float], log: int = 0, margin: float = MARGIN) -> tuple[float, float]:
    """The ends of an axis that shows all values with a margin beside them; nan is passed over."""
    known = np.array([value for value in values if math.isfinite(value) and (not log or value > 0)])
    if not len(known):
        return (0.1, 1.0) if log else (0.0, 1.0)
    along = np.log(known) if log else known
    low, high = float(along.min()), float(along.max())
    spare = margin * (high - low) or (math.log(2) if log else abs(low) * MARGIN or 1.0)
    ends = low - spare, high + spare
    return (math.exp(ends[0]), math.exp(ends[1])) if log else ends


def limits(panel: Panel) -> tuple[tuple[float, float], tuple[float, float]]:
    """What the panel's axes show: (left, right), (bottom, top). No margin beside cells, nor under bars' base."""
    across: list[float] = [rule.at for rule in panel.rules if rule.upright]
    up: list[float] = [rule.at for rule in panel.rules if not rule.upright]
    feet: dict[str, list[float]] = {"x": [], "y": []}
    for one in panel.series:
        across += one.x
        up += (*one.y, *one.low, *one.high)
        if one.kind == "bars":
            across += [x + side * one.width / 2 for x in one.x for side in (-1, 1)]
            feet["y"] += one.base
        if one.kind == "hbars":
            up += [y + side * one.width / 2 for y in one.y for side in (-1, 1)]
            feet["x"] += one.base
    edges = (None, None) if panel.cells is None else (panel.cells.x, panel.cells.y)
    return _ends(panel.x, across, feet["x"], edges[0]), _ends(panel.y, up, feet["y"], edges[1])


def _ends(
    scale: Scale, values: Sequence[float], feet: Sequence[float], edges: tuple[float, float] | None
) -> tuple[float, float]:
    start, end = edges or reach([*values, *feet], scale.log)
    if feet and min(feet) <= min(value for value in values if math.isfinite(value)):
        start = min(feet)
    return (start if scale.start is None else scale.start, end if scale.end is None else scale.end)
