"""The report in a real browser: figures show their values, series go out and in, and the verdict is seen on a phone."""

import json
import re
from functools import partial

import pytest

from eiesim.errors import EieError
from eiesim.reproduction import page as pages
from eiesim.reproduction import simulations
from eiesim.reproduction.conclusion import conclude
from eiesim.reproduction.page import report
from eiesim.reproduction.plots import Shown
from eiesim.reproduction.plots import pictures as pictures_of
from eiesim.view.page import plot_data
from tests.browser import in_a_browser

TINY = simulations.Extent(
    seeds=(0, 1), pes=(1, 64), queue_depths=(1, 8), widths=(32, 64), layers=("table3:NT-We", "table3:NT-Wd")
)
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645"
    "400000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return conclude(simulations.run(simulations.plans(TINY), TINY, tmp_path_factory.mktemp("reproduction")))


@pytest.fixture(scope="module")
def pictures(found):
    return {name: Shown(PNG, picture.panels) for name, picture in pictures_of(found)}


@pytest.fixture
def opened(opened_page, found, pictures, tmp_path):
    pytest.importorskip("bokeh")

    def open_report(width=1280, height=900):
        (tmp_path / "report.html").write_text(report(found, pictures), encoding="utf-8")
        page = opened_page(tmp_path / "report.html", width, height)
        page.wait_for_function("document.documentElement.classList.contains('lively')")
        return page

    return open_report


def test_a_picture_for_the_browser_shows_what_the_still_one_shows(found, pictures):
    """Fig. 8 in the runs themselves: mean, least and most over the seeds, and Table IV's point."""
    (panel,) = pictures["fig_8_variation_0_15"].panels
    assert panel.x.label == "queue depth (places)"
    assert [text for _, text in panel.x.ticks] == ["1", "8"]
    for series in panel.series[:2]:
        values = [found.runs.spread(lambda row: row["load_balance"], series.name, 0.15, queue_depth=d) for d in (1, 8)]
        assert series.y == pytest.approx([one.mean for one in values])
        assert series.low == pytest.approx([one.least for one in values])
        assert series.high == pytest.approx([one.most for one in values])
    assert panel.series[-1].name == "published (derived)"
    assert panel.series[-1].y == pytest.approx([5.2 / 8.0, 13.0 / 13.9])


def test_bars_and_whiskers_of_table_4(found, pictures):
    theoretical, actual = pictures["table_4"].panels
    published, uniform, varied = actual.series
    assert published.y == pytest.approx([8.0, 13.9])
    rows = [row for row in found.item("table_4").rows if row.quantity == "actual time, µs"]
    assert varied.y == pytest.approx([row.ours["variation 0.15"].mean for row in rows])
    assert varied.high == pytest.approx([row.ours["variation 0.15"].most for row in rows])
    assert [one["across"] for one in plot_data([actual])[0]["series"]] == [["NT-We", "NT-Wd"]] * 3
    assert theoretical.y.label == "theoretical time (µs)"
    assert plot_data([actual])[0]["series"][1]["hatch"] == uniform.hatch[:1] == "/"


TOLD = """() => {
    const texts = [], look = root => {
        for (const one of root.querySelectorAll("*")) {
            if (one.shadowRoot) look(one.shadowRoot);
            if (one.matches(".bk-Tooltip, .bk-tooltip")) texts.push((one.shadowRoot || one).textContent);
        }
    };
    look(document);
    return texts.join(" ");
}"""
"""What the tooltips say, inside shadow roots too."""


@in_a_browser
def test_pointing_at_a_mark_says_its_values(opened, pictures):
    page = opened()
    picture = page.locator("[data-name=table_4]")
    picture.scroll_into_view_if_needed()
    page.wait_for_selector("[data-name=table_4][data-drawn]")
    box = picture.locator(".live > div").nth(1).bounding_box()
    said = ""
    for step in range(10, 90):  # along the panel, low enough to meet every bar
        page.mouse.move(box["x"] + box["width"] * step / 100, box["y"] + box["height"] * 0.7)
        page.wait_for_timeout(30)
        said = page.evaluate(TOLD)
        if "variation 0.15" in said:
            break
    actual = pictures["table_4"].panels[1].series[2]
    assert "NT-We" in said or "NT-Wd" in said
    value = float(re.search(r"actual time \(µs\): ([0-9.]+)", said)[1])
    assert any(value == pytest.approx(y, rel=1e-3) for y in actual.y)
    assert "least" in said


@in_a_browser
def test_series_go_out_and_in(opened):
    page = opened()
    page.locator("[data-name=fig_9_uniform]").scroll_into_view_if_needed()
    page.wait_for_selector("[data-name=fig_9_uniform][data-drawn]")
    seen = partial(
        page.evaluate,
        """() => Bokeh.documents.flatMap(one => one.roots()).flatMap(plot => plot.renderers)
            .filter(one => one.name === "NT-We" && !one.visible).length""",
    )
    button = page.locator("[data-name=fig_9_uniform] button", has_text="NT-We")
    assert seen() == 0
    button.click()
    assert seen() >= 6  # line and marks, in each of at least three panels
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert seen() == 0


@in_a_browser
def test_on_a_phone_nothing_is_wider_and_each_verdict_is_in_sight(opened):
    page = opened(390, 844)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    boxes = [one.bounding_box() for one in page.locator("td.verdict").all()]
    assert len(boxes) > 3
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    assert page.evaluate(
        "(() => { const c = document.querySelector('.claims .scroll'); return c.scrollWidth <= c.clientWidth; })()"
    )
    page.evaluate("document.getElementById('fig_8').scrollIntoView()")
    page.wait_for_function("document.querySelector('nav a.here')?.hash === '#fig_8'")
    assert page.locator("nav").bounding_box()["y"] == pytest.approx(0, abs=2)


@in_a_browser
def test_light_dark_and_print(opened):
    page = opened()
    page.locator("[data-name=table_4]").scroll_into_view_if_needed()
    page.wait_for_selector("[data-name=table_4][data-drawn]")
    colour = (
        "() => [getComputedStyle(document.body).backgroundColor, Bokeh.documents[0].roots()[0].background_fill_color]"
    )
    light = page.evaluate(colour)
    page.locator("#theme").click()
    dark = page.evaluate(colour)
    assert light != dark
    still, live = page.locator("[data-name=table_4] .still"), page.locator("[data-name=table_4] .live")
    assert (still.is_visible(), live.is_visible()) == (False, True)
    page.emulate_media(media="print")
    assert (still.is_visible(), live.is_visible()) == (True, False)
    assert page.evaluate(colour)[0] == light[0]


def test_without_bokeh_the_still_pictures_stand_alone(found, pictures, monkeypatch):
    def missing(*_):
        raise EieError("no Bokeh")

    monkeypatch.setattr(pages, "bokeh_script", missing)
    text = report(found, pictures)
    assert text.count(pages.WITHOUT_BOKEH.replace("'", "&#x27;")) == 1
    assert text.count("<img ") == len(pictures)
    assert "eiesimLive = " not in text
    assert json.loads(re.search(r'id="figures">(.*?)</script>', text)[1]) == {}
