"""A netlist's cycles, up to 64 PEs at once: a PE is a bit of each 64-bit word. Every net's rises and falls are counted.

A cycle: flip-flops take what stood at their inputs, where a clock gate lets the clock through; SRAMs show what was
read; inputs change; then each step is worked out once, in an order in which all it needs is there. So a net changes
at most once in a cycle: what happens on the way is `timed`'s.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eiesim._jit import jit
from eiesim.rtl.gates.circuit import ONE, Circuit

LANES = 64
"""PEs in a word."""

ALL = np.uint64(0xFFFFFFFFFFFFFFFF)

Words = npt.NDArray[np.uint64]


class Program(NamedTuple):
    """A circuit as arrays. masks: of each function, what its four terms 1, a, b, ab are multiplied by."""

    masks: Words
    function: npt.NDArray[np.uint8]
    place: npt.NDArray[np.int32]
    a: npt.NDArray[np.int32]
    b: npt.NDArray[np.int32]
    state: npt.NDArray[np.int32]
    takes: npt.NDArray[np.int32]
    enable: npt.NDArray[np.int32]


class Counts(NamedTuple):
    """What was counted, over all PEs of a word: of each net, its rises, its falls, and the cycles in which it is 1.

    clocked: of each flip-flop, how often it was clocked.
    """

    rises: npt.NDArray[np.int64]
    falls: npt.NDArray[np.int64]
    ones: npt.NDArray[np.int64]
    clocked: npt.NDArray[np.int64]


def program(circuit: Circuit) -> Program:
    """The arrays of a circuit."""
    terms = np.zeros((16, 4), np.uint64)
    for function in range(16):
        at = [function >> k & 1 for k in range(4)]
        kept = at[0], at[0] ^ at[1], at[0] ^ at[2], at[0] ^ at[1] ^ at[2] ^ at[3]
        terms[function] = [ALL if one else 0 for one in kept]
    steps = circuit.steps
    a, b, place = (np.array(held, np.int32) for held in (steps.a, steps.b, steps.place))
    return Program(terms, np.array(steps.function, np.uint8), place, a, b, circuit.state, circuit.takes, circuit.enable)


def values(circuit: Circuit) -> Words:
    """All places, 0 but for the constant 1."""
    held = np.zeros(circuit.places, np.uint64)
    held[ONE] = ALL
    return held


def counts(circuit: Circuit) -> Counts:
    """Nothing counted yet."""
    nets = len(circuit.nets)
    rises, falls, ones = (np.zeros(nets, np.int64) for _ in range(3))
    return Counts(rises, falls, ones, np.zeros(len(circuit.state), np.int64))


@jit
def popcount(word: Any) -> Any:
    """The ones of a word."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@jit
def take(program: Any, held: Any, taken: Any, clocked: Any, mask: Any) -> None:
    """The clock's rising edge: what each flip-flop holds after it, into `taken`. clocked: counted for PEs of mask."""
    for k in range(len(program.state)):
        through = held[program.enable[k]]
        taken[k] = (held[program.takes[k]] & through) | (held[program.state[k]] & ~through)
        clocked[k] += popcount(through & mask)


@jit
def show(program: Any, held: Any, taken: Any) -> None:
    """Flip-flops show what they hold."""
    for k in range(len(program.state)):
        held[program.state[k]] = taken[k]


@jit
def settle(program: Any, held: Any) -> None:
    """Everything that follows from flip-flops, SRAMs and inputs."""
    for k in range(len(program.place)):
        a, b = held[program.a[k]], held[program.b[k]]
        terms = program.masks[program.function[k]]
        held[program.place[k]] = terms[0] ^ (terms[1] & a) ^ (terms[2] & b) ^ (terms[3] & a & b)


@jit
def count(held: Any, before: Any, counted: Any, mask: Any) -> None:
    """Add what changed since the cycle before, for the PEs of mask. before: of each net, and then this cycle's."""
    for net in range(len(before)):
        new, old = held[net] & mask, before[net]
        if new != old:
            counted.rises[net] += popcount(new & ~old)
            counted.falls[net] += popcount(old & ~new)
            before[net] = new
        counted.ones[net] += popcount(new)


@jit
def keep(held: Any, before: Any, mask: Any) -> None:
    """Note the cycle without counting it."""
    for net in range(len(before)):
        before[net] = held[net] & mask


@jit
def keep_ones(held: Any, ones: Any, mask: Any) -> None:
    """Add the PEs of mask in which each net is 1."""
    for net in range(len(ones)):
        ones[net] += popcount(held[net] & mask)


@jit
def read(held: Any, sram: Any, words: Any, first: Any, entry_bits: Any, per_word: Any, lanes: Any, reads: Any) -> None:
    """A synchronous SRAM: PEs whose `read` is on show the word that they address.

    sram: the net of read, how many bits an address has, nets of the address, nets of the word. words: parts of all PEs'
    words, per_word of them a word, entry_bits wide; first: where each PE's begin. Beyond them it reads 0.
    """
    wanted = held[sram[0]]
    if wanted == np.uint64(0):
        return
    address_bits = sram[1]
    for lane in range(lanes):
        bit = np.uint64(1) << np.uint64(lane)
        if not wanted & bit:
            continue
        reads[lane] += 1
        address = np.int64(0)
        for k in range(address_bits):
            if held[sram[2 + k]] & bit:
                address |= np.int64(1) << k
        for part in range(per_word):
            at = first[lane] + address * per_word + part
            word = np.int64(words[at]) if at < first[lane + 1] else np.int64(0)
            for k in range(entry_bits):
                net = sram[2 + address_bits + part * entry_bits + k]
                if word >> k & 1:
                    held[net] |= bit
                else:
                    held[net] &= ~bit


@jit
def planes(numbers: Any, widths: Any, into: Any) -> None:
    """Bits of numbers, [number, PE], as words: number by number, from the lowest bit."""
    at = 0
    for k in range(len(widths)):
        for bit in range(widths[k]):
            word = np.uint64(0)
            for lane in range(numbers.shape[1]):
                word |= np.uint64(numbers[k, lane] >> bit & 1) << np.uint64(lane)
            into[at] = word
            at += 1


@jit
def differing(held: Any, nets: Any, wanted: Any, which: Any, meant: Any) -> int:
    """The first of some nets that differs where it has a meaning; -1 if none does. which: its row in `meant`."""
    for k in range(len(nets)):
        if (held[nets[k]] ^ wanted[k]) & meant[which[k]]:
            return k
    return -1
