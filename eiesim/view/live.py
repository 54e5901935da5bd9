"""Panels as the data from which a page's script draws Bokeh plots: numbers, looks, and what pointing at a mark says."""

import math
from collections.abc import Sequence
from typing import Any

from eiesim.view.panels import Panel, Scale, Series

_MARKERS = {
    "o": "circle", "s": "square", "D": "diamond", "^": "triangle", "v": "inverted_triangle", "P": "cross", "X": "x",
    "x": "x", "*": "star", "<": "hex",
}  # fmt: skip


def data(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """A panel each, ready for JSON; see `assets/live.js`, which draws them."""
    return [
        {
            "title": panel.title,
            "x": _axis(panel.x),
            "y": _axis(panel.y),
            "series": [_series(panel, one) for one in panel.series],
        }
        for panel in panels
        if panel.series
    ]


def legend(panels: Sequence[Panel]) -> list[Series]:
    """One series a name, in the order in which the panels have them."""
    return list({one.name: one for panel in reversed(panels) for one in reversed(panel.series)}.values())[::-1]


def _axis(scale: Scale) -> dict[str, Any]:
    return {
        "label": _label(scale),
        "start": scale.start,
        "end": scale.end,
        "log": scale.log,
        "percent": scale.percent,
        "ticks": [list(tick) for tick in scale.ticks],
        "named": _is_named(scale),
    }


def _series(panel: Panel, one: Series) -> dict[str, Any]:
    count = range(len(one.x))
    return {
        "name": one.name,
        "kind": one.kind,
        "x": list(one.x),
        "y": list(one.y),
        "low": [None if math.isnan(value) else value for value in one.low],
        "high": [None if math.isnan(value) else value for value in one.high],
        "colours": [one.colours[k % len(one.colours)] for k in count],
        "bottom": one.bottom,
        "width": one.width,
        "hatch": one.hatch,
        "marker": _MARKERS.get(one.marker, "circle") if one.marker or one.kind == "points" else "",
        "dashed": one.dashed,
        "across": [_said(panel.x, value) for value in one.x],
        "up": [_said(panel.y, value) for value in one.y],
        "ends": [_ends(panel.y, *ends) for ends in zip(one.low, one.high, strict=True)],
    }


def _label(scale: Scale) -> str:
    return scale.label.replace("\n", " ")


def _is_named(scale: Scale) -> bool:
    """Whether names stand along the axis in place of numbers."""
    return any(not text.replace(",", "").replace(".", "").isdecimal() for _, text in scale.ticks)


def _said(scale: Scale, value: float) -> str:
    """A value with its axis: `queue depth (places): 8`; of named places the name alone."""
    if _is_named(scale):
        return min(scale.ticks, key=lambda tick: abs(tick[0] - value))[1]
    return f"{_label(scale)}: {shown(scale, value)}"


def shown(scale: Scale, value: float) -> str:
    """A value as the page shows it: four digits, or a share in per cent."""
    if scale.percent:
        return f"{value:.1%}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _ends(scale: Scale, low: float, high: float) -> str:
    return "" if math.isnan(low) else f"least {shown(scale, low)}, most {shown(scale, high)}"
