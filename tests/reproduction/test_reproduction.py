"""eiesim reproduce: published columns are the paper's, errors are what they say, the report stands alone."""

import csv
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import eiesim
from eiesim.paper.speedups import time_us
from eiesim.reproduction import simulations
from eiesim.reproduction.conclusion import conclude, lenet_accuracies
from eiesim.reproduction.figures import Recognised
from eiesim.reproduction.findings import verdict
from eiesim.reproduction.items import FC8, UNIFORM, VARIED, Claim, ItemRow, PaperItem, Spread
from eiesim.reproduction.page import report
from eiesim.reproduction.plots import Shown
from eiesim.reproduction.reasons import scaling_factors
from eiesim.reproduction.tally import independent, judged, tally
from eiesim.reproduction.terminal import times_markdown
from tests.cases import cli

DATA = Path(eiesim.__file__).parent / "paper" / "data"
LAYERS = ("Alex-6", "Alex-7", "Alex-8", "VGG-6", "VGG-7", "VGG-8", "NT-We", "NT-Wd", "NT-LSTM")
EXHIBITS = {*(f"table_{k}" for k in range(1, 6)), *(f"fig_{k}" for k in range(6, 14)), "correlation"}
SMALL = simulations.Extent(seeds=(0,), pes=(1, 64, 256), queue_depths=(1, 8), widths=(32, 64))
TINY = replace(SMALL, pes=(1, 64), layers=("table3:NT-We",))
PIXEL = Shown(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return conclude(simulations.run(simulations.plans(SMALL), SMALL, tmp_path_factory.mktemp("reproduction")))


def data(name, key):
    with (DATA / name).open(encoding="utf-8") as file:
        return {row[key]: row for row in csv.DictReader(file)}


def rows(found, item, quantity):
    return {row.item: row for row in found.item(item).rows if row.quantity == quantity}


def test_everything_is_there(found):
    assert {one.key for one in found.items} >= EXHIBITS


def test_published_columns_are_the_papers(found):
    times = data("eie_table4_time_us.csv", "matrix")
    for kind in ("theoretical", "actual"):
        ours = rows(found, "table_4", f"{kind} time, µs")
        assert {layer: row.published for layer, row in ours.items()} == {one: float(times[kind][one]) for one in LAYERS}
    densities = data("eie_table3_layers.csv", "layer")
    for layer, row in rows(found, "table_3", "weight density, %").items():
        assert row.published == float(densities[layer]["weight_density_pct"])
    for figure, name in ((6, "eie_fig6_speedup.csv"), (7, "eie_fig7_energy_efficiency.csv")):
        bars = data(name, "series")
        for row in found.item(f"fig_{figure}").rows:
            assert row.published == float(bars[row.at.partition(",")[0]][row.item])
        shown = {(row.at.partition(",")[0], row.item) for row in found.item(f"fig_{figure}").rows}
        assert len(shown) == 6 * 10  # the CPU, dense, is 1 and has no bars
    platforms = data("eie_table5_platforms.csv", "property")
    for row in found.item("table_5").rows:
        if row.quantity == "frames a joule":
            assert row.published == float(platforms["frames/J"][row.item])


@pytest.mark.parametrize(("series", "variation"), [(UNIFORM, 0.0), (VARIED, 0.15)])
def test_error_by_hand(found, series, variation):
    layer, activations = eiesim.workload("NT-We", 0, variation=variation)
    result = eiesim.simulate(layer, activations, outputs=False)
    row = rows(found, "table_4", "actual time, µs")["NT-We"]
    assert row.ours[series].mean == result.time_us
    assert row.error(series) == pytest.approx((result.time_us - 8.0) / 8.0)
    bar = next(row for row in found.item("fig_6").rows if (row.at, row.item) == ("EIE", "NT-We"))
    assert bar.ours[series].mean == pytest.approx(605.0 / result.time_us)


def test_no_error_where_nothing_is_reproduced():
    ours = {UNIFORM: Spread(2.0, 1.0, 3.0, 2)}
    assert ItemRow("a", "b", 1.0, ours).error(UNIFORM) == 1.0
    assert ItemRow("a", "b", 1.0, ours, "input").error(UNIFORM) is None
    assert ItemRow("a", "b", None, ours).error(UNIFORM) is None
    assert ItemRow("a", "b", "-", ours).error(UNIFORM) is None


def test_mean_errors_are_those_of_the_specification(found):
    """6.4, 9.1 and 4.2 % for uniform layers, 6.2, 8.6 and 3.3 % with 0.15 (an earlier, independent run)."""
    expected = {"theoretical": (6.4, 6.2), "actual": (9.1, 8.6), "actual / theoretical": (4.2, 3.3)}
    ours = rows(found, "correlation", "MAPE of the mean over seeds, %")
    for kind, means in expected.items():
        for series, mean in zip((UNIFORM, VARIED), means, strict=True):
            assert ours[kind].ours[series].mean == pytest.approx(mean, abs=1.0)
    by_hand = [abs(row.error(VARIED)) for row in rows(found, "table_4", "actual time, µs").values()]
    assert ours["actual"].ours[VARIED].mean == pytest.approx(100 * sum(by_hand) / 9)


def test_accuracies_stand_beside_figure_10(found):
    shares = {"float32": 0.972, "fixed8": 0.958}
    with_them = conclude(found.runs, Recognised(shares, 1234)).item("fig_10")
    assert "1,234 held-out digits" in with_them.text[1]
    assert "missing from this installation" in found.item("fig_10").text[1]
    ours = {row.at: row.ours["eiesim"].mean for row in with_them.rows if row.item == "LeNet-300-100"}
    assert ours == pytest.approx({"float32": 97.2, "fixed8": 95.8})
    published = {row.at: row.published for row in found.item("fig_10").rows if row.item == "AlexNet top-5"}
    assert published == {"float32": 80.3, "fixed16": 79.8, "fixed8": 53.0}
    assert lenet_accuracies(Path("/nowhere")) is None


def test_the_installed_network_is_judged_whole():
    recognised = lenet_accuracies()
    assert recognised.inputs == 500
    assert set(recognised.accuracies) == {"float32", "fixed32", "fixed16", "fixed8"}


def test_texts_take_the_papers_figures_from_its_tables(found):
    """By hand: 1759 of 4096 inputs; 25088 x 4096 x 4 % x 18.3 % / 64 PEs / 800 MHz."""
    notes = {row.item: row.note for row in found.item("table_4").rows if row.quantity == "actual time, µs"}
    assert notes["Alex-8"] == "the authors' sample has 42.9 % active inputs, Table III says 37.5 %"
    assert notes["VGG-6"].endswith("Table III's densities give 14.7 µs before padding")
    assert notes["NT-We"] == "Fig. 6 implies 9.6 µs"
    assert notes["NT-LSTM"] == "Fig. 6 implies 7.84 µs"
    assert "0.600 W" in found.item("fig_7").text[0]
    assert "0.5865 W" in found.item("fig_7").text[0]
    headline = next(claim for claim in found.claims if claim.published == "189×")
    assert "the paper's own Table IV gives 194× where its text says 189×" in headline.why


def test_each_claim_that_differs_has_a_reason_of_its_own(found):
    """No reason stands twice, none points to another, and what agrees comes first."""
    whys = [claim.why for claim in found.claims if claim.verdict == "differs"]
    assert len(whys) > 3
    assert len(set(whys)) == len(whys)
    assert all(len(why) > 30 and "as above" not in why for why in whys)
    verdicts = [claim.verdict for claim in found.claims]
    assert verdicts == sorted(verdicts)


def test_a_reason_s_factors_multiply_to_the_difference(found):
    """Ours over the printed mean, by hand from the runs, is the product of the factors that the reason names."""
    claims = {claim.published: claim for claim in found.claims}
    for machine, printed in (("CPU dense", 189), ("GPU dense", 13), ("mGPU dense", 307)):
        ours = 1.0
        for layer, row in rows(found, "table_4", "actual time, µs").items():
            ours *= time_us(machine, layer) / row.ours[VARIED].mean
        named = re.findall(r"×([0-9.]+),", claims[f"{printed}×"].why)
        product = float(named[0]) * float(named[1])
        assert len(named) == 2
        assert product == pytest.approx(ours ** (1 / 9) / printed, abs=2e-3)
    for mean in ("24,207×", "3,400×", "2,700×"):
        total, named = (
            re.search(r"ours is ([0-9.]+) times", claims[mean].why),
            re.findall(r"×([0-9.]+),", claims[mean].why),
        )
        product = 1.0
        for factor in named:
            product *= float(factor)
        assert len(named) == 3
        assert product == pytest.approx(float(total[1]), abs=3e-3)


def test_scaling_is_load_balance_times_padding(found):
    """The share of linear speed-up is the product of the two changes: time = macs / real work / balance / PEs."""
    for layer in LAYERS:
        balance, padding = scaling_factors(found.runs, layer, 1, 256, VARIED)
        times = [found.runs.spread(lambda row: row["time_us"], layer, 0.15, pes=pes).mean for pes in (1, 256)]
        assert balance * padding == pytest.approx(times[0] / times[1] / 256, rel=5e-3)


def test_the_first_paragraph_counts(found):
    """Its counts, by hand: of Table IV's and V's printed times and rates, within 5 and 10 %; and the claims."""
    errors = [
        row.error(VARIED)
        for item, quantities in (
            ("table_4", ("theoretical time, µs", "actual time, µs")),
            ("table_5", ("frames a second",)),
        )
        for row in found.item(item).rows
        if row.quantity in quantities and row.error(VARIED) is not None
    ]
    near, enough = (sum(abs(error) <= band for error in errors) for band in (0.05, 0.10))
    assert (
        f"Of {len(errors)} printed times and rates that are simulated here (Table IV, Table V), {near} come"
        in found.text[0]
    )
    assert f"{enough} within 10 %" in found.text[0]
    agree = sum(claim.verdict == "agrees" for claim in found.claims)
    assert f"{len(found.claims)} claims that are checked here {agree} agree" in found.text[0]
    assert "VGG-6's actual time" in found.text[0]


def test_what_is_put_in_or_stated_twice_is_not_counted(found):
    keys = {one.item.key for one in independent(found.items)}
    assert {"table_4", "table_5", "table_2"} <= keys
    assert not keys & {"table_3", "fig_6", "fig_7"}
    assert all(one.row.our_basis in ("simulated", "estimated") for one in independent(found.items))
    assert tally(judged(found.item("fig_11"))) is None
    counts = tally(judged(found.item("table_4")))
    assert counts.count == 18
    assert counts.farthest.row.item == "VGG-6"


def test_no_text_names_an_option_of_the_command_line(found):
    texts = [*found.text, *(text for item in found.items for text in item.text), *(claim.why for claim in found.claims)]
    assert not [text for text in texts if " --" in text or "(--" in text]


def test_table_as_markdown(found):
    lines = times_markdown(found.item("table_4")).splitlines()
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == list(LAYERS)
    assert {line.count("|") for line in lines} == {lines[0].count("|")}


class Page(HTMLParser):
    """What a page holds: ids, sources and links, text, and whether every tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.sources, self.links, self.text, self.open = [], [], [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        held = dict(attrs)
        self.ids += [held["id"]] if "id" in held else []
        self.sources += [held["src"]] if "src" in held else []
        self.links += [held["href"]] if "href" in held else []
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_report_stands_alone(found):
    text = report(found, {"table_4": PIXEL, "fig_8_uniform": PIXEL, "fig_8_variation_0_15": PIXEL})
    page = Page(text)
    assert not page.open
    assert set(page.ids) >= EXHIBITS | {"summary", "claims", "inconsistencies"}
    assert len(page.ids) == len(set(page.ids))
    assert len(page.sources) == 3
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert all(link.removeprefix("#") in page.ids for link in page.links)
    style = text[text.index("<style>") : text.index("</style>")]
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=.(?!data:)", text)
    assert not re.search(r"url\(|@import", style)


def test_report_opens_with_what_the_text_says_first_in_at_most_three_points(found):
    text = report(found, {})
    points = re.findall(r"<li>(.*?)</li>", text[text.index('<ul class="lead">') : text.index("</ul>")])
    assert 2 <= len(points) == len(found.short) <= 3
    assert " ".join(found.short) == found.text[0]
    assert "claims that are checked here" in points[-1]
    assert text.index("<ul") < text.index("<p>")


def test_report_escapes_text(found):
    evil = '<img src="x" onerror=alert(1)> & "quotes"'
    odd = replace(
        found.items[0], name=evil, subject="", text=(evil,), rows=(ItemRow(evil, evil, evil, at=evil, note=evil),)
    )
    claims = (Claim(evil, evil, evil, "agrees", evil),)
    text = report(replace(found, items=(odd,), claims=claims, short=(evil,), text=(evil,), inconsistencies=(evil,)), {})
    page = Page(text)
    assert page.sources == []
    assert "<img" not in text
    # The item: link, heading, text, and five cells of its row; four of the claim; text and inconsistencies.
    assert page.text.count(evil) == 3 + 5 + 4 + 2
    assert text.count("<script>alert") == 0


def test_interrupted_run_goes_on(tmp_path):
    """With half of its table gone, only that half is run; what comes out is the same."""
    plans, counts = simulations.plans(TINY), []
    first = simulations.run(plans, TINY, tmp_path)
    path = tmp_path / simulations.RUNS
    lines = path.read_text().splitlines(keepends=True)
    kept = 1 + (len(lines) - 1) // 2
    path.write_text("".join(lines[:kept]) + lines[kept][:40])
    again = simulations.run(plans, TINY, tmp_path, observer=lambda new, known: counts.append((new, known)))
    assert sum(new for new, _ in counts) == len(lines) - kept
    assert again.table.equals(first.table)


def test_command(tmp_path, monkeypatch):
    monkeypatch.setattr(simulations, "QUICK", TINY)
    answer = cli("reproduce", "--quick", "-o", tmp_path / "out", "--formats", "png,tex")
    assert answer.status == 0
    assert "NT-We" in answer.out
    page = Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8"))
    assert {f"fig_{k}" for k in range(6, 14)} <= set(page.ids)
    assert len(page.sources) == 2 + 2 + 6 * 2
    with (tmp_path / "out" / "tables" / "table_4.csv").open(encoding="utf-8") as file:
        held = list(csv.DictReader(file))
    assert [row["published"] for row in held[:2]] == ["5.2", "8.0"]
    assert float(held[1]["uniform_error"]) == pytest.approx(float(held[1]["uniform_mean"]) / 8.0 - 1)
    assert (tmp_path / "out" / "tables" / "table_4.md").read_text(encoding="utf-8").count("NT-We") == 1
    for path in (tmp_path / "out" / "tables").glob("*.tex"):  # one table each, as many rows as the CSV file has
        of_csv = path.with_suffix(".csv").read_text(encoding="utf-8").splitlines()[1:]
        _, rows, _ = re.split(r"\\(?:mid|bottom)rule", path.read_text(encoding="utf-8").partition("toprule")[2])
        if path.stem not in ("table_4", "claims"):
            assert rows.count(r"\\") == len(of_csv), path
    assert {"table_1.tex", "table_4.tex", "fig_13.tex", "claims.tex"} <= {
        path.name for path in (tmp_path / "out" / "tables").iterdir()
    }
    assert not list(tmp_path.rglob("*.part"))


def test_the_first_paragraph_tells_of_the_layer_that_is_known(found):
    """By hand: of two counts one is equal; times of 8.8 and 10.0 µs are 1.1 and 1.0 % off Table IV's 8.9 and 9.9."""
    counts = (
        ItemRow("FC8", "cycles", 7896.0, {FC8: Spread.once(7896.0)}, published_basis="authors' simulator"),
        ItemRow("FC8", "cycles", 7000.0, {FC8: Spread.once(7001.0)}, published_basis="authors' simulator"),
    )
    exact = PaperItem("alexnet_fc8", "AlexNet-FC8", "", counts, (FC8,))
    known = {"theoretical time, µs": 8.8, "actual time, µs": 10.0}
    table4 = found.item("table_4")
    with_it = tuple(
        replace(row, ours={**row.ours, FC8: Spread.once(known[row.quantity])})
        if row.item == "Alex-8" and row.quantity in known
        else row
        for row in table4.rows
    )
    text = " ".join(verdict([exact, replace(table4, rows=with_it)], found.claims))
    assert "1 of 2 cycle and read counts equal those of the authors' own simulator" in text
    assert "both times lie within 1.1 % of Table IV's" in text
    assert "AlexNet-FC8" not in found.text[0]


def with_a_dump(runs):
    """The runs, and rows as the authors' dump would have: Alex-8's, and on the simulator's machine what it printed."""
    table = runs.table
    like = table[(table["layer"] == "Alex-8") & (table["variation"] == 0) & (table["arithmetic"] != "float32")]
    like = like.assign(layer=FC8, variation=np.nan)
    base, own = runs.rows("Alex-8", 0.0)[0], {}
    with (DATA / "alexnet_fc8_authors_simulator.csv").open(encoding="utf-8") as file:
        printed = list(csv.DictReader(file))
    for line in printed:
        machine = {"queue_depth": 7, "spmat_width": 64, "arithmetic": "float32", line["key"]: int(line["key_value"])}
        made = own.setdefault(tuple(machine.values()), {**base, **machine, "layer": FC8, "variation": np.nan})
        made[line["quantity"]] = float(line["value"])
    parts: list[Any] = [table, like, pd.DataFrame(list(own.values()))]
    return replace(runs, table=pd.concat(parts, ignore_index=True)), printed


@pytest.mark.parametrize("wrong", [0, 1])
def test_with_the_dump_its_counts_stand_beside_the_authors(found, wrong):
    runs, printed = with_a_dump(found.runs)
    at = (runs.table["layer"] == FC8) & (runs.table["queue_depth"] == 8) & (runs.table["arithmetic"] == "float32")
    assert at.sum() == 1
    runs.table.loc[at, "cycles"] += wrong
    told = conclude(runs)
    item = told.item("alexnet_fc8")
    counts = {(row.quantity, row.at): row.published for row in item.rows}
    theirs = {(one["quantity"], f"{one['key']} {one['key_value']}"): float(one["value"]) for one in printed}
    assert counts.items() <= theirs.items()
    assert {row.ours[FC8].mean - row.published for row in item.rows} == ({0.0, 1.0} if wrong else {0.0})
    (claim,) = (one for one in told.claims if "own simulator" in one.text)
    assert (claim.simulated, claim.verdict) == (
        f"{len(counts) - wrong} of {len(counts)} equal", "differs" if wrong else "agrees",
    )  # fmt: skip
    assert claim.why == ("not equal: cycles at queue_depth 8" if wrong else "")
    actual = runs.rows("Alex-8", 0.0)[0]["time_us"]
    assert rows(told, "table_4", "actual time, µs")["Alex-8"].ours[FC8].mean == actual
    text = " ".join(told.text)
    assert f"AlexNet-FC8, takes {actual:.2f} µs (Table IV: 9.9)" in text
    assert ("the machine's timing is reproduced where the layer is known" in text) is not wrong
    assert "was not given" not in text


def test_it_is_shown_in_a_line_and_as_a_table_of_claims(found):
    agree = sum(one.verdict == "agrees" for one in found.claims)
    assert repr(found).endswith(f": {agree} of {len(found.claims)} claims agree>")
    cells = re.findall("<td[^>]*>(.*?)</td>", found._repr_html_())
    assert len(cells) == 4 * len(found.claims)
    table = found.to_frame()
    assert len(table) == sum(len(item.rows) for item in found.items)
    one = table[(table["of"] == "Table IV") & (table["item"] == "NT-We") & table["quantity"].str.startswith("actual t")]
    ((published, ours, error),) = one[["published", "uniform_mean", "uniform_error"]].to_numpy().tolist()
    assert (published, error) == (8.0, pytest.approx(ours / 8.0 - 1))


def test_the_rank_correlation_is_scipys():
    from scipy.stats import spearmanr

    from eiesim.reproduction.tables import _spearman

    rng = np.random.default_rng(0)
    for high in (4, 10**6):  # with ties, and without
        for _ in range(20):
            one, other = rng.integers(0, high, (2, 9)).astype(float)
            assert _spearman(one, other) == spearmanr(one, other).statistic
