"""One input seen by the clocked machine's own registers and by the oracle, beside eiesim's trace and critical path."""

import numpy as np

from eiesim.machine import clock
from eiesim.tracing import path, recording, timeline
from eiesim.tracing.subject import Subject
from tests.compare import dense_codes
from tests.oracle import critical, encode
from tests.oracle.timing import groups, scan

STARVED, REAL, PADDING, EMPTY = range(4)


def watched(subject, *, window=None):
    """Clock the machine; what its registers hold in each cycle 1 .. cycles (or the window's): a dictionary."""
    seen = {"state": [], "occupancy": [], "column": []}
    sent, full, stalled = [], [], []
    walked = np.full(subject.layer.pes, -1)

    def note(cycle, machine):
        if machine.candidate[0].found:
            fullest = [p for p, wires in enumerate(machine.wires.activation_queue.full) if wires]
            if fullest:
                stalled.append(cycle)
                full.append(fullest[0])
            else:
                sent.append((cycle, int(machine.candidate[0].column)))
        own, out = machine.registers.pointer_read, machine.wires.pointer_read
        # The register holds the column in its first cycle only; after that the address register says where it is.
        walked[own.first != 0] = own.column[own.first != 0]
        if window is not None and not window[0] <= cycle < window[1]:
            return
        entry = (machine.base[:-1, None] + out.address[:, None] + np.arange(out.valid.shape[1])) * out.valid
        real = ((machine.code[np.asarray(entry, np.int64)] != 0) & (out.valid != 0)).any(axis=1)
        walking = np.where(real, REAL, PADDING)
        seen["state"].append(np.where(own.valid == 0, STARVED, np.where(out.valid.any(axis=1), walking, EMPTY)))
        seen["occupancy"].append(np.array(machine.registers.activation_queue["count"]))
        seen["column"].append(np.where(own.valid != 0, walked, -1))

    cycles, scan_last = clock.run(clock.build(subject.job, subject.activation_rows), note)
    kept = cycles if window is None else max(min(window[1], cycles + 1) - window[0], 0)
    found = {name: np.array(columns)[:kept].T for name, columns in seen.items()}
    waits = [[t for t in stalled if before < t < cycle] for before, cycle in _between(sent)]
    blocker = [full[stalled.index(each[-1])] if each else -1 for each in waits]
    return {
        **found,
        "broadcast_cycle": np.array([cycle for cycle, _ in sent], int),
        "broadcast_column": np.array([column for _, column in sent], int),
        "broadcast_stall": np.array([len(each) for each in waits], int),
        "blocker": np.array(blocker, int),
        "total_cycles": cycles,
        "scan_last": scan_last,
    }


def _between(sent):
    cycles = [cycle for cycle, _ in sent]
    return zip([0, *cycles], cycles, strict=False)


def trace_differences(case, item=0, window=None):
    """Fields of the trace that differ from the machine's registers."""
    subject = Subject.of(case.layer, case.batch, case.config, item)
    right = watched(subject, window=window)
    trace = recording.record(subject, window)
    return [name for name, value in right.items() if not np.array_equal(getattr(trace, name), value)]


def parts_of(case, item=0):
    """A case's subject, broadcast columns, bubbles and entries n[p][k], by the oracle's own encoding and scan."""
    subject = Subject.of(case.layer, case.batch, case.config, item)
    layer, config = case.layer, case.config
    pes = config.pes
    bias = None if layer.bias_codes is None else layer.bias_codes.tolist()
    memories = encode.encode(dense_codes(layer), bias, pes, config.index_bits, config.mapping)
    columns, bubbles = scan(subject.activation_rows.reshape(-1).tolist(), pes, len(subject.activation_rows))
    m = config.multipliers
    entries = [[len(groups(pointers[j], pointers[j + 1], m)) for j in columns] for _, pointers in memories]
    return subject, columns, bubbles, entries


def limits_of(case, item=0):
    """A case's subject and the oracle's limits of it."""
    subject, columns, bubbles, entries = parts_of(case, item)
    return subject, critical.limits(columns, bubbles, entries, case.config.queue_depth)


def path_differences(case, item=0, loosen=3):
    """What is wrong with the critical path of a case: its sum, its order, its links, their tightness.

    loosen: how many of its segments are made one cycle shorter, to see that their end then comes earlier, or that
    another limit of that end is as tight.
    """
    subject, limits = limits_of(case, item)
    found = path.path_of(subject)
    happens = critical.times(limits)
    wrong = []
    if found.cycles != happens["done"]:
        wrong.append(f"{found.cycles} cycles, the oracle has {happens['done']}")
    if sum(segment.cycles for segment in found.segments) != found.cycles:
        wrong.append("segments do not add up")
    links = [(limit, start) for limit, start in critical.path(limits) if limit.segment and limit.cycles]
    right = [(*limit.segment, start + 1, limit.cycles) for limit, start in links]
    if [tuple(segment) for segment in found.segments] != right:
        wrong.append("segments differ from the oracle's")
    for number in np.random.default_rng(0).permutation(len(links))[:loosen]:
        limit = links[number][0]
        shorter = [one._replace(cycles=one.cycles - 1) if one is limit else one for one in limits]
        end = critical.times(shorter)[limit.event]
        others = [one for one in limits if one.event == limit.event and one is not limit]
        if end >= happens[limit.event] and all(happens[o.after] + o.cycles < happens[o.event] for o in others):
            wrong.append(f"segment {number} is not tight")
    return wrong


def differences(case):
    """Everything that differs, over every input of a case."""
    found = []
    for item in range(len(case.batch)):
        events = timeline.timeline(Subject.of(case.layer, case.batch, case.config, item))
        rng = np.random.default_rng(events.cycles)
        start = int(rng.integers(1, events.cycles + 1))
        window = (start, int(rng.integers(start + 1, events.cycles + 3)))
        found += [f"input {item}, trace: {name}" for name in trace_differences(case, item)]
        found += [f"input {item}, trace of {window}: {name}" for name in trace_differences(case, item, window)]
        found += [f"input {item}, path: {what}" for what in path_differences(case, item)]
    return found
