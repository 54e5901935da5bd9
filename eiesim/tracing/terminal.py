"""The trace as a picture of characters, and the critical path as a table."""

import os
import sys
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from eiesim._shown import counted
from eiesim.errors import one_line
from eiesim.tracing.path import CriticalPath
from eiesim.tracing.recording import EMPTY, PADDING, REAL, STATES, Recording
from eiesim.tracing.shares import (
    BUBBLE,
    COLOURS,
    ENDED,
    FINDS_NONE,
    HAS_ENDED,
    blend,
    broadcast_lane,
    chosen,
    edges,
    state_shares,
)  # fmt: skip
from eiesim.tracing.verdict import Verdict
from eiesim.view.palette import VERMILION

LEVELS, ASCII_LEVELS = " ░▒▓█", " .-+#"
"""A cell's share of cycles that walk entries: none, up to a third, up to two thirds, less than all, all."""
LETTERS = {"starved": ".", "real entry": "r", "padding entry": "p", "empty column": "o"}
"""A cell's state where there is no colour: that of most of its cycles, in capitals (starved: blank) of all of them."""
WAITS = " .wW"
"""The LNZD's cycles that wait, without colour: none, less than half, more, all."""
MOST_ROWS = 64


def picture(
    trace: Recording, width: int, pes: Sequence[int] | str | None = None, unicode: bool = True, colour: bool = True
) -> RenderableType:
    """PEs down, time across. width: characters in all. unicode: whether the terminal shows block characters.

    colour: whether it shows colours; where it does not, letters say the states.
    """
    numbers = chosen(trace, pes)
    names = _names(numbers, edges(len(numbers), MOST_ROWS))
    margin = max(len("LNZD"), *(len(name) for name in names)) + 1
    shares, _, across = state_shares(trace, numbers, MOST_ROWS, max(8, width - margin))
    levels = LEVELS if unicode else ASCII_LEVELS
    size = int(across[1] - across[0])
    lines = [_heading(trace, size, len(numbers))]
    lines.append(Text(" " * margin) + _ruler(trace, across))
    for name, row in zip(names, shares, strict=True):
        cells = _cells(row, levels) if colour else _letters(row)
        lines.append(Text(f"{name:>{margin - 1}} ") + cells)
    lines.append(Text(f"{'LNZD':>{margin - 1}} ") + _lane(trace, across, levels if colour else ""))
    lines.append(Text(""))
    lines += _legend(levels) if colour else _legend_of_letters()
    return Group(*lines)


def _names(numbers: Sequence[int], down: np.ndarray) -> list[str]:
    blocks = [numbers[start:end] for start, end in pairwise(down.tolist())]
    return [f"PE {block[0]}" if len(block) == 1 else f"PE {block[0]}..{block[-1]}" for block in blocks]


def _heading(trace: Recording, size: int, pes: int) -> Text:
    cell = "one cycle" if size == 1 else f"{size} cycles"
    shown = f"{counted(trace.pes, 'PE')}" if pes == trace.pes else f"{pes} of {counted(trace.pes, 'PE')}"
    return Text(
        f"{one_line(trace.subject.name)} on {shown}: cycles {trace.first_cycle:,} to {trace.end - 1:,} "
        f"of {trace.total_cycles:,} (simulated); a character is {cell}"
    )


def _ruler(trace: Recording, across: np.ndarray) -> Text:
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


def _letters(row: np.ndarray) -> Text:
    """One line of cells in letters: shares float64[columns, states]."""
    text = Text()
    for share in row:
        letter = LETTERS[STATES[int(share.argmax())]]
        whole = " " if letter == "." else letter.upper()
        text.append(whole if share.max() == 1 else letter)
    return text


def _mark(share: float, levels: str) -> str:
    if share <= 0:
        return levels[0]
    if share >= 1:
        return levels[4]
    return levels[1 if share <= 1 / 3 else 2 if share <= 2 / 3 else 3]


def _lane(trace: Recording, across: np.ndarray, levels: str) -> Text:
    """The share of each block's cycles in which a broadcast waits for a full queue; blocks in which none is left.

    levels: of shares; empty for letters.
    """
    lane = broadcast_lane(trace)
    text = Text()
    for start, end in pairwise(across.tolist()):
        block = lane[start:end]
        waits = float((block >= 0).mean())
        mark, colour = _mark(waits, levels) if levels else WAITS[(waits > 0) + (waits >= 0.5) + (waits == 1)], VERMILION
        if (block == FINDS_NONE).all():
            mark, colour = "b", BUBBLE
        elif (block == HAS_ENDED).all():
            mark, colour = "e", ENDED
        text.append(mark, Style(color=colour))
    return text


