"""What the HTML pages share: the style of light and dark, the theme's script, Bokeh's own script, filling a template;
and panels as the data from which a page's script draws Bokeh plots.

A page is one file that needs no network.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from eiesim.errors import EieError, with_extra
from eiesim.view.panels import Panel, Scale, Series, limits

_MARK = re.compile(r"\{\{ ([a-z_. ]+) \}\}")
"""A place of a template where a part goes."""

SHARED = ("base.css", "theme.js", "live.js")
"""The files of this package's assets that a template may name."""

_MARKERS = {
    "o": "circle", "s": "square", "D": "diamond", "^": "triangle", "v": "inverted_triangle", "P": "cross", "X": "x",
    "x": "x", "*": "star", "<": "hex",
}  # fmt: skip

KINDS = ("line", "points", "bars", "band")
"""What the script draws."""


def filled(package: str, template: str, parts: Mapping[str, str]) -> str:
    """A template of a package's `assets`, with parts in the places of their names, such as `{{ title }}`.

    package: such as `eiesim.tracing`. The name of a file of its assets, or one of `SHARED`, is a part too.
    Parts go in as they are: text from outside has to be escaped before.
    """
    assets, shared = files(package) / "assets", files("eiesim.view") / "assets"

    def part(name: str) -> str:
        if name in parts:
            return parts[name]
        return ((shared if name in SHARED else assets) / name).read_text(encoding="utf-8")

    return _MARK.sub(lambda found: part(found[1]), (assets / template).read_text(encoding="utf-8"))


def as_script(data: Any) -> str:
    """JSON that may stand in a script element, whatever names it holds."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def bokeh_script(*components: str) -> str:
    """Bokeh's own script as script elements. components: such as `bokeh`, `bokeh-api`.

    Raises EieError where Bokeh is not installed.
    """
    try:
        from bokeh.resources import Resources
    except ImportError:
        raise EieError(f"the page needs Bokeh; {with_extra('trace')}") from None
    text: str = Resources(mode="inline", components=list(components)).render()
    return text


def plot_data(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """A panel each, ready for JSON, as `assets/live.js` draws them. Raises ValueError for what that cannot draw."""
    return [_panel(panel) for panel in panels]


def legend(panels: Sequence[Panel]) -> list[Series]:
    """One series a name, in the order in which the panels have them."""
    return list({one.name: one for panel in reversed(panels) for one in reversed(panel.series)}.values())[::-1]


def _panel(panel: Panel) -> dict[str, Any]:
    other = next((one.kind for one in panel.series if one.kind not in KINDS), "cells" if panel.cells else None)
    if other is not None:
        raise ValueError(f"a page's pictures have no {other}")
    across, up = limits(panel)
    return {
        "title": panel.title,
        "x": _axis(panel.x, across),
        "y": _axis(panel.y, up),
        "series": [_series(panel, one) for one in panel.series],
        "notes": [
            {"text": one.text, "x": one.x, "y": one.y, "shift": list(one.shift), "side": one.side, "up": one.up}
            for one in panel.notes
        ],
    }


def _axis(scale: Scale, ends: tuple[float, float]) -> dict[str, Any]:
    return {
        "label": scale.label,
        "start": ends[0],
        "end": ends[1],
        "log": bool(scale.log),
        "percent": scale.percent,
        "ticks": [list(tick) for tick in scale.ticks if ends[0] <= tick[0] <= ends[1]],
        "named": scale.named,
    }


def _series(panel: Panel, one: Series) -> dict[str, Any]:
    count = range(len(one.x))
    low, high = one.low or (math.nan,) * len(one.x), one.high or (math.nan,) * len(one.x)
    return {
        "name": one.name,
        "kind": one.kind,
        "x": list(one.x),
        "y": list(one.y),
        "low": [None if math.isnan(value) else value for value in low],
        "high": [None if math.isnan(value) else value for value in high],
        "colours": [one.colours[k % len(one.colours)] for k in count],
        "bottom": [one.base[k % len(one.base)] for k in count],
        "width": one.width,
        "hatch": one.hatch[:1],
        "marker": _MARKERS.get(one.marker, "circle") if one.marker or one.kind == "points" else "",
        "dashed": one.dashed,
        "across": [_said(panel.x, value) for value in one.x],
        "up": [_said(panel.y, value) for value in one.y],
        "ends": [_ends(panel.y, *ends) for ends in zip(low, high, strict=True)],
    }


def _label(scale: Scale) -> str:
    return scale.label.replace("\n", " ")


def _said(scale: Scale, value: float) -> str:
    """A value with its axis: `queue depth (places): 8`; of named places the name alone."""
    if scale.named:
        return min(scale.ticks, key=lambda tick: abs(tick[0] - value))[1]
    return f"{_label(scale)}: {shown(scale, value)}"


def shown(scale: Scale, value: float) -> str:
    """A value as the page shows it: four digits, or a share in per cent."""
    if scale.percent:
        return f"{value:.1%}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _ends(scale: Scale, low: float, high: float) -> str:
    return "" if math.isnan(low) else f"least {shown(scale, low)}, most {shown(scale, high)}"
