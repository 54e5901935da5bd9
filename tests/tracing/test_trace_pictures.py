"""Pictures of a trace hold what was recorded, PE by PE and cycle by cycle."""

from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from rich.console import Group
from rich.text import Text

import eiesim
from eiesim.tracing import recording, terminal
from eiesim.tracing.heat_map import heat_map
from eiesim.tracing.path import KINDS, SCAN, path_of
from eiesim.tracing.picture import picture
from eiesim.tracing.recording import STATES
from eiesim.tracing.shares import BLOCKERS, BROADCAST, BUBBLE, COLOURS, ENDED, OTHER_BLOCKER, rgb, worst_blockers
from eiesim.view.palette import VERMILION
from eiesim.view.saving import render

from .cases import BUSY, FLOATS

EYES = (
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
)  # fmt: skip


def lab(light):
    """CIE L*a*b* of linear sRGB under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(light @ to_xyz.T / (0.9505, 1, 1.089)).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


@pytest.fixture(scope="module")
def trace():
    return eiesim.trace(BUSY.layer, BUSY.batch, BUSY.config, item=0)


def test_the_picture_shows_the_states_their_colours_say(trace):
    states, lnzd, queues = picture(trace).panels
    colours = np.array([rgb(COLOURS[name]) for name in STATES])
    assert np.allclose(states.cells.values, colours[trace.state])
    assert dict(states.cells.key) == {"critical path": "#000000", **{
        name: COLOURS[name] for k, name in enumerate(STATES) if (trace.state == k).any()
    }}  # fmt: skip
    assert np.allclose(queues.cells.values, trace.occupancy)
    assert [panel.cells.x for panel in (states, lnzd, queues)] == [(trace.first_cycle - 0.5, trace.end - 0.5)] * 3
    few = picture(trace, [2, 0]).panels
    assert np.allclose(few[0].cells.values, colours[trace.state[[2, 0]]])
    assert few[0].y.ticks == ((0, "2"), (1, "0"))
    assert (few[0].y.start, few[0].y.end) == (1.5, -0.5)


def test_a_run_of_more_cycles_than_pixels_still_shows_each_cycle_in_its_pure_colour(trace, monkeypatch):
    """Blocks of cycles stand one over another: read downward and then to the right, the picture is the trace again."""
    monkeypatch.setattr("eiesim.tracing.picture.COLUMNS", trace.cycles // 6)
    states, lnzd, _ = picture(trace).panels
    size = int(np.ceil(trace.cycles / (trace.cycles // 6)))
    assert f"{size} cycles one over another" in states.title
    colours = np.array([rgb(COLOURS[name]) for name in STATES])
    for pe in range(trace.pes):
        read = states.cells.values[pe * size : (pe + 1) * size].swapaxes(0, 1).reshape(-1, 3)
        assert np.allclose(read[: trace.cycles], colours[trace.state[pe]])
        assert (read[trace.cycles :] == 1).all()
    lane = lnzd.cells.values.swapaxes(0, 1).reshape(-1, 3)[: trace.cycles]
    drawn = {tuple(colour) for colour in lane.tolist()}
    assert drawn == {rgb(colour) for _, colour in lnzd.cells.key} | {rgb(BROADCAST)}


def test_each_colour_of_the_keys_is_drawn_pixel_for_pixel(trace):
    """In the file: as a patch of the key, and in the cells or the lane that it explains."""
    image = np.asarray(Image.open(BytesIO(render(picture(trace), ("png",))["png"])).convert("RGB"))
    codes, counts = np.unique(image.reshape(-1, 3), axis=0, return_counts=True)
    drawn = {tuple(code): count for code, count in zip(codes.tolist(), counts.tolist(), strict=True)}
    patch = 200
    for panel in picture(trace).panels[:2]:
        for name, colour in panel.cells.key:
            assert drawn.get(tuple(round(255 * part) for part in rgb(colour)), 0) > patch, name


@pytest.mark.parametrize("width", [400, 24])
def test_without_colour_letters_say_the_state_of_most_cycles(trace, width):
    """Read from the characters alone: the commonest state of each block, in capitals where it is the only one."""
    drawn = terminal.picture(trace, width, colour=False)
    assert isinstance(drawn, Group)
    lines = [str(part) for part in drawn.renderables]
    rows = [line for line in lines if line.startswith("PE ")]
    assert len(rows) == trace.pes
    letters = {"starved": (".", " "), "real entry": ("r", "R"), "padding entry": ("p", "P"), "empty column": ("o", "O")}
    margin = max(len("LNZD"), len(f"PE {trace.pes - 1}")) + 1
    size = -(-trace.cycles // max(8, width - margin))
    for pe, line in enumerate(rows):
        shown = line[margin:]
        for place, start in enumerate(range(0, trace.cycles, size)):
            counts = np.bincount(trace.state[pe, start : start + size], minlength=4)
            most, all_of_them = letters[STATES[int(counts.argmax())]]
            alone = counts.max() == counts.sum()
            assert shown.ljust(400)[place] == (all_of_them if alone else most)
    assert any("r real entry" in line for line in lines)


def test_the_picture_shows_the_critical_path_on_its_pes(trace):
    """Every cycle of the path but the scan's stands on the line of its PE, and only those."""
    (line,) = picture(trace).panels[0].series
    on_it = set()
    for (x, y), (further, other) in pairwise(zip(line.x, line.y, strict=True)):
        if y == other and not np.isnan(x + further):
            on_it |= {(cycle, y) for cycle in np.arange(np.ceil(x), further)}
    expected = {
        (cycle, part.pe)
        for part in path_of(trace.subject).segments
        if part.kind != KINDS[SCAN]
        for cycle in range(part.first_cycle, part.first_cycle + part.cycles)
    }
    assert on_it == expected


