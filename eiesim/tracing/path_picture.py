"""The critical path as a picture: whose turn it is in each cycle."""

import numpy as np

from eiesim.tracing.path import CriticalPath, Segment
from eiesim.view import palette, style
from eiesim.view.panels import Panel, Picture, Scale, Series, floats, names
from eiesim.view.words import Words

MOST_LINES = 12
"""PEs, at most, that have a line of their own."""

COLOURS = (palette.BLUE, palette.VERMILION, palette.GREEN, palette.PURPLE, palette.ORANGE, palette.SKY, palette.BROWN)


def picture(path: CriticalPath) -> Picture:
    """A line a PE that walks on the path, in the order of their turns; a bar where it has its turn, a colour a kind."""
    walked = sorted(((cycles, pe) for pe, cycles in enumerate(path.by_pe) if cycles), reverse=True)
    own = {pe for _, pe in walked[:MOST_LINES]}

    def line(part: Segment) -> str:
        if part.pe is None:
            return "LNZD"
        return f"PE {part.pe}" if part.pe in own else "other PEs"

    lines = list(dict.fromkeys(line(part) for part in path.segments))
    bars: dict[str, list[tuple[int, int, int]]] = {}
    for part in path.segments:
        place, end = lines.index(line(part)), part.first_cycle + part.cycles
        before = bars.setdefault(part.kind, [])
        if before and before[-1][0] == place and before[-1][2] == part.first_cycle:
            before[-1] = (place, before[-1][1], end)
        else:
            before.append((place, part.first_cycle, end))
    series = []
    for k, (kind, pieces) in enumerate(bars.items()):
        places, starts, ends = np.array(pieces).T
        colour = COLOURS[k % len(COLOURS)]
        series.append(
            Series(
                f"{kind}: {path.by_kind.get(kind, int((ends - starts).sum())):,} cycles", "hbars", floats(ends - 0.5),
                floats(places), (colour,), base=floats(starts - 0.5), width=1.0,
            )
        )  # fmt: skip
    panel = Panel(
        Scale(Words("cycle", basis="simulated"), 0.5, path.cycles + 0.5, form=",.0f"),
        names(Words(""), lines, downward=True),
        tuple(series),
    )
    title = f"{path.subject.name} on {path.pes} PEs: the chain of events that sets its {path.cycles:,} cycles"
    return Picture(title, (panel,), (style.PAGE_IN, 1.1 + 0.24 * len(lines)), legend="below")
