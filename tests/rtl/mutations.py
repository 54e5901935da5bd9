"""Faults put into the RTL one by one; the lock-step check must name each.

    python -m tests.rtl.mutations [--adder] [--simulator icarus] [--only NAME] [--drawn 200 [--seed 0]]

Prints, for each, the first difference found and in which random case; ends with status 1 if one is not caught. With
--drawn they are operators swapped at random, outside assertions; those of `SAME` make no difference, and say why. With
--adder they are faults in what only the adder unit has.
"""

import argparse
import random
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from eiesim import EieError
from eiesim.rtl import lockstep, simulators
from eiesim.rtl.cases import random_run
from eiesim.rtl.hardware import ADDER, MULTIPLY
from eiesim.rtl.runs import RtlRun
from tests.mutating import Mutation, tried

CASES = 120
"""Random cases that a mutation has to hide in before it counts as not caught, after `two_last_columns`."""


def two_last_columns() -> RtlRun:
    """All zeros but the last two places of the last activation row, which are broadcast back to back.

    As the scan ends every PE holds a column in PointerRead and one in its queue, and nothing else. The activation row
    is also the last word of its banks, so every `written` bit is on.
    """
    run = random_run(0, 60)
    rows = run.stages[0].rows(run.inputs[0])
    inputs = np.zeros_like(run.inputs)
    inputs[:, -2:] = 1
    assert rows.size == inputs.shape[1], "the last column is the last place"
    hardware = replace(run.hardware, activations=len(rows))
    return replace(run, name="two last columns", hardware=hardware, stages=run.stages[:1], inputs=inputs)


MUTATIONS = (
    Mutation("bypass off", "arithmetic_unit", "accumulator3 <= bypass ? sum3 : accumulator", "accumulator3 <= accumulator"),
    Mutation("bypass without looking at the row", "arithmetic_unit", "real2 && real3 && row2 == row3", "real2 && real3"),
    Mutation("padding written", "arithmetic_unit", "valid1 && code1 != 0", "valid1"),
    Mutation("saturation off", "arithmetic_unit", "sum3 = overflow ?", "sum3 = overflow && 1'b0 ?"),
    Mutation(
        "saturation the wrong way", "arithmetic_unit", "{negative, {(VALUE_BITS-1){!negative}}}",
        "{!negative, {(VALUE_BITS-1){negative}}}",
    ),
    Mutation("rounding off", "arithmetic_unit", "{{(VALUE_BITS+1){1'b0}}, shifted[0]}", "{(VALUE_BITS+2){1'b0}}"),
    Mutation("first of column lost", "arithmetic_unit", "next_row1 <= entry_first ?", "next_row1 <= entry_first && !valid1 ?"),
    Mutation("product unsigned", "arithmetic_unit", "weight2 * activation2", "$unsigned(weight2) * activation2"),
    Mutation("queue full one place early", "activation_queue", "count == COUNT_BITS'(QUEUE_DEPTH)", "count >= COUNT_BITS'(QUEUE_DEPTH - 1)"),
    Mutation("queue never full", "activation_queue", "full = count ==", "full = 1'b0 && count =="),
    Mutation("head does not wrap", "activation_queue", "start || next_head == TAIL_BITS'(QUEUE_DEPTH) ?", "start ?"),
    Mutation("row hold ignored", "spmat_read", "address_valid && !(holds && held == sram_address)", "address_valid"),
    Mutation("row held over a start", "spmat_read", "holds <= !start", "holds <= 1'b1"),
    Mutation("entries in the row's other order", "spmat_read", "int'(place)*ENTRY_BITS", "(ROW_ENTRIES-1-int'(place))*ENTRY_BITS"),
    Mutation("pointer banks swapped", "pointer_read", "start_pointer = odd ? odd_word : even_word", "start_pointer = odd ? even_word : odd_word"),
    Mutation("even bank at the wrong word", "pointer_read", "(head_column + 1'b1) >> 1", "head_column >> 1"),
    Mutation("ready one cycle late", "pointer_read", "ready = !valid || differ == last_entry", "ready = !valid"),
    Mutation("empty column walked", "pointer_read", "holds && !(first && start_pointer == end_pointer)", "holds"),
    Mutation("place N-1 waits for a bubble", "lnzd", "(fires && place == PLACE_BITS'(PES - 1))", "1'b0"),
    Mutation("next row loaded before place N-1", "lnzd", "place == PLACE_BITS'(PES - 1)", "place >= PLACE_BITS'(PES - 2)"),
    Mutation("full queues ignored", "lnzd", "found && full == 0", "found"),
    Mutation("last activation row lost", "lnzd", "row + 1'b1 == rows", "row + 2'd2 >= rows"),
    Mutation("the second node wins", "lnzd_node", "founds[1] && !founds[0], founds[0]}", "founds[1], founds[0] && !founds[1]}"),
    Mutation("ReLU off", "activation_rw", "source_relu && word[VALUE_BITS-1]", "1'b0"),
    Mutation("banks do not swap", "activation_rw", "source <= !reset && !source", "source <= !reset && source"),
    Mutation("old sums stay in the bank", "activation_rw", "reset || (swap && !source)", "reset"),
    Mutation("bias in every PE", "eie", ".HOLDS_BIAS(p == 0)", ".HOLDS_BIAS(1)"),
    Mutation("a start does not reset the counters", "arithmetic_unit", "            macs <= 0;\n", ""),
)  # fmt: skip

