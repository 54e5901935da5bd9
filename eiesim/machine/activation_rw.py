"""ActivationRW: holds a PE's activations, source and destination, and reads and writes accumulators (EIE Sec. IV).

It presents the PE's activation of the next activation row to the LNZD and steps on when that row is taken.
It reads the accumulator whose address the arithmetic's stage 1 gave a cycle before, and writes sums in update.
"""

from typing import Any

from eiesim._jit import jit
from eiesim.machine.ports import ports
from eiesim.machine.records import COUNT, INDEX, Fields

PORTS = ports(
    ("clock", "in", "1", "", "the array's clock: registers change at its rising edge"),
    ("reset", "in", "1", "", "both banks are emptied"),
    ("start", "in", "1", "", "a layer begins: activation row 0 is taken"),
    ("swap", "in", "1", "", "source and destination change places, after a layer"),
    ("relu", "in", "1", "", "the layer at its end has ReLU"),
    ("load", "in", "1", "", "a row of input activations is written, before the first layer"),
    ("load_row", "in", "ROW_BITS", "", "which row"),
    ("load_activation", "in", "VALUE_BITS", "", "the PE's activation of it"),
    ("has_bias", "in", "1", "", "the layer has a bias"),
    ("bias_row", "in", "SCAN_BITS", "", "the bias's activation row"),
    ("one", "in", "VALUE_BITS", "", "the bias's activation, 1.0 in the arithmetic's format"),
    ("row_taken", "in", "1", "settled.row_taken", "the LNZD takes the row presented"),
    ("arithmetic_row", "in", "ROW_BITS", "arithmetic_unit.row", "the row to be read in the next cycle"),
    ("arithmetic_real", "in", "1", "", "it is worth reading"),
    ("arithmetic_reads", "in", "1", "arithmetic_unit.reads", "the accumulator read is used"),
    ("arithmetic_write", "in", "1", "arithmetic_unit.write", "a sum is written"),
    ("arithmetic_write_row", "in", "ROW_BITS", "arithmetic_unit.write_row", "the row that it is written to"),
    ("arithmetic_sum3", "in", "VALUE_BITS", "arithmetic_unit.sum3", "the sum"),
    ("activation", "out", "VALUE_BITS", "activation_rw.activation", "the PE's activation of the row presented"),
    ("accumulator", "out", "VALUE_BITS", "activation_rw.accumulator", "the sum read"),
)  # fmt: skip


def registers(value: Any, lanes: int = 1, numbers: bool = False) -> Fields:
    """`row`: the activation row presented. `read_row`: the output row whose accumulator each lane reads. Counters."""
    return [("row", INDEX), ("read_row", INDEX, (lanes,)), ("reads", COUNT), ("writes", COUNT)]


def wires(value: Any, lanes: int = 1, numbers: bool = False) -> Fields:
    """`activation`: of the presented row, 0 past the last. `accumulator`: the sums at `read_row`."""
    return [("activation", value), ("accumulator", value, (lanes,))]


@jit
def propagate(p: int, own: Any, out: Any, source: Any, accumulators: Any) -> None:
    """Present an activation, and an accumulator a lane.

    source: [activation rows and some rows of zeros after the last, pes]. accumulators: [pes, rows a PE].
    """
    out.activation = source[own.row, p]
    for lane in range(len(own.read_row)):
        out.accumulator[lane] = accumulators[p, own.read_row[lane]]


@jit
def update(p: int, own: Any, out: Any, accumulators: Any, arithmetic: Any, row_taken: bool) -> None:
    """Step to the next activation row where the LNZD took one; write the sums that the ArithmeticUnit drives."""
    own.row += row_taken
    for lane in range(len(own.read_row)):
        own.read_row[lane] = arithmetic.row[lane]
        own.reads += arithmetic.reads[lane]
        own.writes += arithmetic.write[lane]
        old, new = accumulators[p, arithmetic.write_row[lane]], arithmetic.sum3[lane]
        accumulators[p, arithmetic.write_row[lane]] = new if arithmetic.write[lane] else old


@jit
def busy(own: Any) -> bool:
    """Never: it only answers, and a write is the ArithmeticUnit's until it is done."""
    return False
