"""Glitches: within a cycle every gate answers after its own delay, up to 64 PEs at once.

Flip-flops, SRAMs and inputs change after the clock's edge, each net after its driver's delay from the library's tables.
A delay is inertial: what would change and changes back within the gate's delay does not happen. The cycle is as long as
it takes, whatever the clock; at its end every net is what `simulate` says, or `EieError` is raised.
"""

from collections.abc import Iterable
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eiesim._jit import jit
from eiesim.errors import EieError
from eiesim.rtl.gates import simulate
from eiesim.rtl.gates.circuit import REGISTER, Circuit
from eiesim.rtl.gates.delays import Timing
from eiesim.rtl.gates.simulate import Counts, Program, Words

SLOTS = 1 << 14
"""Picoseconds that are looked ahead; no gate is slower."""

EVENTS = 1 << 20
"""Changes that are under way at once, at most."""


class Delays(NamedTuple):
    """Delays, ps. begin, end, net: of each unit of the circuit. fan: where each place's uses begin; then, of each use,
    its unit and how long a rise and a fall of the unit's net take. sources: places that change first, and when.
    """

    begin: npt.NDArray[np.int32]
    end: npt.NDArray[np.int32]
    net: npt.NDArray[np.int32]
    fan: npt.NDArray[np.int32]
    unit: npt.NDArray[np.int32]
    rise: npt.NDArray[np.int32]
    fall: npt.NDArray[np.int32]
    sources: npt.NDArray[np.int32]
    source_rise: npt.NDArray[np.int32]
    source_fall: npt.NDArray[np.int32]


class _Wheel(NamedTuple):
    """Changes under way: first of each picosecond; of each, its net, which PEs change, the next of the picosecond and
    the next of its net. first_of: of each net. waiting: of each net, the PEs that have a change under way.
    """

    first: npt.NDArray[np.int32]
    net: npt.NDArray[np.int32]
    change: Words
    next: npt.NDArray[np.int32]
    next_of: npt.NDArray[np.int32]
    first_of: npt.NDArray[np.int32]
    waiting: Words
    free: npt.NDArray[np.int32]
    seen: npt.NDArray[np.int64]
    touched: npt.NDArray[np.int32]
    touched_rise: npt.NDArray[np.int32]
    touched_fall: npt.NDArray[np.int32]


def delays(circuit: Circuit, timing: Timing) -> Delays:
    """Delays of a circuit."""
    of_output: dict[tuple[int, str], list[Any]] = {}
    for one in timing.delays:
        of_output.setdefault((id(one.instance), one.pin), []).append(one)
    uses: list[list[tuple[int, int, int]]] = [[] for _ in range(circuit.places)]
    for k, unit in enumerate(circuit.units):
        every = of_output.get((id(unit.instance), unit.pin), [])
        for place in unit.sources:
            own = [one for one in every if one.source == place] or every
            uses[place].append((k, _ps(one.rise_ns for one in own), _ps(one.fall_ns for one in own)))
    shown = {
        one.net: (_ps([one.rise_ns]), _ps([one.fall_ns])) for one in timing.delays if one.instance.component == REGISTER
    }
    usual = tuple(int(median(held)) for held in zip(*shown.values(), strict=True)) if shown else (1, 1)
    places = [*circuit.state.tolist(), *(net for nets in circuit.inputs.values() for net in nets)]
    places += [net for sram in circuit.srams for net in sram.word]
    first = [shown.get(place, usual if place < len(circuit.nets) else (1, 1)) for place in places]
    flat = [use for held in uses for use in held]
    begins = np.cumsum([0, *map(len, uses)])

    def array(values: Iterable[int]) -> npt.NDArray[np.int32]:
        return np.array(list(values), np.int32)

    return Delays(
        array(unit.begin for unit in circuit.units), array(unit.end for unit in circuit.units),
        array(unit.net for unit in circuit.units), begins.astype(np.int32),
        array(use[0] for use in flat), array(use[1] for use in flat), array(use[2] for use in flat),
        array(places), array(one[0] for one in first), array(one[1] for one in first),
    )  # fmt: skip


def _ps(delays_ns: Iterable[float]) -> int:
    return min(max(1, round(1000 * max(delays_ns, default=0.0))), SLOTS - 1)


