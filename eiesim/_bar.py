"""A progress bar for every long function: in a terminal or in a notebook."""

import os
import sys
import time
from collections.abc import Callable
from html import escape
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import ProgressColumn


def progress() -> "Bar":
    """Make a progress bar to give to a long function; it is gone when the work is done.

    Every long function takes any `progress` and calls it as `progress(done, total, doing)`: steps done so far, how many
    there are in all as far as is known (it may fall; None: not known), and in words what the steps are and where they
    stand, such as "rows". It may be called from several threads, never from two at once.

    In a terminal it is drawn on standard error, in a notebook below the cell; where standard error is neither, and for
    work of one step, nothing is shown. Long functions that are given none make one themselves and draw it after half a
    second; `progress=False` is none, and the environment variable EIESIM_PROGRESS=0 none anywhere.

    Returns
    -------
    Bar
        What draws; as a context manager it goes away with its block, also where that fails.

    Examples
    --------
    >>> import eiesim
    >>> eiesim.simulate("table3:NT-We", progress=eiesim.progress()).cycles
    5970
    """
    return Bar()


SWITCH = "EIESIM_PROGRESS"
"""The environment variable that switches bars off."""

OFF = ("0", "no", "off", "false")


class Bar:
    """Draws how far a function is; see `progress`. after_s: seconds from now in which nothing is drawn."""

    def __init__(self, after_s: float = 0.0) -> None:
        self._first = time.monotonic() + after_s
        self._draw: Callable[[int, int | None, str], object] | None = None
        self._end: Callable[[], object] = _nothing

    def __call__(self, done: int, total: int | None, doing: str, /) -> None:
        """Draw the bar anew; it goes away with the last step, and comes back for other work."""
        if total == 1:
            return
        if self._draw is None and done != total and time.monotonic() >= self._first:
            self._draw, self._end = _drawer()
        if self._draw is not None:
            self._draw(done, total, doing)
        if done == total:
            self.close()

    def close(self) -> None:
        """Take the bar away."""
        end, self._draw, self._end = self._end, None, _nothing
        end()

    def __enter__(self) -> "Bar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


Drawer = tuple[Callable[[int, int | None, str], object], Callable[[], object]]


def _nothing(*_: Any) -> None:
    pass


def _drawer() -> Drawer:
    if os.environ.get(SWITCH, "").lower() in OFF:
        return _nothing, _nothing
    return _notebook() or _terminal() or (_nothing, _nothing)


def _terminal() -> Drawer | None:
    """Draws on standard error; None where that is no terminal."""
    if not sys.stderr.isatty():
        return None
    from rich import progress as bars
    from rich.console import Console
    from rich.text import Text

    class Now(bars.ProgressColumn):
        """What is being done, and how fast."""

        def render(self, task: bars.Task) -> Text:
            """The words of the last call."""
            speed = task.finished_speed or task.speed
            rate = "" if speed is None else f", {speed:,.0f} a second" if speed >= 10 else f", {speed:.2g} a second"
            return Text(f"{task.fields['doing']}{rate}")

    columns: list[ProgressColumn | str] = [bars.BarColumn(), bars.MofNCompleteColumn(), Now()]
    columns += [bars.TimeRemainingColumn(), bars.TextColumn("left")]
    bar = bars.Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("", doing="", total=None)
    bar.start()
    return lambda done, total, doing: bar.update(task, completed=done, total=total, doing=doing), bar.stop


REDRAW_S = 0.1
"""A notebook is sent a new bar at most so often."""


def _notebook() -> Drawer | None:
    """Draws below a notebook's cell; None elsewhere."""
    shell = sys.modules.get("IPython")
    if shell is None or type(shell.get_ipython()).__name__ != "ZMQInteractiveShell":
        return None
    from importlib import import_module

    display = import_module("IPython.display")
    place = display.display(_bundle(""), raw=True, display_id=True)
    sent = 0.0

    def draw(done: int, total: int | None, doing: str) -> None:
        nonlocal sent
        if time.monotonic() >= sent + REDRAW_S:
            sent = time.monotonic()
            extent = "" if total is None else f' value="{done}" max="{total}"'
            counts = f"{done:,}" if total is None else f"{done:,}/{total:,}"
            place.update(_bundle(f"<progress{extent}></progress> {counts} {escape(doing)}"), raw=True)

    return draw, lambda: place.update(_bundle(""), raw=True)


def _bundle(html: str) -> dict[str, str]:
    """HTML and no text: of a notebook that is kept, nothing stays of a bar."""
    return {"text/html": html, "text/plain": ""}
