"""How long the pipeline is (docs/machine.md, "Timing, exactly"): the one place where its lengths stand.

A pipeline stage more or less is one line of `STAGES` here, besides the unit that holds its registers.
"""

QUEUE = 2
"""A column broadcast in cycle t is in the queue in t + 1, and can be in PointerRead from t + QUEUE on."""

STAGES = (
    "pointer read",
    "spmat read",
    "1 codebook lookup, row accumulate",
    "2 read b, multiply",
    "3 shift, add",
    "4 write",
)
"""What an entry passes, a cycle each, beginning with its cycle in PointerRead."""

MULTIPLY = STAGES.index("2 read b, multiply")
"""Cycles from an entry's place in PointerRead to its multiplication, in which its accumulator is read."""

ADD = STAGES.index("3 shift, add")
"""Cycles to the stage whose sum is written at the cycle's end, or taken by the bypass."""

WRITTEN = len(STAGES)
"""An entry in PointerRead in cycle f is seen written in cycle f + WRITTEN."""
