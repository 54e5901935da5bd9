"""What the HTML pages share: the style of light and dark, the theme's script, Bokeh's own script, filling a template.

A page is one file that needs no network.
"""

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from eiesim.errors import EieError

_MARK = re.compile(r"\{\{ ([a-z_. ]+) \}\}")
"""A place of a template where a part goes."""

SHARED = ("base.css", "theme.js", "live.js")
"""The files of this room's assets that a template may name."""


def filled(room: str, template: str, parts: Mapping[str, str]) -> str:
    """A template of a room's `assets`, with parts in the places of their names, such as `{{ title }}`.

    room: such as `eiesim.tracing`. The name of a file of its assets, or one of `SHARED`, is a part too.
    Parts go in as they are: text from outside has to be escaped before.
    """
    assets, shared = files(room) / "assets", files("eiesim.view") / "assets"

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
        raise EieError("the page needs Bokeh: pip install 'eiesim[trace]'") from None
    text: str = Resources(mode="inline", components=list(components)).render()
    return text