OF_AN_ADDER = (
    Mutation("signs not looked at", "arithmetic_unit", "negative2 ^ activation2[VALUE_BITS-1] ?", "1'b0 ?"),
    Mutation("the larger one taken", "arithmetic_unit", "? weight2 : activation2;", "? activation2 : weight2;"),
    Mutation("once, not twice", "arithmetic_unit", "{smaller, 1'b0}", "{1'b0, smaller}"),
    Mutation("magnitude of a negative number", "arithmetic_unit", "negative2 ? -nearer : nearer", "nearer"),
    Mutation("the bias compared", "arithmetic_unit", "activation2 == 0 ?", "1'b0 ?"),
    Mutation("the bias in A", "sent", "fires && !of_bias", "fires"),
    Mutation("A without its carry", "sent", "+ SUM_BITS'(negative)", ""),
    Mutation("A goes on over a start", "sent", "sum <= start ? '0 :", "sum <="),
    Mutation("A of the layer before", "sent", "sent = swap ? scaled : scaled_held", "sent = scaled_held"),
    Mutation("A of the layer that runs", "sent", "sent = swap ? scaled : scaled_held", "sent = scaled"),
    Mutation("A scaled before its last number", "sent", "if (changed) scaled", "if (start || fires) scaled"),
    Mutation("A scaled wraps", "sent", "|shifted[SHIFTED_BITS-1:REST_BITS-1] ?", "1'b0 ?"),
    Mutation("the bias sent as 1", "sent", "of_bias ? '0 : found", "found"),
    Mutation("rest of rows that are not there", "rest", "&& word[0]", ""),
    Mutation("rest added to inputs", "rest", "adds = !reset && (swap || summed)", "adds = !reset"),
    Mutation("rest by a bit's fraction wrong", "rest", "+ {1'b0, sent}", "+ {1'b0, sent} + 1'b1"),
    Mutation("too large a rest wraps", "rest", "too_large = |total[REST_BITS:REST_BITS-1]", "too_large = 1'b0"),
    Mutation("rest of the row before", "rest", "swap ? ROW_BITS'(2)", "swap ? ROW_BITS'(1)"),
    Mutation("banks of rests exchanged", "rest", "word = swap ^ source ?", "word = !(swap ^ source) ?"),
    Mutation("A not taken", "rest", "+ {1'b0, sent}", ""),
    Mutation("finished sum wraps", "activation_rw", "word = finished[VALUE_BITS+1] &&", "word = 1'b0 &&"),
)  # fmt: skip


