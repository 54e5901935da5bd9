"""What synthesis says, beside EIE Table II, as a terminal table."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from eiesim.config import MachineConfig
from eiesim.energy.sram import DEFAULT_DEVICE_TYPE
from eiesim.energy.structure import POINTER_BANKS, lnzd_nodes, memory
from eiesim.errors import EieError
from eiesim.paper import source
from eiesim.rtl.synthesis import MODULES, OF_AN_ADDER, Module
from eiesim.rtl.twin import Checked, Synthesised

PAPER_PATH_NS = 1.15
"""The critical path of the published chip (EIE Sec. VI)."""


def checked_lines(checked: Checked) -> Iterator[str]:
    """What a check came to: each layer, and all of them; or the first difference."""
    if checked.names:
        for name, agreed in zip(checked.names, checked.agreements, strict=False):
            yield f"{name}: {agreed.cycles:,} cycles, checksum {agreed.checksum:08x}"
    if checked.difference:
        yield checked.difference
        return
    compared, outputs = (sum(getattr(one, part) for one in checked.agreements) for part in ("compared", "outputs"))
    yield (
        f"{len(checked.agreements):,} runs agree: {compared:,} cycles compared, {outputs:,} outputs, "
        f"{checked.seconds:.0f} s, {checked.simulator}"
    )


def synthesis_table(made: Synthesised) -> Table:
    """A line a module, one for all of a PE: cells, register bits, logic, memory, Table II's area, longest path."""
    modules, config, liberty = made.modules, made.config, made.liberty
    adder = ", adder units" if config.operation == "adder" else ""
    cells = "yosys' generic cells" if liberty is None else liberty.name
    table = Table(
        title=f"A PE of {config.pes}, {config.arithmetic}{adder}: logic by yosys in {cells} (paths by abc, without "
        f"registers' own delay and wires), memory by CACTI ({DEFAULT_DEVICE_TYPE}), published: EIE Table II",
        title_justify="left",
        title_style="",
    )
    table.add_column("module", no_wrap=True)
    for name in ("cells", "bits held", "bits free", "logic um2", "gate eq.", "memory um2", "published um2", "path ns"):
        table.add_column(name, justify="right")
    published, arrays = source.module_area_um2(), memory_um2(config)
    published[source.LNZD] = source.constant("lnzd_node_area_um2") * lnzd_nodes(config.pes)
    names = {module.name: MODULES.get(module.name, "") for module in modules}
    of_a_pe = [module for module in modules if names[module.name] not in (source.LNZD, "")]
    for module in of_a_pe:
        _add(table, module, arrays.get(names[module.name]), published[names[module.name]])
    whole = _all(of_a_pe)
    _add(table, whole, sum(arrays.values()) if arrays else None, sum(published[names[one.name]] for one in of_a_pe))
    for module in modules:
        if module not in of_a_pe:
            _add(table, module, None, published.get(names[module.name]))
    longest = "-" if whole.path_ns is None else f"{max(module.path_ns or 0.0 for module in modules):.2f}"
    table.caption = (
        f"longest path {longest} ns, the published chip's {PAPER_PATH_NS} ns; all: of a PE; lnzd: all nodes and the CCU"
        + ("; sent: of the array, too" if any(module.name == OF_AN_ADDER for module in modules) else "")
    )
    return table


def _add(table: Table, module: Module, memory: float | None, published: float | None) -> None:
    table.add_row(
        module.name,
        f"{module.cells:,}",
        f"{module.held_bits:,}",
        f"{module.free_bits:,}",
        _number(module.area_um2),
        _number(module.gate_equivalents),
        _number(memory),
        _number(published),
        "-" if module.path_ns is None else f"{module.path_ns:.2f}",
    )


def _all(modules: Sequence[Module]) -> Module:
    """The modules of a PE together: sums, and the longest path."""
    return Module(
        name="all",
        cells=sum(module.cells for module in modules),
        area_um2=_sum([module.area_um2 for module in modules]),
        gate_equivalents=_sum([module.gate_equivalents for module in modules]),
        path_ns=max((module.path_ns for module in modules if module.path_ns is not None), default=None),
        held_bits=sum(module.held_bits for module in modules),
        free_bits=sum(module.free_bits for module in modules),
    )


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


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
