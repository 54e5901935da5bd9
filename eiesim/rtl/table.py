"""What synthesis says, beside EIE Table II, as a terminal table."""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from eiesim.config import MachineConfig
from eiesim.energy.sram import DEFAULT_DEVICE_TYPE
from eiesim.energy.structure import POINTER_BANKS, lnzd_nodes, memory
from eiesim.errors import EieError
from eiesim.paper import source
from eiesim.rtl.synthesis import MODULES, Module

PAPER_PATH_NS = 1.15
"""The critical path of the published chip (EIE Sec. VI)."""


def synthesis_table(modules: Sequence[Module], config: MachineConfig, liberty: Path | None) -> Table:
    """A line a module: cells, register bits, logic, memory, Table II's area, longest path."""
    cells = "yosys' generic cells" if liberty is None else liberty.name
    table = Table(
        title=f"A PE of {config.pes}, {config.arithmetic}: logic by yosys in {cells} (paths by abc, without registers' "
        f"own delay and wires), memory by CACTI ({DEFAULT_DEVICE_TYPE}), published: EIE Table II",
        title_justify="left",
        title_style="",
    )
    table.add_column("module", no_wrap=True)
    for name in ("cells", "bits held", "bits free", "logic um2", "gate eq.", "memory um2", "published um2", "path ns"):
        table.add_column(name, justify="right")
    published, arrays = source.module_area_um2(), memory_um2(config)
    published[source.LNZD] = source.constant("lnzd_node_area_um2") * lnzd_nodes(config.pes)
    for made in modules:
        name = MODULES[made.name]
        table.add_row(
            made.name,
            f"{made.cells:,}",
            f"{made.held_bits:,}",
            f"{made.free_bits:,}",
            _number(made.area_um2),
            _number(made.gate_equivalents),
            _number(arrays.get(name)),
            _number(published.get(name)),
            "-" if made.path_ns is None else f"{made.path_ns:.2f}",
        )
    paths = [made.path_ns for made in modules if made.path_ns is not None]
    longest = f"{max(paths):.2f}" if paths else "-"
    table.caption = f"longest path {longest} ns, the published chip's {PAPER_PATH_NS} ns; lnzd: all nodes and the CCU"
    return table


def memory_um2(config: MachineConfig) -> dict[str, float]:
    """Area of a PE's SRAM arrays by module of Table II; empty where CACTI's table does not reach."""
    try:
        return {
            "spmat_read": memory("spmat", config, DEFAULT_DEVICE_TYPE).area_um2,
            "ptr_read": POINTER_BANKS * memory("pointer", config, DEFAULT_DEVICE_TYPE).area_um2,
            "act_rw": memory("activation", config, DEFAULT_DEVICE_TYPE).area_um2,
        }
    except EieError:
        return {}


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