SWAPS = {
    "&&": ("||", "!=="),
    "||": ("&&", "!=="),
    "==": ("!=", ">=", "<="),
    "!=": ("==", ">", "<"),
    "<": ("<=", ">="),
    ">=": (">", "<", "=="),
    "+": ("-", "|"),
    "-": ("+",),
    "*": ("+", "&"),
    "&": ("|", "^"),
    "|": ("&", "^"),
    "^": ("|", "&"),
    "~": ("",),
    "!": ("",),
}
"""Operators, and what may stand in their place."""

OPERATOR = re.compile(
    r"&&|\|\||==|!=|>=|(?<= )[<*&|^](?= )|(?<= )[+-](?= )(?! *:)|(?<=[ (])!(?=[a-z(])|(?<=[ (])~(?=[a-z(])"
)

NO_CIRCUIT = re.compile(r"^\s*(for|localparam|parameter|if \(n < PES\))|assert \(|\$fatal")
"""Lines that hold no operator of the circuit or of a counter."""

SAME = {
    "pointer_read: assign valid = holds && !(first && start_pointer [== -> >=] end_pointer);": ("pointers never decrease, which is asserted", "!(holds && first) || start_pointer <= end_pointer"),
    "pointer_read: assign ready = !valid || differ [== -> <=] last_entry;": ("below its end an address has no smaller `differ`; that it is below is asserted", "!valid || address < end_wire"),
    "spmat_read: assign sram_read = address_valid && !(holds && held [== -> >=] sram_address);": ("a layer's columns come in order, so SRAM rows never decrease", "!(holds && address_valid) || held <= sram_address"),
    "lnzd: assign row_taken = !done && (!found [|| -> !==] (fires && place == PLACE_BITS'(PES - 1)));": ("what fires is found, so both are never on", ""),
    "lnzd: assign row_taken = !done && (!found || (fires && place [== -> >=] PLACE_BITS'(PES - 1)));": ("place N-1 is the last", ""),
    "lnzd: if (start [|| -> !==] row_taken) held <= presented;": ("a layer starts when the scan of the one before is done", "!start || done"),
    "lnzd: done <= row + 1'b1 [== -> >=] rows;": ("a row is taken only below `rows`, until the scan is done", "done || row < rows"),
    "lnzd: assign founds[POINT] = held[n*VALUE_BITS +: VALUE_BITS] [!= -> >] 0 && PLACE_BITS'(n) >= next_place;": ("a part-select has no sign", ""),
    "lnzd_node:  [| -> ^] ({PLACE_BITS{first[3]}} & places[3*PLACE_BITS +: PLACE_BITS]);": ("at most one child is first", ""),
    "lnzd_node:  [| -> ^] ({VALUE_BITS{first[1]}} & activations[1*VALUE_BITS +: VALUE_BITS])": ("at most one child is first", ""),
    "lnzd_node: assign first = {founds[3] && founds[2:0] [== -> <=] 0, founds[2] && founds[1:0] == 0, founds[1] && !founds[0], founds[0]};": ("a part-select has no sign", ""),
    "spmat_read: padding <= padding + 32'(valid && code [== -> <=] 0);": ("a code has no sign", ""),
    "activation_queue: assign full = count [== -> >=] COUNT_BITS'(QUEUE_DEPTH);": ("a queue holds no more, which is asserted", "int'(count) <= QUEUE_DEPTH"),
    "activation_queue: if (start || taken) head <= start || next_head [== -> >=] TAIL_BITS'(QUEUE_DEPTH) ? '0 : HEAD_BITS'(next_head);": ("the head is one of the places, which is asserted", "int'(head) < QUEUE_DEPTH"),
    "eie: .row_taken(row_taken [|| -> !==] step), .full(full[p]), .presented(presented[p*VALUE_BITS +: VALUE_BITS]),": ("outputs are read when the scan is done (eie.sv's order of a run)", "!step || scan_done"),
    "eie: .ROW_BITS(ROW_BITS), .SCAN_BITS(SCAN_BITS), .HOLDS_BIAS(p [== -> <=] 0)": ("PEs count from 0", ""),
    "activation_rw: if (reset || swap || start || row_taken) row <= reset [|| -> !==] swap ? '0 : row + 1'b1;": ("reset and swap are never on together (eie.sv's order of a run)", "!(reset && swap)"),
    "activation_rw: .clock, .clear(reset [|| -> !==] (swap && !source)), .write(source ? arithmetic_write : load),": ("reset and swap are never on together", "!(reset && swap)"),
    "activation_rw: .clock, .clear(reset [|| -> !==] (swap && source)), .write(source ? load : arithmetic_write),": ("reset and swap are never on together", "!(reset && swap)"),
    "activation_bank: if (clear || (writes & ~written) != 0) written <= clear ? '0 : written [| -> ^] writes;": ("the one word written was not written before", ""),
    "activation_bank: if (clear || (writes & ~written) [!= -> >] 0) written <= clear ? '0 : written | writes;": ("bits of words have no sign", ""),
    "activation_bank: if (clear || (writes [& -> |] ~written) != 0) written <= clear ? '0 : written | writes;": ("bits that do not change are clocked too: power, not function", ""),
    "activation_bank: assign values[w*VALUE_BITS +: VALUE_BITS] = value & {VALUE_BITS{write && int'(write_row) / GROUP [== -> >=] w}};": ("more groups see the value and none of their words takes it: power, not function", ""),
    "activation_bank: assign values[w*VALUE_BITS +: VALUE_BITS] = value & {VALUE_BITS{write && int'(write_row) / GROUP [== -> <=] w}};": ("the same", ""),
    "arithmetic_unit: assign less = weight2 [< -> <=] activation2;": ("of two equal numbers either is taken", ""),
    "eie: .clock, .start(reset [|| -> !==] start), .swap, .has_bias, .bias_row, .shift_plus_16, .fires, .row_taken, .found,": ("reset and start are never on together (eie.sv's order of a run)", "!(reset && start)"),
    "rest: assign steps = swap [|| -> !==] start || row_taken;": ("swap and start are never on together", "!(swap && start)"),
    "rest: assign steps = swap || start [|| -> !==] row_taken;": ("a layer starts when the scan of the one before is done", "!(start && row_taken)"),
    "rest: assign read0 = source ? start [|| -> !==] swap : summed && (start || row_taken);": ("swap and start are never on together", "!(swap && start)"),
    "rest: assign read0 = source ? start || swap : summed && (start [|| -> !==] row_taken);": ("a layer starts when the scan of the one before is done", "!(start && row_taken)"),
    "rest: assign read1 = source ? summed && (start || row_taken) : start [|| -> !==] swap;": ("swap and start are never on together", "!(swap && start)"),
    "rest: assign read1 = source ? summed && (start [|| -> !==] row_taken) : start || swap;": ("a layer starts when the scan of the one before is done", "!(start && row_taken)"),
    "rest: if (reset [|| -> !==] swap) summed <= !reset;": ("reset and swap are never on together", "!(reset && swap)"),
    "rest: if (swap [|| -> !==] (summed && (start || row_taken))) next_row <= swap ? ROW_BITS'(2) : next_row + 1'b1;": ("swap is never on with start or a row taken", "!(swap && (start || row_taken))"),
    "rest: if (swap || (summed && (start [|| -> !==] row_taken))) next_row <= swap ? ROW_BITS'(2) : next_row + 1'b1;": ("a layer starts when the scan of the one before is done", "!(start && row_taken)"),
    "sent: if (start [|| -> !==] row_taken) row <= start ? '0 : row + 1'b1;": ("the same", "!(start && row_taken)"),
    "sent: if (start [|| -> !==] (fires && !of_bias)) sum <= start ? '0 : sum + SUM_BITS'(turned) + SUM_BITS'(negative);": ("the same: nothing is sent then", "!(start && fires)"),
    "sent: changed <= start [|| -> !==] fires;": ("the same", "!(start && fires)"),
    "sent: assign of_bias = has_bias && row [== -> >=] bias_row;": ("the bias's row is the last; behind it nothing is sent", "row <= bias_row"),
}  # fmt: skip
"""Swaps that make no difference, by name: why, and what is assumed of a run where it is not so in every state.

`tests/rtl/test_same.py` proves each: with the assumption, outputs and next states are equal in every state."""


