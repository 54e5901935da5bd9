"""What seeing inside costs: `python -m benchmarks.trace`. Ratios are to the timing run of the same layer."""

import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

import eiesim
from benchmarks import cases, measure
from eiesim.engines import recurrence
from eiesim.tracing import path, recording
from eiesim.tracing.subject import Subject

PES = 64


def main() -> None:
    """One row a work: median ms, and how many timing runs that is."""
    layer, activations = cases.alexnet_fc8()
    interleaved = eiesim.interleave(layer, PES)
    subject = Subject.of(interleaved, activations)
    window = eiesim.trace(interleaved, activations, cycles=(3000, 3500))
    whole = eiesim.trace(interleaved, activations)
    medians = measure.medians_ms(
        {
            "timing run (recurrence engine)": lambda: recurrence.run(subject.job, subject.activation_rows),
            "trace of all cycles": lambda: recording.record(subject),
            "critical path": lambda: path.path_of(subject),
            "simulate(), timing only": lambda: eiesim.simulate(interleaved, activations, outputs=False),
            "eiesim.trace()": lambda: eiesim.trace(interleaved, activations),
        }
    )
    base = medians["timing run (recurrence engine)"]
    table = Table(title=f"Seeing inside {layer.name}, {PES} PEs, measured", title_justify="left", title_style="")
    for heading in ("what", "ms", "x timing run", "MB"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for name, ms in medians.items():
        table.add_row(name, f"{ms:.3f}", f"{ms / base:.1f}", "")
    with tempfile.TemporaryDirectory() as folder:
        for suffix, trace, what in (
            ("vcd", window, "500 cycles"), ("html", whole, "all cycles"), ("png", whole, "all cycles"),
            ("pftrace", whole, "all cycles"), ("npz", whole, "all cycles"),
        ):  # fmt: skip
            file = Path(folder) / f"t.{suffix}"
            ms = measure.median_ms(lambda trace=trace, file=file: trace.save(file), repeats=3)
            table.add_row(f".{suffix}, {what}", f"{ms:,.0f}", f"{ms / base:,.0f}", f"{file.stat().st_size / 1e6:.1f}")
    console = Console(width=100)
    console.print(f"{measure.machine()}\n", highlight=False)
    console.print(table)


if __name__ == "__main__":
    main()
