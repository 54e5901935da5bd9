"""Terminal tables of results."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from eiesim._shown import counted
from eiesim._shown import number as number
from eiesim.energy.record import Energy
from eiesim.layer import CompressedLayer
from eiesim.layer_result import LayerResult
from eiesim.result import Result
from eiesim.view.fitting import pieces as pieces
from eiesim.view.words import MODULES
from eiesim.workloads import TABLE_III

if TYPE_CHECKING:
    from eiesim.inspection import Inspection

MOST_COLUMNS = 6
"""Layers that stand beside one another in a table; more stand below one another."""


def result_table(result: Result) -> Table:
    """A run: times, rates, and where the cycles went. One column a layer, or, of many layers, one line each."""
    if len(result.layers) > MOST_COLUMNS:
        return _many_layers_table(result)
    config, layers = result.config, result.layers
    table = Table(title=_title(result), title_justify="left", title_style="")
    table.add_column("", no_wrap=True)
    for layer in layers:
        table.add_column(layer.name, justify="right")
    in_all = len(layers) > 1
    streamed = config.weights != "resident"
    if in_all:
        table.add_column("total", justify="right")

    def line(label: str, cell: Callable[[LayerResult], str], total: str = "", *, last: bool = False) -> None:
        cells = [cell(layer) for layer in layers] + ([total] if in_all else [])
        table.add_row(label, *cells, end_section=last)

    line("rows x cols", _shape)
    line("inputs", _fed)
    if any(layer.vectors != 1 for layer in layers):
        line("of these in one of the network", lambda layer: number(layer.vectors))
    line("cycles", lambda layer: number(layer.cycles), number(result.cycles))
    line("time, µs", lambda layer: f"{layer.time_us:,.2f}", f"{result.time_us:,.2f}")
    line("theoretical time, µs", lambda layer: f"{layer.metrics.theoretical_us:,.2f}")
    line("load balance", lambda layer: f"{layer.metrics.load_balance:.1%}")
    line("ALU efficiency", lambda layer: f"{layer.metrics.alu_efficiency:.1%}")
    line("GOP/s", lambda layer: f"{layer.metrics.gops:,.1f}")
    line("dense-equivalent GOP/s", lambda layer: f"{layer.metrics.dense_equivalent_gops:,.0f}", last=True)
    line("PE-cycles: real entries", lambda layer: _share(layer, layer.counters.busy_real))
    line("PE-cycles: padding", lambda layer: _share(layer, layer.counters.busy_padding))
    line("PE-cycles: empty columns", lambda layer: _share(layer, layer.counters.busy_empty))
    line("PE-cycles: starved", lambda layer: _share(layer, layer.counters.starved), last=not streamed)
    if streamed:
        line("array-cycles: waiting for weights", lambda layer: _waiting(layer), last=True)
        line("weights: tiles", lambda layer: f"{layer.memory.tiles:,}", f"{sum(la.memory.tiles for la in layers):,}")
        loaded = sum(layer.memory.loaded_bytes for layer in layers)
        line("weights: loaded, bytes", lambda layer: f"{layer.memory.loaded_bytes:,}", f"{loaded:,}")
        line("weights: load cycles", lambda layer: f"{layer.memory.load_cycles:,}")
        line("weights: compute cycles", lambda layer: f"{layer.memory.compute_cycles:,}", last=True)
    _energy_lines(line, result)
    totals = result.counters
    hidden = {
        *(["entry_groups"] if config.multipliers == 1 else []),
        *(["dropped_activations"] if config.activation_threshold == 0 else []),
    }
    for label, counter in (
        ("broadcasts", "broadcasts"),
        ("scan bubbles", "scan_bubbles"),
        ("broadcast stalls", "broadcast_stalls"),
        ("inputs dropped", "dropped_activations"),
        ("entries", "entries"),
        ("groups of entries", "entry_groups"),
        ("of these padding", "padding_entries"),
        ("spmat row reads", "spmat_row_reads"),
        ("pointer reads", "pointer_reads"),
        ("bypasses", "bypasses"),
        ("fullest queue", "max_occupancy"),
    ):
        if counter not in hidden:
            line(label, lambda layer, c=counter: number(getattr(layer.counters, c)), number(getattr(totals, counter)))  # type: ignore[misc]
    return table


def _title(result: Result) -> str:
    config, inputs = result.config, {len(layer.runs) for layer in result.layers}
    machine = f"{counted(config.pes, 'PE')}{config.variant}, queue depth {config.queue_depth}"
    title = f"{machine}, {config.arithmetic}, {config.clock_mhz:g} MHz"
    means = f"; mean of {inputs.pop()} inputs" if len(inputs) == 1 and inputs != {1} else ""
    if not result.in_a_row:
        means = "; each layer by itself, means of its inputs"
    model = f", energy estimated ({result.energy.model})" if result.energy else ""
    return f"{title}; simulated ({result.engine}){model}{means}"


def _shape(layer: LayerResult | CompressedLayer) -> str:
    return f"{layer.rows:,} x {layer.cols:,}{', depthwise' if layer.depthwise else ''}"


def _fed(layer: LayerResult) -> str:
    """What a layer was fed, and how many inputs."""
    return f"{layer.fed}, {len(layer.runs):,}"


def _many_layers_table(result: Result) -> Table:
    """One line a layer; totals count a layer as often as it has inputs in one of the network."""
    layers = result.layers
    table = Table(title=_title(result), title_justify="left", title_style="", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer", overflow="fold")
    repeated = any(layer.vectors != 1 for layer in layers)
    headings = ["rows x cols", "inputs", *(["in one of the network"] if repeated else []), "cycles", "time, µs"]
    streamed = result.config.weights != "resident"
    headings += ["waiting"] if streamed else []
    for heading in (*headings, "load balance", "energy, µJ"):
        table.add_column(heading, justify="right", no_wrap=heading not in ("load balance", "in one of the network"))
    for layer in layers:
        table.add_row(
            layer.name, _shape(layer), _fed(layer),
            *([number(layer.vectors)] if repeated else []),
            number(layer.cycles), f"{layer.time_us:,.2f}", *([_waiting(layer)] if streamed else []),
            f"{layer.metrics.load_balance:.1%}",
            "-" if layer.energy is None else f"{layer.energy.total_uj:,.3f}",
        )  # fmt: skip
    table.add_section()
    energy = result.energy
    table.add_row(
        "total" if not repeated else "total of one input of the network", "", "", *([""] if repeated else []),
        number(result.cycles), f"{result.time_us:,.2f}", *([""] if streamed else []), "",
        "-" if energy is None else f"{energy.total_uj:,.3f}",
    )  # fmt: skip
    return table


def _energy_lines(line: Callable[..., None], result: Result) -> None:
    """Energy, mean power, and each module's energy with its share."""
    total = result.energy
    if total is None:
        return
    line("energy, µJ", lambda layer: f"{_energy(layer).total_uj:,.3f}", f"{total.total_uj:,.3f}")
    line("power, W", lambda layer: f"{_energy(layer).power_w:,.3f}", f"{total.power_w:,.3f}")
    for module in total.by_module_uj:

        def share(of: Energy, module: str = module) -> str:
            return percent(of.by_module_uj[module], of.total_uj)

        line(f"energy: {MODULES[module]}", lambda layer, share=share: share(_energy(layer)), share(total))
    leaked = "energy: of it leakage"
    line(leaked, lambda layer: percent(_energy(layer).leakage_uj, _energy(layer).total_uj),
         percent(total.leakage_uj, total.total_uj), last=True)  # fmt: skip


