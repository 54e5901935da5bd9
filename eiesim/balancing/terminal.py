"""Terminal table of where a layer's cycles go, and of better assignments of its rows."""

from rich.table import Table

from eiesim._shown import counted
from eiesim.balancing.study import Balance
from eiesim.config import MachineConfig

CAUSES = {
    "work": "work: real entries",
    "padding": "work: padding",
    "lanes": "lost: lanes without an entry",
    "static_imbalance": "lost: static imbalance",
    "empty_columns": "lost: empty columns",
    "scan_bubbles": "lost: scan bubbles",
    "start_and_drain": "lost: start and drain",
    "finite_queues": "lost: finite queues",
}


def causes_of(config: MachineConfig) -> dict[str, str]:
    """The causes there can be: lanes are lost only where a PE has several."""
    return {key: label for key, label in CAUSES.items() if key != "lanes" or config.multipliers > 1}


def balance_table(balance: Balance) -> Table:
    """A column for each order of rows: cycles by cause, which add up to the cycles, and their shares."""
    config, tried = balance.config, balance.assignments
    of_inputs = f", sum of {balance.batch_size} inputs" if balance.batch_size > 1 else ""
    table = Table(
        title=f"{tried[0].layer.name} on {counted(config.pes, 'PE')}{config.variant}, queue depth "
        f"{config.queue_depth}: where the cycles go{of_inputs} (simulated)",
        title_justify="left",
        title_style="",
    )
    table.add_column("order of rows:", no_wrap=True)
    for one in tried:
        table.add_column(one.name, justify="right")
    for key, label in causes_of(config).items():
        cells = []
        for one in tried:
            pe_cycles = one.losses.to_dict()[key]
            share = pe_cycles / one.losses.total if one.losses.total else 0.0
            cells.append(f"{pe_cycles / (config.pes * config.multipliers):,.1f} {share:6.1%}")
        table.add_row(label, *cells, end_section=key in ("padding", "finite_queues"))
    table.add_row("cycles", *(f"{one.cycles:,} {1:6.1%}" for one in tried))
    first = tried[0].cycles
    gains = [f"{one.cycles / first - 1:+.2%}" if first else "-" for one in tried[1:]]
    table.add_row("against as stored", "", *gains, end_section=True)
    walked = "entries" if config.multipliers == 1 else "groups"
    table.add_row(f"busiest PE's {walked}", *(f"{one.busiest:,}" for one in tried))
    shown = [one.to_dict() for one in tried]
    table.add_row("load balance", *(f"{one['load_balance']:.1%}" for one in shown))
    table.add_row("at most, by busiest PE", *(f"{one['load_balance_bound']:.1%}" for one in shown))
    return table
