"""paper/paper.md: its head is CITATION.cff's, its references are all there, and its figures are the project's own."""

import calendar
import re
from pathlib import Path
from statistics import fmean

import pytest

import eiesim
from tests.test_peers import OUTPUTS

ROOT = Path(eiesim.__file__).parents[1]
PAPER = ROOT / "paper" / "paper.md"

pytestmark = pytest.mark.skipif(not PAPER.is_file(), reason="eiesim is installed, not a checkout")


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def in_a_line(name):
    return " ".join(text(name).split())


@pytest.fixture
def paper():
    return in_a_line("paper/paper.md")


def test_its_head_is_that_of_the_citation():
    cited, head = text("CITATION.cff"), text("paper/paper.md").split("---\n")[1]
    (title,) = re.findall(r'^title: "(.*)"$', cited, re.M)
    assert f'title: "{title}"\n' in head
    authors = re.findall(r"^  - name: (.*)$", cited.partition("references:")[0], re.M)
    assert re.findall(r"^  - name: (.*)$", head.partition("affiliations:")[0], re.M) == authors
    keywords = re.findall(r"^  - ([\w -]+)$", cited.partition("keywords:")[2].partition("references:")[0], re.M)
    assert set(keywords) < set(re.findall(r"^  - ([\w -]+)$", head.partition("authors:")[0], re.M))
    year, month, day = re.search(r"^date-released: (\d+)-(\d+)-(\d+)$", cited, re.M).groups()
    assert f"date: {int(day)} {calendar.month_name[int(month)]} {year}\n" in head


def test_it_is_as_short_as_the_journal_asks_and_has_its_sections():
    body = text("paper/paper.md").split("---\n", 2)[2]
    assert 750 <= len(body.split()) <= 1200
    assert re.findall("^# (.*)$", body, re.M) == [
        "Summary", "Statement of need", "State of the field", "Software design", "Research impact statement",
        "Acknowledgements", "References",
    ]  # fmt: skip


def test_every_reference_is_there_and_is_used():
    there = re.findall(r"^@\w+\{(\w+),$", text("paper/paper.bib"), re.M)
    used = re.findall(r"@(\w+)", text("paper/paper.md").split("---\n", 2)[2])
    assert sorted(there) == sorted(set(used))
    shipped = eiesim.cite()
    for key in set(there) & set(re.findall(r"@\w+\{(\w+),", shipped)):
        (ours,) = re.findall(rf"\{{{key},\n  title +=.*", text("paper/paper.bib"))
        assert " ".join(ours.split()).removeprefix(f"{{{key}, ") in " ".join(shipped.split()), key


def test_figures_of_the_reproduction(paper):
    page = text("docs/reproduction.md")
    errors = re.findall(r"^\| [\w-]+ \|(?: [\d.]+ \|(?: [\d.]+ \([+-][\d.]+%\) \|){2}){2}$", page, re.M)
    actual = [float(re.findall(r"\(([+-][\d.]+)%\)", row)[-1]) for row in errors]
    assert len(actual) == 9
    assert f"{fmean(map(abs, actual)):.1f} % off on the mean, nothing fitted" in paper
    vgg_6 = next(float(re.findall(r"\(-([\d.]+)%\)", row)[-1]) for row in errors if "VGG-6" in row)
    assert f"VGG-6 takes {vgg_6:.0f} % less time than printed" in paper
    assert "equal those of the authors' own simulator in all 13 runs known of it" in in_a_line("docs/reproduction.md")
    assert "equal in all 13 runs known of it; 7,896 cycles at queue depth 8" in paper
    assert "gives 0.70 W where the paper has 0.59" in in_a_line("docs/reproduction.md")
    assert "estimates 0.70 W where the paper has 0.59" in paper


def test_figures_of_the_authors_layer(paper):
    from tests.test_alexnet_fc8 import CYCLES, ROW_READS

    assert f"{CYCLES[8]:,} cycles at queue depth 8" in paper
    assert len(CYCLES) + len(ROW_READS) - 1 == 13  # depth 8 at the published width is both


def test_figures_of_other_pages(paper):
    least, most = re.search(
        r"The product misses \+(\d+) % \(.*?\) to \+(\d+) %", in_a_line("docs/other-tools.md")
    ).groups()
    assert f"misses {least} % to {most} % of the cycles" in paper
    low, high = re.search(r"Beyond our model: \+(\d+)% to \+(\d+)% with MOP4CLXOR", text("docs/dram.md")).groups()
    assert f"the loads take {low} % to {high} % longer" in paper
    assert int(re.search(r"\+(\d+)% to \+\d+% with ChRaBaRoCo", text("docs/dram.md"))[1]) > 100
    total, printed = re.search(r"^\| all \|.* ([\d.]+) \| ([\d.]+) \|$", text("docs/power.md"), re.M).groups()
    assert f"a PE takes {float(total):.1f} mW where Table II has {float(printed):.1f}" in paper
    rows = re.search(r"([\d,]+)\s+rows", text("docs/million.md"))[1]
    assert int(rows.replace(",", "")) > 10**6
    assert "a study of more than a million rows" in paper


def test_figures_of_peers_and_of_the_rtl(paper):
    from tests.rtl import mutations

    peers = text("docs/peers.md")
    assert len(re.findall(r"^\| [\d.]+ \| [\d.]+ \| \d+ \| 0 \|", peers, re.M)) == 9
    assert "nine draws of 4,096 outputs" in paper
    assert ", ".join(map(str, OUTPUTS)) in peers
    runs, cycles = re.search(r"^\| (\d+) random runs .*\| ([\d,]+) \|", text("docs/rtl.md"), re.M).groups()
    assert f"{runs} random runs, {cycles} cycles" in paper
    assert f"{len(mutations.MUTATIONS)} faults put into the RTL" in paper


def test_eight_causes(paper):
    assert len(eiesim.balance("table3:NT-We").assignments[0].losses.to_dict()) == 8
    assert "attributed to eight causes that add up exactly" in paper
