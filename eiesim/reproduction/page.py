"""The reproduction as one HTML page: no network, pictures within. It computes nothing.

Where Bokeh is installed its figures are drawn in the browser and show their values; the still pictures are for print.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from eiesim._shown import counted
from eiesim._version import __version__
from eiesim.errors import EieError, with_extra
from eiesim.reproduction.claims import AGREES
from eiesim.reproduction.conclusion import Reproduction
from eiesim.reproduction.items import VARIATIONS, Claim, ItemRow, PaperItem, Spread, column_name, picture_names
from eiesim.reproduction.plots import Shown
from eiesim.reproduction.tally import BANDS, judged, tally
from eiesim.view.page import as_script, bokeh_script, filled, legend, plot_data
from eiesim.view.palette import BLACK
from eiesim.view.panels import Series
from eiesim.view.words import in_words

LONG = 45
"""A table of this many rows or more is folded away."""

LONGEST_PRINTED = 9
"""Letters of a published figure; one with more was computed from what is printed, and is rounded here."""

WITHOUT_BOKEH = f"Figures stand still here; with Bokeh ({with_extra('trace')}) they show values when pointed at."


def report(found: Reproduction, pictures: Mapping[str, Shown]) -> str:
    """The page. pictures: by name; see `items.picture_names`."""
    try:
        script = bokeh_script("bokeh", "bokeh-api")
    except EieError:
        script = ""
    items = sorted(found.items, key=lambda one: _ORDER.index(one.key) if one.key in _ORDER else len(_ORDER))
    agree = sum(one.verdict == AGREES for one in found.claims)
    links = [("summary", "In short", ""), ("claims", "Claims", f"{agree}/{len(found.claims)}")]
    links += [(one.key, one.link, _score(one)) for one in items]
    links.append(("inconsistencies", "Where the paper disagrees with itself", ""))
    _, *others = found.text or ("",)
    help_ = POINTING if script else WITHOUT_BOKEH
    short = "".join(f"<li>{_text(one)}</li>" for one in found.short)
    summary = [
        f'<ul class="lead">{short}</ul>', *map(_paragraph, others), f'<p class="soft">{_LEGEND} {_text(help_)}</p>'
    ]  # fmt: skip
    sections = [
        *_section("summary", "What agrees, what does not, and why", summary),
        *_section("claims", "The paper's claims, checked", [_claims(found.claims)]),
    ]
    for one in items:
        own = {name: pictures[name] for name in picture_names(one.key) if name in pictures}
        content = [_pictures(one.title, own), *map(_paragraph, one.text), _table(one)]
        sections += _section(one.key, one.title, content, _score_in_words(one))
    lines = "".join(f"<li>{_text(line)}</li>" for line in found.inconsistencies)
    sections += _section("inconsistencies", "Where the paper disagrees with itself", [f"<ul>{lines}</ul>"])
    seeds = len(found.runs.extent.seeds)
    parts = {
        "bokeh": script,
        "subtitle": f"The tables and figures of Han et al., ISCA 2016, beside eiesim {escape(__version__)}. "
        f"{len(found.runs.table):,} runs, {seeds} seed{'' if seeds == 1 else 's'} of each synthetic layer.",
        "contents": "\n".join(_link(*one) for one in links),
        "sections": "\n".join(sections),
        "figures": as_script({name: plot_data(one.panels) for name, one in pictures.items()} if script else {}),
        **({} if script else {"live.js": ""}),
    }  # fmt: skip
    return filled("eiesim.reproduction", "report.html", parts)


def _link(key: str, name: str, score: str) -> str:
    return f'<a href="#{escape(key)}"><span>{_text(name)}</span><span class="score">{score}</span></a>'


def _score(item: PaperItem) -> str:
    """For the contents: how many of an item's printed figures are met within the wider band, of how many."""
    counts = tally(judged(item))
    return "" if counts is None else f"{counts.within[-1]}/{counts.count}"


