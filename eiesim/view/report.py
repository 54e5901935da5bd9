"""The reproduction as one HTML page that needs nothing else: no script, no network, pictures within. Computes nothing."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from eiesim import __version__
from eiesim.study.exhibits import Claim, Exhibit, Row, Spread
from eiesim.study.reproduce import Reproduction

LONG = 40
"""Rows from which a table is folded away."""

_STYLE = """
:root { color-scheme: light; --line: #d8dce2; --soft: #5b6470; --red: #a3320b; --green: #00694d; }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1b1f24; background: #fff; }
main { max-width: 72rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0.5rem 0; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 0.4rem; padding-top: 0.8rem; border-top: 1px solid var(--line); }
p, li { max-width: 46rem; }
.soft { color: var(--soft); font-size: 0.88rem; }
nav a { display: inline-block; margin: 0 0.8rem 0.3rem 0; }
a { color: #0b5cad; }
.scroll { overflow-x: auto; border: 1px solid var(--line); margin: 0.6rem 0; }
table { border-collapse: collapse; font-size: 0.86rem; font-variant-numeric: tabular-nums; min-width: 100%; }
th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
tr:last-child td { border-bottom: 0; }
th { background: #f3f5f7; white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; }
td.words { min-width: 15rem; max-width: 30rem; }
td.name { white-space: nowrap; }
td.claim { min-width: 14rem; }
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
details { margin: 0.6rem 0; }
summary { cursor: pointer; color: #0b5cad; }
"""


def report(found: Reproduction, pictures: Mapping[str, bytes]) -> str:
    """The page. pictures: PNG images by name; a name begins with the key of the exhibit that it belongs to."""
    exhibits = sorted(found.exhibits, key=lambda one: _ORDER.index(one.key) if one.key in _ORDER else len(_ORDER))
    seeds = len(found.runs.extent.seeds)
    body = [
        "<h1>EIE reproduced</h1>",
        f'<p class="soft">The tables and figures of Han et al., ISCA 2016, beside eiesim {escape(__version__)}. '
        f"{len(found.runs.table):,} runs, {seeds} seed{'' if seeds == 1 else 's'} of each synthetic layer.</p>",
        *_section("summary", "What agrees, what does not, and why", [*map(_paragraph, found.text), _LEGEND]),
        "<nav>" + "".join(f'<a href="#{escape(one.key)}">{escape(_short(one.title))}</a>' for one in exhibits)
        + '<a href="#claims">Claims</a><a href="#inconsistencies">Where the paper disagrees with itself</a></nav>',
        *_section("claims", "The paper's claims, checked", [_claims(found.claims)]),
    ]  # fmt: skip
    for one in exhibits:
        own = [name for name in pictures if name == one.key or name.startswith(f"{one.key}_") and _is_figure(one.key)]
        parts = [*(_picture(one.title, pictures[name]) for name in own), *map(_paragraph, one.text)]
        body += _section(one.key, one.title, [*parts, _table(one)])
    lines = "".join(f"<li>{escape(line)}</li>" for line in found.inconsistencies)
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
    "which no agreement can be read from. Small print under a mean is the least and the most over the seeds; errors are "
    "(ours - published) / published, red beyond 10&nbsp;%. Click or tap a picture to enlarge it.</p>"
)


def _is_figure(key: str) -> bool:
    return key.startswith("fig_")


def _short(title: str) -> str:
    return title.partition(":")[0] if title.startswith(("Table", "Fig")) else title


def _section(key: str, title: str, parts: Iterable[str]) -> list[str]:
    return [f'<section id="{escape(key)}">', f"<h2>{escape(title)}</h2>", *parts, "</section>"]


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _picture(title: str, image: bytes) -> str:
    data = b64encode(image).decode()
    return f'<div class="picture" tabindex="0"><img alt="{escape(title)}" src="data:image/png;base64,{data}"></div>'


def _claims(claims: Sequence[Claim]) -> str:
    head = "<tr><th>claim</th><th>published</th><th>eiesim</th><th></th><th>why</th></tr>"
    rows = "".join(
        f'<tr><td class="claim">{escape(one.text)}</td><td class="name">{escape(one.published)}</td>'
        f'<td class="claim">{escape(one.simulated)}</td>'
        f'<td class="verdict {escape(one.verdict)}">{escape(one.verdict)}</td><td class="words">{escape(one.why)}</td></tr>'
        for one in claims
    )
    return _scrolled(head + rows)


def _scrolled(rows: str) -> str:
    return f'<div class="scroll"><table>{rows}</table></div>'


def _table(exhibit: Exhibit) -> str:
    has_at = any(row.at for row in exhibit.rows)
    has_notes = any(row.note for row in exhibit.rows)
    has_published = any(row.published is not None for row in exhibit.rows)
    head = ["<th></th>", "<th></th>" if has_at else "", "<th>quantity</th>"]
    head.append('<th class="number">published</th>' if has_published else "")
    for series in exhibit.series:
        head.append(f'<th class="number">{escape(series)}</th>')
        head.append('<th class="number">error</th>' if has_published else "")
    head.append("<th>ours is</th>" if exhibit.series else "")
    head.append("<th>note</th>" if has_notes else "")
    lines = [f"<tr>{''.join(head)}</tr>"]
    for row in exhibit.rows:
        cells = [
            f'<td class="name">{escape(row.item)}</td>',
            f'<td class="name">{escape(row.at)}</td>' if has_at else "",
        ]
        cells.append(f'<td class="name">{escape(row.quantity)}</td>')
        cells.append(_published(row) if has_published else "")
        for series in exhibit.series:
            cells.append(_ours(row.ours.get(series)))
            cells.append(_error(row.error(series)) if has_published else "")
        basis = row.our_basis if row.ours else ""
        cells.append(f'<td><span class="basis">{escape(basis)}</span></td>' if exhibit.series else "")
        cells.append(f'<td class="words">{escape(row.note)}</td>' if has_notes else "")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    table = _scrolled("".join(lines))
    if len(exhibit.rows) < LONG:
        return table
    return f"<details><summary>The figures, {len(exhibit.rows)} rows</summary>{table}</details>"


def _published(row: Row) -> str:
    if row.published is None:
        return "<td></td>"
    shown = row.published if isinstance(row.published, str) else _number(row.published)
    basis = "" if row.published_basis == "published" else f'<span class="range">{escape(row.published_basis)}</span>'
    return f'<td class="number">{escape(shown)}{basis}</td>'


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
    return f'<td class="number{far}">{error:+.1%}</td>'


def _number(value: float) -> str:
    """Three digits and more, in plain notation."""
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" if abs(value) >= 10 else f"{value:.3g}"


def load_pictures(paths: Iterable[Path]) -> dict[str, bytes]:
    """PNG images by name."""
    return {path.stem: path.read_bytes() for path in paths}
