"""The pipeline is as long as docs/machine.md says, typed here once more, and as the clocked machine shows."""

from eiesim.arithmetic import prepare
from eiesim.encoding import interleave
from eiesim.job import Job
from eiesim.machine import clock, latency
from tests.compare import case


def test_lengths_are_the_specifications():
    # b + 2 to PointerRead; f + 3 and f + 4 in stages 2 and 3; f + 6 seen written.
    assert (latency.QUEUE, latency.MULTIPLY, latency.ADD, latency.WRITTEN) == (2, 3, 4, 6)


def test_the_clocked_machine_takes_as_long():
    one = case([[1]], [0.0, 1.0], [[1.0]], pes=1, arithmetic="float32")
    operands = prepare(one.layer, one.batch, one.config)
    job = Job.of(interleave(one.layer, 1), operands, one.config, outputs=True)
    machine, seen = clock.build(job, job.in_rows(operands.activations, operands.one)[0]), {}

    def note(cycle, m):
        pe, arithmetic = m.registers[0], m.wires[0].arithmetic_unit
        there = {
            "sent": m.candidate[0].found,
            "walked": pe.pointer_read.valid,
            "multiplied": arithmetic.reads,
            "added": arithmetic.write,
            "seen written": arithmetic.done,
        }
        for name in there:
            if there[name]:
                seen.setdefault(name, []).append(cycle)

    clock.run(machine, note)
    walked = 1 + latency.QUEUE
    assert seen == {
        "sent": [1],
        "walked": [walked],
        "multiplied": [walked + latency.MULTIPLY],
        "added": [walked + latency.ADD],
        "seen written": [walked + latency.WRITTEN],
    }
