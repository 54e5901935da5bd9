"""ArithmeticUnit: multiplies and adds in four pipeline stages with a bypass (EIE Sec. IV, "Arithmetic Unit").

1 codebook lookup and row accumulate, 2 read b and multiply, 3 shift and add, driving the write, 4 the write.
The accumulator read of stage 2 is ActivationRW's, at the address that stage 1 sent; the sum is written at the
end of stage 3. Only an entry exactly one cycle behind would read too early: it takes the sum by the bypass.
"""

from typing import Any

from eiesim._jit import jit
from eiesim.arithmetic import add, multiply, scale
from eiesim.machine.records import COUNT, FLAG, INDEX, Fields


def registers(value: Any) -> Fields:
    """Stage by stage. `next_row1`: the row after the previous entry's in this column; stage 1 adds z to it."""
    return [
        ("valid1", FLAG), ("code1", "u1"), ("z1", "u1"), ("activation1", value), ("next_row1", INDEX),
        ("real2", FLAG), ("real3", FLAG), ("real4", FLAG), ("done", FLAG),
        ("row2", INDEX), ("weight2", value), ("activation2", value),
        ("row3", INDEX), ("product3", value), ("accumulator3", value),
        ("macs", COUNT), ("bypasses", COUNT),
    ]  # fmt: skip


def wires(value: Any) -> Fields:
    """Stage 1 `row`, `weight`; 2 `reads`, `product`; 3 `write`, `write_row`, `sum3`; `done` after stage 4."""
    return [
        ("row", INDEX), ("weight", value), ("product", value), ("sum3", value), ("write_row", INDEX),
        ("reads", FLAG), ("write", FLAG), ("done", FLAG),
    ]  # fmt: skip


@jit
def propagate(p: int, own: Any, out: Any, codebook: Any, rounding: Any) -> None:
    """Do each stage's work. codebook: [codes]. rounding: (shift, low, high), or None for float32."""
    out.row = (own.next_row1 + own.z1) * own.valid1
    out.weight = codebook[own.code1]
    out.reads = own.real2
    out.product = multiply(own.weight2, own.activation2)
    out.write = own.real3
    out.write_row = own.row3
    out.sum3 = add(own.accumulator3, scale(own.product3, rounding), rounding)
    out.done = own.done


@jit
def update(p: int, own: Any, out: Any, entry: Any, activation_rw: Any) -> None:
    """Move every stage on by one. entry: SpmatRead's wires. activation_rw: the accumulator read for stage 2."""
    bypass = own.real2 & own.real3 & (own.row2 == own.row3)
    own.macs += own.real3
    own.bypasses += bypass
    own.done = own.real4
    own.real4 = own.real3
    own.real3 = own.real2
    own.row3 = own.row2
    own.product3 = out.product
    own.accumulator3 = out.sum3 if bypass else activation_rw.accumulator
    own.real2 = own.valid1 & (own.code1 != 0)
    own.row2 = out.row
    own.weight2 = out.weight
    own.activation2 = own.activation1
    own.next_row1 = (out.row + 1) * (entry.first == 0)
    own.valid1 = entry.valid
    own.code1 = entry.code
    own.z1 = entry.z
    own.activation1 = entry.activation


@jit
def busy(own: Any) -> bool:
    """Whether an entry is in a stage, or a write has not been seen done."""
    return bool(own.valid1 | own.real2 | own.real3 | own.real4 | own.done)
