"""Counts agree with their nouns: of one machine, input, layer, cycle, place there are no plurals."""

import re

import numpy as np
import pytest
from rich.console import Console

import eiesim
from eiesim._shown import counted
from eiesim.comparison.records import AreaRow
from eiesim.tracing import terminal
from eiesim.tracing.picture import picture
from eiesim.view.terminal import layer_table, result_table
from eiesim.view.words import setting

WRONG = re.compile(
    r"(?<![\d.,:/x-])1 (places|cycles|PEs|inputs|layers|bits|columns|rows|entries|seeds|runs|outputs|weights|values|"
    r"files|codes|bytes|machines|stalls|stall cycles|broadcasts|threads|times|points)\b"
)
ONE = eiesim.CompressedLayer.from_dense(np.array([[1.0]], np.float32), name="one")
MACHINE = eiesim.MachineConfig(pes=1, queue_depth=1)
INPUT = np.ones(1, np.float32)


def text_of(*shown):
    console = Console(width=200, record=True, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    console.print(*shown)
    return console.export_text()


@pytest.mark.parametrize(
    ("count", "noun", "said"),
    [(1, "PE", "1 PE"), (0, "cycle", "0 cycles"), (2, "entry", "2 entries"), (1, "entry", "1 entry"),
     (1.0, "run", "1 run"), (4096, "PE", "4,096 PEs")],
)  # fmt: skip
def test_a_count_and_its_noun(count, noun, said):
    assert counted(count, noun) == said


def test_nothing_that_is_shown_of_a_smallest_machine_says_one_of_several():
    result = eiesim.simulate(ONE, INPUT, MACHINE)
    trace = eiesim.trace(ONE, INPUT, MACHINE)
    path = eiesim.critical_path(ONE, INPUT, MACHINE)
    drawn = picture(trace)
    found = [
        text_of(result_table(result)), text_of(*layer_table(eiesim.inspect(ONE, MACHINE)[0])),
        text_of(terminal.picture(trace, 100)), text_of(terminal.picture(trace, 100, colour=False)),
        text_of(*terminal.path_report(path, 5)), *(repr(one) for one in (result, trace, path, ONE)),
        drawn.title, *(panel.title for panel in drawn.panels), setting("queue_depth", 1), setting("pes", 1),
        setting("index_bits", 1), AreaRow(1, "modelled", "spmat_read", 1.0).machine,
    ]  # fmt: skip
    for text in found:
        assert not WRONG.search(text), text
