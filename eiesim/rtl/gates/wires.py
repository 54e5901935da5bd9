"""How much wire hangs on a net: from its sinks, by the library's own wire load, a table of lengths, a number, or none.

There is no layout, so lengths are estimates. The table is for libraries without a wire load: 2 um and 6 um a sink, at
0.2 fF/um, which is what a wire of the lower layers has in any technology of those years (Ho, Mai, Horowitz, "The future
of wires", Proc. IEEE 2001, Fig. 4: 0.2 fF/um less coupling to moving neighbours).
"""

from collections.abc import Callable
from dataclasses import dataclass

from eiesim._checks import number
from eiesim.errors import EieError
from eiesim.rtl.gates.library import Library

TABLE_UM = 2.0, 6.0
"""Length of a net: of its own, and a sink."""

FF_PER_UM = 0.2


@dataclass(frozen=True)
class Wires:
    """An estimate. chosen: as it was asked for. words: such as "by table". ff: of a net, by its number of sinks."""

    chosen: str | float
    words: str
    ff: Callable[[int], float]


def wires(chosen: str | float, library: Library) -> Wires:
    """The estimate that is asked for: "none", "table", or fF a sink. Raises EieError for anything else."""
    if chosen == "none":
        return Wires("none", "none", lambda sinks: 0.0)
    if chosen == "table":
        if library.wire_load is not None:
            return Wires("table", "by the library's wire load", lambda sinks: _library_ff(library, sinks))
        return Wires(
            "table", "by table", lambda sinks: (TABLE_UM[0] + TABLE_UM[1] * sinks) * FF_PER_UM if sinks else 0.0
        )
    try:
        each = number("wires", float(chosen), 0.0, 1e6)
    except (ValueError, TypeError):
        raise EieError(f"wires = {chosen!r}: none, table, or a number of fF a sink, 0 or more") from None
    return Wires(each, f"{each:g} fF a sink", lambda sinks: each * sinks)


def _library_ff(library: Library, sinks: int) -> float:
    """By length for so many sinks: the table's, between its points in proportion, beyond them by the slope."""
    assert library.wire_load is not None
    each, slope, lengths = library.wire_load
    known = sorted(lengths)
    if not sinks:
        return 0.0
    if sinks >= known[-1]:
        return each * (lengths[known[-1]] + slope * (sinks - known[-1]))
    above = next(k for k in known if k >= sinks)
    below = max((k for k in known if k <= sinks), default=0)
    if above == below:
        return each * lengths[above]
    low = lengths.get(below, 0.0)
    return each * (low + (lengths[above] - low) * (sinks - below) / (above - below))
