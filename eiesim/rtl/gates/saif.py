"""Toggles as a SAIF file, for other tools that price the same netlist.

The counts are of all PEs over the cycles counted, and the duration is that of so many PEs one after the other: so rates
are those of a PE. Names are escaped, character by character, where a letter, digit or underscore would not do.
"""

import re
from collections.abc import Iterator

from eiesim._version import __version__
from eiesim.rtl.gates.bench import Activity
from eiesim.rtl.gates.circuit import Circuit
from eiesim.rtl.gates.energy import Toggles


def text(circuit: Circuit, activity: Activity, changed: Toggles, clock_mhz: float) -> str:
    """The file's text, in picoseconds."""
    return "\n".join(_lines(circuit, activity, changed, round(1e6 / clock_mhz)))


def _lines(circuit: Circuit, activity: Activity, changed: Toggles, period_ps: int) -> Iterator[str]:
    duration = activity.cycles * activity.pes * period_ps
    yield '(SAIFILE\n(SAIFVERSION "2.0")\n(DIRECTION "backward")\n(DESIGN "pe")\n(VENDOR "eiesim")'
    yield f'(PROGRAM_NAME "eiesim rtl power")\n(VERSION "{__version__}")\n(DIVIDER / )\n(TIMESCALE 1 ps)'
    yield f"(DURATION {duration})\n(INSTANCE pe\n(NET"
    pulsed = {circuit.clock, *(gate.gated for gate in circuit.gates), *(gate.low for gate in circuit.gates)}
    latched = {gate.held: gate.enable for gate in circuit.gates if gate.held is not None}
    for net in range(2, len(circuit.nets)):
        rises, falls = int(changed.rises[net]), int(changed.falls[net])
        high = rises * period_ps // 2 if net in pulsed else int(activity.ones[latched.get(net, net)]) * period_ps
        name = re.sub(r"(\W)", r"\\\1", circuit.nets[net], flags=re.ASCII)
        yield f"({name} (T0 {duration - high}) (T1 {high}) (TX 0) (TC {rises + falls}) (IG 0))"
    yield ")))"
