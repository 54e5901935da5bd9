"""The terminal's tables of a trained network."""

from rich import box
from rich.table import Table

from eiesim.training.trained import Trained


def trained_tables(trained: Trained) -> list[Table | str]:
    """What each stage recognises, how a teacher taught it, and what each layer takes."""
    held_out = len(trained.parts.held_out.labels)
    stages = _table(f"Accuracy on {held_out:,} held-out examples, float32", "network", "accuracy", "kept", "bytes")
    kept = f"{trained.density:.2%}"
    sizes = {
        "dense": ("100%", f"{trained.dense_bytes:,}"),
        "pruned": (kept, ""),
        "shared": (kept, f"{trained.coded_bytes:,.0f}"),
    }
    for stage, share in trained.accuracy.items():
        stages.add_row(stage, f"{share:.1%}", *sizes[stage])
    layers = _table("Layers; sizes after Huffman coding", "layer", "rows x cols", "kept", "density", "bytes")
    for layer, part in zip(trained.shared, trained.statistics, strict=True):
        size = f"{part.huffman_bits / 8:,.0f}"
        layers.add_row(layer.name, f"{layer.rows} x {layer.cols}", f"{layer.nnz:,}", f"{layer.density:.2%}", size)
    if trained.outcome.blocks:
        layers.caption = f"MESA's own coding of the blocks takes {trained.coded_bytes:,.0f} bytes in all"
    taught = [f"{trained.taught}\n"] if trained.taught else []
    return [stages, *taught, layers]


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(first)
    for heading in others:
        table.add_column(heading, justify="right")
    return table
