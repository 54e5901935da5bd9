"""ActivationRW: a PE's bank of activations, source and destination (EIE Sec. IV, "Activation Read/Write").

It presents the PE's activation of the next activation row to the LNZD and steps on when the LNZD takes that row.
It reads the accumulator whose address the arithmetic's stage 1 sent in the cycle before. It writes sums in update.
"""

from typing import Any

from eiesim._jit import jit
from eiesim.machine.records import COUNT, INDEX, Fields


def registers(value: Any) -> Fields:
    """`row`: the activation row presented. `read_row`: the output row whose accumulator is read. Counters."""
    return [("row", INDEX), ("read_row", INDEX), ("reads", COUNT), ("writes", COUNT)]


def wires(value: Any) -> Fields:
    """`activation`: of the presented row, 0 after the last row. `accumulator`: the sum at `read_row`."""
    return [("activation", value), ("accumulator", value)]


@jit
def propagate(p: int, own: Any, out: Any, source: Any, accumulators: Any) -> None:
    """Drive the presented activation and the accumulator.

    source: [activation rows + clock.ZERO_ROWS, pes]. accumulators: [pes, rows a PE].
    """
    out.activation = source[own.row, p]
    out.accumulator = accumulators[p, own.read_row]


@jit
def update(p: int, own: Any, accumulators: Any, arithmetic_unit: Any, row_taken: bool) -> None:
    """Step to the next activation row if the LNZD takes this one, and write the sum that stage 3 sends."""
    own.row += row_taken
    own.read_row = arithmetic_unit.row
    own.reads += arithmetic_unit.reads
    own.writes += arithmetic_unit.write
    old, new = accumulators[p, arithmetic_unit.write_row], arithmetic_unit.sum3
    accumulators[p, arithmetic_unit.write_row] = new if arithmetic_unit.write else old


@jit
def busy(own: Any) -> bool:
    """Never: what it has to write is still in the ArithmeticUnit."""
    return False
