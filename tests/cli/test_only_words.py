"""The command line parses, calls a public function and prints: what it imports; and how long functions tell of it."""

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest

import eiesim
import eiesim.cli
from eiesim._bar import Bar
from tests.layers import random_layer

FOLDER = Path(eiesim.cli.__file__).parent
PUBLIC: list[str] = vars(eiesim)["__all__"]

BESIDES = {
    "eiesim.errors",
    "eiesim.outputs",
    ("eiesim._shown", "counted"),
    ("eiesim._io.memory", "keep_heaps_small"),
}
"""What may be imported besides the public names and the terminal's tables: the errors, the one module that writes
(whole files or none, never over what is read), how counts are said, and what a program, not a library, sets for its
process."""


def imported(source):
    """(module, name) of each thing that a module imports of eiesim, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((one.name, "") for one in node.names if one.name.partition(".")[0] == "eiesim")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "eiesim":
            yield from ((node.module, one.name) for one in node.names)


def allowed(module, name):
    if module == "eiesim":
        return name == "" or name in PUBLIC
    inside = module.startswith("eiesim.cli")
    return inside or module in BESIDES or (module, name) in BESIDES or module.endswith(".terminal")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_only_public_names_and_tables_are_imported(path):
    assert [one for one in imported(path.read_text()) if not allowed(*one)] == []


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_only_public_names_are_used_of_the_package(path):
    """`eiesim.x` is public wherever it is written."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "eiesim":
            assert node.attr in PUBLIC, node.attr


def test_the_check_sees_what_it_must():
    below = "def f():\n    from eiesim.simulation import simulate\n    import eiesim.inputs\n"
    assert not any(allowed(*one) for one in imported(f"{below}from eiesim import open_model\n"))
    assert all(allowed(*one) for one in imported("from eiesim import simulate\nfrom eiesim.rtl.terminal import x\n"))


def functions():
    """The public functions."""
    return {name: held for name in PUBLIC if inspect.isfunction(held := getattr(eiesim, name))}


LONG = [name for name, held in functions().items() if "progress" in inspect.signature(held).parameters]


def told(function, *arguments, **options):
    """What a function tells while it runs."""
    calls = []
    function(*arguments, progress=lambda done, total, doing: calls.append((done, total, doing)), **options)
    return calls


def test_every_long_function_takes_progress():
    assert {"accuracy", "balance_each", "check_rtl", "compare", "compress", "reproduce", "simulate"} <= set(LONG)
    assert {"sweep", "sweep_rows", "synthesise_rtl", "train"} <= set(LONG)


LAYERS = [random_layer(1, 9, 7), random_layer(2, 4, 9)]
X = np.random.default_rng(0).random((3, 7)).astype(np.float32)
PAIRS = [(LAYERS[0], X), (LAYERS[1], X[:, [0] * 9])]
CALLS = {
    "simulate": (lambda **how: eiesim.simulate(LAYERS, X, **how), 6, "inputs"),
    "sweep": (lambda **how: eiesim.sweep((LAYERS[0], X), {"pes": [1, 2, 4]}, **how), 3, "rows"),
    "balance_each": (
        lambda **how: eiesim.balance_each(PAIRS, **how),
        2,
        "layers",
    ),
    "compress": (lambda **how: eiesim.compress({"a": np.ones((4, 3)), "b": np.ones((2, 4))}, **how), 2, "layers"),
    "accuracy": (lambda **how: eiesim.accuracy(LAYERS, X, [0, 1, 2], **how), 4, "networks x arithmetics"),
}


@pytest.mark.parametrize("name", CALLS)
def test_progress_has_one_form(name):
    """Steps done, from 1 to all, of how many, and what they are."""
    function, steps, doing = CALLS[name]
    calls = told(function)
    assert calls[-1] == (steps, steps, doing)
    assert [done for done, *_ in calls] == sorted(done for done, *_ in calls)


def test_the_ready_one_is_silent_where_there_is_no_terminal(capsys):
    eiesim.simulate(LAYERS, X, progress=eiesim.progress())
    assert capsys.readouterr() == ("", "")


