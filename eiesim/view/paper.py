"""Pictures for a paper: a column or two wide, without title, told apart without colour.

A picture is data, so its paper form is another picture: other sizes, colours, hatches and marks, the same values. What
a title and a caption said goes into `captions.tex`, for in a paper they stand under the figure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import ceil
from textwrap import fill

from eiesim.errors import unknown
from eiesim.view import palette
from eiesim.view.figure import LETTERS_PER_IN, PATCH_LETTERS, POINTS_PER_IN, in_columns, turned
from eiesim.view.grid import escaped
from eiesim.view.panels import Look, Panel, Picture, Scale, Series, limits
from eiesim.view.words import Words, shortened

SCREEN = "screen"
WIDTHS_PT: Mapping[str, float] = {"paper": 252.0, "paper-wide": 516.0}
"""The styles for a paper: as wide as a column of a page of two, and as both columns with the gap."""

STYLES = (SCREEN, *WIDTHS_PT)

APART = 15.0
"""Neighbouring series differ by so much in CIELAB lightness (0 black, 100 white), so that grey tells them apart."""

DARKEST, LIGHTEST = 10.0, 92.0

LINES = (palette.BLUE, palette.ORANGE, palette.BLACK, palette.GREEN, palette.VIOLET, palette.SKY, palette.BROWN,
         palette.PURPLE, "#333333")  # fmt: skip
"""Colours of lines in turns of dark and light."""

LOOKS: tuple[Look, ...] = ("", "dashed", "dashdot", "dotted")
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "||||", "++++", "oo")
"""Of bars that stand or lie beside or on one another, in order."""

REFERENCE = "#A0A0A0"
"""A dashed line that others are held against."""

LETTER_PT = 4.4
"""About how wide a letter of 8 points is."""

LEGEND_LINE_IN, NAME_IN, AXIS_IN, TURNED_IN = 0.15, 0.15, 0.5, 0.035
"""Height of a legend's line, of a name at a vertical axis, of a horizontal axis with its label, of a turned letter."""

BAR_PT = 18.0
"""What a bar of colours takes beside its panels."""

MOST_NUMBERS = 8
"""Numbers of PEs, at most, at an axis of one of several panels of a height of their own."""

SHORTEST_IN, TALLEST_IN = 1.45, 2.0
"""Of a panel."""

MOST_BELOW = 3
"""Panels, at most, that all stand below one another in a column."""

LONGEST_TITLE = 24
"""Letters of a panel's title that is kept where there are several panels; longer ones of several words explain."""

TITLE_LETTERS_PER_IN = 14
"""Of a layer's name on its panel."""

LONGEST_NAME = 24
"""Letters of a name at a horizontal axis that is turned."""

MOST_LABELLED = 12
"""Bars, at most, that carry their values in a column's width."""


def check_style(style: str) -> None:
    """Raises EieError for what is no style."""
    if style not in STYLES:
        raise unknown("no style", style, STYLES)


def in_style(picture: Picture, style: str) -> Picture:
    """A picture as it is, or in one of the paper's styles. Raises EieError for another style."""
    check_style(style)
    return picture if style == SCREEN else _for_paper(picture, WIDTHS_PT[style] / POINTS_PER_IN)


def _for_paper(picture: Picture, width_in: float) -> Picture:
    count, column = len(picture.panels), width_in < 5
    before = picture.across or count
    across = before if picture.widths else min(before, _beside(picture, column))
    made = replace(picture, across=across, size_in=(width_in, 0), legend=picture.legend and "below", style="paper")
    rows, high_in = ceil(count / across), picture.size_in[1] / ceil(count / before)
    if across == before and picture.heights:
        high_in, heights = min(4.6, max(2.4, 0.45 * picture.size_in[1])) / rows, picture.heights
    else:
        high_in, heights = min(TALLEST_IN, max(SHORTEST_IN, 0.55 * high_in)), ()
        high_in = max([high_in, *(AXIS_IN + NAME_IN * len(one.y.ticks) for one in picture.panels if one.y.named)])
    turned_in = 0.0 if heights else max(_turned_in(one, made.widths_in[0]) for one in picture.panels)
    legend_in, longest = 0.0, int(LETTERS_PER_IN["paper"] * width_in) - PATCH_LETTERS["paper"]
    if made.legend:
        named = [shortened(one.name, longest) for one in picture.panels[0].series]
        legend_in = LEGEND_LINE_IN * ceil(len(named) / in_columns(named, width_in, "paper"))
    looks = _looks(picture.panels)
    panels = tuple(
        _panel(panel, looks, made.widths_in[k % across], high_in, longest, alone=count == 1, column=column)
        for k, panel in enumerate(picture.panels)
    )
    if heights:
        panels = tuple(replace(panel, y=_fewer(panel.y)) for panel in panels)
    size_in = (width_in, rows * (high_in + turned_in) + legend_in)
    return replace(made, title="", caption="", panels=panels, size_in=size_in, heights=heights)