def _legend(levels: str) -> list[Text]:
    words = ("none", "to a third", "to two thirds", "more", "all")
    marks = ", ".join(f"'{level}' {word}" for level, word in zip(levels, words, strict=True))
    first = Text(f"share of cycles that walk entries: {marks}; 'p' padding alone, 'o' empty columns alone")
    second = Text("colours, mixed by share: ")
    for name in STATES:
        second.append(f"{levels[4]} ", Style(color=COLOURS[name])).append(f"{name}  ")
    third = Text("LNZD: share of cycles in which the broadcast waits for a full queue; ")
    third.append("b", Style(color=BUBBLE)).append(" scan bubbles alone, ")
    third.append("e", Style(color=ENDED)).append(" the scan has ended")
    return [first, second, third]


def _legend_of_letters() -> list[Text]:
    of_most = ", ".join(f"{letter} {name}" for name, letter in LETTERS.items())
    return [
        Text(f"state of most cycles: {of_most}; of all of them: a capital, blank for starved"),
        Text("LNZD, the broadcast waits for a full queue: . in some cycles, w in half or more, W in all;"),
        Text("b scan bubbles alone, e the scan has ended"),
    ]


def show(trace: Recording, pes: Sequence[int] | str | None = None) -> None:
    """Print `picture` as wide as the terminal; 100 characters where there is none."""
    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    terminal = Console(width=None if known else 100, highlight=False)
    terminal.print(picture(trace, terminal.width, pes, terminal.encoding.startswith("utf"), _coloured(terminal)))


def _coloured(terminal: Console) -> bool:
    return terminal.color_system is not None and not terminal.no_color


def path_report(path: CriticalPath, top: int) -> list[Table | str]:
    """The path's tables, what each change would give, and what bounds the layer in a sentence."""
    return [*path_tables(path, top), changes_table(path.verdict), path.verdict.sentence]


def _table(title: str, *headings: str) -> Table:
    made = Table(title=title, title_justify="left", title_style="")
    for heading in headings:
        made.add_column(heading, justify="left" if heading in ("kind", "change", "takes away") else "right")
    return made


def path_tables(path: CriticalPath, top: int) -> list[Table]:
    """The path's totals, its PEs, and its longest segments. top: the most PEs and segments listed."""
    totals = _table(
        f"{path.subject.name}: critical path, {counted(path.cycles, 'cycle')} (simulated)",
        *("kind", "cycles", "share", "segments"),
    )
    counts = {kind: sum(segment.kind == kind for segment in path.segments) for kind in path.by_kind}
    for kind, cycles in path.by_kind.items():
        totals.add_row(kind, f"{cycles:,}", f"{cycles / path.cycles:.1%}", f"{counts[kind]:,}")
        for name, own in path.by_walk.items() if kind == "walk" else ():
            totals.add_row(f"  {name.replace('_', ' ')}", f"{own:,}", f"{own / path.cycles:.1%}")
    busy = _table("PEs on the path, and the broadcast stalls that PEs caused", "PE", "cycles", "share", "stalls caused")
    caused = path.verdict.stall_caused
    ranked = sorted(range(path.pes), key=lambda pe: (-path.by_pe[pe], -int(caused[pe]), pe))
    for pe in ranked[:top]:
        if path.by_pe[pe] or caused[pe]:
            busy.add_row(str(pe), f"{path.by_pe[pe]:,}", f"{path.by_pe[pe] / path.cycles:.1%}", f"{caused[pe]:,}")
    longest = _table("longest segments", "kind", "PE", "column", "first cycle", "cycles")
    for part in sorted(path.segments, key=lambda one: (-one.cycles, one.first_cycle))[:top]:
        where = ["" if value is None else str(value) for value in (part.pe, part.column)]
        longest.add_row(part.kind, *where, f"{part.first_cycle:,}", f"{part.cycles:,}")
    return [totals, busy, longest] if busy.row_count else [totals, longest]


def changes_table(judged: Verdict) -> Table:
    """The layer as it is and with each change: time, energy and both together."""
    table = _table(
        "what would help (time simulated, energy estimated; *: no configuration makes it)",
        "change", "takes away", "cycles", "time, µs", "energy, µJ", "energy x time",
    )  # fmt: skip
    today = judged.changes[0]
    for one in judged.changes:
        table.add_row(
            f"{one.what}{'' if one.settings is not None else ' *'}",
            one.cause or "-",
            f"{one.cycles:,}{_against(one.cycles, today.cycles, one is today)}",
            f"{one.time_us:,.3g}",
            "-" if one.energy_uj is None else f"{one.energy_uj:,.3g}",
            "-"
            if one.energy_delay_uj_us is None
            else f"{one.energy_delay_uj_us:,.3g}"
            f"{_against(one.energy_delay_uj_us, today.energy_delay_uj_us, one is today)}",
            end_section=one is today,
        )
    return table


def _against(value: float, before: float | None, same: bool) -> str:
    """How much a value differs from another, as wide as any."""
    return " " * 8 if same or not before else f" {value / before - 1:+7.1%}"