def drawn(monkeypatch):
    """A bar whose terminal keeps what it is shown."""
    shown, ended = [], []
    monkeypatch.setattr("eiesim._bar._terminal", lambda: (lambda *now: shown.append(now), lambda: ended.append(1)))
    return Bar(), shown, ended


def test_a_bar_is_drawn_and_goes_away(monkeypatch):
    bar, shown, ended = drawn(monkeypatch)
    bar(1, 3, "rows")
    bar(2, 3, "rows")
    assert not ended
    bar(3, 3, "rows")
    assert (shown, ended) == ([(1, 3, "rows"), (2, 3, "rows"), (3, 3, "rows")], [1])
    bar(1, 2, "pictures")  # It comes back for other work.
    bar.close()
    assert ended == [1, 1]


def test_one_step_needs_no_bar(monkeypatch):
    bar, shown, ended = drawn(monkeypatch)
    bar(1, 1, "rows")
    assert (shown, ended) == ([], [])


def test_in_a_notebook_the_bar_is_below_the_cell(monkeypatch):
    from types import SimpleNamespace

    sent = []
    shell = type("ZMQInteractiveShell", (), {})()
    place = SimpleNamespace(update=lambda bundle, raw: sent.append(bundle))
    display = SimpleNamespace(display=lambda *_, **__: place)
    monkeypatch.setitem(
        __import__("sys").modules, "IPython", SimpleNamespace(get_ipython=lambda: shell, display=display)
    )
    monkeypatch.setitem(__import__("sys").modules, "IPython.display", display)
    with eiesim.progress() as bar:
        bar(1, 3, "a < b")
    assert [bundle["text/html"] for bundle in sent] == ['<progress value="1" max="3"></progress> 1/3 a &lt; b', ""]


def by_itself(monkeypatch, after_s=0.0):
    """What functions that are given no progress draw, on a terminal."""
    shown = []
    monkeypatch.setattr("eiesim._bar._terminal", lambda: (lambda *now: shown.append(now), lambda: shown.append("gone")))
    monkeypatch.setattr("eiesim._progress.AFTER_S", after_s)
    return shown


def test_a_long_function_draws_by_itself_and_once(monkeypatch):
    """`balance_each` and all that it calls: one bar, which goes away."""
    shown = by_itself(monkeypatch)
    eiesim.balance_each(PAIRS)
    assert shown == [(1, 2, "layers"), (2, 2, "layers"), "gone"]


def test_a_short_one_draws_nothing(monkeypatch):
    shown = by_itself(monkeypatch, 60.0)
    eiesim.balance_each(PAIRS)
    assert shown == []


def test_bars_are_switched_off(monkeypatch):
    shown = by_itself(monkeypatch)
    eiesim.balance_each(PAIRS, progress=False)
    assert shown == []
    monkeypatch.setenv("EIESIM_PROGRESS", "0")
    eiesim.balance_each(PAIRS)
    eiesim.balance_each(PAIRS, progress=True)
    assert shown == []
    monkeypatch.delenv("EIESIM_PROGRESS")
    eiesim.balance_each(PAIRS, progress=True)
    assert shown[-1] == "gone"


def test_a_bar_goes_away_where_the_function_fails(monkeypatch):
    shown = by_itself(monkeypatch)
    monkeypatch.setattr("eiesim.balancing.each.Outputs", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        eiesim.balance_each(PAIRS * 2)
    assert shown[-1] == "gone"
    monkeypatch.undo()
    again = by_itself(monkeypatch)
    eiesim.balance_each(PAIRS)
    assert len(again) == 3  # the next one draws again


def test_who_tells_its_own_progress_has_no_other_bar(monkeypatch):
    shown, told = by_itself(monkeypatch), []
    eiesim.balance_each(PAIRS, progress=lambda *now: (told.append(now), eiesim.simulate(LAYERS, X)))
    assert (len(told), shown) == (2, [])
