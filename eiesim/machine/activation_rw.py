"""ActivationRW: holds a PE's activations, source and destination, and reads and writes accumulators (EIE Sec. IV).

It presents the PE's activation of the next activation row to the LNZD and steps on when that row is taken.
It reads the accumulator whose address the arithmetic's stage 1 gave a cycle before, and writes sums in update.
"""

from typing import Any

from eiesim._jit import jit
from eiesim.machine.records import COUNT, INDEX, Fields


def registers(value: Any) -> Fields:
    """`row`: the activation row presented. `read_row`: the output row whose accumulator is read. Counters."""
    return [("row", INDEX), ("read_row", INDEX), ("reads", COUNT), ("writes", COUNT)]


def wires(value: Any) -> Fields:
    """`activation`: of the presented row, 0 past the last. `accumulator`: the sum at `read_row`."""
    return [("activation", value), ("accumulator", value)]


@jit
def propagate(p: int, own: Any, out: Any, source: Any, accumulators: Any) -> None:
    """Present an activation and an accumulator.

    source: [activation rows and some rows of zeros after the last, pes]. accumulators: [pes, rows a PE].
    """
    out.activation = source[own.row, p]
    out.accumulator = accumulators[p, own.read_row]


@jit
def update(p: int, own: Any, out: Any, accumulators: Any, arithmetic: Any, row_taken: bool) -> None:
    """Step to the next activation row where the LNZD took one; write the sum that the ArithmeticUnit drives."""
    own.row += row_taken
    own.read_row = arithmetic.row
    own.reads += arithmetic.reads
    own.writes += arithmetic.write
    old, new = accumulators[p, arithmetic.write_row], arithmetic.sum3
    accumulators[p, arithmetic.write_row] = new if arithmetic.write else old


@jit
def busy(own: Any) -> bool:
    """Never: it only answers, and a write is the ArithmeticUnit's until it is done."""
    return False
