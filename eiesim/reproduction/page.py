"""The reproduction as one HTML page: no script, no network, pictures within. It computes nothing."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from eiesim._version import __version__
from eiesim.reproduction.conclusion import Reproduction
from eiesim.reproduction.items import Claim, ItemRow, PaperItem, Spread, picture_names

LONG = 45
"""A table of this many rows or more is folded away."""

_STYLE = """
:root { color-scheme: light; --line: #d8dce2; --soft: #5b6470; --red: #a3320b; --green: #00694d; }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1b1f24; background: #fff; }
main { max-width: 76rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0.5rem 0; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 0.4rem; padding-top: 0.8rem; border-top: 1px solid var(--line); }
p, li { max-width: 46rem; }
.soft { color: var(--soft); font-size: 0.88rem; }
nav a { display: inline-block; margin: 0 0.8rem 0.3rem 0; }
a { color: #0b5cad; }
.scroll { overflow-x: auto; border: 1px solid var(--line); margin: 0.6rem 0; }
table { border-collapse: separate; border-spacing: 0; font-size: 0.86rem; min-width: 100%; }
table { font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
tr:last-child td { border-bottom: 0; }
th { background: #f3f5f7; vertical-align: bottom; }
tr.group th { background: #fff; padding-top: 0.7rem; }
tr.group th span { position: sticky; left: 0.6rem; }
tr > td:first-child { position: sticky; left: 0; background: #fff; }
td.number { white-space: nowrap; }
td.number, th.number { text-align: right; }
td.words { min-width: 12rem; max-width: 30rem; }
td.name { white-space: nowrap; }
td.claim { min-width: 9rem; }
.basis { color: var(--soft); font-size: 0.78rem; white-space: nowrap; }
.range { display: block; color: var(--soft); font-size: 0.76rem; }
.far { color: var(--red); }
.verdict { white-space: nowrap; font-weight: 600; }
.agrees { color: var(--green); }
.differs { color: var(--red); }
.picture { overflow-x: auto; margin: 0.8rem 0; }
.picture img { display: block; max-width: 100%; height: auto; }
.picture:focus img { max-width: none; width: 68rem; }
.picture:focus { outline: 2px solid #0b5cad; }
@media (min-width: 60rem) {
  .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
  .pair .picture { min-width: 0; }
}
details { margin: 0.6rem 0; }
summary { cursor: pointer; color: #0b5cad; }
"""


def report(found: Reproduction, pictures: Mapping[str, bytes]) -> str:
    """The page. pictures: PNG images by name; see `items.picture_names`."""
    items = sorted(found.items, key=lambda one: _ORDER.index(one.key) if one.key in _ORDER else len(_ORDER))
    seeds = len(found.runs.extent.seeds)
    links = [("claims", "Claims"), *((one.key, one.link) for one in items)]
    links.append(("inconsistencies", "Where the paper disagrees with itself"))
    body = [
        "<h1>EIE reproduced</h1>",
        f'<p class="soft">The tables and figures of Han et al., ISCA 2016, beside eiesim {escape(__version__)}. '
        f"{len(found.runs.table):,} runs, {seeds} seed{'' if seeds == 1 else 's'} of each synthetic layer.</p>",
        *_section("summary", "What agrees, what does not, and why", [*map(_paragraph, found.text), _LEGEND]),
        "<nav>" + "".join(f'<a href="#{escape(key)}">{_text(name)}</a>' for key, name in links) + "</nav>",
        *_section("claims", "The paper's claims, checked", [_claims(found.claims)]),
    ]  # fmt: skip
    for one in items:
        own = [pictures[name] for name in picture_names(one.key) if name in pictures]
        parts = [_pictures(one.title, own), *map(_paragraph, one.text)]
        body += _section(one.key, one.title, [*parts, _table(one)])
    lines = "".join(f"<li>{_text(line)}</li>" for line in found.inconsistencies)
    body += _section("inconsistencies", "Where the paper disagrees with itself", [f"<ul>{lines}</ul>"])
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>EIE reproduced</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"
    )


_ORDER = [
    "table_4", "correlation", "alexnet_fc8", "table_1", "table_2", "table_3", "table_5",
    *(f"fig_{number}" for number in range(6, 14)), "table_4_baselines",
]  # fmt: skip

_LEGEND = (
    '<p class="soft">Published: as printed in the paper. Derived: computed from published figures. Simulated: cycles '
    "and counts from the runs. Estimated: energies and areas, from a model. Input: the paper's own figure, taken over, "
    "which no agreement can be read from. Small print under a mean is the least and the most over the seeds; errors "
    "are (ours - published) / published, red beyond 10&nbsp;%. Click or tap a picture to enlarge it.</p>"
)


def _section(key: str, title: str, parts: Iterable[str]) -> list[str]:
    return [f'<section id="{escape(key)}">', f"<h2>{escape(title)}</h2>", *parts, "</section>"]


def _paragraph(text: str) -> str:
    return f"<p>{_text(text)}</p>"


def _pictures(title: str, images: Sequence[bytes]) -> str:
    """The pictures of an item. Two narrow ones stand beside one another where there is room."""
    pair = len(images) == 2 and all(_aspect(image) < 2.2 for image in images)
    every = "".join(_picture(title, image) for image in images)
    return f'<div class="pair">{every}</div>' if pair else every


def _aspect(image: bytes) -> float:
    width, height = (int.from_bytes(image[at : at + 4]) for at in (16, 20))  # of the PNG's header
    return width / height


def _picture(title: str, image: bytes) -> str:
    data = b64encode(image).decode()
    return f'<div class="picture" tabindex="0"><img alt="{escape(title)}" src="data:image/png;base64,{data}"></div>'


def _claims(claims: Sequence[Claim]) -> str:
    lines = ["<tr><th>claim</th><th>published</th><th>eiesim</th><th>verdict</th><th>why</th></tr>"]
    before = ""
    for one in claims:
        why = "as above" if one.why and one.why == before else one.why
        before = one.why
        lines.append(
            f'<tr><td class="claim">{_text(one.text)}</td><td class="name">{_text(one.published)}</td>'
            f'<td class="claim">{_text(one.simulated)}</td><td class="verdict {escape(one.verdict)}">'
            f'{_text(one.verdict)}</td><td class="words">{_text(why)}</td></tr>'
        )
    return _scrolled("".join(lines))


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
    lines = [f"<tr>{''.join(head)}</tr>"]
    columns = sum(bool(cell) for cell in head)
    for quantity, rows in groups.items():
        bases = ", ".join(_bases(rows))
        basis = f' <span class="basis">(ours: {escape(bases)})</span>' if bases else ""
        lines.append(f'<tr class="group"><th colspan="{columns}"><span>{_text(quantity)}{basis}</span></th></tr>')
        lines += [_line(row, item.series, shown) for row in rows]
    table = _scrolled("".join(lines))
    if len(item.rows) < LONG:
        return table
    return f"<details><summary>The figures, {len(item.rows)} rows</summary>{table}</details>"


def _bases(rows: Sequence[ItemRow]) -> list[str]:
    return list(dict.fromkeys(row.our_basis for row in rows if row.ours))


def _line(row: ItemRow, series: Sequence[str], shown: Mapping[str, bool]) -> str:
    cells = [f'<td class="name">{_text(row.item)}</td>']
    cells.append(f'<td class="name">{_text(row.at)}</td>' if shown["at"] else "")
    cells.append(_published(row) if shown["published"] else "")
    for name in series:
        cells.append(_ours(row.ours.get(name)))
        cells.append(_error(row.error(name)) if shown["published"] else "")
    if shown["basis"]:
        cells.append(f'<td><span class="basis">{escape(row.our_basis if row.ours else "")}</span></td>')
    cells.append(f'<td class="words">{_text(row.note)}</td>' if shown["note"] else "")
    return f"<tr>{''.join(cells)}</tr>"


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
    return _number(row.published) if row.published_basis == "derived" else f"{row.published:,.10g}"


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


def load_pictures(paths: Iterable[Path]) -> dict[str, bytes]:
    """PNG images by name."""
    return {path.stem: path.read_bytes() for path in paths}
