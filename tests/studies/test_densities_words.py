"""docs/other-tools.md: its table is what the study gives now, and what it says follows from the table alone."""

from pathlib import Path

import numpy as np
import pytest

from eiesim.paper.source import LAYERS
from studies import densities
from studies.densities import Line

PAGE = Path(__file__).parents[2] / "docs" / "other-tools.md"


@pytest.fixture(scope="module")
def lines():
    return [densities.line_of(name) for name in LAYERS]


def test_the_page_has_the_table_that_the_study_writes(lines):
    page = PAGE.read_text(encoding="utf-8")
    assert densities.renewed(page, lines) == page, "`python -m studies.densities docs/other-tools.md` writes it anew"
    assert densities.words(lines) in page


def test_the_parts_multiply_to_what_is_missed(lines):
    for one in lines:
        assert np.isclose((1 + one.drawn) * (1 + one.padding) * (1 + one.uneven), 1 + one.missed)
        assert abs(one.drawn) < 0.03, "the layer has about the products that its printed densities say"


def test_the_products_are_those_of_table_iii(lines):
    """Alex-8: 4096 inputs, 1000 outputs, 25 % of the weights and 37.5 % of the inputs (EIE Table III), on 64 PEs."""
    found = next(one for one in lines if one.layer == "Alex-8")
    assert found.expected == pytest.approx(1000 * 4096 * 0.25 * 0.375 / 64)


def test_no_sentence_says_what_a_table_does_not():
    """Without padding none is named; and a machine as quick as the product has no finding."""
    even = [Line("one", 6400.0, 6400, 6400, 150, 64), Line("two", 6400.0, 6400, 6400, 110, 64)]
    said = " ".join(densities.words(even).split())
    assert "+10 % (two) to +50 % (one)" in said
    assert "Padding is" not in said
    assert "Uneven shares cost most on one, +50 %." in said
    equal = [Line("one", 6400.0, 6400, 6400, 100, 64)]
    assert "misses" not in densities.words(equal)
