"""Energy of single operations at 45 nm, from the file in `data/` that carries their sources."""

from collections.abc import Mapping
from functools import cache

from eiesim._io.data import read_rows


@cache
def operation_sources() -> Mapping[str, str]:
    """Where the energy of each operation comes from."""
    return {row["operation"]: row["source"] for row in read_rows("eiesim.energy", "energy_45nm_pj.csv")}


@cache
def operation_pj() -> Mapping[str, float]:
    """Energy of an operation at 45 nm in picojoules (EIE Table I, Horowitz, ISSCC 2014)."""
    return {row["operation"]: float(row["energy_pj"]) for row in read_rows("eiesim.energy", "energy_45nm_pj.csv")}