def test_the_lnzd_s_lane_shows_each_stalled_cycle_in_the_colour_of_who_holds_it():
    """Cycle by cycle: a broadcast stalls for so many cycles before it, held back by one PE."""
    trace = eiesim.trace(FLOATS.layer, FLOATS.batch, FLOATS.config, item=0)
    lane = picture(trace).panels[1].cells
    colours = dict(zip(worst_blockers(trace), BLOCKERS, strict=False))
    assert len(colours) == 4
    cycles = np.arange(trace.first_cycle, trace.end)
    expected = np.where(cycles > trace.scan_last, ENDED, BUBBLE).astype(object)
    caused = dict.fromkeys(colours, 0)
    sent = zip(trace.broadcast_cycle, trace.broadcast_stall, trace.blocker, strict=True)
    for cycle, stall, blocker in sent:
        expected[cycle - trace.first_cycle] = BROADCAST
        if stall:
            expected[cycle - stall - trace.first_cycle : cycle - trace.first_cycle] = colours[blocker]
            caused[blocker] += stall
    assert np.allclose(lane.values[0], [rgb(colour) for colour in expected])
    assert set(expected) == {BROADCAST, BUBBLE, ENDED, *colours.values()}
    none = {"scan bubble": BUBBLE, "scan has ended": ENDED}
    assert dict(lane.key) == none | {f"PE {p}: {cycles}": colours[p] for p, cycles in caused.items()}


def test_a_legend_names_what_the_window_has():
    """No bubble, and no end of the scan, in a window of broadcasts and stalls."""
    trace = eiesim.trace(FLOATS.layer, FLOATS.batch, FLOATS.config, item=0)
    sent, stall = trace.broadcast_cycle, trace.broadcast_stall
    k = next(k for k in range(1, len(sent)) if stall[k] and sent[k] - stall[k] == sent[k - 1] + 1)
    window = (int(sent[k - 1]), int(sent[k]) + 1)
    key = picture(eiesim.trace(FLOATS.layer, FLOATS.batch, FLOATS.config, item=0, cycles=window)).panels[1].cells.key
    assert all(name.startswith("PE ") for name, _ in key)


def test_colours_of_the_lnzd_s_lane_differ_for_colour_blind_eyes():
    """Colour differences (CIE 1976) as red-, green- and blue-blind eyes see them (Machado et al. 2009, severity 1)."""
    colours = np.array([rgb(colour) for colour in (*BLOCKERS, OTHER_BLOCKER, BROADCAST, BUBBLE, ENDED)])
    light = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    new = [len(colours) - 2, len(colours) - 1]
    for eyes in EYES:
        seen = lab(np.clip(light @ np.array(eyes).T, 0, 1))
        apart = np.linalg.norm(seen[:, None] - seen[None], axis=2)
        np.fill_diagonal(apart, np.inf)
        assert apart[new].min() > 15


@pytest.mark.parametrize("width", [400, 40])
def test_the_terminal_s_lane_tells_bubbles_and_the_end_apart(width):
    """`b` where no cycle of a character finds an activation, `e` where the scan has ended, else the share of stalls."""
    trace = eiesim.trace(FLOATS.layer, FLOATS.batch, FLOATS.config, item=0)
    drawn = terminal.picture(trace, width)
    assert isinstance(drawn, Group)
    lines = [line for line in drawn.renderables if isinstance(line, Text)]
    lane = next(line for line in lines if line.plain.startswith("LNZD "))
    sent, marks = dict(zip(trace.broadcast_cycle.tolist(), trace.broadcast_stall.tolist(), strict=True)), lane.plain[5:]
    size = -(-trace.cycles // len(marks))
    assert (size > 1) == (width == 40)
    stalled = {cycle - back for cycle, stall in sent.items() for back in range(1, stall + 1)}
    colours = {span.start: str(span.style) for span in lane.spans}
    for k, mark in enumerate(marks):
        cycles = range(k * size + 1, min(trace.cycles, (k + 1) * size) + 1)
        bubbles = [t <= trace.scan_last and t not in sent and t not in stalled for t in cycles]
        assert (mark == "b") == all(bubbles)
        assert (mark == "e") == (cycles[0] > trace.scan_last)
        assert (mark in "░▒▓█") == bool(stalled & {*cycles})
        assert colours[k + 5] == {"b": BUBBLE, "e": ENDED}.get(mark, VERMILION).lower()
    assert {"b", "e"} <= {*marks} if size == 1 else "e" in marks


def test_plot_gives_a_figure_of_three_panels(trace):
    pytest.importorskip("matplotlib")
    assert [len(axes.images) for axes in trace.plot().axes[:3]] == [1, 1, 1]


def test_the_heat_map_shows_the_share_of_working_cycles(trace):
    left, right = heat_map(trace).panels
    walking = np.isin(trace.state, (recording.REAL, recording.PADDING))
    assert np.allclose(right.cells.values, walking)
    assert right.cells.x == (trace.first_cycle - 0.5, trace.end - 0.5)
    assert right.cells.y == (-0.5, trace.pes - 0.5)
    real, padding = left.series
    assert [one.name for one in left.series] == ["real entry", "padding entry"]
    assert real.y == padding.y == tuple(range(trace.pes))
    assert real.x == padding.base == tuple((trace.state == recording.REAL).sum(axis=1))
    assert padding.x == tuple(walking.sum(axis=1))
