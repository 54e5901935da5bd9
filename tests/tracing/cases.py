"""Small cases with all that can happen."""

from tests.compare import case

BUSY = case(
    [[1, 2, 3, 1, 1, 3] * 4] * 3 + [[3, 1, 0, 2, 0, 2] * 4, [2, 0, 1, 3, 0, 1] * 4] * 3 + [[0] * 24] * 6
    + [[1, 2, 3, 1, 0, 2] * 4] * 3,
    [0.0, 1.0, -0.5, 2.0], [[1.0, 2.0, -1.0, 0.0, 0.5, 3.0] * 4], bias=[1] + [0] * 17,
    pes=3, queue_depth=2, index_bits=1, spmat_width=24,
)  # fmt: skip
"""Stalls, bubbles, padding, bypasses and empty columns on three PEs."""

FLOATS = case(
    [[1 if (7 * i + 3 * j) % 5 == 0 else 0 for j in range(40)] for i in range(16)],
    [0.0, 0.75], [[0.0, 1.0, -2.0, 0.5] * 10], pes=5, queue_depth=2, index_bits=1, arithmetic="float32",
)  # fmt: skip
