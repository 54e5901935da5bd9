"""Energy of an event: every figure of the activity model with its source, or the user's figure in its place."""

from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eiesim._io.toml import read_toml
from eiesim.config import MachineConfig
from eiesim.energy.operations import operation_pj, operation_sources
from eiesim.energy.sram import DEFAULT_DEVICE_TYPE
from eiesim.energy.structure import memory, steady_clocked_bits
from eiesim.errors import EieError
from eiesim.paper import source

MOST_PJ = 1e12
"""A joule an event is no figure of a chip."""

Picojoules = Annotated[float, Field(ge=0, le=MOST_PJ, allow_inf_nan=False)]
_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)


class EventEnergies(BaseModel):
    """Picojoules an event. `default_table` says where each default comes from."""

    model_config = _STRICT

    register_bit: Picojoules = Field(description="a bit read from or written to a register file or the queue")
    clock_bit: Picojoules = Field(
        description="a cycle in which a register bit is clocked, its share of the clock network"
    )
    row_add: Picojoules = Field(description="adding a relative index to the row, for every entry")
    multiply_float32: Picojoules
    multiply_fixed32: Picojoules
    multiply_fixed16: Picojoules
    multiply_fixed8: Picojoules
    add_float32: Picojoules
    add_fixed32: Picojoules
    add_fixed16: Picojoules
    add_fixed8: Picojoules
    lnzd_node: Picojoules = Field(description="a cycle of one LNZD node while the scan goes on")


class SramEnergies(BaseModel):
    """Figures of one array in place of CACTI's. Those left out stay CACTI's. The pointer array is one bank of two."""

    model_config = _STRICT

    read_pj: Picojoules | None = None
    write_pj: Picojoules | None = None
    leakage_mw: Picojoules | None = None


class SramTable(BaseModel):
    """The three kinds of array of a PE."""

    model_config = _STRICT

    spmat: SramEnergies = SramEnergies()
    pointer: SramEnergies = SramEnergies()
    activation: SramEnergies = SramEnergies()


class EnergyTable(BaseModel):
    """What events cost. Made by `load_energy_table`.

    Attributes
    ----------
    name : str or None, default None
        What the user calls their figures; None for the published ones.
    device_type : "itrs-lop", "itrs-hp" or "itrs-lstp", default "itrs-lop"
        CACTI's kind of transistor, for memories without figures of the user's.
    pj : EventEnergies
        Picojoules an event, by event.
    sram : SramTable, default SramTable()
        Picojoules a read and a write, and milliwatts of leakage, of the PE's memories, in place of CACTI's.
    """

    model_config = _STRICT

    name: str | None = None
    device_type: Literal["itrs-lop", "itrs-hp", "itrs-lstp"] = DEFAULT_DEVICE_TYPE  # type: ignore[assignment]
    pj: EventEnergies
    sram: SramTable = SramTable()


@cache
def default_table() -> EnergyTable:
    """The published figures.

    register_bit: a 32-bit register file costs 1 pJ an access (energy_45nm_pj.csv).
    clock_bit: Table II's clock network, 1.874 mW at 800 MHz, over the register bits that the published PE clocks in a
    cycle of the paper's steady state; so there the clock's total is the chip's own by construction, and only its spread
    over modules and what a layer leaves of it are a model.
    multiply, add: EIE Table I and Horowitz, ISSCC 2014; 16-bit multiply from EIE Sec. VI; fixed point as integers.
    row_add: a 16-bit integer add. lnzd_node: 0.023 mW at 800 MHz (EIE Sec. VI).
    """
    pj, mhz = operation_pj(), source.constant("table2_clock_mhz")
    clock_pj = source.component_power_mw()["clock_network"] / mhz * 1e3
    return EnergyTable(
        pj=EventEnergies(
            register_bit=pj["register file 32b"] / 32,
            clock_bit=clock_pj / steady_clocked_bits(MachineConfig()),
            row_add=pj["int16 add"],
            lnzd_node=source.constant("lnzd_node_power_mw") / mhz * 1e3,
            **{f"multiply_{ours}": pj[f"{theirs} multiply"] for ours, theirs in KINDS.items()},
            **{f"add_{ours}": pj[f"{theirs} add"] for ours, theirs in KINDS.items()},
        )
    )


KINDS = {"float32": "float32", "fixed32": "int32", "fixed16": "int16", "fixed8": "int8"}
"""The operations of `operation_pj` that stand for each arithmetic: fixed point costs what integers do."""


