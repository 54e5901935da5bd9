"""docs/dram.md: its table is that of its runs, our columns are what eiesim says now, and its sentences hold."""

from pathlib import Path

import pytest

import eiesim
from studies import dram

PAGE = Path(eiesim.__file__).parents[1] / "docs" / "dram.md"

pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="eiesim is installed, not a checkout")


@pytest.fixture(scope="module")
def runs():
    return dram.kept(PAGE.with_suffix("") / "runs.csv")


def test_the_page_is_that_of_its_runs(runs):
    page = PAGE.read_text(encoding="utf-8")
    assert dram.renewed(page, runs) == page, "`python -m studies.dram docs/dram.md` writes it anew"
    assert len(runs) == len(dram.LAYERS) * len(dram.MAPPERS)


def test_our_columns_are_what_eiesim_says(runs, tmp_path):
    path = tmp_path / "loads.trace"
    bursts, load_us = dram.traced("NT-We", "streamed", path)
    assert {(one.bursts, one.load_us) for one in runs if one.layer == "NT-We"} == {(bursts, load_us)}
    assert path.read_text().startswith("LD 0x0\nLD 0x40\n")
    assert len(path.read_text().splitlines()) == bursts


def test_no_run_is_faster_than_the_wires(runs):
    for one in runs:
        assert one.clocks >= 4 * one.bursts, "a burst takes four clocks of the wires"
        assert one.load_us == pytest.approx(one.bursts * 64 / 25.6e3, rel=1e-3), (
            "our model: 25.6 * 10**9 bytes a second"
        )


def test_the_sentences_hold(runs):
    by = {mapper: [one for one in runs if one.mapper == mapper] for mapper in dram.MAPPERS}
    assert all(one.gbytes_per_s == pytest.approx(24, abs=0.6) for one in by["MOP4CLXOR"])
    assert all(one.gbytes_per_s == pytest.approx(11.6, abs=0.1) for one in by["ChRaBaRoCo"])
    assert all(one.gbytes_per_s < 25.6 / 2 for one in by["ChRaBaRoCo"])
    assert all(one.row_hits > 0.98 * one.bursts for one in [*by["ChRaBaRoCo"], *by["RoBaRaCoCh"]])
    assert all(a.dram_us < b.dram_us < c.dram_us for a, b, c in zip(*by.values(), strict=True))
    memory = eiesim.simulate("table3:VGG-6", config={"weights": "streamed"}, outputs=False).layers[0].memory
    assert f"VGG-6: {memory.load_cycles:,} of {memory.cycles:,} cycles" in PAGE.read_text(encoding="utf-8")