def _score_in_words(item: PaperItem) -> str:
    counts = tally(judged(item))
    if counts is None:
        return ""
    own = f"; they follow from {item.restates}" if item.restates else ""
    return f"{counts.within[-1]} of {counts.count} printed figures within {100 * BANDS[-1]:g} %{own}"


_ORDER = [
    "table_4", "correlation", "alexnet_fc8", "table_1", "table_2", "table_3", "table_5",
    *(f"fig_{number}" for number in range(6, 14)), "table_4_baselines",
]  # fmt: skip

_LEGEND = (
    "Published: as printed in the paper. Derived: computed from published figures. Simulated: cycles and counts from "
    "the runs. Estimated: energies and areas, from a model. Input: the paper's own figure, taken over, which no "
    "agreement can be read from. Small print under a mean is the least and the most over the seeds; errors are "
    f"(ours - published) / published, red beyond {100 * BANDS[-1]:g}&nbsp;%. Contents: figures within "
    f"{100 * BANDS[-1]:g}&nbsp;% of those that are printed and simulated or estimated here (variation 0.15)."
)

POINTING = "Point at a mark of a figure, or tap it, for its values; a name above it takes its series out and in again."


def _section(key: str, title: str, parts: Iterable[str], score: str = "") -> list[str]:
    shown = f'<span class="score">{_text(score)}</span>' if score else ""
    return [f'<section id="{escape(key)}">', f"<h2><span>{_text(title)}</span>{shown}</h2>", *parts, "</section>"]


def _paragraph(text: str) -> str:
    return f"<p>{_text(text)}</p>"


def _pictures(title: str, own: Mapping[str, Shown]) -> str:
    """The pictures of an item. Two of one panel each stand beside one another where there is room."""
    every = "".join(_picture(name, title, one) for name, one in own.items())
    pair = len(own) == 2 and all(len(one.panels) < 2 for one in own.values())
    return f'<div class="pair">{every}</div>' if pair else every


def _picture(name: str, title: str, one: Shown) -> str:
    series = "".join(
        f'<button type="button" aria-pressed="true" data-series="{escape(each.name)}">'
        f"{_swatch(each)}{_text(each.name)}</button>"
        for each in legend(one.panels)
    )
    kind = next((kind for kind in VARIATIONS if name.endswith(column_name(kind))), "")
    caption = f"<figcaption>{_text(kind)} layers</figcaption>" if kind else ""
    image = b64encode(one.png).decode()
    return (
        f'<figure class="picture" data-name="{escape(name)}">{caption}<div class="legend">{series}</div>'
        f'<div class="live"></div><div class="stills"><img class="still" tabindex="0" alt="{escape(title)}" '
        f'src="data:image/png;base64,{image}"></div></figure>'
    )


def _swatch(one: Series) -> str:
    """A patch of a series' colour; of black, which is white on a dark page, and of several colours, the text's.

    Crosses stand as such.
    """
    if one.marker == "x":
        return '<i class="cross">×</i>'
    colour = one.colours[0]
    ink = colour == BLACK or len(set(one.colours)) > 1
    return '<i class="ink"></i>' if ink else f'<i style="background:{escape(colour)}"></i>'


def _claims(claims: Sequence[Claim]) -> str:
    lines = [
        '<tr class="head"><th>verdict</th><th>claim</th><th>published</th><th>eiesim</th><th>why</th></tr>',
        *(
            f'<tr class="{escape(one.verdict)}"><td class="verdict">{_text(one.verdict)}</td><td>{_text(one.text)}</td>'
            f'<td data-label="published">{_text(one.published)}</td><td data-label="eiesim">{_text(one.simulated)}</td>'
            f'<td class="words"{" data-label=why" if one.why else ""}>{_text(one.why)}</td></tr>'
            for one in claims
        ),
    ]
    return f'<div class="claims">{_scrolled("".join(lines))}</div>'


def _scrolled(rows: str) -> str:
    return f'<div class="scroll"><table>{rows}</table></div>'