def _energy(layer: LayerResult) -> Energy:
    assert layer.energy is not None  # The whole run has an energy, so each layer has.
    return layer.energy


def percent(part: float | None, whole: float) -> str:
    """A share, or a dash where it is not known or there is nothing to share."""
    return f"{part / whole:.1%}" if part is not None and whole else "-"


def _share(layer: LayerResult, cycles: float) -> str:
    every = layer.cycles * layer.config.pes
    return f"{cycles / every:.1%}" if every else "-"


def _waiting(layer: LayerResult) -> str:
    return percent(layer.memory.waiting_cycles, layer.memory.cycles)


def layer_table(inspection: "Inspection") -> list[Table]:
    """What a layer is, how it lies on the PEs, what fits where, and what streaming its weights would cost."""
    layer, needs, streamed = inspection.layer, inspection.needs, inspection.streamed
    of = layer.layer
    entries, padding = layer.entries_per_pe, layer.padding_per_pe
    facts = Table(
        title=f"{of.name} on {counted(layer.pes, 'PE')}",
        title_justify="left",
        title_style="",
        show_header=False,
    )
    facts.add_column("")
    facts.add_column("", justify="right")
    facts.add_row("rows (outputs) x cols (inputs)", f"{of.rows:,} x {of.cols:,}")
    facts.add_row("kept weights", f"{of.nnz:,}")
    facts.add_row("density", f"{of.density:.2%}")
    if of.groups > 1:
        facts.add_row("convolution", of.in_groups)
        facts.add_row("kept of its weights", f"{of.nnz / of.dense_weights:.2%} of {of.dense_weights:,}")
    facts.add_row("codebook entries", f"{len(of.codebook)}")
    facts.add_row(
        "bias", "no" if of.bias_codes is None else f"yes, {int((of.bias_codes != 0).sum()):,} of {of.rows:,} kept"
    )
    facts.add_row("activation", inspection.activation)
    facts.add_row("entries a PE: least, mean, most", f"{entries.min():,}, {entries.mean():,.1f}, {entries.max():,}")
    facts.add_row("padding a PE: least, mean, most", f"{padding.min():,}, {padding.mean():,.1f}, {padding.max():,}")
    share = padding.sum() / entries.sum() if entries.sum() else 0.0
    facts.add_row("padding among entries", f"{share:.2%}")
    room = Table(title="What fits where", title_justify="left", title_style="")
    for heading in ("memory", "needs", "holds", "of", "fits"):
        room.add_column(heading, justify="right" if heading in ("needs", "holds") else "left")
    for need in needs:
        room.add_row(
            need.name, f"{need.needs:,}", f"{need.holds:,}", need.unit, "yes" if need.fits else Text("no", style="bold")
        )
    return [facts, room, _streaming_table(streamed)]


