"""What is printed: never a number cut, no markup or control character from a name, quiet is quiet."""

import re

import numpy as np
import pytest

import eiesim
from eiesim.errors import LONGEST_LINE, one_line, plain
from tests.cases import Answer, cli

NUMBER = re.compile(r"[\d,]*\d(?:\.\d+)?%?")


@pytest.fixture
def network(tmp_path):
    """Three layers in a row with odd names, and an input."""
    rng = np.random.default_rng(0)
    names = ("[/x]", "[red]fc2", "$\\frac$ \u202e")
    for k, (rows, cols) in enumerate(((60, 80), (50, 60), (10, 50))):
        layer = eiesim.CompressedLayer.from_dense(rng.normal(size=(rows, cols)), name=names[k].replace("\u202e", ""))
        eiesim.save(layer, tmp_path / f"{k}.npz")
    np.save(tmp_path / "x.npy", np.ones(80, np.float32))
    return ["run", *(tmp_path / f"{k}.npz" for k in range(3)), "-i", tmp_path / "x.npy", "--pes", 4]


def numbers(text):
    return sorted(NUMBER.findall(re.sub(r"GOP/s|\d+ x \d+", "", text.partition("\n┏")[2])))


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_no_number_is_cut_at_any_width(network, monkeypatch, columns):
    """The same numbers as with all the room there could be, and no line too long."""
    monkeypatch.delenv("COLUMNS", raising=False)
    whole = cli(*network).out
    monkeypatch.setenv("COLUMNS", str(columns))
    folded = cli(*network).out
    assert "…" not in folded
    assert max(map(len, folded.splitlines())) <= columns
    for number in ("load balance", "cycles"):
        (line,) = (line for line in whole.splitlines() if line.startswith(f"│ {number} "))
        assert set(line.split("│")[2:-1]) <= {
            cell for one in folded.splitlines() if one.startswith(f"│ {number} ") for cell in one.split("│")
        } | {cell for cell in line.split("│") if any(cell.strip() in one for one in folded.splitlines())}


def test_piped_tables_are_not_folded(network, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert any("dense-equivalent GOP/s" in line for line in cli(*network).out.splitlines())


def test_names_are_no_markup(network):
    shown = cli(*network).out
    for name in ("[/x]", "[red]fc2", "$\\frac$"):
        assert name in shown


def test_quiet_is_quiet(network):
    assert cli(*network, "-q") == Answer(0, "", "")
    assert cli("inspect", "table3:NT-We", "-q") == Answer(0, "", "")
    assert cli("balance", "table3:NT-We", "-q") == Answer(0, "", "")


def test_control_characters_are_shown_as_escapes():
    assert plain("a\x1b[31mb\rc") == "a\\x1b[31mb\\rc"
    assert plain("two\nlines") == "two\nlines"
    assert one_line("two\n lines") == "two lines"


def test_long_lines_are_shortened_in_the_middle():
    shown = plain("x" * 5000 + "y")
    assert len(shown) <= LONGEST_LINE
    assert shown.endswith("xy")
    assert "..." in shown


@pytest.mark.parametrize(
    ("arguments", "likely"),
    [
        (("run", "table3:Alex7"), "Alex-7"),
        (("run", "alex-7"), "table3:Alex-7"),
        (("run", "table3:Alex-7", "--set", "quue_depth=3"), "queue_depth"),
        (("run", "table3:Alex-7", "--engine", "clock"), "clocked"),
        (("run", "table3:Alex-7", "--config", "isca61"), "isca16"),
        (("rum", "table3:Alex-7"), "run"),
        (("run", "table3:Alex-7", "--engin", "event"), "--engine"),
        (("compare", "NT-We", "-o", "x", "--baselines", "mesured"), "measured"),
        (("run", "table3:NT-We", "--energy-model", "activty"), "activity"),
    ],
)
def test_a_slip_of_the_pen_is_answered_with_what_was_meant(arguments, likely):
    answer = cli(*arguments)
    assert (answer.status, answer.err.count("\n")) == (2, 1)
    assert likely in answer.err


def test_counters_of_every_pe_in_the_json(network):
    import json

    (layer, *_) = json.loads(cli(*network, "--json", "-", "--per-pe").out)["layers"]
    for name, values in layer["per_pe"].items():
        assert len(values) == 4
        total = max(values) if name == "max_occupancy" else sum(values)
        assert layer["counters"][name] == total
    assert "per_pe" not in json.loads(cli(*network, "--json", "-").out)["layers"][0]


def test_inspect_and_layers_as_json():
    import json

    found = json.loads(cli("inspect", "table3:VGG-6", "--json", "-").out)
    needs = {one["name"]: one for one in found["layers"][0]["memory"]}
    # machine.md: VGG-6 needs 25,089 pointers, and there are 16,384.
    assert (needs["pointer_sram"]["needs"], needs["pointer_sram"]["fits"]) == (25089, False)
    nine = json.loads(cli("layers", "--json", "-").out)["layers"]
    assert [one["name"] for one in nine][:2] == ["Alex-6", "Alex-7"]


def test_an_interruption_says_what_is_kept(monkeypatch, tmp_path):
    from eiesim.sweeps import run

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "collect_rows", interrupted)
    answer = cli("sweep", "table3:NT-We", "-o", tmp_path / "t.csv")
    assert answer.status == 130
    assert answer.err.count("\n") == 1
    assert "t.csv; the same command goes on from there" in answer.err
