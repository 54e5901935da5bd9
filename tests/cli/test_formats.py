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
    assert "png, svg, pdf, not 'gif'" in " ".join(answer.err.split())
    assert list(tmp_path.iterdir()) == []