class Waves:
    """The nets of some PEs as they change within cycles."""

    def __init__(self, circuit: Circuit, timing: Delays, program: Program, mask: np.uint64) -> None:
        self._circuit, self._delays, self._program, self._mask = circuit, timing, program, mask
        self._now = simulate.values(circuit)
        nets, units = circuit.places, len(circuit.units)
        self._wheel = _Wheel(
            np.full(SLOTS, -1, np.int32), np.zeros(EVENTS, np.int32), np.zeros(EVENTS, np.uint64),
            np.zeros(EVENTS, np.int32), np.zeros(EVENTS, np.int32), np.full(nets, -1, np.int32),
            np.zeros(nets, np.uint64), np.arange(EVENTS, dtype=np.int32), np.full(units, -1, np.int64),
            np.zeros(units, np.int32), np.zeros(units, np.int32), np.zeros(units, np.int32),
        )  # fmt: skip
        self._time = np.zeros(1, np.int64)

    def follow(self, held: Words, counts: Counts | None) -> None:
        """A cycle, from what was to what `simulate` has settled to. counts: what it is added to, if at all."""
        nets = len(self._circuit.nets)
        if counts is None:
            self._now[:] = held
            return
        simulate.keep_ones(held, counts.ones, self._mask)
        _follow(
            self._program,
            self._delays,
            self._wheel,
            self._now,
            held,
            self._mask,
            counts.rises,
            counts.falls,
            self._time,
        )
        wrong = np.flatnonzero((self._now[:nets] ^ held[:nets]) & self._mask)
        if len(wrong):
            raise EieError(f"with delays, {self._circuit.nets[int(wrong[0])]} does not settle to what it is without")
        self._now[:] = held


@jit
def _follow(
    program: Any, delays: Any, wheel: Any, now: Any, held: Any, mask: Any, rises: Any, falls: Any, time: Any
) -> None:
    left = EVENTS
    for k in range(len(delays.sources)):
        place = delays.sources[k]
        change = now[place] ^ held[place]
        if change:
            left = _wait(wheel, place, change & held[place], time[0] + delays.source_rise[k], left)
            left = _wait(wheel, place, change & ~held[place], time[0] + delays.source_fall[k], left)
    nets = len(rises)
    while left < EVENTS:
        time[0] += 1
        slot = time[0] & (SLOTS - 1)
        event = wheel.first[slot]
        if event < 0:
            continue
        wheel.first[slot] = -1
        touched = 0
        while event >= 0:
            place, change = wheel.net[event], wheel.change[event]
            # Taken out of its place's list, and given back.
            before, other = -1, wheel.first_of[place]
            while other != event:
                before, other = other, wheel.next_of[other]
            if before < 0:
                wheel.first_of[place] = wheel.next_of[event]
            else:
                wheel.next_of[before] = wheel.next_of[event]
            wheel.free[left] = event
            left += 1
            event = wheel.next[event]
            if change:
                now[place] ^= change
                wheel.waiting[place] &= ~change
                if place < nets:
                    rises[place] += simulate.popcount(change & now[place] & mask)
                    falls[place] += simulate.popcount(change & ~now[place] & mask)
                for use in range(delays.fan[place], delays.fan[place + 1]):
                    unit = delays.unit[use]
                    if wheel.seen[unit] != time[0]:
                        wheel.seen[unit] = time[0]
                        wheel.touched[touched] = unit
                        wheel.touched_rise[touched] = delays.rise[use]
                        wheel.touched_fall[touched] = delays.fall[use]
                        touched += 1
        for k in range(touched):
            unit = wheel.touched[k]
            net, value = delays.net[unit], np.uint64(0)
            for step in range(delays.begin[unit], delays.end[unit]):
                a, b = now[program.a[step]], now[program.b[step]]
                terms = program.masks[program.function[step]]
                value = terms[0] ^ (terms[1] & a) ^ (terms[2] & b) ^ (terms[3] & a & b)
                if step < delays.end[unit] - 1:
                    now[program.place[step]] = value
            change = value ^ now[net] ^ wheel.waiting[net]
            back = change & wheel.waiting[net]
            if back:  # It changes back before its change has shown.
                event = wheel.first_of[net]
                while event >= 0:
                    wheel.change[event] &= ~back
                    event = wheel.next_of[event]
                wheel.waiting[net] &= ~back
            change &= ~back
            left = _wait(wheel, net, change & value, time[0] + wheel.touched_rise[k], left)
            left = _wait(wheel, net, change & ~value, time[0] + wheel.touched_fall[k], left)


@jit
def _wait(wheel: Any, place: Any, change: Any, when: Any, left: Any) -> Any:
    """Put a change under way; how many places for more are left."""
    if change == np.uint64(0):
        return left
    left -= 1
    event = wheel.free[left]
    slot = when & (SLOTS - 1)
    wheel.net[event], wheel.change[event] = place, change
    wheel.next[event], wheel.first[slot] = wheel.first[slot], event
    wheel.next_of[event], wheel.first_of[place] = wheel.first_of[place], event
    wheel.waiting[place] |= change
    return left
