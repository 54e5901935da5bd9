"""--formats: what pictures are written as; PDF text is text."""

import pytest

from tests.cases import cli


def test_pictures_as_pdf_alone(tmp_path):
    answer = cli("run", "table3:NT-We", "--plot", tmp_path, "--formats", "pdf", "-q")
    assert answer.status == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"pe_cycles.pdf", "pe_load.pdf"}
    assert all(name.endswith(".pdf") for name in names)
    assert b"/Type3" not in (tmp_path / "pe_cycles.pdf").read_bytes()


@pytest.mark.parametrize("command", [("run", "table3:NT-We"), ("sweep", "table3:NT-We"), ("compare", "-o", "out")])
def test_another_format_is_refused_before_anything_runs(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    answer = cli(*command, "--formats", "png,gif")
    assert answer.status == 2
    assert "png, svg, pdf, tex, not 'gif'" in " ".join(answer.err.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("run", "table3:NT-We"), ("reproduce",), ("trace", "table3:NT-We")])
def test_another_style_is_refused_before_anything_runs(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    answer = cli(*command, "--style", "papper")
    assert (answer.status, answer.err.count("\n")) == (2, 1)
    assert "--style: no style is called 'papper'; there are: screen, paper, paper-wide" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_paper_s_style_writes_pdf_and_captions(tmp_path):
    answer = cli("critical-path", "table3:NT-We", "--plot", tmp_path, "--style", "paper", "-q")
    assert answer.status == 0, answer.err
    assert {path.name for path in tmp_path.iterdir()} == {"critical_path.pdf", "captions.tex"}
    answer = cli("balance", "table3:NT-We", "--plot", tmp_path, "--formats", "tex", "-q")
    assert answer.status == 0, answer.err
    assert r"lost: finite queues &" in (tmp_path / "balance.tex").read_text()
    assert cli("cite", "han2016eie").out.count("@inproceedings{han2016eie,") == 1
