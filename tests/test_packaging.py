"""What is installed: every package, typed, with its data, and the example networks of traces/."""

import re
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

import eiesim

ROOT = Path(eiesim.__file__).parents[1]

pytestmark = pytest.mark.skipif(not (ROOT / "setup.cfg").is_file(), reason="eiesim is installed, not a checkout")


@pytest.fixture
def options():
    found = ConfigParser()
    found.read(ROOT / "setup.cfg", encoding="utf-8")
    return found


def test_every_package_is_listed(options):
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "eiesim").rglob("__init__.py")}
    assert set(options["options"]["packages"].split()) == there | {"eiesim.examples"}


def test_every_data_folder_is_listed(options):
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "eiesim").rglob("data")}
    assert there <= set(options["options.package_data"])


def test_version_and_date_are_the_same_everywhere():
    version, day = re.search(r"^## (\d+\.\d+\.\d+), (\S+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M).groups()
    cited = (ROOT / "CITATION.cff").read_text("utf-8")
    assert version == eiesim.__version__
    assert f"\nversion: {version}\n" in cited
    assert f"\ndate-released: {day}\n" in cited


def test_the_source_archive_takes_everything_that_is_committed():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode or not listed.stdout:
        pytest.skip("no Git checkout: nothing to compare with")
    committed = {Path(name) for name in listed.stdout.splitlines() if (ROOT / name).exists()}
    manifest = (ROOT / "MANIFEST.in").read_text("utf-8")
    folders = {"eiesim", *re.findall(r"^graft (\S+)$", manifest, re.M)}
    files = set(re.search(r"^include (.*)$", manifest, re.M)[1].split())
    assert [str(one) for one in committed if one.parts[0] not in folders and str(one) not in files] == []
