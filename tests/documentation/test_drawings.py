"""The drawings of docs/how-it-works.md show what the machine does: read from its registers, checked with a trace."""

import importlib
import io
import re

import numpy as np
import pytest
from matplotlib import rc_context

import eiesim

from .pages import ROOT

pytestmark = pytest.mark.skipif(not (ROOT / "docs" / "drawings.py").is_file(), reason="not a checkout")


@pytest.fixture(scope="module")
def drawings():
    return importlib.import_module("docs.drawings")


@pytest.mark.parametrize(("depth", "cycles", "stalled"), [(1, 18, [4, 5, 7, 8]), (8, 16, [])])
def test_the_example_is_what_a_trace_of_it_shows(drawings, depth, cycles, stalled):
    seen, offered, took = drawings.journey(depth)
    assert took == cycles
    assert [cycle for cycle, (_, sent) in offered.items() if not sent] == stalled
    layer, activations = drawings.example()
    trace = eiesim.trace(layer, activations, eiesim.MachineConfig(pes=4, queue_depth=depth, arithmetic="float32"))
    walked = np.full((4, cycles), -1)
    waiting = np.zeros((4, cycles), int)
    for (pe, stage), when in seen.items():
        for cycle, column in when:
            if stage == "PointerRead":
                walked[pe, cycle - 1] = column
            if stage == "in the queue":
                waiting[pe, cycle - 1] += 1
    entries = (trace.state == 1) | (trace.state == 2)
    np.testing.assert_array_equal(np.where(entries, trace.column, -1), np.where(entries, walked, -1))
    np.testing.assert_array_equal(trace.occupancy, waiting)
    assert {c: k for c, (k, sent) in offered.items() if sent} == dict(
        zip(trace.broadcast_cycle.tolist(), trace.broadcast_column.tolist(), strict=True)
    )
    assert trace.broadcast_stall.sum() == len(stalled)


def test_the_page_has_the_table_of_the_followed_broadcast(drawings):
    page = drawings.PAGE.read_text(encoding="utf-8")
    assert drawings.followed().count("\n") > 10
    assert drawings.renewed(page) == page, "`python docs/drawings.py` writes it anew"


@pytest.mark.parametrize("name", ["interleaving", "block_diagram", "timeline", "queues"])
def test_the_drawings_are_those_that_the_script_makes(drawings, name):
    made = io.StringIO()
    with rc_context(drawings.STYLE):
        getattr(drawings, name)().savefig(made, format="svg")
    kept = (drawings.HERE / f"{name}.svg").read_text(encoding="utf-8")
    words = re.compile(r"<text[^>]*>([^<]*)</text>")
    assert words.findall(kept) == words.findall(made.getvalue()) != []
