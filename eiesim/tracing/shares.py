"""A trace at any scale: the share of each state in blocks of PEs and cycles, and the colours that stand for them.

Every cell of a picture is the mean of all cycles it covers, so that none is left out and none is seen twice.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._checks import several, whole
from eiesim.errors import EieError
from eiesim.sweeps.values import parse_whole
from eiesim.tracing.recording import STATES, Recording
from eiesim.view.palette import BLUE, BROWN, GREEN, LINE, ORANGE, PURPLE, SKY, VERMILION, VIOLET, YELLOW

COLOURS = {"starved": "#E4E4E4", "real entry": BLUE, "padding entry": ORANGE, "empty column": PURPLE}
"""What PointerRead does; starved is light, since nothing happens then."""

IN_GREY = {"starved": "#F2F2F2", "real entry": "#00406B", "padding entry": ORANGE, "empty column": "#9A5286"}
"""The same for a paper: neighbours differ by 20 and more in CIELAB lightness."""

BLOCKERS = (VERMILION, GREEN, SKY, YELLOW, BROWN, "#404040")
OTHER_BLOCKER, BROADCAST, BUBBLE, ENDED = "#8A8A8A", "#FFFFFF", VIOLET, LINE
"""The LNZD's lane: stalled broadcasts by the PE that held them, those that caused most first; all other PEs; no stall;
a scan bubble; the scan has ended. Bubble and end differ from all others for colour-blind eyes, too."""

SENDS, FINDS_NONE, HAS_ENDED = -1, -2, -3
"""What the LNZD does in a cycle, where it is not held back by a PE: see `broadcast_lane`."""


def chosen(trace: Recording, pes: Sequence[int] | str | None) -> list[int]:
    """The PEs to show: all, or those named, also as `0,17,20:24`.

    Raises EieError for none, one twice, or one that is not there.
    """
    if pes is None:
        return list(range(trace.pes))
    numbers = parse_whole(pes) if isinstance(pes, str) else [whole("PEs", p, 0) for p in several("PEs", pes)]
    for p in numbers:
        if p >= trace.pes:
            raise EieError(f"PE {p}: the machine has {trace.pes:,}, 0 to {trace.pes - 1:,}")
    if not numbers or len(set(numbers)) < len(numbers):
        raise EieError("PEs: name at least one, and none twice")
    return numbers


def edges(length: int, blocks: int) -> npt.NDArray[np.int64]:
    """Where `length` cells are cut into at most `blocks` blocks of equal size, the last perhaps smaller: int64[+1]."""
    size = -(-length // max(1, min(blocks, length)))
    return np.append(np.arange(0, length, size), length)


def edges_of_cells(blocks: npt.NDArray[np.int64], start: float) -> tuple[float, float]:
    """Where blocks drawn as cells of equal width begin and end; the last may reach beyond what it covers."""
    return start, start + float(blocks[1] - blocks[0]) * (len(blocks) - 1)


def state_shares(
    trace: Recording, pes: Sequence[int], rows: int, columns: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(shares float64[rows, columns, 4], edges of the rows among `pes`, edges of the columns in the window)."""
    across, down = edges(trace.cycles, columns), edges(len(pes), rows)
    state = trace.state[np.asarray(pes)]
    shares = np.empty((len(down) - 1, len(across) - 1, len(STATES)))
    cells = np.diff(down)[:, None] * np.diff(across)[None, :]
    for k in range(len(STATES)):
        by_time = np.add.reduceat(state == k, across[:-1], axis=1, dtype=np.int64)
        shares[..., k] = np.add.reduceat(by_time, down[:-1], axis=0) / cells
    return shares, down, across


def means(values: npt.NDArray[Any], columns: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Means of [rows, cycles] over blocks of cycles: (float64[rows, columns], the blocks' edges)."""
    across = edges(values.shape[1], columns)
    sums = np.add.reduceat(values, across[:-1], axis=1, dtype=np.float64)
    return sums / np.diff(across), across


def blend(shares: npt.NDArray[np.float64], colours: Sequence[str]) -> npt.NDArray[np.float64]:
    """Colours mixed by shares (float64[..., colours]), in 0..1: float64[..., 3]."""
    mixed: npt.NDArray[np.float64] = shares @ np.array([rgb(colour) for colour in colours])
    return mixed


def stack(codes: npt.NDArray[Any], size: int, colours: Sequence[str]) -> npt.NDArray[np.float64]:
    """One pure colour a cycle, `size` cycles one over another, then the next: float64[rows * size, blocks, 3].

    codes: whole numbers [rows, cycles], the places of colours. Below the last cycle its block is white.
    """
    rows, cycles = codes.shape
    blocks = -(-cycles // size)
    every = np.full((rows, blocks * size), len(colours))
    every[:, :cycles] = codes
    lines = every.reshape(rows, blocks, size).swapaxes(1, 2).reshape(rows * size, blocks)
    pure: npt.NDArray[np.float64] = np.array([rgb(colour) for colour in (*colours, "#FFFFFF")])[lines]
    return pure


def rgb(colour: str) -> tuple[float, float, float]:
    """Red, green and blue of `#RRGGBB`, in 0..1."""
    red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return red, green, blue


def worst_blockers(trace: Recording) -> list[int]:
    """The PEs that caused most stall cycles, most first; as many as there are colours for, and only such."""
    caused = trace.stall_caused
    order = np.argsort(-caused, kind="stable")[: len(BLOCKERS)]
    return [int(p) for p in order if caused[p] > 0]


def broadcast_lane(trace: Recording) -> npt.NDArray[np.int32]:
    """What the LNZD does in each cycle of the window, int32[cycles]: it `SENDS`, `FINDS_NONE` in its activation row (a
    scan bubble) or `HAS_ENDED` its scan; else the number of the PE that holds the broadcast back.
    """
    lane = np.full(trace.total_cycles + 1, HAS_ENDED, np.int32)
    lane[: trace.scan_last + 1] = FINDS_NONE
    lane[trace.broadcast_cycle] = SENDS
    stalled = np.flatnonzero(trace.broadcast_stall)
    waits = trace.broadcast_stall[stalled]
    ends = np.repeat(trace.broadcast_cycle[stalled], waits)
    back = np.concatenate([np.arange(n, 0, -1) for n in waits]) if len(waits) else np.zeros(0, np.int64)
    lane[ends - back] = np.repeat(trace.blocker[stalled], waits)
    return lane[trace.first_cycle : trace.end]
