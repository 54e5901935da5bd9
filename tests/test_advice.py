"""What is advised is found again by brute force over the table; the table's machines are `simulate`'s."""

import json
import re

import pandas as pd
import pytest

import eiesim
from eiesim import EieError
from tests.cases import cli

LENET = "example:lenet-300-100"
FEW = {"pes": [4, 16, 64], "queue_depth": [1, 8, 32], "spmat_width": [64, 128]}
MEASURES = {"energy-delay": "energy_delay_uj_us", "time": "time_us", "energy": "energy_total_uj"}


@pytest.fixture(scope="module")
def rows():
    return eiesim.sweep(LENET, FEW)


def by_hand(rows, measure, area=float("inf"), energy=float("inf"), time=float("inf")):
    """The smallest of the machines within 5 % of the least: sums over layers by a loop."""
    machines = {}
    for row in rows.to_dict("records"):
        key = row["pes"], row["queue_depth"], row["spmat_width"]
        spent = machines.setdefault(key, [0.0, 0.0])
        spent[0] += row["time_us"]
        spent[1] += row["energy_total_uj"]
    of = {"energy-delay": lambda t, e: t * e, "time": lambda t, e: t, "energy": lambda t, e: e}[measure]
    areas = eiesim.network_totals(rows).set_index(["pes", "queue_depth", "spmat_width"])["area_mm2"]
    within = {
        key: (of(t, e), areas[key])
        for key, (t, e) in machines.items()
        if areas[key] <= area and e <= energy and t <= time
    }
    least = min(value for value, _ in within.values())
    return min((size, value, key) for key, (value, size) in within.items() if value <= 1.05 * least)[2]


@pytest.mark.parametrize(
    ("aim", "bounds"),
    [
        ("energy-delay", {}),
        ("time", {}),
        ("energy", {}),
        ("time", {"area_mm2": 11.0}),
        ("energy", {"time_us": 1.0}),
        ("energy-delay", {"energy_uj": 0.15, "area_mm2": 40.0}),
    ],
)
def test_advice_is_what_brute_force_finds(rows, aim, bounds):
    advice = eiesim.advise(LENET, FEW, aim=aim, **bounds)
    expected = by_hand(rows, aim, *(bounds.get(name, float("inf")) for name in ("area_mm2", "energy_uj", "time_us")))
    assert (advice.config.pes, advice.config.queue_depth, advice.config.spmat_width) == expected
    table = advice.to_frame()
    assert len(table) == 18
    assert table["advised"].sum() == 1
    (chosen,) = table[table["advised"]].to_dict("records")
    assert (chosen["pes"], chosen["queue_depth"], chosen["spmat_width"]) == expected
    ours = [getattr(one, MEASURES[aim]) for one in advice.ranked]
    assert ours == sorted(ours)


def test_a_line_a_key_says_what_its_neighbours_change(rows):
    advice = eiesim.advise(LENET, FEW)
    pes, depth, width = advice.config.pes, advice.config.queue_depth, advice.config.spmat_width
    assert (pes, len(advice.lines)) == (16, 3)
    spent = {(one.machine["pes"], one.machine["queue_depth"], one.machine["spmat_width"]): one
             for one in advice.machines}  # fmt: skip
    best = spent[16, depth, width]
    for value in (4, 64):
        other = spent[value, depth, width]
        told = f"{value}: {other.time_us / best.time_us - 1:+.1%} time"
        assert f"{told}, {other.energy_total_uj / best.energy_total_uj - 1:+.1%} energy" in advice.lines[0]
    assert advice.lines[0].startswith("16 PEs (")


def test_a_bound_that_halves_the_machine_says_how_to_come_nearer_to_it():
    """Powers of two leave room below an area; the option that is named finds a faster machine within it."""
    coarse = eiesim.advise("table3:NT-We", ["pes=8,16", "queue_depth=8"], aim="time", area_mm2=10)
    assert coarse.config.pes == 8
    assert "beyond what is allowed; --pes 8:17 tries those between" in coarse.lines[0]
    assert "beyond" not in eiesim.advise("table3:NT-We", ["pes=8,16", "queue_depth=8"], aim="time").lines[0]
    fine = eiesim.advise("table3:NT-We", ["pes=8:17", "queue_depth=8"], aim="time", area_mm2=10)
    assert "tries those between" not in fine.lines[0]
    assert fine.best.area_mm2 <= 10
    assert fine.best.time_us < coarse.best.time_us


def test_what_is_tried_by_itself_goes_with_what_is_given():
    """Eight multipliers need rows of 64 bits or more; what the machine has itself is tried, too."""
    advice = eiesim.advise("table3:NT-We", {"multipliers": [8], "pes": [64], "queue_depth": [8]})
    assert advice.axes == {"pes": (64,), "queue_depth": (8,), "spmat_width": (64, 128, 256), "multipliers": (8,)}
    own = eiesim.advise("table3:NT-We", ["queue_depth=8", "spmat_width=64"], config={"pes": 100})
    assert own.axes["pes"] == (1, 2, 4, 8, 16, 32, 64, 100, 128, 256, 512)


