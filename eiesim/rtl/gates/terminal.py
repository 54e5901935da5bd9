"""Power at the gate as terminal tables: by module and component beside EIE Table II, and what is behind it."""

import re
from collections.abc import Iterator

from rich.table import Table

from eiesim._sums import added
from eiesim.paper import source
from eiesim.rtl.gates.energy import COMPONENTS, LEAKAGE
from eiesim.rtl.gates.report import GatePower

EVENT_WORDS = {
    "multiply": "multiply",
    "shift_add": "shift, add and saturate",
    "codebook": "codebook lookup",
    "push_pop": "push and pop",
    "accumulator": "accumulator read or write",
}

SHOWN_CELLS = 4
"""Of a path, at each end."""


def power_parts(power: GatePower) -> Iterator[Table | str]:
    """The tables, and lines between them."""
    yield modules_table(power)
    gate = f"gated by {power.clock_gate}" if power.clock_gating else "not gated"
    yield (
        f"outputs equal in {power.compared:,} cycles of {power.pes} PEs; {power.cells:,} cells, "
        f"{power.area_um2:,.0f} µm²; "
        f"{power.clocked_bits_per_cycle:.1f} of {power.register_bits:,} register bits clocked a cycle, {gate}"
    )
    yield f"longest path {power.longest_path_ns:.2f} ns: " + " / ".join(map(_plain, _shortened(power.longest_path)))
    yield events_table(power)
    yield hottest_table(power)
    took = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in power.seconds.items())
    yield took


def modules_table(power: GatePower) -> Table:
    """mW a PE, a line a module."""
    last = power.first_cycle + power.cycles - 1
    table = Table(
        title=f"Power of a PE, mW: {power.named}; {power.name}, {power.config.arithmetic}, "
        f"cycles {power.first_cycle:,} to {last:,} at {power.config.clock_mhz:g} MHz; published: EIE Table II, another "
        "library, after layout",
        title_justify="left",
        title_style="",
    )
    table.add_column("module", no_wrap=True)
    for name in (*COMPONENTS, LEAKAGE, "all", "published"):
        table.add_column(name, justify="right")
    published = source.module_power_mw()
    for module, parts in power.modules.items():
        cells = [f"{parts[name]:.3f}" for name in (*COMPONENTS, LEAKAGE)]
        theirs = f"{published[module]:.3f}" if module in published else "-"
        table.add_row(module, *cells, f"{added(parts.values()):.3f}", theirs)
    whole = power.by_component
    cells = [f"{whole[name]:.3f}" for name in (*COMPONENTS, LEAKAGE)]
    table.add_row("all", *cells, f"{power.total_mw:.3f}", f"{source.pe_power_mw():.3f}")
    printed_mw = source.component_power_mw()
    names = {"memory": "memory", "clock": "clock_network", "register": "register", "combinational": "combinational"}
    printed = [f"{printed_mw[names[name]]:.3f}" for name in COMPONENTS]
    table.add_row("published", *printed, "-", f"{source.pe_power_mw():.3f}", "")
    return table


def events_table(power: GatePower) -> Table:
    """Picojoules an event."""
    table = Table(title="Energy an event, pJ", title_justify="left", title_style="")
    table.add_column("event")
    table.add_column("pJ", justify="right")
    for name, energy in power.events_pj.items():
        table.add_row(EVENT_WORDS[name], "-" if energy is None else f"{energy:.2f}")
    return table


def hottest_table(power: GatePower) -> Table:
    """The ten nets, and the cell of each module, that cost most."""
    table = Table(title="What costs most, µW a PE", title_justify="left", title_style="")
    for heading in ("net or cell", "module", "of"):
        table.add_column(heading, overflow="fold")
    for heading in ("changes a cycle", "µW"):
        table.add_column(heading, justify="right")
    for one in power.hottest_nets:
        changes = "-" if one.transitions_per_cycle is None else f"{one.transitions_per_cycle:.3f}"
        table.add_row(f"net {_plain(one.name)}", one.module, _kind(one.of), changes, f"{one.power_mw * 1e3:.1f}")
    seen: set[str] = set()
    for one in power.hottest_cells:
        if one.module not in seen:
            seen.add(one.module)
            table.add_row(f"cell {_plain(one.name)}", one.module, one.of, "-", f"{one.power_mw * 1e3:.1f}")
    return table


def _shortened(path: tuple[str, ...]) -> list[str]:
    if len(path) <= 2 * SHOWN_CELLS:
        return list(path)
    between = len(path) - 2 * SHOWN_CELLS
    return [*path[:SHOWN_CELLS], f"{between} more", *path[-SHOWN_CELLS:]]


def _plain(name: str) -> str:
    """A name without where in yosys it was made; JSON has it whole."""
    return re.sub(r"\$flatten|\$auto\$\w+\.cc:\d+:|\\", "", name)


def _kind(of: str) -> str:
    """The library's cell, of a driver's `cell NAME (CELL)`."""
    found = re.fullmatch(r"cell .* \((\w+)\)", of)
    return found[1] if found else of
