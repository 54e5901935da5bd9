"""What the paper printed, from the files in `data/` that carry their sources (data/README.md)."""

from collections.abc import Mapping
from functools import cache

from eiesim._io.data import read_rows

MODULES = ("act_queue", "ptr_read", "spmat_read", "arithm_unit", "act_rw")
"""The modules of a PE, as Table II has them."""

COMPONENTS = ("memory", "clock_network", "register", "combinational")
"""The components of a PE, as Table II has them."""

LNZD = "lnzd"
"""LNZD nodes stand outside the PEs, so they are a module and a component of their own."""

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
    return read_rows("eiesim.paper", name)


LAYERS = tuple(row["layer"] for row in read("eie_table3_layers.csv"))
"""The nine benchmark layers, in the paper's order."""

TABLE_V_LAYER, TABLE_V_PES = "Alex-7", 256
"""Table V is about AlexNet's FC7; its second EIE has 256 PEs."""

TABLE_V_EIE, TABLE_V_EIE_28NM = "EIE 64PE", "EIE 256PE 28nm"
"""The two EIE machines, as Table V names them."""


@cache
def platforms() -> Mapping[str, Mapping[str, str]]:
    """Table V: the printed text of each property, by platform. A dash stands for what the paper does not give."""
    found: dict[str, dict[str, str]] = {}
    for row in read("eie_table5_platforms.csv"):
        cells = dict(row)
        name = cells.pop("property")
        for platform, text in cells.items():
            found.setdefault(platform, {})[name] = text
    return found


def technology_nm(platform: str) -> int:
    """Table V: the technology of a platform in nanometres."""
    return int(platforms()[platform]["tech nm"])


@cache
def _constants() -> Mapping[str, float]:
    return {row["key"]: float(row["value"]) for row in read("constants.csv")}


def constant(key: str) -> float:
    """One figure of `constants.csv`."""
    return _constants()[key]


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
