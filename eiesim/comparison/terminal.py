"""Terminal tables of a comparison. They are fed with its rows and compute nothing."""

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from eiesim._shown import counted
from eiesim.comparison.records import Ratio, by_batch
from eiesim.comparison.rows import Comparison
from eiesim.energy.check import Check
from eiesim.paper.speedups import Headline, headlines, inconsistencies
from eiesim.view.words import MODULES


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="", box=SIMPLE_HEAD, padding=(0, 0, 0, 1))
    for k, heading in enumerate(headings):
        table.add_column(heading, justify="left" if k == 0 else "right")
    return table


def _whole_words(table: Table) -> Table:
    """Make columns of figures as wide as their longest word, so that a narrow terminal cuts nothing."""
    for column in table.columns[1:]:
        words = " ".join([str(column.header), *(str(cell) for cell in column.cells)]).split()
        column.width = max(map(len, words), default=1)
    return table


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _range(low: float | None, high: float | None, form: str) -> str:
    return "" if low is None or high is None else f"\n({format(low, form)} to {format(high, form)})"


def eie_table(comparison: Comparison) -> Table:
    """The simulated machine beside Table IV."""
    model = comparison.eie[0].energy_model
    beside = any(row.table4_time_us is not None for row in comparison.eie)
    seeds = max(row.seeds for row in comparison.eie)
    title = f"EIE, {counted(comparison.config.pes, 'PE')}: times simulated, energies estimated ({model})"
    title += "; Table IV published" if beside else ""
    title += f"; means of {seeds} seeds, least to most" if seeds > 1 else ""
    table4 = ("Table IV, µs", "differ- ence") if beside else ()
    table = _table(
        title, "layer", "time, µs", *table4, "energy, µJ", "power, W", "by Table II, µJ", "frames /J"
    )  # fmt: skip
    for row in comparison.eie:
        table.add_row(
            row.layer, f"{row.time_us:,.2f}{_range(row.time_us_low, row.time_us_high, ',.2f')}",
            *((_cell(row.table4_time_us, ",.1f"), _cell(row.time_difference, "+.1%")) if beside else ()),
            f"{row.energy_uj:,.3f}{_range(row.energy_uj_low, row.energy_uj_high, ',.3f')}",
            f"{row.power_w:.3f}", f"{row.energy_published_uj:,.3f}",
            f"{row.frames_per_j:,.0f}",
        )  # fmt: skip
    return _whole_words(table)


def ratio_table(title: str, rows: Sequence[Ratio], baseline: str = "") -> Table:
    """A line for each layer and one of geometric means, a column for each series. The title or heading says the basis.

    The baseline, 1 everywhere, has no column; it is the first series where none is named. A star marks a printed bar
    that the paper's own tables do not give.
    """
    by_place = {(row.layer, row.series): row for row in rows}
    layers = {row.layer: row for row in rows}
    series = [name for name in dict.fromkeys(row.series for row in rows) if name != (baseline or rows[0].series)]
    usual = rows[0].basis
    headings = []
    for name in series:
        first = next(row for row in rows if row.series == name)
        heading = first.name.replace("onnxruntime", "onnx- runtime")  # so that it can stand on two lines
        headings.append(heading if first.basis == usual or first.is_eie else f"{heading}, {first.basis}")
    table = _table(f"{title}; {usual} unless it says otherwise", "layer", *headings)
    for layer, one in layers.items():
        cells = []
        for name in series:
            row = by_place.get((layer, name))
            star = "*" if row is not None and row.within_rounding is False else ""
            cells.append("-" if row is None else f"{_digits(row.value)}{star}")
        if one.is_mean:
            table.add_section()
        table.add_row("geo. mean" if one.is_mean else layer, *cells)
    if any(row.within_rounding is False for row in rows):
        table.caption, table.caption_justify = (
            "* as drawn; the paper's own Table IV gives another bar, see below",
            "left",
        )
    return _whole_words(table)


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def headline_table(lines: Sequence[Headline]) -> Table:
    """The abstract's means, and what the paper's own tables give."""
    table = _table(
        "The paper's geometric means: printed, and recomputed from its tables",
        "claim", "printed", "from Table IV", "with NeuralTalk as in Figs. 6, 7",
    )  # fmt: skip
    for line in lines:
        table.add_row(line.claim, f"{line.printed:,.0f}×", _cell(line.table4, ",.1f"), f"{line.with_figure:,.1f}")
    return _whole_words(table)


