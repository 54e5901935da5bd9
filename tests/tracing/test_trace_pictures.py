"""Pictures of a trace hold what was recorded, PE by PE and cycle by cycle."""

from itertools import pairwise

import numpy as np
import pytest

import eiesim
from eiesim.tracing import recording
from eiesim.tracing.heat_map import heat_map
from eiesim.tracing.path import KINDS, SCAN, path_of
from eiesim.tracing.picture import QUIET, picture
from eiesim.tracing.recording import STATES
from eiesim.tracing.shares import BLOCKERS, BROADCAST, COLOURS, rgb, worst_blockers

from .cases import BUSY, FLOATS


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
    expected = np.full(trace.cycles, QUIET, object)
    caused = dict.fromkeys(colours, 0)
    sent = zip(trace.broadcast_cycle, trace.broadcast_stall, trace.blocker, strict=True)
    for cycle, stall, blocker in sent:
        expected[cycle - trace.first_cycle] = BROADCAST
        if stall:
            expected[cycle - stall - trace.first_cycle : cycle - trace.first_cycle] = colours[blocker]
            caused[blocker] += stall
    assert np.allclose(lane.values[0], [rgb(colour) for colour in expected])
    assert dict(lane.key) == {f"PE {p}: {cycles}": colours[p] for p, cycles in caused.items()}


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
