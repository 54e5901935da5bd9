"""The trace as a picture of characters, and the critical path as a table."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from eiesim.tracing.path import CriticalPath
from eiesim.tracing.recording import EMPTY, PADDING, REAL, STATES, Trace
from eiesim.tracing.shares import COLOURS, blend, broadcast_lane, chosen, edges, state_shares
from eiesim.tracing.verdict import Verdict

LEVELS, ASCII_LEVELS = " ░▒▓█", " .-+#"
"""A cell's share of cycles that walk entries: none, up to a third, up to two thirds, less than all, all."""
MOST_ROWS = 64


def picture(trace: Trace, width: int, pes: Sequence[int] | None = None, unicode: bool = True) -> RenderableType:
    """PEs down, time across. width: characters in all. unicode: whether the terminal shows block characters."""
    numbers = chosen(trace, pes)
    names = _names(numbers, edges(len(numbers), MOST_ROWS))
    margin = max(len("LNZD"), *(len(name) for name in names)) + 1
    shares, _, across = state_shares(trace, numbers, MOST_ROWS, max(8, width - margin))
    levels = LEVELS if unicode else ASCII_LEVELS
    size = int(across[1] - across[0])
    lines = [_heading(trace, size, len(numbers))]
    lines.append(Text(" " * margin) + _ruler(trace, across))
    for name, row in zip(names, shares, strict=True):
        lines.append(Text(f"{name:>{margin - 1}} ") + _cells(row, levels))
    lines.append(Text(f"{'LNZD':>{margin - 1}} ") + _lane(trace, across, levels))
    lines.append(Text(""))
    lines += _legend(levels)
    return Group(*lines)


def _names(numbers: Sequence[int], down: np.ndarray) -> list[str]:
    blocks = [numbers[start:end] for start, end in pairwise(down.tolist())]
    return [f"PE {block[0]}" if len(block) == 1 else f"PE {block[0]}..{block[-1]}" for block in blocks]


def _heading(trace: Trace, size: int, pes: int) -> Text:
    cell = "one cycle" if size == 1 else f"{size} cycles"
    shown = f"{trace.pes} PEs" if pes == trace.pes else f"{pes} of {trace.pes} PEs"
    return Text(
        f"{trace.subject.name} on {shown}: cycles {trace.first_cycle:,} to {trace.end - 1:,} "
        f"of {trace.total_cycles:,} (simulated); a character is {cell}"
    )


def _ruler(trace: Trace, across: np.ndarray) -> Text:
    """The first cycle of every so many characters."""
    marks = [" "] * (len(across) - 1)
    place = 0
    while place < len(marks):
        label = f"|{trace.first_cycle + int(across[place]):,}"
        if place + len(label) > len(marks):
            break
        marks[place : place + len(label)] = label
        place += max(16, len(label) + 2)
    return Text("".join(marks))


def _cells(row: np.ndarray, levels: str) -> Text:
    """One line of cells: shares float64[columns, states]. The colour mixes the states by share."""
    text = Text()
    colours = (blend(row, list(COLOURS.values())) * 255).round().astype(int)
    for share, (red, green, blue) in zip(row, colours.tolist(), strict=True):
        mark = _mark(float(share[REAL] + share[PADDING]), levels)
        if share[EMPTY] == 1:
            mark = "o"
        elif share[PADDING] == 1:
            mark = "p"
        text.append(mark, Style(color=f"rgb({red},{green},{blue})"))
    return text


def _mark(share: float, levels: str) -> str:
    if share <= 0:
        return levels[0]
    if share >= 1:
        return levels[4]
    return levels[1 if share <= 1 / 3 else 2 if share <= 2 / 3 else 3]


def _lane(trace: Trace, across: np.ndarray, levels: str) -> Text:
    """The share of each block's cycles in which a broadcast waits for a full queue."""
    stalls = np.add.reduceat(broadcast_lane(trace) >= 0, across[:-1], dtype=np.int64) / np.diff(across)
    text = Text()
    for share in stalls:
        text.append(_mark(float(share), levels), Style(color="rgb(213,94,0)"))
    return text


def _legend(levels: str) -> list[Text]:
    words = ("none", "to a third", "to two thirds", "more", "all")
    marks = ", ".join(f"'{level}' {word}" for level, word in zip(levels, words, strict=True))
    first = Text(f"share of cycles that walk entries: {marks}; 'p' padding alone, 'o' empty columns alone")
    second = Text("colours, mixed by share: ")
    for name in STATES:
        second.append(f"{levels[4]} ", Style(color=COLOURS[name])).append(f"{name}  ")
    return [first, second, Text("LNZD: share of cycles in which the broadcast waits for a full queue")]


def path_tables(path: CriticalPath, verdict: Verdict, top: int) -> list[RenderableType]:
    """The path's totals, its longest segments, and the sentence on what bounds the layer."""
    title = f"{path.subject.name}: critical path, {path.cycles:,} cycles (simulated)"
    totals = Table(title=title, title_justify="left", title_style="")
    for heading in ("kind", "cycles", "share", "segments"):
        totals.add_column(heading, justify="left" if heading == "kind" else "right")
    counts = {kind: sum(segment.kind == kind for segment in path.segments) for kind in path.by_kind}
    for kind, cycles in path.by_kind.items():
        totals.add_row(kind, f"{cycles:,}", f"{cycles / path.cycles:.1%}", f"{counts[kind]:,}")
    by_pe = sorted(enumerate(path.by_pe), key=lambda one: (-one[1], one[0]))[:top]
    busy = Table(title="PEs: cycles walked on the path, and stalls caused", title_justify="left", title_style="")
    for heading in ("PE", "cycles", "share", "stalls caused in the whole run"):
        busy.add_column(heading, justify="right")
    for pe, cycles in by_pe:
        if cycles or verdict.stall_caused[pe]:
            busy.add_row(str(pe), f"{cycles:,}", f"{cycles / path.cycles:.1%}", f"{verdict.stall_caused[pe]:,}")
    longest = Table(title="longest segments", title_justify="left", title_style="")
    for heading in ("first cycle", "cycles", "kind", "PE", "column"):
        longest.add_column(heading, justify="left" if heading == "kind" else "right")
    for part in sorted(path.segments, key=lambda one: (-one.cycles, one.first_cycle))[:top]:
        where = ["" if value is None else str(value) for value in (part.pe, part.column)]
        longest.add_row(f"{part.first_cycle:,}", f"{part.cycles:,}", part.kind, *where)
    return [totals, busy, longest, Text(verdict.sentence)]
