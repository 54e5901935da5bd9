"""Pictures drawn by matplotlib: the one place where panels become its figures. It computes nothing."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eiesim.errors import plain
from eiesim.view import palette, style
from eiesim.view.panels import Cells, Note, Panel, Picture, Rule, Scale, Series, limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.container import ErrorbarContainer
    from matplotlib.figure import Figure

LETTERS_PER_IN = {"bars": 16.5, "lines": 16.5, "paper": 17.7}
PATCH_LETTERS = {"bars": 8, "lines": 8, "paper": 7}
"""About how many letters of a legend's size go into an inch, by style, and what its patch of colour takes of them."""

SMALL, SMALLEST = 7.0, {"bars": 6.5, "lines": 6.5, "paper": 7.0}
"""Points of texts within pictures, and of those that stand upright, by style."""

AXIS_IN = 0.5
"""What the vertical axis with its label takes of a panel's width in a paper."""

POINTS_PER_IN, DIGIT_EM = 72.0, 0.64
"""How wide a digit is, of its size."""

MOST_LEVEL_LABELS = 12
"""Bars, at most, whose labels have room to stand level."""

DARK = 0.27
"""Text on colours of less luminance is white."""

DRAWN = {"step": "steps-post", "levels": "steps-mid"}


def figure(picture: Picture) -> "Figure":
    """The picture as a matplotlib figure. Names are drawn letter by letter: a dollar sign begins no formula."""
    import matplotlib as mpl

    from eiesim.view.inline import Inline

    settings = style.STYLES[picture.style].settings
    with mpl.rc_context(settings):
        made = Inline(figsize=picture.size_in, layout="constrained")
        made.settings = settings
        across = picture.across or len(picture.panels)
        grid = made.subplots(
            -(-len(picture.panels) // across), across, squeeze=False, sharex=picture.shared == "x",
            sharey=picture.shared == "y", width_ratios=picture.widths or None, height_ratios=picture.heights or None,
        )  # fmt: skip
        every = list(grid.reshape(-1))
        for empty in every[len(picture.panels) :]:
            empty.set_visible(False)
        if picture.title:
            style.headed(made, letters(picture.title), letters(picture.caption))
        handles: list[Any] = []
        bars: dict[tuple[Any, ...], tuple[Any, Scale, list[Axes]]] = {}
        widths_in = picture.widths_in
        for k, (axes, panel) in enumerate(zip(every, picture.panels, strict=False)):
            drawn = _panel(axes, panel, widths_in[k % across], picture.style)
            handles = handles or drawn
            if panel.cells is not None and panel.cells.scale is not None:
                scale, image = panel.cells.scale, axes.images[0]
                bars.setdefault((scale, panel.cells.colours), (image, scale, []))[2].append(axes)
        for image, scale, beside in bars.values():
            shrink = 0.8 if len(beside) > 1 else 1.0
            bar = made.colorbar(image, ax=beside, label=letters(scale.label), shrink=shrink, pad=0.01)
            _axis(bar.ax.yaxis, scale)
        _legend(made, every[: len(picture.panels)], handles, picture)
    return made


def letters(text: str) -> str:
    """Text that matplotlib draws as it stands: no control characters, no formulas."""
    return plain(text).replace(r"\$", "$").replace("$", r"\$")


def _panel(axes: "Axes", panel: Panel, width_in: float, kind: str) -> list[Any]:
    """Draw a panel about so many inches wide, in a style; the handles of its series."""
    lines = kind == "lines"
    handles = [_KINDS.get(one.kind, _line)(axes, one) for one in panel.series]
    standing = sum(len(one.x) for one in panel.series if one.kind == "bars")
    for one in panel.series:
        _labels(axes, one, SMALLEST[kind], level=standing <= MOST_LEVEL_LABELS)
    if panel.cells is not None:
        _cells(axes, panel.cells, width_in, kind)
    for rule in panel.rules:
        _rule(axes, rule)
    axes.set_title(letters(panel.title), loc="left")
    axes.set_xlabel(letters(panel.x.label))
    axes.set_ylabel(letters(panel.y.label))
    _axis(axes.xaxis, panel.x)
    _axis(axes.yaxis, panel.y)
    if kind == "paper" and turned(panel.x, width_in):
        axes.tick_params(axis="x", labelrotation=40, pad=1)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    (left, right), (bottom, top) = limits(panel)
    axes.set_xlim(left, right)
    if not (panel.x.ticks or panel.x.log or panel.x.form):
        _roomy(axes, width_in)
    axes.set_ylim(bottom, top)
    for note in panel.notes:
        _note(axes, note)
    if panel.cells is not None:
        axes.grid(visible=False)
        axes.tick_params(labelsize=8)
    elif panel.x.named:
        axes.grid(axis="x", visible=False)
        if not lines:
            _horizontal_grid(axes)
    elif not lines and not panel.y.named:
        axes.grid(linewidth=0.3, color=palette.LINE)
        axes.set_axisbelow(True)
    return handles


def _roomy(axes: "Axes", width_in: float) -> None:
    """Fewer numbers at a horizontal axis of a panel so wide, where they would run into one another."""
    from matplotlib.ticker import MaxNLocator

    axis = axes.xaxis
    size_pt = axis.get_ticklabels()[0].get_fontsize()
    room = (width_in - AXIS_IN) * POINTS_PER_IN / (DIGIT_EM * float(size_pt))
    for most in range(9, 1, -1):
        locator = MaxNLocator(most, steps=[1, 2, 2.5, 5, 10])
        places = [place for place in locator.tick_values(*axes.get_xlim()) if min(axes.get_xlim()) <= place]
        if sum(len(text) + 1 for text in axis.get_major_formatter().format_ticks(places)) <= room:
            break
    if most < 9:
        axis.set_major_locator(locator)


def turned(scale: Scale, width_in: float) -> bool:
    """Whether the names at a horizontal axis of a panel so wide would run into one another in a paper."""
    lines = [max(text.split("\n"), key=len) for _, text in scale.ticks]
    room = LETTERS_PER_IN["paper"] * (width_in - AXIS_IN)
    return scale.named and max(map(len, lines), default=0) + 1 > room / max(1, len(lines))


def _horizontal_grid(axes: "Axes") -> None:
    """Thin horizontal lines behind bars, and no tick marks under them."""
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", linewidth=0.3, color=palette.LINE)
    axes.set_axisbelow(True)


def _axis(axis: "Axis", scale: Scale) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter, NullLocator

    if scale.log:
        set_scale = axis.axes.set_xscale if axis is axis.axes.xaxis else axis.axes.set_yscale
        set_scale("log", base=scale.log)
    form = scale.form
    if scale.ticks:
        axis.set_major_locator(FixedLocator([place for place, _ in scale.ticks]))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FixedFormatter([letters(text) for _, text in scale.ticks]))
    elif form:
        axis.set_major_formatter(FuncFormatter(lambda value, _: format(value, form)))
    elif scale.log:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))