def test_machines_that_do_not_hold_a_layer_are_not_advised():
    advice = eiesim.advise("table3:Alex-7", {"pes": [2, 64], "queue_depth": [8], "spmat_width": [64]}, aim="energy")
    two, _ = advice.to_frame().itertuples()
    assert (two.fits, two.pes) == (False, 2)
    assert advice.config.pes == 64
    streamed = eiesim.advise(
        "table3:NT-We", {"pes": [8, 64], "queue_depth": [8]}, config={"weights": "streamed", "spmat_bytes": 4096}
    )
    assert streamed.to_frame()["fits"].all()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"aim": "speed"}, "no aim is called 'speed'; there are: energy-delay, time, energy"),
        ({"area_mm2": 0.1}, "area 0.1 mm²: none of 2 machines has so little; the least is 2.598"),
        ({"area_mm2": -1}, "area -1: needs a finite number above 0"),
        ({"time_us": float("inf")}, "inf: needs a finite number above 0"),
        ({"time_us": 2.5, "energy_uj": 0.09}, "none of 2 machines"),
        ({"config": {"spmat_bytes": 2**30}}, "no figures for the energy"),
        ({"axes": {"pes": [4, 0]}}, "pes = 0"),
        ({"axes": {"pees": [4]}}, "no configuration key is called 'pees'"),
    ],
)
def test_what_cannot_be_advised_is_one_line(more, words):
    given = {"axes": {"pes": [4, 8], "queue_depth": [8], "spmat_width": [64]}, **more}
    with pytest.raises(EieError) as raised:
        eiesim.advise(LENET, **given)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_endless_bandwidth_that_is_varied_is_text_in_json():
    axes = {"pes": [4], "queue_depth": [8], "spmat_width": [64], "dram_gbytes_per_s": [1.0, float("inf")]}
    advice = eiesim.advise("table3:NT-We", axes, config={"weights": "streamed"})
    assert json.loads(advice.to_json())["machine"]["dram_gbytes_per_s"] == "inf"


def test_no_machine_holds_the_layer():
    with pytest.raises(EieError, match=r"none of 2 machines holds the layers \(Alex-6: spmat_sram.*weights=streamed"):
        eiesim.advise("table3:Alex-6", {"pes": [1, 2], "queue_depth": [8], "spmat_width": [64]})


def test_bounds_that_can_be_met_one_by_one_but_not_together_are_named(rows):
    advice = eiesim.advise(LENET, FEW)
    times, energies = ([getattr(one, name) for one in advice.machines] for name in ("time_us", "energy_total_uj"))
    fastest, leanest = 1.01 * min(times), 1.01 * min(energies)
    assert not any(time <= fastest and energy <= leanest for time, energy in zip(times, energies, strict=True))
    with pytest.raises(EieError, match="total energy, time: none of 18 machines is within all of these bounds at once"):
        eiesim.advise(LENET, FEW, time_us=fastest, energy_uj=leanest)


def test_advice_is_shown_in_a_line_and_a_table(rows):
    advice = eiesim.advise(LENET, FEW)
    assert "\n" not in repr(advice)
    assert all(line in repr(advice) for line in advice.lines)
    cells = re.findall("<td[^>]*>(.*?)</td>", advice._repr_html_())
    assert cells[:3] == [f"{advice.ranked[0].machine[key]}" for key in FEW]


def test_time_can_be_aimed_at_without_figures_of_energy():
    config = {"spmat_bytes": 2**30}
    advice = eiesim.advise(LENET, {"pes": [4, 64], "queue_depth": [8], "spmat_width": [64]}, config=config, aim="time")
    assert advice.config.pes == 64
    assert "energy" not in advice.lines[0]


def test_the_command(tmp_path):
    words = ("--pes", "4,16,64", "--queue-depth", "1,8,32", "--spmat-width", "64,128")
    answer = cli("advise", LENET, *words, "-o", tmp_path / "t.csv", "--json", tmp_path / "a.json")
    assert (answer.status, answer.err) == (0, "")
    advice = eiesim.advise(LENET, FEW)
    assert answer.out.splitlines()[:4] == [advice.heading, *(f"  {line}" for line in advice.lines)]
    assert max(len(line) for line in answer.out.splitlines()[4:]) < 110
    found = json.loads((tmp_path / "a.json").read_text())
    assert found == json.loads(advice.to_json())
    assert found["machine"] == {"pes": 16, "queue_depth": 8, "spmat_width": 64}
    written = pd.read_csv(tmp_path / "t.csv")
    assert written["time_us"].tolist() == pytest.approx([one["time_us"] for one in found["machines"]])
    refused = cli("advise", LENET, *words, "--area", 0.1)
    assert (refused.status, refused.out, refused.err.count("\n")) == (2, "", 1)
