"""Terminal tables of compression and accuracy."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table

from eiesim.compression.pipeline import Compressed
from eiesim.compression.statistics import Statistics


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


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer", overflow="fold")
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
    table = Table(title=f"Accuracy on {inputs:,} inputs", title_justify="left", title_style="")
    table.add_column("network")
    arithmetics: Sequence[str] = list(next(iter(shares.values())))
    for arithmetic in arithmetics:
        table.add_column(arithmetic, justify="right")
    for name, row in shares.items():
        table.add_row(name, *(f"{row[arithmetic]:.2%}" for arithmetic in arithmetics))
    return table
