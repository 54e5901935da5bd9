"""Terminal tables of compression and accuracy."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from eiesim._shown import counted
from eiesim.compression.pipeline import AS_IT_WAS, BY_K_MEANS, REPORT, Compressed, LayerReport
from eiesim.compression.statistics import Statistics
from eiesim.files.weights import DenseNetwork, LeftOut

MOST_LAYERS = 8
"""Layers that have a line each on the terminal; of more, report.json has the details."""


def summary(compressed: Compressed, folder: Path) -> list[Table | str]:
    """What was made of a network: layers and what they are of it, what sharing lost, and what was left out and why."""
    model, reports = compressed.model, compressed.reports
    parts: list[Table | str] = list(statistics_tables(compressed)) if len(reports) <= MOST_LAYERS else []
    kinds = ((compressed.macs_share, "multiply-accumulates"), (compressed.parameters_share, "parameters"))
    shares = [f"{_percent(share)} of its {what}" for share, what in kinds if share is not None]
    of_all = f": {' and '.join(shares)}" if shares else ""
    parts.append(f"{model.name}: {len(reports)} layer{'s' * (len(reports) > 1)} taken{of_all}")
    whole = compressed.total
    parts.append(
        f"  {_percent(whole.density)} of {counted(whole.weights, 'weight')} kept; {whole.shared_rate:.1f}x smaller "
        f"than float32 pruned and shared, {whole.huffman_rate:.1f}x Huffman-coded"
    )
    parts += _sharing(reports)
    deep = [layer.name for layer in compressed.layers if layer.depthwise]
    if deep:
        parts.append(f"  depthwise, of which a broadcast gives hardly one PE work: {_some(deep)}")
    errors = sorted((one.output_error, one.name) for one in reports if one.output_error is not None)
    if errors:
        parts.append(
            f"  relative error of layers' outputs on real inputs: median {_percent(errors[len(errors) // 2][0])}, "
            f"most {_percent(errors[-1][0])} ({errors[-1][1]})"
        )
    if compressed.network_error is not None:
        parts.append(f"  and of the whole network's outputs: {_percent(compressed.network_error)}")
    several = [vectors for vectors in compressed.vectors if vectors is not None and vectors > 1]
    if several and any(given is not None for given in compressed.inputs):
        parts.append(f"  {len(several)} layers have several input vectors in one input; totals of a run count them all")
    unreached = [one.name for one, given in zip(reports, compressed.inputs, strict=True) if given is None]
    if unreached and len(unreached) < len(reports):
        parts.append(f"  without inputs, for the calibration inputs do not reach them: {_some(unreached)}")
    empty = [one.name for one, layer in zip(reports, compressed.layers, strict=True) if layer.nnz == 0]
    if empty:
        parts.append(f"  not one weight is kept in: {_some(empty)}")
    if model.held.against is not None:
        parts.append(f"  {model.held.line}")
    parts += [f"  {note}" for note in model.notes]
    return [*parts, *_left_out(model.left_out), f"details: {folder / REPORT}"]


def _sharing(reports: Sequence[LayerReport]) -> list[str]:
    """Lines on what sharing the layers' weights anew cost, and on whose are what they were."""
    lines = []
    for shared, what in ((BY_K_MEANS, "shared anew by k-means"), (AS_IT_WAS, "shared already, taken as they were")):
        alike = [one for one in reports if one.shared == shared]
        if alike:
            kept, bias = _most(alike, "kept weights", "sharing_error"), _most(alike, "biases", "bias_error")
            lines.append(f"  {what}: {_some([one.name for one in alike])}{kept}{bias if shared == AS_IT_WAS else ''}")
    return lines


def _most(reports: Sequence[LayerReport], what: str, error: str) -> str:
    """The largest error, and whose it is where there are several; empty where nothing is lost."""
    lost, name = max((getattr(one, error) or 0.0, one.name) for one in reports)
    if not lost:
        return ""
    return f"; {what} off by {_percent(lost)}" if len(reports) == 1 else f"; {what} off by {_percent(lost)} ({name})"


