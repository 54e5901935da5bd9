"""Terminal tables of results."""

from collections.abc import Sequence

from rich.table import Table

from eiesim.capacity import Need
from eiesim.encoding import InterleavedLayer
from eiesim.result import LayerResult, Result
from eiesim.workloads import Workload


def result_tables(result: Result) -> list[Table]:
    """A run: one line a layer, and where each layer's PE-cycles went."""
    return [_layers(result), _cycles(result)]


def _layers(result: Result) -> Table:
    config = result.config
    inputs = len(result.layers[0].runs)
    means = f", mean of {inputs} inputs" if inputs > 1 else ""
    table = Table(
        title=f"{config.pes} PEs, queue depth {config.queue_depth}, {config.arithmetic}, {config.clock_mhz:g} MHz; "
        f"engine {result.engine}{means}",
        title_justify="left",
        title_style="",
    )
    table.add_column("layer")
    for heading in (
        "rows x cols",
        "cycles",
        "time µs",
        "theory µs",
        "load balance",
        "ALU eff.",
        "GOP/s",
        "dense GOP/s",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for layer in result.layers:
        figures = layer.figures
        table.add_row(
            layer.name,
            f"{layer.rows} x {layer.cols}",
            number(layer.cycles),
            f"{figures.time_us:,.2f}",
            f"{figures.theoretical_us:,.2f}",
            f"{figures.load_balance:.1%}",
            f"{figures.alu_efficiency:.1%}",
            f"{figures.gops:,.1f}",
            f"{figures.dense_equivalent_gops:,.0f}",
        )
    if len(result.layers) > 1:
        table.add_section()
        table.add_row("total", "", number(result.cycles), f"{result.time_us:,.2f}")
    return table


def _cycles(result: Result) -> Table:
    table = Table(title="Where the cycles went", title_justify="left", title_style="")
    table.add_column("")
    for layer in result.layers:
        table.add_column(layer.name, justify="right")
    for label, cells in (
        ("PE-cycles: real entries", [_share(layer, layer.counters.busy_real) for layer in result.layers]),
        ("PE-cycles: padding", [_share(layer, layer.counters.busy_padding) for layer in result.layers]),
        ("PE-cycles: empty columns", [_share(layer, layer.counters.busy_empty) for layer in result.layers]),
        ("PE-cycles: starved", [_share(layer, layer.counters.starved) for layer in result.layers]),
        ("scan: broadcasts", [number(layer.counters.broadcasts) for layer in result.layers]),
        ("scan: bubbles", [number(layer.counters.scan_bubbles) for layer in result.layers]),
        ("scan: broadcast stalls", [number(layer.counters.broadcast_stalls) for layer in result.layers]),
        ("entries", [number(layer.counters.entries) for layer in result.layers]),
        ("of these padding", [number(layer.counters.padding_entries) for layer in result.layers]),
        ("spmat row reads", [number(layer.counters.spmat_row_reads) for layer in result.layers]),
        ("pointer reads", [number(layer.counters.pointer_reads) for layer in result.layers]),
        ("bypasses", [number(layer.counters.bypasses) for layer in result.layers]),
        ("fullest queue", [number(layer.counters.max_occupancy) for layer in result.layers]),
    ):
        table.add_row(label, *cells)
    return table


def _share(layer: LayerResult, cycles: float) -> str:
    every = layer.cycles * layer.config.pes
    return f"{cycles / every:.1%}" if every else "-"


def number(value: float) -> str:
    """A count with thousands separators; a mean with one decimal where it needs it."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def layer_table(layer: InterleavedLayer, needs: Sequence[Need]) -> list[Table]:
    """What a layer is, how it lies on the PEs, and what fits where."""
    of = layer.layer
    entries, padding = layer.entries_per_pe, layer.padding_per_pe
    facts = Table(title=f"{of.name} on {layer.pes} PEs", title_justify="left", title_style="", show_header=False)
    facts.add_column("")
    facts.add_column("", justify="right")
    facts.add_row("rows (outputs) x cols (inputs)", f"{of.rows:,} x {of.cols:,}")
    facts.add_row("kept weights", f"{of.nnz:,}")
    facts.add_row("density", f"{of.density:.2%}")
    facts.add_row("codebook entries", f"{len(of.codebook)}")
    facts.add_row(
        "bias", "no" if of.bias_codes is None else f"yes, {int((of.bias_codes != 0).sum()):,} of {of.rows:,} kept"
    )
    facts.add_row("activation", of.activation)
    facts.add_row("entries a PE: least, mean, most", f"{entries.min():,}, {entries.mean():,.1f}, {entries.max():,}")
    facts.add_row("padding a PE: least, mean, most", f"{padding.min():,}, {padding.mean():,.1f}, {padding.max():,}")
    share = padding.sum() / entries.sum() if entries.sum() else 0.0
    facts.add_row("padding among entries", f"{share:.2%}")
    room = Table(title="What fits where", title_justify="left", title_style="")
    for heading in ("memory", "needs", "holds", "of", "fits"):
        room.add_column(heading, justify="right" if heading in ("needs", "holds") else "left")
    for need in needs:
        room.add_row(
            need.name, f"{need.needs:,}", f"{need.holds:,}", need.unit, "yes" if need.fits else "[bold]no[/bold]"
        )
    return [facts, room]


def workloads_table(workloads: Sequence[Workload]) -> Table:
    """Table III."""
    table = Table(title="EIE Table III; run one as table3:NAME", title_justify="left", title_style="")
    for heading in ("layer", "inputs", "outputs", "weights kept", "active inputs", "from"):
        table.add_column(heading, justify="left" if heading in ("layer", "from") else "right")
    for row in workloads:
        table.add_row(
            row.name, f"{row.cols:,}", f"{row.rows:,}", f"{row.weight_density:.0%}", f"{row.activation_density:.1%}",
            row.from_network,
        )  # fmt: skip
    return table
