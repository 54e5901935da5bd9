"""What every event costs, as a terminal table."""

from rich.table import Table

from eiesim.energy.costs import EnergyCosts


def energy_costs_table(costs: EnergyCosts) -> Table:
    """A line an event, module and source."""
    title = f"Energy an event, estimated: {costs.machine}"
    table = Table(title=title, title_justify="left", title_style="")
    for heading in ("event", "module", "pJ", "source"):
        table.add_column(heading, justify="right" if heading == "pJ" else "left")
    for one in costs:
        table.add_row(one.event, one.module, f"{one.energy_pj:.4g}", one.source)
    return table