def _table(item: PaperItem) -> str:
    """The rows by quantity, each under its name."""
    groups: dict[str, list[ItemRow]] = {}
    for row in item.rows:
        groups.setdefault(row.quantity, []).append(row)
    shown = {
        "at": any(row.at for row in item.rows),
        "published": any(row.published is not None for row in item.rows),
        "basis": any(len(_bases(rows)) > 1 for rows in groups.values()),
        "note": any(row.note for row in item.rows),
    }
    head = ["<th></th>", "<th></th>" if shown["at"] else ""]
    head.append('<th class="number">published</th>' if shown["published"] else "")
    for series in item.series:
        head.append(f'<th class="number">{_text(series)}</th>')
        head.append('<th class="number">error</th>' if shown["published"] else "")
    head.append("<th>ours is</th>" if shown["basis"] else "")
    head.append("<th>note</th>" if shown["note"] else "")
    lines = [f'<tr class="head">{"".join(head)}</tr>']
    columns = sum(bool(cell) for cell in head)
    for quantity, rows in groups.items():
        bases = ", ".join(_bases(rows))
        basis = f' <span class="basis">(ours: {escape(bases)})</span>' if bases else ""
        lines.append(f'<tr class="group"><th colspan="{columns}"><span>{_named(quantity)}{basis}</span></th></tr>')
        lines += [_line(row, item.series, shown) for row in rows]
    table = _scrolled("".join(lines))
    if len(item.rows) < LONG:
        return table
    folded = f"The figures, {counted(len(item.rows), 'row')} (tables/{item.key}.csv)"
    return f"<details><summary>{folded}</summary>{table}</details>"


def _bases(rows: Sequence[ItemRow]) -> list[str]:
    return list(dict.fromkeys(row.our_basis for row in rows if row.ours))


def _line(row: ItemRow, series: Sequence[str], shown: Mapping[str, bool]) -> str:
    cells = [_name_cell(row.item), _name_cell(row.at) if shown["at"] else ""]
    cells.append(_published(row) if shown["published"] else "")
    for name in series:
        cells.append(_ours(row.ours.get(name)))
        cells.append(_error(row.error(name)) if shown["published"] else "")
    if shown["basis"]:
        cells.append(f'<td><span class="basis">{escape(row.our_basis if row.ours else "")}</span></td>')
    cells.append(f'<td class="words">{_text(row.note)}</td>' if shown["note"] else "")
    return f"<tr>{''.join(cells)}</tr>"


def _name_cell(name: str) -> str:
    """A name without spaces, such as Alex-6, is never broken; another is where there is little room."""
    return f'<td class="name{" long" if " " in name else ""}">{_named(name)}</td>'


def _named(text: str) -> str:
    """Text in which names of columns and modules may stand."""
    return _text(in_words(text))


def _text(text: str) -> str:
    """Escaped for HTML. A percent sign stays on the line of its number."""
    return escape(text).replace(" %", "&nbsp;%")


def _published(row: ItemRow) -> str:
    if row.published is None:
        return "<td></td>"
    shown = row.published if isinstance(row.published, str) else _printed(row)
    basis = "" if row.published_basis == "published" else f'<span class="range">{escape(row.published_basis)}</span>'
    return f'<td class="number">{escape(shown)}{basis}</td>'


def _printed(row: ItemRow) -> str:
    assert isinstance(row.published, int | float)
    printed = f"{row.published:,.10g}"
    return printed if row.published_basis != "derived" and len(printed) <= LONGEST_PRINTED else _number(row.published)


def _ours(spread: Spread | None) -> str:
    if spread is None:
        return "<td></td>"
    least, most = _number(spread.least), _number(spread.most)
    ends = f'<span class="range">{least} to {most}</span>' if least != most else ""
    return f'<td class="number">{_number(spread.mean)}{ends}</td>'


def _error(error: float | None) -> str:
    if error is None:
        return "<td></td>"
    far = " far" if abs(error) > 0.1 else ""
    shown = "0" if error == 0 else f"{error:+.1%}".replace("-0.0%", "+0.0%")
    return f'<td class="number{far}">{shown}</td>'


def _number(value: float) -> str:
    """Three digits and more, in plain notation."""
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:#.4g}".rstrip(".") if abs(value) >= 10 else f"{value:#.3g}"
