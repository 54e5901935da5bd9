"""How many cycles lie between the units, said once (docs/machine.md, "Timing, exactly").

The clocked machine does not read this: its registers take as long as they take. The recurrences, the event engine and
the balance study do, so that a stage added to a unit is one line added here.
"""

from enum import IntEnum, auto


class _Steps(IntEnum):
    """Steps one cycle apart; the first is 0."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[int]) -> int:
        return count


class Column(_Steps):
    """Cycles from the broadcast of an activation to each further place of its column, if nothing holds it up."""

    SENT = auto()
    IN_QUEUE = auto()
    IN_POINTER_READ = auto()


class Entry(_Steps):
    """Cycles from an entry's cycle in PointerRead to each further place of it; nothing can hold it up there."""

    IN_POINTER_READ = auto()
    IN_SPMAT_READ = auto()
    LOOKUP = auto()
    MULTIPLY = auto()
    ADD = auto()
    WRITE = auto()
    WRITE_SEEN = auto()