def check_table(checks: Sequence[Check]) -> Table:
    """The activity model against Table II."""
    title = "AlexNet-FC8, power of a PE, mW: published (Table II) and estimated (activity model)"
    table = _table(title, "", "published", "estimated", "difference")
    kind = checks[0].kind
    for check in checks:
        if check.kind != kind:
            table.add_section()
            kind = check.kind
        figures = f"{check.published_mw:.3f}", f"{check.activity_mw:.3f}", f"{check.difference:+.0%}"
        table.add_row(_check_name(check), *figures)
    return _whole_words(table)


def check_causes(checks: Sequence[Check]) -> list[str]:
    """A line for each difference that has a cause."""
    return [f"{_check_name(check)}, {check.difference:+.0%}: {check.cause}" for check in checks if check.cause]


def _check_name(check: Check) -> str:
    return MODULES.get(check.name, check.name.replace("_", " "))


def waterfall_table(comparison: Comparison) -> Table:
    """Energy of fetching the weights, step by step."""
    rows = comparison.waterfall
    steps = list(dict.fromkeys(row.step for row in rows))
    by_place = {(row.layer, row.step): row for row in rows}
    table = _table(
        "Estimated energy of fetching the weights of one input: µJ, and the saving of each step", "layer", *steps
    )
    for layer in dict.fromkeys(row.layer for row in rows):
        cells = []
        for step in steps:
            row = by_place[layer, step]
            saving = "" if step == steps[0] else f"\n({row.saving:.3g}×)"
            figure = f"{row.energy_uj:,.0f}" if row.energy_uj >= 1000 else f"{row.energy_uj:.4g}"
            cells.append(f"{figure}{saving}")
        table.add_row(layer, *cells)
    paper = [by_place[rows[0].layer, step].paper_saving for step in steps]
    table.add_section()
    table.add_row("the paper", *("" if saving is None else f"({saving:g}×)" for saving in paper))
    return _whole_words(table)


def platform_table(comparison: Comparison) -> Table:
    """Table V and the simulated machines."""
    table = _table(
        "Table V (AlexNet FC7; TrueNorth: TIMIT LSTM) and simulated machines (their W and mm² are estimated)",
        "platform", "basis", "nm", "mm²", "W", "peak GOP/s", "frames /s", "frames /s/mm²", "frames /J",
    )  # fmt: skip
    for one in comparison.platforms:
        cells = (
            (one.area_mm2, ",.1f"),
            (one.power_w, ".3g"),
            (one.peak_gops, ",.1f"),
            (one.frames_per_s, ",.0f"),
            (one.frames_per_s_mm2, ",.4g"),
            (one.frames_per_j, ",.0f" if one.frames_per_j >= 100 else ".3g"),
        )
        table.add_row(one.name, one.basis, str(one.technology_nm), *(_cell(*cell) for cell in cells))
    return _whole_words(table)


RATIOS = (
    ("Speed-up over the CPU, dense, batch 1 (Fig. 6)", "speedup"),
    ("Energy efficiency over the CPU, dense, batch 1 (Fig. 7)", "efficiency"),
    ("Speed-up over this machine's CPU, dense, batch 1", "measured_speedup"),
    ("Energy efficiency over this machine's CPU, dense, batch 1", "measured_efficiency"),
)
"""Tables of ratios: title, and the comparison's field."""


def report(comparison: Comparison) -> Iterator[Table | str]:
    """All that a terminal is shown of a comparison, in order: tables, and lines between them."""
    yield eie_table(comparison)
    for title, field in RATIOS:
        ratios = getattr(comparison, field)
        for batch, rows in by_batch(ratios).items():
            if rows:
                of = title if batch is None else f"Batch {batch}: {title[0].lower()}{title[1:]}"
                yield ratio_table(of, rows, ratios[0].series)
    measured = comparison.measured
    if measured is not None:
        used = sorted({one.threads for one in measured.measurements})
        threads = " or ".join([*map(str, used[:-1]), counted(used[-1], "thread")])
        faster = " (the faster)" if len(used) > 1 else ""
        yield f"times measured on {measured.machine.cpu}, {threads}{faster}, {measured.when}"
        for source in dict.fromkeys(f"{one.energy_basis}: {one.power_source}" for one in measured.measurements):
            yield f"  energy {source}"
        if any(one.precision != "float32" for one in measured.measurements):
            yield "  bf16, int8, int4: dense products of weights in lower precision, which are not the same product"
        yield from (f"  left out: {one}" for one in measured.left_out)
    if comparison.checks:
        yield check_table(comparison.checks)
        yield from (f"- {line}" for line in check_causes(comparison.checks))
    yield waterfall_table(comparison)
    if comparison.platforms:
        yield platform_table(comparison)
    if comparison.speedup:
        yield headline_table(headlines())
        yield "Where the paper disagrees with itself:"
        yield from (f"- {line}" for line in inconsistencies())
