"""The latencies are those of docs/machine.md, typed here once more, and those that the clocked machine shows."""

from eiesim.machine import clock
from eiesim.machine.latency import Column, Entry
from tests.compare import case
from tests.machine.drive import machine_of


def test_a_broadcast_of_cycle_b_is_in_pointer_read_from_b_plus_2():
    assert (Column.SENT, Column.IN_QUEUE, Column.IN_POINTER_READ) == (0, 1, 2)


def test_an_entry_in_pointer_read_in_f_is_written_in_f_plus_5_and_seen_so_in_f_plus_6():
    assert [step.value for step in Entry] == [0, 1, 2, 3, 4, 5, 6]
    assert (Entry.IN_SPMAT_READ, Entry.LOOKUP, Entry.WRITE, Entry.WRITE_SEEN) == (1, 2, 5, 6)


def test_the_clocked_machine_takes_as_long():
    one = machine_of(case([[1]], [0.0, 1.0], [[1.0]], pes=1, arithmetic="float32"))
    seen = {}

    def note(cycle, m):
        pe, wires = m.registers[0], m.wires[0]
        found = {
            "sent": m.candidate[0].found,
            "queue": pe.activation_queue.count,
            "pointer_read": pe.pointer_read.valid,
            "spmat_read": pe.spmat_read.valid,
            "multiply": wires.arithmetic_unit.reads,
            "add": wires.arithmetic_unit.write,
            "seen": wires.arithmetic_unit.done,
        }
        for name, there in found.items():
            if there:
                seen.setdefault(name, []).append(cycle)

    clock.run(one, note)
    walked = 1 + Column.IN_POINTER_READ
    assert seen == {
        "sent": [1],
        "queue": [1 + Column.IN_QUEUE],
        "pointer_read": [walked],
        "spmat_read": [walked + Entry.IN_SPMAT_READ],
        "multiply": [walked + Entry.MULTIPLY],
        "add": [walked + Entry.ADD],
        "seen": [walked + Entry.WRITE_SEEN],
    }