def swaps(operation: int = MULTIPLY) -> Iterator[Mutation]:
    """Every operator of the RTL outside assertions, with each that may stand in its place. operation: of ADDER those that
    only it has.
    """
    with simulators.sources() as paths:
        texts = {path.stem: path.read_text() for path in paths if path.stem != "testbench"}
    for file, text in texts.items():
        begin, of_an_adder = 0, False
        for line in text.splitlines(keepends=True):
            code = line.split("//")[0]
            of_an_adder = line.startswith("`ifdef ADDER") or (of_an_adder and not line.startswith(("`else", "`endif")))
            if not NO_CIRCUIT.search(line) and of_an_adder == (operation == ADDER):
                for found in OPERATOR.finditer(code):
                    right = _unique(text, begin, begin + len(line))
                    at = right.rindex(line) + found.start()
                    for swapped in SWAPS[found.group()]:
                        wrong = right[:at] + swapped + right[at + len(found.group()) :]
                        name = f"{file}: {code[: found.start()].strip()} [{found.group()} -> {swapped}] {code[found.end() :].strip()}"
                        yield Mutation(name, file, right, wrong)
            begin += len(line)


def _unique(text: str, begin: int, end: int) -> str:
    """A line of a text, with as many lines before it as it takes to be there once."""
    while text.count(text[begin:end]) > 1:
        begin = text.rindex("\n", 0, begin - 1) + 1
    return text[begin:end]


