"""Cycles and counters as docs/machine.md gives them under "Timing, exactly" and "Counters": its formulas, literally.

State counters are found by asking of every cycle from 1 to `cycles` what went on in it.
"""

from .encode import decode_column

START, WRITE_SEEN = 2, 6
"""The spec's "b[k] + 2" and "f + 6"."""


def scan(activations, pes, activation_rows):
    """Columns to broadcast, and the scan bubbles before each and after the last: j_k and g_k of the spec."""
    columns, gaps, gap = [], [], 0
    for r in range(activation_rows):
        row = activations[r * pes : (r + 1) * pes]
        row = row + [0] * (pes - len(row))
        for place, activation in enumerate(row):
            if activation != 0:
                columns.append(r * pes + place)
                gaps.append(gap)
                gap = 0
        if row[pes - 1] == 0:
            gap += 1
    return columns, [*gaps, gap]


def groups(start, end, multipliers):
    """A column's entries start .. end-1, one list a cycle: aligned groups of docs/variants.md."""
    found = {}
    for number in range(start, end):
        found.setdefault(number // multipliers, []).append(number)
    return list(found.values())


def timing(memories, activations, queue_depth, entries_per_row, multipliers=1):
    """Everything that the spec counts. Scalars under their names, per-PE counters as lists.

    memories: encode.encode's. activations: as the arithmetic holds them, the bias's 1.0 included, up to its column.
    """
    pes = len(memories)
    columns = len(memories[0][1]) - 1
    activation_rows = (columns + pes - 1) // pes
    sent, g = scan(activations, pes, activation_rows)
    K = len(sent)  # noqa: N806 - the spec's name
    n = [[len(groups(pointers[j], pointers[j + 1], multipliers)) for j in sent] for _, pointers in memories]

    b = [0] * K
    first = [[0] * K for _ in range(pes)]
    last = [[0] * K for _ in range(pes)]
    stalls = 0
    for k in range(K):
        unhindered = (b[k - 1] if k > 0 else 0) + 1 + g[k]
        b[k] = unhindered
        if k >= queue_depth:
            b[k] = max(unhindered, max(first[p][k - queue_depth] for p in range(pes)))
        stalls += b[k] - unhindered
        for p in range(pes):
            first[p][k] = max(b[k] + START, (last[p][k - 1] if k > 0 else 0) + 1)
            last[p][k] = first[p][k] + max(1, n[p][k]) - 1
    scan_last = b[K - 1] + g[K] if K > 0 else activation_rows

    # What is in PointerRead in each cycle: {cycle: [(code, the PE's row, entry number)]}, [] for an empty column.
    walked = []
    for p, (entries, pointers) in enumerate(memories):
        walk = {}
        for k, j in enumerate(sent):
            column = entries[pointers[j] : pointers[j + 1]]
            if not column:
                walk[first[p][k]] = []
            rows = decode_column(column)
            for cycle, numbers in enumerate(groups(pointers[j], pointers[j + 1], multipliers), first[p][k]):
                walk[cycle] = [(entries[e][0], rows[e - pointers[j]], e) for e in numbers]
        walked.append(walk)
    written = [f + WRITE_SEEN for walk in walked for f, group in walk.items() if real(group)]
    cycles = max([scan_last, *written])

    per_pe = {}
    for p in range(pes):
        counters = _events(walked[p], entries_per_row)
        counters |= {"queue_pushes": K, "queue_pops": K, "pointer_reads": K}
        counters |= {"busy_real": 0, "busy_padding": 0, "busy_empty": 0, "starved": 0, "max_occupancy": 0}
        for t in range(1, cycles + 1):
            if t not in walked[p]:
                state = "starved"
            elif not walked[p][t]:
                state = "busy_empty"
            else:
                state = "busy_real" if real(walked[p][t]) else "busy_padding"
            counters[state] += 1
        for k in range(K):
            # Occupancy rises only by a broadcast, so it is largest in a cycle after one.
            t = b[k] + 1
            if t <= cycles:
                held = sum(1 for other in range(K) if b[other] < t and first[p][other] > t)
                counters["max_occupancy"] = max(counters["max_occupancy"], held)
        for name, value in counters.items():
            per_pe.setdefault(name, []).append(value)
    return {
        "cycles": cycles,
        "scan_last": scan_last,
        "broadcasts": K,
        "scan_bubbles": sum(g),
        "broadcast_stalls": stalls,
        "per_pe": per_pe,
    }


def real(group):
    """The rows of a group's real entries."""
    return [row for code, row, _ in group if code != 0]


def _events(walk, entries_per_row):
    entries = groups = padding = empty = bypasses = row_reads = 0
    held = None
    for f in sorted(walk):
        if not walk[f]:
            empty += 1
            continue
        groups += 1
        before = real(walk.get(f - 1, []))
        bypasses += sum(1 for row in real(walk[f]) if row in before)
        for code, _, number in walk[f]:
            entries += 1
            padding += code == 0
            row_reads += number // entries_per_row != held
            held = number // entries_per_row
    macs = entries - padding
    return {
        "entries": entries,
        "entry_groups": groups,
        "padding_entries": padding,
        "empty_columns": empty,
        "macs": macs,
        "accumulator_reads": macs,
        "accumulator_writes": macs,
        "bypasses": bypasses,
        "spmat_row_reads": row_reads,
    }
