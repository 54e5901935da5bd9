"""The page in a real browser: no request leaves it, no error, and what it says about a cell is what the trace says."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

import eiesim
from eiesim.machine import clock
from eiesim.tracing.shares import (
    BLOCKERS,
    BROADCAST,
    BUBBLE,
    ENDED,
    FINDS_NONE,
    HAS_ENDED,
    SENDS,
    broadcast_lane,
    rgb,
    worst_blockers,
)  # fmt: skip
from tests.browser import in_a_browser
from tests.compare import Case, layer_of

from .cases import BUSY, FLOATS

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

    def open_trace(trace, width=1280, height=900, pes=None):
        trace.save(tmp_path / "t.html", pes)
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


def full_queues(trace):
    """Cycle to the PEs whose queues are full, where a broadcast waits: from the clocked machine's wires."""
    subject, waiting = trace.subject, {}

    def note(cycle, machine):
        full = np.flatnonzero(machine.wires.activation_queue.full).tolist()
        if machine.candidate[0].found and full:
            waiting[cycle] = full

    clock.run(clock.build(subject.job, subject.activation_rows), note)
    return waiting


def numbers_in(words):
    """What words such as "0 to 2, 4 and 7" name."""
    parts = [part.split(" to ") for part in words.replace(" and ", ", ").split(", ")]
    return [n for part in parts for n in range(int(part[0]), int(part[-1]) + 1)]


@in_a_browser
@pytest.mark.parametrize("shown", [None, [2]])
def test_a_stall_names_every_full_queue(opened, shown):
    codes = (np.random.default_rng(2).random((64, 24)) < 0.3).astype(int)
    one = Case(layer_of(codes, [0.0, 0.75]), np.ones((1, 24), np.float32), eiesim.MachineConfig(pes=8, queue_depth=1))
    trace = of(one)
    waiting = full_queues(trace)
    assert {len(full) for full in waiting.values()} >= {1, 2, 3, 7, 8}
    page = opened(trace, pes=shown)
    texts = page.evaluate(
        """cycles => cycles.map(cycle => {
            window.eiesimTrace.mousemove('lnzd', cycle, 0);
            return document.getElementById('details').innerText;
        })""",
        list(waiting),
    )
    for (cycle, full), text in zip(waiting.items(), texts, strict=True):
        whose = re.search(r"but (.*?) (?:is|are) full", text)[1]
        if len(full) == trace.pes:
            assert whose == "all 8 queues"
        else:
            several, named = re.fullmatch(r"the queue(s?) of PEs? (.*)", whose).groups()
            assert numbers_in(named) == full
            assert bool(several) == (len(full) > 1)
        k = int(np.searchsorted(trace.broadcast_cycle, cycle))
        assert f"would broadcast column {trace.broadcast_column[k]}, but" in text
        charged = f"PE {trace.blocker[k]}'s to the last, so the stall is charged to it"
        assert (charged in text) == (len(full) > 1)


@in_a_browser
def test_bubble_and_end_of_the_scan_have_the_picture_s_colours(opened):
    trace = of(FLOATS)
    page = opened(trace)
    chips = page.locator("#blockers-key span").evaluate_all(
        "chips => chips.map(chip => [chip.innerText, getComputedStyle(chip.firstChild).backgroundColor])"
    )
    wanted = {"broadcast": BROADCAST, "scan bubble": BUBBLE, "scan has ended": ENDED}
    wanted |= {f"PE {p}: {trace.stall_caused[p]} stall cycles": colour
               for p, colour in zip(worst_blockers(trace), BLOCKERS, strict=False)}  # fmt: skip
    assert dict(chips) == {name: css(colour) for name, colour in wanted.items()}
    drawn = page.evaluate(
        """() => {
            const image = Bokeh.documents[0].get_model_by_name("lnzd-image").data.image[0];
            return Array.from(image, (value) => [value & 255, (value >> 8) & 255, (value >> 16) & 255]);
        }"""
    )
    colours = {SENDS: BROADCAST, FINDS_NONE: BUBBLE, HAS_ENDED: ENDED} | dict(
        zip(worst_blockers(trace), BLOCKERS, strict=False)
    )
    assert len(drawn) == trace.cycles
    assert [f"rgb({', '.join(map(str, pixel))})" for pixel in drawn] == [
        css(colours[what]) for what in broadcast_lane(trace).tolist()
    ]
    told_of = page.evaluate(
        """cycles => cycles.map(cycle => {
            window.eiesimTrace.mousemove('lnzd', cycle, 0);
            return document.getElementById('details').innerText;
        })""",
        [trace.scan_last, trace.scan_last + 1, 1],
    )
    assert "has ended" not in told_of[0] + told_of[2]
    assert "the LNZD has ended its scan" in told_of[1]


def css(colour):
    return f"rgb({', '.join(str(round(255 * part)) for part in rgb(colour))})"


@in_a_browser
@pytest.mark.parametrize("first", [1, 9])
@pytest.mark.parametrize("key", [".", ",", "ArrowDown"])
def test_the_first_step_goes_to_the_first_cycle_and_the_box_follows(opened, first, key):
    trace = of(BUSY, cycles=(first, 60))
    page = opened(trace)
    box = page.locator("#go")
    assert box.input_value() == ""
    page.keyboard.press(key)
    assert told(page).startswith(f"PE 0, cycle {first}: ")
    assert box.input_value() == str(first)
    page.keyboard.press(".")
    page.keyboard.press(".")
    page.keyboard.press("ArrowDown")
    assert told(page).startswith(f"PE 1, cycle {first + 2}: ")
    assert box.input_value() == str(first + 2)
    page.evaluate("window.eiesimTrace.tap('state', 40, 2)")
    assert box.input_value() == "40"
    for typed, goes_to in (("33", 33), ("99999", trace.end - 1), ("", trace.end - 1), ("-5", first)):
        box.fill(typed)
        box.press("Enter")
        assert told(page).startswith(f"PE 2, cycle {goes_to}: ")
        assert box.input_value() == str(goes_to)
    page.keyboard.press(".")  # the box has given the keys back
    assert box.input_value() == str(first + 1)


@in_a_browser
def test_the_view_follows_a_step_out_of_sight(opened):
    page = opened(of(long_case()))
    sight = "(() => { const r = Bokeh.documents[0].get_model_by_name('cycles'); return [r.start, r.end]; })()"
    page.locator("#go").fill("1000")
    page.locator("#go").press("Enter")
    assert page.evaluate(sight) == [940, 1060]
    for _ in range(62):
        page.keyboard.press(".")
    assert told(page).startswith("PE 0, cycle 1,062: ")
    start, end = page.evaluate(sight)
    assert start < 1062 < end
    assert end - start == 120


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


@in_a_browser
@pytest.mark.parametrize("width", [420, 1200])
def test_in_a_notebook_the_page_fits_its_cell(opened_page, tmp_path, width):
    """The frame is as high as the page within, and neither scrolls, however wide the cell is."""
    (tmp_path / "cell.html").write_text(f'<!DOCTYPE html><meta charset="utf-8"><body>{of(BUSY)._repr_html_()}')
    page = opened_page(tmp_path / "cell.html", width=width)
    inner = page.frames[1]
    inner.wait_for_function("window.eiesimTrace?.ready", timeout=60_000)
    inner.wait_for_function(
        "Math.abs(window.frameElement.clientHeight - document.body.getBoundingClientRect().height) <= 3", timeout=20_000
    )
    beyond = inner.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert beyond <= 0
