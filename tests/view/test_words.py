"""Every key that may be swept, and every column that a picture may show, has words for its axis."""

import pytest

from eiesim.config import MachineConfig
from eiesim.sweeps import curves, maps
from eiesim.view.words import COLUMNS, Words, listed, setting, words


@pytest.mark.parametrize("column", [*MachineConfig.model_fields, "variation", "engine", "seed", *maps.HEAT, *maps.COSTS,
                                    curves.READ_ENERGY, curves.UNIT_ENERGY, "spmat_row_reads"])  # fmt: skip
def test_a_column_has_words(column):
    assert column in COLUMNS, f"{column} has no words for its axis: give it a line in eiesim/view/words.py"
    assert "_" not in COLUMNS[column].label


def test_labels_say_unit_and_basis():
    assert Words("time", "µs", "simulated").label == "time (µs, simulated)"
    assert words("queue_depth").label == "queue depth (places)"
    assert words("arithmetic").label == "arithmetic"
    assert words("my_own_column").label == "my own column"


def test_settings_and_lists():
    assert setting("queue_depth", 8) == "queue depth 8 places"
    assert setting("clock_mhz", 800.0) == "clock 800 MHz"
    assert setting("arithmetic", "fixed16") == "arithmetic fixed16"
    assert setting("pes", 64) == "64 PEs"
    assert listed(["pes"]) == "PEs"
    assert listed(["pes", "queue_depth", "clock_mhz"]) == "PEs, queue depth and clock"
