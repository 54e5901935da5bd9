"""What is installed: every package, typed, with its data, and the example networks of traces/."""

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