def _beside(picture: Picture, column: bool) -> int:
    """Panels, at most, that stand beside one another."""
    if any(panel.cells for panel in picture.panels):
        return 2 if column else 4
    return (1 if len(picture.panels) <= MOST_BELOW else 2) if column else 3


def _turned_in(panel: Panel, wide_in: float) -> float:
    """What names that are turned take of a panel's height."""
    letters = min(LONGEST_NAME, max((len(text) for _, text in panel.x.ticks), default=0))
    return TURNED_IN * letters if turned(panel.x, wide_in) else 0.0


def _panel(
    panel: Panel,
    looks: Mapping[str, Series],
    wide_in: float,
    high_in: float,
    longest: int,
    *,
    alone: bool,
    column: bool,
) -> Panel:
    standing = sum(len(one.x) for one in panel.series if one.kind == "bars")
    series = tuple(_looking(one, looks) for one in panel.series)
    series = tuple(replace(one, name=shortened(one.name, longest)) for one in series)
    if column and standing > MOST_LABELLED:
        series = tuple(replace(one, labels=()) for one in series)
    cells, room_pt = panel.cells, (wide_in - 0.7) * POINTS_PER_IN
    if cells is not None and cells.labels:
        letters = max(len(text) for line in cells.labels for text in line)
        if letters * LETTER_PT * cells.values.shape[1] > room_pt - BAR_PT:
            cells = replace(cells, labels=())
    if cells is not None and cells.scale is not None:
        cells = replace(cells, scale=_folded(cells.scale, high_in - AXIS_IN))
    notes = panel.notes
    if sum(1 + max(map(len, note.text.split("\n"))) for note in notes if note.side == "center") * LETTER_PT > room_pt:
        notes = tuple(note for note in notes if note.side != "center")
    title = (
        ""
        if alone or _explains(panel.title)
        else shortened(panel.title, int((wide_in - AXIS_IN) * TITLE_LETTERS_PER_IN))
    )
    x, y = _folded(panel.x, wide_in - 0.4), _folded(panel.y, high_in - AXIS_IN)
    if turned(x, wide_in):
        x = replace(x, ticks=tuple((place, shortened(" ".join(text.split()), LONGEST_NAME)) for place, text in x.ticks))
    elif not x.named:
        x = _thinned(x, limits(panel)[0], room_pt)
    if y.named:
        letters = int(wide_in * LETTERS_PER_IN["paper"] / 3)
        y = replace(y, ticks=tuple((place, _cut(text, letters)) for place, text in y.ticks))
    return replace(panel, series=series, title=title, cells=cells, notes=notes, x=x, y=y)


def _cut(text: str, letters: int) -> str:
    """A name of one line or several, none longer than so many letters."""
    return "\n".join(shortened(line, letters) for line in text.split("\n"))


def _thinned(scale: Scale, ends: tuple[float, float], room_pt: float) -> Scale:
    """A horizontal axis with every other number, and so on, until they have room."""
    ticks = tuple(tick for tick in scale.ticks if min(ends) <= tick[0] <= max(ends))
    while len(ticks) > 1 and sum(len(text) + 1 for _, text in ticks) * LETTER_PT > room_pt:
        ticks = ticks[::2]
    return replace(scale, ticks=ticks)


def _fewer(scale: Scale) -> Scale:
    return replace(scale, ticks=scale.ticks[:: ceil(len(scale.ticks) / MOST_NUMBERS) or 1])