def read_table(found: Sequence["Inspection"]) -> Table:
    """Layers as they would be read from a matrix or a network's file, and what they would cost."""
    config = next(one.whole.config for one in found if one.whole is not None)
    machine = f"{counted(config.pes, 'PE')}{config.variant}"
    title = f"As read, on {machine}; of one input without a zero: cycles and time simulated, energy estimated"
    table = Table(title=title, title_justify="left", title_style="", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer", overflow="fold")
    headings = ("rows x cols", "density", "values", "shared", "off by", "fits", "cycles", "time, µs", "energy, µJ")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("shared", "fits") else "right")
    for one in found:
        if one.read is None or one.whole is None:
            continue
        of, energy = one.layer.layer, one.whole.energy
        table.add_row(
            of.name, _shape(of), f"{of.density:.2%}", f"{one.read.distinct:,}", one.read.shared,
            "-" if one.read.sharing_error is None else f"{one.read.sharing_error:.1%}",
            "yes" if one.streamed["fits"] else "no",
            number(one.whole.cycles), f"{one.whole.time_us:,.2f}", "-" if energy is None else f"{energy.total_uj:,.3f}",
        )  # fmt: skip
    return table


def _streaming_table(streamed: Mapping[str, Any]) -> Table:
    dram = f"{streamed['dram_gbytes_per_s']} GB/s, {streamed['dram_pj_per_bit']:g} pJ a bit"
    title = f"Streamed, {dram}: cycles simulated, energy estimated"
    table = Table(title=title, title_justify="left", title_style="", show_header=False)
    table.add_column("")
    table.add_column("", justify="right")
    table.add_row("the weights fit the array", "yes" if streamed["fits"] else "no")
    if "refused" in streamed:
        table.add_row("cannot be streamed", streamed["refused"])
        return table
    table.add_row("tiles", f"{streamed['tiles']:,}")
    table.add_row("loaded, bytes", f"{streamed['loaded_bytes']:,}")
    table.add_row("loading alone, cycles", f"{streamed['load_cycles']:,}")
    table.add_row("loading alone, µs", f"{streamed['load_us']:,.2f}")
    table.add_row("energy of loading, µJ", f"{streamed['energy_uj']:,.1f}")
    return table


def workloads_table() -> Table:
    """Table III."""
    table = Table(title="EIE Table III; run one as table3:NAME", title_justify="left", title_style="")
    for heading in ("layer", "inputs", "outputs", "weights kept", "active inputs", "from"):
        table.add_column(heading, justify="left" if heading in ("layer", "from") else "right")
    for row in TABLE_III.values():
        table.add_row(
            row.name, f"{row.cols:,}", f"{row.rows:,}", f"{row.weight_density:.0%}", f"{row.activation_density:.1%}",
            row.network,
        )  # fmt: skip
    return table


def workloads_dict() -> dict[str, Any]:
    """What `workloads_table` shows, for JSON."""
    return {"layers": [asdict(one) for one in TABLE_III.values()]}
