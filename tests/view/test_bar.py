"""A bar in a terminal: what is done, of how many and of what; gone when the work is."""

import io
from contextlib import redirect_stderr

import pytest

import eiesim


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    for name in ("EIESIM_PROGRESS", "TTY_COMPATIBLE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal()


def test_it_says_how_far_and_goes_away(terminal):
    with redirect_stderr(terminal), eiesim.progress() as bar:
        bar(1, 4, "rows [/x]")
        bar(3, 4, "rows [/x]")
        assert "\x1b[?25l" in terminal.getvalue()  # the cursor is hidden while a bar stands
    shown = terminal.getvalue()
    assert "3/4" in shown
    assert "rows [/x]" in shown
    assert "left" in shown
    assert shown.endswith("\x1b[2K")  # the line is wiped
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_nothing_is_drawn_for_one_step_or_where_it_is_switched_off(terminal, monkeypatch):
    with redirect_stderr(terminal), eiesim.progress() as bar:
        bar(0, 1, "a step")
    monkeypatch.setenv("EIESIM_PROGRESS", "0")
    with redirect_stderr(terminal), eiesim.progress() as bar:
        bar(1, 4, "rows")
    assert terminal.getvalue() == ""