def _bars(axes: "Axes", one: Series) -> Any:
    base = np.array(one.base)
    looks: dict[str, Any] = {
        "color": one.colours, "edgecolor": "black" if one.hatch else "white",
        "linewidth": 0.3 if one.width < 1 else 0.0, "hatch": one.hatch or None,
    }  # fmt: skip
    if one.kind == "hbars":
        return axes.barh(one.y, np.array(one.x) - base, one.width, left=one.base, **looks)
    drawn = axes.bar(one.x, np.array(one.y) - base, one.width, bottom=one.base, **looks)
    if one.low:
        whiskers = axes.errorbar(
            one.x, one.y, _ends(one), fmt="none", ecolor="black", elinewidth=0.8, capsize=2.5
        )  # fmt: skip
        _outline(whiskers)
    return drawn


def _outline(drawn: "ErrorbarContainer") -> None:
    """Give error bars a white edge and lay them over markers and hatches. A range too short to be seen on its axis is
    still two caps."""
    from matplotlib.patheffects import Normal, Stroke

    halo = [Stroke(linewidth=1.9, foreground="white"), Normal()]
    for part in (*drawn.lines[1], *drawn.lines[2]):
        part.set_path_effects(halo)
        part.set_zorder(4)


def _ends(one: Series) -> Any:
    """The whiskers' lengths down and up. Rounding may put a mean a hair outside its own range."""
    y = np.array(one.y)
    return np.maximum([y - one.low, np.array(one.high) - y], 0)


def _line(axes: "Axes", one: Series) -> Any:
    """Lines, steps and points, with whiskers where there are some."""
    thin = one.marker == "x"
    if len(one.colours) > 1:
        from matplotlib.lines import Line2D

        axes.scatter(
            one.x, one.y, s=one.size**2, c=one.colours, marker=one.marker or "o", linewidths=2 if thin else 0, zorder=3
        )
        # The marks have the colours of several series, so the legend's has that of none.
        return Line2D([], [], color="black", marker=one.marker or "o", linestyle="none", markersize=one.size)
    looks: dict[str, Any] = {
        "color": one.colours[0], "marker": one.marker or None, "markersize": one.size,
        "markeredgewidth": 2 if thin else None, "linewidth": 1.0 if one.dashed else 1.4,
        "linestyle": "none" if one.kind == "points" else "--" if one.dashed else one.line or "-",
        "drawstyle": DRAWN.get(one.kind, "default"),
        "zorder": 4 if thin else None,  # A cross stands on other marks.
    }  # fmt: skip
    if not one.low:
        return axes.plot(one.x, one.y, **looks)[0]
    whiskers = axes.errorbar(one.x, one.y, _ends(one), capsize=3, elinewidth=1.2, **looks)
    _outline(whiskers)
    return whiskers


