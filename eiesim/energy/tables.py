"""The published figures, from the files in `data/` that carry their sources (data/README.md)."""

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

MODULES = ("act_queue", "ptr_read", "spmat_read", "arithm_unit", "act_rw")
"""The modules of a PE, as Table II has them."""

COMPONENTS = ("memory", "clock_network", "register", "combinational")
"""The components of a PE, as Table II has them."""

LNZD = "lnzd"
"""LNZD nodes stand outside the PEs, so they are a module and a component of their own."""

LAYERS = ("Alex-6", "Alex-7", "Alex-8", "VGG-6", "VGG-7", "VGG-8", "NT-We", "NT-Wd", "NT-LSTM")
"""The nine benchmark layers, in the paper's order."""

_TABLE2_NAMES = {
    "act_queue": "Act queue",
    "ptr_read": "PtrRead",
    "spmat_read": "SpmatRead",
    "arithm_unit": "ArithmUnit",
    "act_rw": "ActRW",
    "clock_network": "clock network",
}


def read(name: str) -> list[dict[str, str]]:
    """The rows of `data/NAME`, each a dictionary by column."""
    text = (files("eiesim.energy") / "data" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def _constants() -> Mapping[str, float]:
    return {row["key"]: float(row["value"]) for row in read("constants.csv")}


def constant(key: str) -> float:
    """One figure of `constants.csv`."""
    return _constants()[key]


@cache
def operation_pj() -> Mapping[str, float]:
    """Energy of an operation at 45 nm in picojoules (EIE Table I, Horowitz, ISSCC 2014)."""
    return {row["operation"]: float(row["energy_pj"]) for row in read("energy_45nm_pj.csv")}


@cache
def _table2(column: str) -> Mapping[str, float]:
    return {row["part"]: float(row[column]) for row in read("eie_table2_pe.csv") if row[column]}


def pe_power_mw() -> float:
    """Power of a PE: Table II, 9.157 mW at 800 MHz."""
    return _table2("power_mw")["Total"]


def module_power_mw() -> dict[str, float]:
    """Power of a PE by module. As printed they add up to 9.158 mW, one last digit more than the total."""
    return {name: _table2("power_mw")[_TABLE2_NAMES[name]] for name in MODULES}


def component_power_mw() -> dict[str, float]:
    """Power of a PE by component; they add up to the total."""
    return {name: _table2("power_mw")[_TABLE2_NAMES.get(name, name)] for name in COMPONENTS}


def pe_area_um2() -> float:
    """Area of a PE: Table II."""
    return _table2("area_um2")["Total"]


def module_area_um2() -> dict[str, float]:
    """Area of a PE by module, and `filler` (Table II)."""
    return {name: _table2("area_um2")[_TABLE2_NAMES.get(name, name)] for name in (*MODULES, "filler")}


def component_area_um2() -> dict[str, float]:
    """Area of a PE by component, and `filler` (Table II)."""
    return {name: _table2("area_um2")[_TABLE2_NAMES.get(name, name)] for name in (*COMPONENTS, "filler")}


def lnzd_nodes(pes: int) -> int:
    """Nodes of the LNZD quadtree over `pes` PEs: N/4 + N/16 + ... + 1, each rounded up (EIE Sec. IV: 21 for 64)."""
    nodes, level = 0, pes
    while True:
        level = -(-level // 4)
        nodes += level
        if level == 1:
            return nodes
