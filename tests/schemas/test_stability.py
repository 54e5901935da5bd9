"""docs/stability.md: what it names is what there is."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import eiesim
from eiesim import cli
from eiesim.config import FORMER_KEYS
from tests.layers import random_layer

ROOT = Path(eiesim.__file__).parents[1]
PAGE = ROOT / "docs" / "stability.md"

pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="eiesim is installed, not a checkout")


@pytest.fixture
def page():
    return PAGE.read_text(encoding="utf-8")


def test_every_document_stands_in_its_table(page):
    assert re.findall(r"^\| `([a-z-]+)` \| `", page, re.M) == sorted(eiesim.schema())


def test_exit_statuses(page):
    told = [int(status) for status in re.findall(r"(\d+): ", re.search(r"\| exit status \|(.*)\|", page)[1])]
    assert told == [0, 1, 2, cli.INTERRUPTED, cli.TERMINATED]


def test_environment_variables(page):
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "eiesim").rglob("*.py"))
    assert set(re.findall(r"EIESIM_[A-Z_]+", code)) == set(re.findall(r"`(EIESIM_[A-Z_]+)`", page))


def test_former_keys_are_told_and_still_read(page):
    for former, today in FORMER_KEYS.items():
        assert f"`{former}`" in page
        assert f"`{today}`" in page
        with pytest.warns(FutureWarning, match=today):
            eiesim.MachineConfig(**{former: 3.0})


def test_version_is_todays(page):
    assert f"The version is {eiesim.__version__}:" in page


def test_the_code_of_the_page_runs(page, tmp_path, monkeypatch):
    pytest.importorskip("jsonschema", reason="needs the extra [dev]")
    monkeypatch.chdir(tmp_path)
    document = eiesim.simulate(random_layer(1), np.ones(7)).to_dict()
    Path("result.json").write_text(json.dumps(document))
    (code,) = re.findall(r"```python\n(.*?)```", page, re.S)
    exec(code)
    Path("result.json").write_text(json.dumps({**document, "surplus": 1}))
    with pytest.raises(Exception, match="surplus"):
        exec(code)