def ledger_table(network: DenseNetwork) -> Table:
    """What each tensor of a model was taken for, one row a tensor."""
    table = _table(f"{network.name}: what each tensor is taken for", "tensor")
    for heading in ("shape", "dtype", "role", "layer", "why"):
        table.add_column(heading, overflow="fold")
    for one in network.ledger:
        shape = " x ".join(f"{size:,}" for size in one.shape) or "-"
        table.add_row(one.tensor, shape, one.dtype, one.role, one.layer, one.reason)
    return table


def _left_out(left_out: Sequence[LeftOut]) -> list[str]:
    """Lines on what was left out, by reason, the most work first."""
    by_reason: dict[tuple[bool, str], list[LeftOut]] = {}
    for part in left_out:
        why = part.reason.partition(": ")[2] if part.kind else part.reason
        by_reason.setdefault((bool(part.kind), why), []).append(part)
    lines = ["left out:"] if left_out else []
    for (of_graph, why), alike in sorted(by_reason.items(), key=lambda pair: (-_work(pair[1]), -len(pair[1]))):
        what = _some([one.name for one in alike])
        if of_graph:
            counts = Counter(one.kind for one in alike).most_common()
            what = ", ".join(f"{count} x {kind}" for kind, count in counts)
        macs = f" ({_work(alike):,} multiply-accumulates)" if _work(alike) else ""
        lines.append(f"  {what}{macs}: {why}")
    return lines


def _work(parts: Sequence[LeftOut]) -> int:
    return sum(part.macs or 0 for part in parts)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def statistics_tables(compressed: Compressed) -> list[Table]:
    """As Deep Compression's Tables 2 to 5, one row a layer; and what sharing lost."""
    sizes = _table("Sizes: P pruned, Q shared, H Huffman-coded; x times smaller than float32")
    for heading in ("weights", "kept", "bits PQ, H", "index PQ, H", "P", "PQ", "PQH"):
        sizes.add_column(heading, justify="right")
    losses = _table("What was lost: relative error, ||shared - dense|| / ||dense||")
    for heading in ("values", "codebook, B", "padding", "error: weights", "outputs"):
        losses.add_column(heading, justify="right")
    for report in compressed.reports:
        part = report.statistics
        sizes.add_row(*_sizes(part))
        losses.add_row(
            part.name,
            f"{report.codebook_entries - 1}",
            f"{part.codebook_bits / 8:,.0f}",
            _percent((part.entries - part.kept) / part.entries if part.entries else None),
            _percent(report.weight_error),
            _percent(report.output_error),
        )
    if len(compressed.reports) > 1:
        sizes.add_section()
        sizes.add_row(*_sizes(compressed.total))
        if compressed.network_error is not None:
            losses.add_section()
            losses.add_row("network", "", "", "", "", _percent(compressed.network_error))
    return [sizes, losses]


def _table(title: str, first: str = "layer") -> Table:
    table = Table(title=title, title_justify="left", title_style="", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, overflow="fold")
    return table


def _sizes(part: Statistics) -> list[str]:
    return [
        part.name,
        f"{part.weights:,}",
        _percent(part.density),
        f"{part.an_entry(part.weight_bits):.1f}, {part.an_entry(part.huffman_weight_bits):.1f}",
        f"{part.an_entry(part.index_bits):.1f}, {part.an_entry(part.huffman_index_bits):.1f}",
        *(f"{rate:.1f}x" if rate else "-" for rate in (part.pruned_rate, part.shared_rate, part.huffman_rate)),
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def accuracy_table(shares: Mapping[str, Mapping[str, float]], inputs: int) -> Table:
    """One row a network, one column an arithmetic."""
    table = Table(title=f"Accuracy on {counted(inputs, 'input')}", title_justify="left", title_style="")
    table.add_column("network")
    arithmetics: Sequence[str] = list(next(iter(shares.values())))
    for arithmetic in arithmetics:
        table.add_column(arithmetic, justify="right")
    for name, row in shares.items():
        table.add_row(name, *(f"{row[arithmetic]:.2%}" for arithmetic in arithmetics))
    return table