def _band(axes: "Axes", one: Series) -> Any:
    return axes.fill(one.x, one.y, color=one.colours[0], linewidth=0)[0]


_KINDS: dict[str, Callable[["Axes", Series], Any]] = {"bars": _bars, "hbars": _bars, "band": _band}


def _labels(axes: "Axes", one: Series, smallest: float, *, level: bool) -> None:
    """Over standing bars; within lying ones; beside points, the last one's on the near side. smallest: upright text."""
    last = len(one.x) - 1
    for k, text in enumerate(one.labels):
        x, y = one.x[k], one.y[k]
        looks: dict[str, Any] = {"xytext": (4, 5), "ha": "left", "fontsize": SMALL}
        if one.kind == "bars":
            looks |= {"xytext": (0, 3), "ha": "center", "va": "bottom"}
            looks |= {"fontsize": "medium"} if level else {"rotation": 90, "fontsize": smallest}
        elif one.kind == "hbars":
            x = (x + one.base[k % len(one.base)]) / 2
            colour = _ink(one.colours[k % len(one.colours)])
            looks |= {"xytext": (0, 0), "ha": "center", "va": "center", "color": colour}
            if one.hatch:
                looks |= {"color": "black", "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.8}}
        elif k == last > 0:
            looks |= {"xytext": (-4, -10), "ha": "right"}
        if text:
            axes.annotate(letters(text), (x, y), textcoords="offset points", **looks)


def _ink(colour: Any) -> str:
    """Black or white, whichever is read better on a colour."""
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return "white" if np.dot(linear, (0.2126, 0.7152, 0.0722)) < DARK else "black"


def _cells(axes: "Axes", cells: Cells, width_in: float, kind: str) -> None:
    scale: dict[str, Any] = {}
    if cells.scale is not None:
        scale = {"cmap": cells.colours, "vmin": cells.scale.start, "vmax": cells.scale.end}
    image = axes.imshow(
        cells.values, aspect="auto", interpolation="none", origin="lower", extent=(*cells.x, *cells.y), **scale
    )
    rows, columns = cells.values.shape[:2]
    for down, line in enumerate(cells.labels):
        for across, text in enumerate(line):
            x = cells.x[0] + (across + 0.5) * (cells.x[1] - cells.x[0]) / columns
            y = cells.y[0] + (down + 0.5) * (cells.y[1] - cells.y[0]) / rows
            colour = _ink(image.cmap(image.norm(cells.values[down, across]))[:3])
            axes.text(x, y, letters(text), ha="center", va="center", fontsize=SMALL, color=colour)
    if cells.key:
        from matplotlib.patches import Patch

        handles = [Patch(facecolor=colour, edgecolor=palette.GREY, label=letters(name)) for name, colour in cells.key]
        axes.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(0, 0),
            borderaxespad=0.6,
            ncols=in_columns([name for name, _ in cells.key], width_in, kind),
            frameon=False,
            borderpad=0,
        )


def _rule(axes: "Axes", rule: Rule) -> None:
    draw = axes.axvline if rule.upright else axes.axhline
    draw(rule.at, color=rule.colour, linewidth=0.7, linestyle=rule.look)


def _note(axes: "Axes", note: Note) -> None:
    arrow = {"arrowstyle": "-", "linewidth": 0.4, "shrinkA": 0, "shrinkB": 3} if note.leader else None
    axes.annotate(
        letters(note.text), (note.x, note.y), xytext=note.shift, textcoords="offset points", ha=note.side, va=note.up,
        fontsize=SMALL, arrowprops=arrow, annotation_clip=False,
    )  # fmt: skip


def in_columns(texts: Sequence[str], width_in: float, kind: str) -> int:
    """Columns of a legend that is no wider than so many inches."""
    longest = max(map(len, texts)) + PATCH_LETTERS[kind]
    return min(len(texts), max(1, int(LETTERS_PER_IN[kind] * width_in / longest)))


def _legend(made: "Figure", every: Sequence["Axes"], handles: Sequence[Any], picture: Picture) -> None:
    if not picture.legend:
        return
    texts = [letters(one.name) for one in picture.panels[0].series]
    columns = in_columns(texts, picture.size_in[0], picture.style)
    places: dict[str, tuple[Any, dict[str, Any]]] = {
        "above": (every[0], {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2, "ncols": columns}),
        "below": (made, {"loc": "outside lower left", "ncols": columns}),
        "right": (every[-1], {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}),
        "inside": (every[0], {"loc": "upper left"}),
    }
    of, where = places[picture.legend]
    of.legend(handles, texts, frameon=False, **where)
