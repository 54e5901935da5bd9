"""ArithmeticUnit: multiplies and adds in four pipeline stages with a bypass (EIE Sec. IV, "Arithmetic Unit").

1 codebook lookup and row accumulate, 2 read b and multiply, 3 shift and add, driving the write, 4 the write.
The accumulator read of stage 2 is ActivationRW's, at the address that stage 1 sent; the sum is written at the
end of stage 3. Only an entry exactly one cycle behind would read too early: it takes the sum by the bypass.
With several multipliers each lane has stages of its own. A column's row is accumulated through the lanes within a
cycle; a bypass may come from any lane, and no two lanes meet in a cycle because a column's rows are distinct.
An adder unit (docs/adder.md) has a comparison and a selection in the multiplier's place, in the same stage.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from eiesim._jit import jit
from eiesim.arithmetic import add, combine, drawn, multiply, scale
from eiesim.machine.ports import ports
from eiesim.machine.records import COUNT, FLAG, INDEX, Fields, any_of, numbered

PORTS = ports(
    ("clock", "in", "1", "", "the array's clock: registers change at its rising edge"),
    ("start", "in", "1", "", "a layer begins: everything held is dropped"),
    ("shift_plus_16", "in", "7", "", "the shift between product and accumulator, plus 16"),
    ("codebook_write", "in", "1", "", "a shared value is written, before the layer"),
    ("codebook_code", "in", "WEIGHT_BITS", "", "its code"),
    ("codebook_value", "in", "VALUE_BITS", "", "the shared value"),
    ("entry_valid", "in", "1", "spmat_read.valid", "an entry arrives"),
    ("entry_first", "in", "1", "spmat_read.first", "with its column's first cycle: the row starts anew"),
    ("entry_code", "in", "WEIGHT_BITS", "spmat_read.code", "its code"),
    ("entry_z", "in", "INDEX_BITS", "spmat_read.z", "zeros skipped before it"),
    ("entry_activation", "in", "VALUE_BITS", "spmat_read.activation", "its column's activation a_j"),
    ("accumulator", "in", "VALUE_BITS", "activation_rw.accumulator", "the sum b read for stage 2"),
    ("row", "out", "ROW_BITS", "arithmetic_unit.row", "stage 1: the PE's row reached, to be read in the next cycle"),
    ("real1", "out", "1", "", "stage 1: the entry is no padding, so that its row is worth reading"),
    ("reads", "out", "1", "arithmetic_unit.reads", "stage 2: the accumulator read is used"),
    ("write", "out", "1", "arithmetic_unit.write", "stage 3: the sum is written at the cycle's end"),
    ("write_row", "out", "ROW_BITS", "arithmetic_unit.write_row", "stage 3: the row that it is written to"),
    ("sum3", "out", "VALUE_BITS", "arithmetic_unit.sum3", "stage 3: the sum, rounded and saturated"),
    ("busy", "out", "1", "", "an entry is in a stage, or a write has not been seen done"),
    ("done", "out", "1", "arithmetic_unit.done", "a write is seen done"),
    ("weight", "inside", "VALUE_BITS", "arithmetic_unit.weight", "stage 1: the shared value looked up"),
    ("product", "inside", "PRODUCT_BITS", "arithmetic_unit.product", "stage 2: the exact product, or an adder's term"),
)  # fmt: skip


def registers(value: Any, lanes: int = 1, numbers: bool = False) -> Fields:
    """Stage by stage. `next_row1`: the row after the previous entry's in this column; stage 1 adds z to it."""
    each = (lanes,)
    return [
        *(field for stage in (1, 2, 3) for field in numbered(f"column{stage}", numbers)),
        ("valid1", FLAG, each), ("code1", "u1", each), ("z1", "u1", each), ("activation1", value), ("next_row1", INDEX),
        ("real2", FLAG, each), ("real3", FLAG, each), ("real4", FLAG), ("done", FLAG),
        ("row2", INDEX, each), ("weight2", value, each), ("activation2", value),
        ("row3", INDEX, each), ("product3", value, each), ("accumulator3", value, each),
        ("macs", COUNT), ("bypasses", COUNT),
    ]  # fmt: skip


