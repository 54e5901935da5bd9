"""The page in a real browser: no request leaves it, no error, and what it says about a cell is what the trace says."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

import eiesim
from tests.browser import in_a_browser
from tests.compare import Case, layer_of

from .cases import BUSY

pytest.importorskip("bokeh")


def of(one, **keywords):
    return eiesim.trace(one.layer, one.batch, one.config, item=0, **keywords)


def long_case():
    """Some thousand cycles on 16 PEs, so that cells stand for several cycles."""
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 4, (240, 700)) * (rng.random((240, 700)) < 0.35)
    batch = (rng.random((1, 700)) * (rng.random((1, 700)) < 0.6)).astype(np.float32)
    layer = layer_of(codes, [0.0, 1.0, -0.5, 2.0])
    return Case(layer, batch, eiesim.MachineConfig(pes=16, queue_depth=4))


@pytest.fixture
def opened(opened_page, tmp_path):
    """Opens a trace's page; see `opened_page`."""

    def open_trace(trace, width=1280, height=900):
        trace.save(tmp_path / "t.html")
        page = opened_page(tmp_path / "t.html", width, height)
        page.wait_for_function("window.eiesimTrace?.ready", timeout=60_000)
        return page

    return open_trace


def told(page):
    return page.locator("#details").inner_text()


@in_a_browser
@pytest.mark.parametrize("window", [None, (9, 60)])
def test_every_cell_says_what_the_trace_says(opened, window):
    trace = of(BUSY, cycles=window)
    page = opened(trace)
    rng = np.random.default_rng(0)
    pointers = trace.subject.layer.pointers
    cells = [(int(rng.integers(trace.pes)), int(rng.integers(trace.cycles))) for _ in range(300)]
    texts = page.evaluate(
        """cells => cells.map(([p, cycle]) => {
            window.eiesimTrace.mousemove('state', cycle, p);
            return document.getElementById('details').innerText;
        })""",
        [(p, trace.first_cycle + cell) for p, cell in cells],
    )
    for (p, cell), text in zip(cells, texts, strict=True):
        state = ("starved", "real entry", "padding entry", "empty column")[trace.state[p, cell]]
        assert text.startswith(f"PE {p}, cycle {trace.first_cycle + cell}: {state}"), text
        assert f"queue: {trace.occupancy[p, cell]} of 2 places taken" in text
        j = trace.column[p, cell]
        if j >= 0:
            n = pointers[j + 1, p] - pointers[j, p]
            assert re.search(rf"column {j}, activation \S+, {n or 'no'} entr", text), text
            assert float(re.search(r"activation (\S+),", text)[1]) == pytest.approx(
                trace.subject.activations(np.array([j]))[0], rel=1e-5
            )


@in_a_browser
def test_pointing_tapping_zooming_and_keys(opened):
    trace = of(long_case())
    page = opened(trace)
    box = page.locator("section.wide").first.locator("canvas").first.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.wait_for_function("/^PE /.test(document.getElementById('details').innerText)")
    assert page.evaluate("window.eiesimTrace.cellsWide()") > 1
    seen = told(page)
    first, last = (int(n.replace(",", "")) for n in re.search(r"cycles ([\d,]+) to ([\d,]+):", seen).groups())
    p = int(re.match(r"PE (\d+)", seen)[1])
    shares = [round(100 * (trace.state[p, first - 1 : last] == k).mean()) for k in (0, 1)]
    assert all(f"{share} %" in seen for share in shares if share), (seen, shares)
    for _ in range(12):
        page.mouse.wheel(0, -400)
        page.wait_for_timeout(50)
    page.wait_for_function("window.eiesimTrace.cellsWide() === 1")
    page.mouse.click(*middle)
    page.wait_for_function("/^PE /.test(document.getElementById('details').innerText)")
    before = int(re.match(r"PE (\d+), cycle ([\d,]+)", told(page))[2].replace(",", ""))
    page.mouse.move(5, 5)
    page.keyboard.press(".")
    after = re.match(r"PE (\d+), cycle ([\d,]+)", told(page))
    assert int(after[2].replace(",", "")) == before + 1
    page.keyboard.press("0")
    page.wait_for_function("window.eiesimTrace.cellsWide() > 1")


@in_a_browser
def test_the_picture_at_both_widths_and_in_both_themes(opened):
    trace = of(long_case())
    for width, height in ((1280, 900), (390, 844)):
        page = opened(trace, width, height)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        light = page.screenshot()
        page.locator("#theme").click()
        page.wait_for_timeout(200)
        assert page.screenshot() != light
        page.locator("#sort").select_option("stall")
        worst = int(np.argmax(trace.stall_caused))
        page.evaluate("window.eiesimTrace.tap('state', 100, 0)")
        assert told(page).startswith(f"PE {worst}, cycle 100")


@in_a_browser
def test_a_finger_scrolls_the_page(opened):
    page = opened(of(BUSY), 390, 844)
    kept = page.evaluate(
        """() => {
            const found = [], look = root => {
                for (const element of root.querySelectorAll("*")) {
                    if (element.shadowRoot) look(element.shadowRoot);
                    const action = getComputedStyle(element).touchAction;
                    if (action !== "auto") found.push(action);
                }
            };
            look(document);
            return found;
        }"""
    )
    assert kept
    assert set(kept) == {"pan-y"}


def test_a_layers_name_cannot_break_out(tmp_path):
    one = long_case()
    layer = layer_of(np.ones((4, 4), int), [0.0, 1.0])
    named = eiesim.CompressedLayer(
        layer.shape, layer.indptr, layer.indices, layer.codes, layer.codebook, name="</script><script>alert(1)</script>"
    )
    eiesim.trace(named, np.ones(4), one.config).save(tmp_path / "t.html")
    text = (tmp_path / "t.html").read_text(encoding="utf-8")
    assert "<script>alert" not in text


def test_the_page_needs_no_network_and_is_small(tmp_path):
    of(long_case()).save(tmp_path / "t.html")
    text = (tmp_path / "t.html").read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", text)
    assert len(text) < 3_000_000
    data = re.search(r'id="trace-data">(.*?)</script>', text)[1]
    assert json.loads(data)["cycles"] == of(long_case()).cycles


def test_a_page_has_the_same_bytes_each_time(tmp_path):
    """Bokeh draws the names of elements at random, and counts models since Python began."""
    for name in ("a.html", "b.html"):
        of(long_case()).save(tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    code = (
        "import sys, numpy as np, eiesim\n"
        "layer = eiesim.CompressedLayer.from_dense(np.eye(6, 9), name='eye')\n"
        "eiesim.trace(layer, np.ones(9, np.float32), {'pes': 2}).save(sys.argv[1])\n"
    )
    for name in ("c.html", "d.html"):
        subprocess.run([sys.executable, "-c", code, tmp_path / name], check=True)
    assert (tmp_path / "c.html").read_bytes() == (tmp_path / "d.html").read_bytes()


def test_a_notebook_shows_the_page():
    shown = of(BUSY)._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert "<script" not in shown.split("style=")[-1]
