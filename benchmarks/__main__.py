"""python -m benchmarks [--quick]: one table of figures after another; README.md says how to read them."""

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from benchmarks import cases, measure, start
from benchmarks.many_layers import many_layers
from eiesim import MachineConfig, interleave, simulate, workload
from eiesim.arithmetic import prepare
from eiesim.engines import clocked, event, recurrence
from eiesim.job import Job

PES = 64
YARDSTICK = "SciPy CSR float32 product"


def engines(console: Console, case: cases.Case) -> None:
    """The engines on one layer, beside SciPy's float32 product of the same matrix and vector."""
    layer, activations = case
    interleaved = interleave(layer, PES)
    matrix = layer.to_scipy().tocsr()
    works: dict[str, Callable[[], object]] = {YARDSTICK: lambda: matrix @ activations}
    pe_cycles = {}
    for arithmetic in ("float32", "fixed16"):
        config = MachineConfig(pes=PES, arithmetic=arithmetic)
        operands = prepare(layer, activations[None], config)
        full = Job.of(interleaved, operands, config, outputs=True)
        timing = Job.of(interleaved, operands, config, outputs=False)
        rows = full.in_rows(operands.activations, operands.one)[0]
        works[f"recurrence, outputs, {arithmetic}"] = lambda j=full, r=rows: recurrence.run(j, r)
        works[f"recurrence, timing only, {arithmetic}"] = lambda j=timing, r=rows: recurrence.run(j, r)
        works[f"simulate(), outputs, {arithmetic}"] = lambda c=config: simulate(interleaved, activations, c)
        works[f"clocked, {arithmetic}"] = lambda j=full, r=rows: clocked.run(j, r)
        pe_cycles[f"clocked, {arithmetic}"] = recurrence.run(timing, rows).cycles * PES
    medians = measure.medians_ms(works)
    small, few = cases.random_layer(100, 200, 0.1, 0.4)
    config = MachineConfig(pes=8, arithmetic="float32")
    operands = prepare(small, few[None], config)
    job = Job.of(interleave(small, 8), operands, config, outputs=True)
    rows = job.in_rows(operands.activations, operands.one)[0]
    table = Table(title=f"Engines on {layer.name}, {PES} PEs, queue depth 8, one input, one core", title_justify="left")
    for heading in ("what", "ms", "x SciPy", "million PE-cycles/s"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    yardstick = medians[YARDSTICK]
    for name, ms in medians.items():
        rate = f"{pe_cycles[name] / ms / 1e3:.1f}" if name in pe_cycles else ""
        table.add_row(name, f"{ms:.3f}", f"{ms / yardstick:.2f}", rate)
    ratio = medians["clocked, float32"] / medians["recurrence, timing only, float32"]
    table.add_row("clocked / recurrence (timing only), float32", f"{ratio:.0f} x")
    event_ms = measure.median_ms(lambda: event.run(job, rows))
    cycles = recurrence.run(job, rows).cycles * 8
    table.add_row("event, 100 x 200 layer on 8 PEs", f"{event_ms:.1f}", "", f"{cycles / event_ms / 1e3:.3f}")
    console.print(table)


def interleaving(console: Console, case: cases.Case) -> None:
    """Dealing layers over PEs: what a timing run needs, and with the entries written."""
    begun = time.perf_counter()
    vgg6 = workload("VGG-6")
    build_s = time.perf_counter() - begun
    table = Table(title="Interleaving", title_justify="left")
    for heading in ("layer", "PEs", "kept weights", "ms", "x SciPy", "ns a weight", "with entries, ms", "x SciPy"):
        table.add_column(heading, justify="left" if heading == "layer" else "right")
    for layer, activations in (case, vgg6):
        matrix = layer.to_scipy().tocsr()
        for pes in (1, 4, 16, PES, 256, 1024):
            medians = measure.medians_ms(
                {
                    YARDSTICK: lambda matrix=matrix, activations=activations: matrix @ activations,
                    "tables": lambda layer=layer, pes=pes: interleave(layer, pes),
                    "entries": lambda layer=layer, pes=pes: interleave(layer, pes).code,
                },
                rounds=9,
            )
            product, ms, full = medians.values()
            table.add_row(
                layer.name, str(pes), f"{layer.nnz:,}", f"{ms:.2f}", f"{ms / product:.1f}",
                f"{ms * 1e6 / layer.nnz:.1f}", f"{full:.2f}", f"{full / product:.1f}",
            )  # fmt: skip
        table.add_section()
    console.print(table)
    few, many = (cases.random_layer(1000, 4096, density, 0.4)[0] for density in (0.1, 0.5))
    growth = []
    for pes in (1, PES, 1024):
        medians = measure.medians_ms(
            {layer.name: lambda layer=layer, pes=pes: interleave(layer, pes) for layer in (few, many)}, rounds=9
        )
        growth.append(f"{(medians[many.name] - medians[few.name]) * 1e6 / (many.nnz - few.nnz):.1f} on {pes:,}")
    console.print(f"ns for each weight more, from {few.name} to {many.name}: {', '.join(growth)} PEs")
    peak = measure.peak_mb([sys.executable, "-c", "import eiesim; eiesim.simulate(*eiesim.workload('VGG-6'))"])
    console.print(
        f"building the synthetic VGG-6: {build_s:.2f} s; peak resident memory of a VGG-6 run: {peak:.0f} MB\n"
    )


def scaling(console: Console, quick: bool) -> None:
    """Time over PEs and layer sizes: linear in broadcasts x PEs (timing) and in the weights walked (outputs)."""
    table = Table(title="Scaling of the recurrence engine, float32, 40 % of the inputs active", title_justify="left")
    for heading in ("layer", "PEs", "broadcasts x PEs", "timing ms", "ns each", "entries", "outputs ms", "ns each"):
        table.add_column(heading, justify="left" if heading == "layer" else "right")
    sizes = [(300, 784), (1000, 4096), (4096, 4096)] + ([] if quick else [(11008, 4096)])
    for rows, cols in sizes:
        for density in (0.1, 0.5):
            case = cases.random_layer(rows, cols, density, 0.4)
            for pes in (1, 4, 16, 64, 256, 1024) if (rows, cols, density) == (1000, 4096, 0.1) else (PES,):
                _scale(table, case, pes)
            table.add_section()
    console.print(table)
    console.print(f"peak resident memory of this process: {measure.own_peak_mb():.0f} MB\n")


def _scale(table: Table, case: cases.Case, pes: int) -> None:
    layer, activations = case
    config = MachineConfig(pes=pes, arithmetic="float32")
    operands = prepare(layer, activations[None], config)
    interleaved = interleave(layer, pes)
    timing = Job.of(interleaved, operands, config, outputs=False)
    full = Job.of(interleaved, operands, config, outputs=True)
    rows = full.in_rows(operands.activations, operands.one)[0]
    run = recurrence.run(timing, rows)
    pairs, entries = run.broadcasts * pes, int(run.per_pe.entries.sum())
    medians = measure.medians_ms(
        {"timing": lambda: recurrence.run(timing, rows), "full": lambda: recurrence.run(full, rows)}, rounds=9
    )
    outputs_ms = medians["full"] - medians["timing"]
    table.add_row(
        layer.name, str(pes), f"{pairs:,}", f"{medians['timing']:.3f}", f"{medians['timing'] * 1e6 / pairs:.2f}",
        f"{entries:,}", f"{outputs_ms:.3f}", f"{outputs_ms * 1e6 / entries:.2f}",
    )  # fmt: skip


def main() -> None:
    measure.restart_without(measure.SLOWING)
    quick = "--quick" in sys.argv
    console = Console(width=120)
    console.print(f"{measure.machine()}\nmedians; works of one table take turns\n", highlight=False)
    case = cases.alexnet_fc8()
    engines(console, case)
    many_layers(console, case)
    interleaving(console, case)
    scaling(console, quick)
    start.processes(console, case)


if __name__ == "__main__":
    main()
