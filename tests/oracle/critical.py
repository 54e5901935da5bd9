"""What may set a run's completion time: the recurrences of docs/machine.md as a list of limits, one a line.

An event is what a limit waits for or holds back; its time is the number of cycles gone when it happens:
("sent", k) broadcast k is sent, ("begun", p, k) PE p may begin with it, ("ended", p, k) PE p has walked it, "done".
"""

from typing import NamedTuple


class Limit(NamedTuple):
    """`event` happens no earlier than `cycles` after `after`. segment: (kind, PE, column) of docs/trace.md, or None."""

    event: object
    after: object
    cycles: int
    segment: object


def limits(columns, bubbles, entries, queue_depth):
    """Every limit, those of an event in the order in which the path prefers them among equals; events in time order.

    columns: j_k. bubbles: g_k. entries: n[p][k].
    """
    every = []
    K, pes = len(columns), len(entries)  # noqa: N806 - the specification's name
    for k, j in enumerate(columns):
        sent = ("sent", k)
        every.append(Limit(sent, ("sent", k - 1) if k > 0 else "start", 1 + bubbles[k], ("scan", None, j)))
        if k >= queue_depth:
            every += [Limit(sent, ("begun", p, k - queue_depth), 1, ("scan", None, j)) for p in range(pes)]
        for p in range(pes):
            begun = ("begun", p, k)
            if k > 0:
                every.append(Limit(begun, ("ended", p, k - 1), 0, None))
            every.append(Limit(begun, sent, 1, ("pipeline", p, j)))
            every.append(Limit(("ended", p, k), begun, max(1, entries[p][k]), ("walk", p, j)))
    for p in range(pes):
        real = [k for k in range(K) if entries[p][k] > 0]
        every += [Limit("done", ("ended", p, k), 6, ("pipeline", p, columns[k])) for k in real]
    every.append(Limit("done", ("sent", K - 1) if K > 0 else "start", bubbles[K], ("scan", None, None)))
    return every


def times(every):
    """When each event happens: as early as its limits let it."""
    happens = {"start": 0}
    for limit in every:
        happens[limit.event] = max(happens.get(limit.event, 0), happens[limit.after] + limit.cycles)
    return happens


def path(every):
    """The links that set the end, [(limit, cycles gone at its start)]: the first tight limit of each event."""
    happens, tight = times(every), {}
    for limit in every:
        if happens[limit.after] + limit.cycles == happens[limit.event]:
            tight.setdefault(limit.event, limit)
    links, event = [], "done"
    while event != "start":
        links.append((tight[event], happens[tight[event].after]))
        event = tight[event].after
    return links[::-1]
