"""What a matplotlib picture shows, as plain data: its panels and their series, read off the picture itself.

So a picture for the browser and the one for print cannot show different values.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.container import BarContainer, ErrorbarContainer
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


@dataclass(frozen=True)
class Series:
    """One entry of the legend. kind: line, points, bars or band.

    x, y: where the marks are, in the panel's units; of a band its outline. low, high: ends of the whiskers; nan where
    there are none. bottom, width: of bars. colours: one, or one a mark. hatch, marker, dashed: as matplotlib has them.
    """

    name: str
    kind: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    colours: tuple[str, ...]
    bottom: float = 0.0
    width: float = 0.0
    hatch: str = ""
    marker: str = ""
    dashed: bool = False


@dataclass(frozen=True)
class Scale:
    """An axis. ticks: places and what stands there; empty where the reader of this may choose its own."""

    label: str
    start: float
    end: float
    log: bool = False
    percent: bool = False
    ticks: tuple[tuple[float, str], ...] = field(default=())


@dataclass(frozen=True)
class Panel:
    """One pair of axes."""

    title: str
    x: Scale
    y: Scale
    series: tuple[Series, ...]


def panels(figure: "Figure") -> list[Panel]:
    """The panels of a picture with lines, points, bars and bands; anything else in it is left out."""
    return [_named(_panel(axes)) for axes in figure.axes if axes.get_visible()]


def _named(panel: Panel) -> Panel:
    """A series that matplotlib named itself goes by what the axis says."""
    series = [replace(one, name=panel.y.label) if one.name.startswith("_") else one for one in panel.series]
    return replace(panel, series=tuple(series))


def _panel(axes: "Axes") -> Panel:
    from matplotlib.container import BarContainer, ErrorbarContainer

    found: list[Series] = []
    in_containers: list[Any] = []
    whiskers: list[ErrorbarContainer] = []
    for one in axes.containers:
        if isinstance(one, BarContainer):
            found.append(_bars(one))
        elif isinstance(one, ErrorbarContainer):
            line = one.lines[0]
            if line is None:
                whiskers.append(one)
            else:
                in_containers.append(line)
                found.append(_with_ends(_line(line, str(one.get_label())), one))
    for one in whiskers:
        found = [_with_ends(series, one) if series.kind == "bars" else series for series in found]
    for line in axes.lines:
        if any(line is other for other in in_containers) or len(np.asarray(line.get_xdata())) == 0:
            continue
        name = str(line.get_label())
        if not name.startswith("_"):
            found.append(_line(line, name))
        elif found and found[-1].kind == "points" and line.get_marker() == found[-1].marker:
            found[-1] = _joined(found[-1], _line(line, name))  # more points of the entry before
    found += [_band(one) for one in axes.collections if not str(one.get_label()).startswith("_")]
    x, y = _scale(axes.xaxis, axes.get_xlim(), keep_ticks=True), _scale(axes.yaxis, axes.get_ylim(), keep_ticks=False)
    return Panel(axes.get_title(loc="left"), x, y, tuple(found))


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in np.asarray(values, float))


def _nothing(count: int) -> tuple[float, ...]:
    return (float("nan"),) * count


def _colour(given: Any) -> str:
    from matplotlib.colors import to_hex

    return to_hex(given)


def _bars(one: "BarContainer") -> Series:
    first = one.patches[0]
    x = _floats([bar.get_x() + bar.get_width() / 2 for bar in one.patches])
    y = _floats([bar.get_y() + bar.get_height() for bar in one.patches])  # the end, wherever the bar stands
    return Series(
        str(one.get_label()), "bars", x, y, _nothing(len(x)), _nothing(len(x)), (_colour(first.get_facecolor()),),
        bottom=float(first.get_y()), width=float(first.get_width()), hatch=str(first.get_hatch() or "")[:1],
    )  # fmt: skip


def _line(line: "Line2D", name: str) -> Series:
    x, y = _floats(line.get_xdata()), _floats(line.get_ydata())
    marker, style = str(line.get_marker()), str(line.get_linestyle())
    kind = "points" if style in ("None", "none", "") else "line"
    return Series(
        name, kind, x, y, _nothing(len(x)), _nothing(len(x)), (_colour(line.get_color()),),
        marker="" if marker in ("None", "none", "") else marker, dashed=style == "--",
    )  # fmt: skip


def _joined(one: Series, other: Series) -> Series:
    colours = tuple(one.colours[k % len(one.colours)] for k in range(len(one.x)))
    return replace(
        one, x=one.x + other.x, y=one.y + other.y, low=one.low + other.low, high=one.high + other.high,
        colours=colours + other.colours * len(other.x),
    )  # fmt: skip


def _with_ends(series: Series, bars: "ErrorbarContainer") -> Series:
    """The series with the whiskers that stand at its places."""
    low, high = list(series.low), list(series.high)
    for part in bars.lines[2]:
        for segment in part.get_segments():
            for k in np.flatnonzero(np.isclose(series.x, segment[0][0])):
                low[k], high[k] = float(segment[0][1]), float(segment[1][1])
    return replace(series, low=tuple(low), high=tuple(high))


def _band(one: Any) -> Series:
    outline = one.get_paths()[0].vertices
    x, y = _floats(outline[:, 0]), _floats(outline[:, 1])
    colour = _colour(one.get_facecolor()[0])
    return Series(str(one.get_label()), "band", x, y, _nothing(len(x)), _nothing(len(x)), (colour,))


def _scale(axis: "Axis", limits: Sequence[float], *, keep_ticks: bool) -> Scale:
    from matplotlib.ticker import PercentFormatter

    places = [float(place) for place in axis.get_majorticklocs()] if keep_ticks else []
    texts = axis.get_major_formatter().format_ticks(places)
    start, end = limits
    return Scale(
        axis.get_label_text(), float(start), float(end), axis.get_scale() == "log",
        isinstance(axis.get_major_formatter(), PercentFormatter),
        tuple((place, text) for place, text in zip(places, texts, strict=True) if start <= place <= end),
    )  # fmt: skip
