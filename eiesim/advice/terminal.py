"""The terminal table of an advice."""

from rich.table import Table

from eiesim._shown import counted
from eiesim.advice.choice import SHORT, Advice, shown

HEADINGS = ("time, µs", "energy, µJ", "energy x time", "area, mm²", "load balance")
"""Of `choice.COLUMNS`."""


def advice_table(advice: Advice) -> Table:
    """The best machines, the advised one first, and the one that was given."""
    title = f"The best of {counted(len(advice.machines), 'machine')} (time simulated; energy and area estimated)"
    table = Table(title=title, title_justify="left", title_style="")
    for heading in (*advice.axes, *HEADINGS):
        table.add_column(heading, justify="right")
    ranked = [one for one in advice.ranked if one is not advice.best][: SHORT - 1]
    own = [one for one in advice.machines if all(one.machine[key] == getattr(advice.base, key) for key in advice.axes)]
    given = [one for one in own if one is not advice.best and one not in ranked]
    for one in (advice.best, *ranked, *given):
        last = one is advice.best or one in ranked[-1:]
        table.add_row(*(f"{one.machine[key]}" for key in advice.axes), *shown(one), end_section=last)
    if given:
        table.caption = "the last row: the machine that was given"
    return table