def caught(mutation: Mutation, simulator: str, folder: Path, operation: int = MULTIPLY) -> str | None:
    """The first case that a mutation differs in, and what is named; None if none does."""
    with simulators.sources() as paths:
        for path in paths:
            text = path.read_text()
            if path.stem == mutation.file:
                text = mutation.of(text)
            (folder / path.name).write_text(text)
    mutated = sorted(folder.glob("*.sv"))
    first = [two_last_columns()] if operation == MULTIPLY else []
    for run in (*first, *(random_run(0, number, operation=operation) for number in range(CASES))):
        try:
            program = simulators.build(run.hardware, simulator, mutated, folder / "built")
            lockstep.check(run, program)
        except (EieError, lockstep.LockstepError) as difference:
            return f"{run.name}, {difference}"
    return None


def main() -> int:
    """Try every mutation, or those drawn; 0 when all are caught, or make no difference and are known for it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--simulator", default="icarus", choices=simulators.SIMULATORS)
    options.add_argument("--only", help="one mutation, by name")
    options.add_argument("--drawn", type=int, help="so many operators swapped at random instead")
    options.add_argument("--seed", type=int, default=0, help="of what is drawn")
    options.add_argument("--adder", action="store_true", help="faults in what only the adder unit has")
    chosen = options.parse_args()
    operation = ADDER if chosen.adder else MULTIPLY

    def found(mutation: Mutation) -> str | None:
        with tempfile.TemporaryDirectory() as folder:
            return caught(mutation, chosen.simulator, Path(folder), operation) or SAME.get(mutation.name, (None,))[0]

    if chosen.drawn is None:
        return tried(OF_AN_ADDER if chosen.adder else MUTATIONS, found, chosen.only)
    every = [*swaps(operation)]
    return tried(random.Random(chosen.seed).sample(every, min(chosen.drawn, len(every))), found, chosen.only)


if __name__ == "__main__":
    sys.exit(main())