def wires(value: Any, lanes: int = 1, numbers: bool = False) -> Fields:
    """Stage 1 `row`, `weight`; 2 `reads`, `product`; 3 `write`, `write_row`, `sum3`; `done` after stage 4."""
    each = (lanes,)
    return [
        ("row", INDEX, each), ("weight", value, each), ("product", value, each), ("sum3", value, each),
        ("write_row", INDEX, each), ("reads", FLAG, each), ("write", FLAG, each), ("done", FLAG),
    ]  # fmt: skip


class RowDraw(NamedTuple):
    """What the machine's stochastic rounding draws from: `arithmetic.Draw`, and which output rows a PE owns.

    first_row: int64[pes], each PE's first; its next ones are row_step apart.
    """

    salt: int
    numbers: npt.NDArray[np.int64]
    first_row: npt.NDArray[np.int64]
    row_step: int


@jit
def propagate(p: int, own: Any, out: Any, codebook: Any, rounding: Any, draw: Any = None, bias: Any = None) -> None:
    """Do each stage's work. codebook: [codes]. rounding: see `arithmetic.Rounding`, None for float32.

    draw: a `RowDraw` where rounding is stochastic, else None. bias: of adder units the bias's column (`Adder`), else
    None.
    """
    next_row = own.next_row1
    for lane in range(len(out.row)):
        row = (next_row + own.z1[lane]) * own.valid1[lane]
        next_row = row + 1 if own.valid1[lane] else next_row
        out.row[lane] = row
        out.weight[lane] = codebook[own.code1[lane]]
        out.reads[lane] = own.real2[lane]
        if bias is None:
            out.product[lane] = multiply(own.weight2[lane], own.activation2)
        else:
            out.product[lane] = combine(own.weight2[lane], own.activation2, bias, own.column2)
        out.write[lane] = own.real3[lane]
        out.write_row[lane] = own.row3[lane]
        if draw is None:
            term = scale(own.product3[lane], rounding)
        else:
            output_row = draw.first_row[p] + own.row3[lane] * draw.row_step
            noise = drawn(output_row, draw.numbers[own.column3], draw.salt, rounding[0])
            term = scale(own.product3[lane], rounding, noise)
        out.sum3[lane] = add(own.accumulator3[lane], term, rounding)
    out.done = own.done


@jit
def update(p: int, own: Any, out: Any, entry: Any, activation_rw: Any, along: Any = None) -> None:
    """Move every stage on by one. entry: SpmatRead's wires. activation_rw: the accumulators read for stage 2.

    along: see `pointer_read.propagate`.
    """
    lanes = len(out.row)
    for lane in range(lanes):
        total, bypassed = activation_rw.accumulator[lane], False
        for other in range(lanes):
            bypass = own.real2[lane] & own.real3[other] & (own.row2[lane] == own.row3[other])
            total = out.sum3[other] if bypass else total
            bypassed |= bypass > 0
        own.accumulator3[lane] = total
        own.bypasses += bypassed
    own.done = own.real4
    own.real4 = any_of(own.real3)
    last_row = out.row[0]
    for lane in range(lanes):
        own.macs += own.real3[lane]
        own.real3[lane] = own.real2[lane]
        own.row3[lane] = own.row2[lane]
        own.product3[lane] = out.product[lane]
        own.real2[lane] = own.valid1[lane] & (own.code1[lane] != 0)
        own.row2[lane] = out.row[lane]
        own.weight2[lane] = out.weight[lane]
        last_row = max(last_row, out.row[lane])
        own.valid1[lane] = entry.valid[lane]
        own.code1[lane] = entry.code[lane]
        own.z1[lane] = entry.z[lane]
    own.next_row1 = (last_row + 1) * (entry.first == 0)
    own.activation2 = own.activation1
    own.activation1 = entry.activation
    if along is not None:
        own.column3 = own.column2
        own.column2 = own.column1
        own.column1 = entry.column


@jit
def busy(own: Any) -> bool:
    """Whether an entry is in a stage, or a write has not been seen done."""
    return bool(any_of(own.valid1) | any_of(own.real2) | any_of(own.real3) | own.real4 | own.done)
