"""Port: a unit's connection to the others, as its file lists them in `PORTS`, beside the SystemVerilog port."""

from typing import NamedTuple


class Port(NamedTuple):
    """One port of a unit.

    port: its name in the unit's file of eiesim/rtl/sv. direction: "in" or "out"; "inside" is a wire that the clocked
    machine shows and the RTL has within the unit.
    width: bits, in parameters of the RTL, such as "VALUE_BITS".
    wire: the clocked machine's wire that it carries: "unit.wire" (`wires` of that unit's file), or what the clock
    settles between the phases, "settled.fires" or "settled.row_taken"; "" where the machine has no wire for it: clock,
    reset, the loading of memories, and a memory's own ports.
    meaning: one line.
    """

    port: str
    direction: str
    width: str
    wire: str
    meaning: str


def ports(*lines: tuple[str, str, str, str, str]) -> tuple[Port, ...]:
    """A unit's ports, in the order of its SystemVerilog file, and after them the wires inside."""
    return tuple(Port(*line) for line in lines)
