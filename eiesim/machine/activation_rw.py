"""ActivationRW: holds a PE's activations, source and destination, and reads and writes accumulators (EIE Sec. IV).

It presents the PE's activation of the next activation row to the LNZD and steps on when that row is taken.
It reads the accumulator whose address the arithmetic's stage 1 gave a cycle before, and writes sums in update.
"""

from typing import Any

from eiesim._jit import jit
from eiesim.machine.records import COUNT, INDEX, Fields


def registers(value: Any, lanes: int = 1, draws: bool = False) -> Fields:
    """`row`: the activation row presented. `read_row`: the output row whose accumulator each lane reads. Counters."""
    return [("row", INDEX), ("read_row", INDEX, (lanes,)), ("reads", COUNT), ("writes", COUNT)]


def wires(value: Any, lanes: int = 1, draws: bool = False) -> Fields:
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
