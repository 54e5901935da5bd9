"""Terminal tables of compression and accuracy."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from eiesim.compress.pipeline import Compressed
from eiesim.compress.statistics import Statistics


def statistics_table(compressed: Compressed) -> Table:
    """As Deep Compression's Tables 2 to 5: one row a layer, and what was lost."""
    title = f"{compressed.model.name}: P pruned, Q shared, H Huffman-coded; sizes against float32"
    table = Table(title=title, title_justify="left", title_style="")
    table.add_column("layer")
    for heading in (
        "weights", "kept", "padding", "bits\nPQ", "\nPQH", "index\nPQ", "\nPQH",
        "codebook\nbytes", "rate\nP", "\nPQ", "\nPQH", "error of\nweights", "\noutputs",
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    for report in compressed.reports:
        table.add_row(*_cells(report.statistics), _percent(report.weight_error), _percent(report.output_error))
    if len(compressed.reports) > 1:
        table.add_section()
        table.add_row(*_cells(compressed.total), "", _percent(compressed.network_error))
    return table


def _cells(part: Statistics) -> list[str]:
    return [
        part.name,
        f"{part.weights:,}",
        f"{part.density:.1%}",
        f"{(part.entries - part.kept) / part.entries:.1%}" if part.entries else "-",
        f"{part.an_entry(part.weight_bits):.1f}",
        f"{part.an_entry(part.huffman_weight_bits):.1f}",
        f"{part.an_entry(part.index_bits):.1f}",
        f"{part.an_entry(part.huffman_index_bits):.1f}",
        f"{part.codebook_bits / 8:,.0f}",
        *(f"{rate:.1f}x" if rate else "-" for rate in (part.pruned_rate, part.shared_rate, part.huffman_rate)),
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"


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
