"""How many of the paper's figures are met, and how nearly: counts over the rows, an item at a time or over all."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from eiesim.reproduction.items import FC8, MODEL, VARIED, ItemRow, PaperItem

BANDS = (0.05, 0.10)
"""Shares of the printed figure: near, and near enough to count as agreement."""


@dataclass(frozen=True)
class Judged:
    """A printed figure that ours can be set against. error: (ours - printed) / printed, as a share."""

    item: PaperItem
    row: ItemRow
    error: float


@dataclass(frozen=True)
class Tally:
    """Counts over printed figures: how many there are, and how many lie within each of `BANDS`.

    median: of the errors' sizes, as a share. farthest: the one furthest off.
    """

    count: int
    within: tuple[int, ...]
    median: float
    farthest: Judged


def judged(item: PaperItem) -> list[Judged]:
    """The rows of an item that have a printed figure and one of ours, simulated or estimated.

    Of the synthetic layers those of varied density are judged. What the paper did not print, what is the paper's own
    figure taken over, and what is recomputed from other printed figures is left out.
    """
    found = []
    for row in item.rows:
        if row.our_basis not in ("simulated", "estimated") or row.published_basis == "derived":
            continue
        series = next((name for name in (VARIED, MODEL, FC8) if name in row.ours), None)
        error = None if series is None else row.error(series)
        if error is not None:
            found.append(Judged(item, row, error))
    return found


def tally(figures: Iterable[Judged]) -> Tally | None:
    """Counts over some figures; None where there are none."""
    every = list(figures)
    if not every:
        return None
    sizes = [abs(one.error) for one in every]
    within = tuple(sum(size <= band for size in sizes) for band in BANDS)
    return Tally(len(every), within, median(sizes), max(every, key=lambda one: abs(one.error)))


def independent(items: Iterable[PaperItem]) -> list[Judged]:
    """The figures of all items that say something of their own: those that restate others are left out."""
    return [one for item in items if not item.restates for one in judged(item)]