def _folded(scale: Scale, room_in: float) -> Scale:
    """An axis whose label is broken into lines where there is not room for it in one."""
    label = " ".join(scale.label.split())
    letters = max(10, int(room_in * POINTS_PER_IN / LETTER_PT))
    return replace(scale, words=Words(fill(label, letters) if len(label) > letters else label))


def _looks(panels: Sequence[Panel]) -> dict[str, Series]:
    """How each series is drawn, by its name: the same in all panels."""
    named = list({one.name: one for panel in panels for one in panel.series}.values())
    bars = [one for one in named if one.kind in ("bars", "hbars") and len(one.colours) == 1]
    plain = len(bars) > 1 and not any(one.hatch for one in bars)
    shades = dict(zip((one.name for one in bars), apart(one.colours[0] for one in bars), strict=True))
    made, lines = {}, 0
    for one in named:
        if one.name in shades:
            hatch = HATCHES[list(shades).index(one.name) % len(HATCHES)] if plain else one.hatch
            made[one.name] = replace(one, colours=(shades[one.name],), hatch=hatch)
        elif one.kind != "band" and len(one.colours) == 1 and (one.dashed or _is_grey(one.colours[0])):
            made[one.name] = replace(one, colours=(REFERENCE,), size=min(one.size, 3.0))
        elif one.kind != "band" and len(one.colours) == 1:
            colour = LINES[lines % len(LINES)] if len(named) > 1 else one.colours[0]
            size = min(one.size, 4.5 if one.kind == "points" else 3.8)
            made[one.name] = replace(one, colours=(colour,), line=LOOKS[lines % len(LOOKS)], size=size)
            lines += 1
    return made


def _is_grey(colour: str) -> bool:
    """Whether a colour stands for what others are held against; black does not."""
    return colour[1:3] == colour[3:5] == colour[5:7] != "00"


def _looking(one: Series, looks: Mapping[str, Series]) -> Series:
    look = looks.get(one.name)
    if look is None:
        return replace(one, size=min(one.size, 4.5))
    return replace(one, colours=look.colours, hatch=look.hatch, line=look.line, size=look.size)


def _explains(title: str) -> bool:
    """Whether a panel's title is a sentence for the caption; a layer's name is not, however long."""
    return len(title) > LONGEST_TITLE and " " in title


def caption(name: str, picture: Picture) -> str:
    r"""What the titles and the caption of a picture say, as a LaTeX `figure` that holds its PDF file."""
    titles = [panel.title for panel in picture.panels if _explains(panel.title)]
    told = [picture.title, *(one[:1].upper() + one[1:] for one in (picture.caption, *titles))]
    text = " ".join(f"{escaped(' '.join(one.split()))}." for one in told if one)
    return (
        f"\\begin{{figure}}\n  \\centering\n  \\includegraphics{{{name}.pdf}}\n  \\caption{{{text}}}\n"
        f"  \\label{{fig:{name}}}\n\\end{{figure}}\n"
    )


def lightness(colour: str) -> float:
    """CIELAB lightness of `#RRGGBB`: what is left of it in grey, 0 black to 100 white."""
    linear = [_linear(int(colour[k : k + 2], 16) / 255) for k in (1, 3, 5)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return float(116 * luminance ** (1 / 3) - 16 if luminance > 0.008856 else 903.3 * luminance)


def _linear(share: float) -> float:
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)


def apart(colours: Iterable[str]) -> list[str]:
    """Colours of neighbours, lighter or darker where that is needed so that each is `APART` from the one before."""
    made: list[str] = []
    for colour in colours:
        own = lightness(colour)
        if made and abs(own - (before := lightness(made[-1]))) < APART:
            # A hair more, for colours are whole numbers.
            ways = [one for one in (before + APART + 1, before - APART - 1) if DARKEST <= one <= LIGHTEST]
            colour = _at(colour, min(ways, key=lambda one: abs(one - own)))
        made.append(colour)
    return made


def _at(colour: str, wanted: float) -> str:
    """A colour mixed with white or black until it has a lightness."""
    end = 255 if wanted > lightness(colour) else 0
    parts = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    mixed = colour
    for step in range(201):
        mixed = "#" + "".join(f"{round(part + (end - part) * step / 200):02X}" for part in parts)
        if (lightness(mixed) - wanted) * (1 if end else -1) >= 0:
            break
    return mixed