def source_of(key: str, table: EnergyTable) -> str:
    """Where a figure of `EventEnergies` comes from: the published source, or the name of the user's table."""
    if getattr(table.pj, key) != getattr(default_table().pj, key):
        return table.name or "given"
    if key == "clock_bit":
        return "EIE Table II's clock network, over the register bits clocked in a cycle of its steady state"
    if key == "lnzd_node":
        return "EIE Sec. VI"
    operation, _, arithmetic = key.partition("_")
    printed = {"register_bit": "register file 32b", "row_add": "int16 add"}.get(key)
    named = printed or f"{KINDS[arithmetic]} {operation}"
    return f"{named}: {operation_sources()[named]}"


def array_sources(array: str, config: MachineConfig, table: EnergyTable) -> tuple[str, str, str]:
    """Where the figures of `array_energies` come from."""
    own: SramEnergies = getattr(table.sram, array)
    named = table.name or "given"
    given = own.read_pj, own.write_pj, own.leakage_mw
    if None not in given:
        return named, named, named
    cacti = memory(array, config, table.device_type)
    size = f"CACTI 7, {table.device_type}, {cacti.capacity_bytes:,} bytes of {cacti.width_bits} bits"
    read, write, leakage = (
        f"{size}: {what}" if figure is None else named
        for what, figure in zip(("read", "write", "leakage"), given, strict=True)
    )
    return read, write, leakage


@lru_cache(maxsize=256)
def array_energies(array: str, config: MachineConfig, table: EnergyTable) -> tuple[float, float, float]:
    """(read pJ, write pJ, leakage mW) of one array: the user's figures, or CACTI's where there is none.

    Raises EieError where a figure is left out and the array is outside the CACTI table.
    """
    own: SramEnergies = getattr(table.sram, array)
    if own.read_pj is not None and own.write_pj is not None and own.leakage_mw is not None:
        return own.read_pj, own.write_pj, own.leakage_mw
    cacti = memory(array, config, table.device_type)
    return (
        cacti.read_energy_pj if own.read_pj is None else own.read_pj,
        cacti.write_energy_pj if own.write_pj is None else own.write_pj,
        cacti.leakage_mw if own.leakage_mw is None else own.leakage_mw,
    )


def as_energy_table(table: EnergyTable | str | Path | None) -> EnergyTable | None:
    """A table that a verb is given, or the file that holds it. Raises EieError for anything else."""
    if table is None or isinstance(table, EnergyTable):
        return table
    if isinstance(table, str | Path):
        return load_energy_table(table)
    raise EieError(f"energy_table: {type(table).__name__} is none; give what load_energy_table gives, or a TOML file")


def load_energy_table(path: str | Path) -> EnergyTable:
    """Read a user's energy table: a TOML file that replaces some or all of the published figures.

    The keys:

        name = "our 28 nm"          # shown with every figure; the file's name without it
        device_type = "itrs-lop"    # CACTI's, for arrays not given below
        [pj]                        # keys of EventEnergies
        multiply_fixed16 = 0.3
        [sram.spmat]                # spmat, pointer (one bank), activation: read_pj, write_pj, leakage_mw
        read_pj = 9.5

    Parameters
    ----------
    path : str or pathlib.Path
        The TOML file.

    Returns
    -------
    EnergyTable
        The published figures, with the file's in their places; for `simulate(..., energy_table=...)`.

    Raises
    ------
    EieError
        Naming the file and the key, for anything unknown, negative or beyond a joule.

    Examples
    --------
    >>> import pathlib, tempfile, eiesim
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "ours.toml"
    >>> _ = path.write_text("pj.multiply_fixed16 = 0.3")
    >>> eiesim.load_energy_table(path).pj.multiply_fixed16
    0.3
    """
    path = Path(path)
    given = read_toml(path, "no such energy table")
    energies = given.get("pj", {})
    if not isinstance(energies, dict):
        raise EieError(f"{path}: pj: needs a table, [pj]")
    merged = {"name": path.stem, **given, "pj": {**default_table().pj.model_dump(), **energies}}
    try:
        return EnergyTable(**merged)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise EieError(f"{path}: unknown key '{key}'; the keys of [pj] are: {_pj_keys()}") from None
        message = first["msg"]
        raise EieError(f"{path}: {key} = {first['input']!r}: {message[0].lower()}{message[1:]}") from None


def _pj_keys() -> str:
    return ", ".join(EventEnergies.model_fields)
