"""The scripts in examples/ run from an empty folder, and what they print is what the simulator gives."""

import os
import re
import subprocess
import sys

import pytest

import eiesim

from .pages import ROOT

EXAMPLES = ROOT / "examples"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="eiesim is installed, not a checkout")


def printed(script, folder, *arguments):
    told = subprocess.run(
        [sys.executable, EXAMPLES / script, *arguments], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (0, "")
    return told.stdout


def test_every_example_is_tested_and_shown():
    page = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    assert scripts == {"density.py", "queue_depth.py", "slowest_pe.py"}
    assert scripts == set(re.findall(r"literalinclude\} \.\./examples/(\S+)", page))


def test_density(tmp_path):
    pytest.importorskip("torch", reason="needs extra [train]")
    lines = printed("density.py", tmp_path).splitlines()
    cycles = [int(re.search(r"([\d,]+) cycles", line)[1].replace(",", "")) for line in lines]
    assert len(cycles) == 6
    assert cycles == sorted(cycles, reverse=True)
    # All weights of half of the columns, 16 rows a PE (15.6, and the bias), one a cycle.
    assert cycles[0] == pytest.approx(1024 / 2 * 16, rel=0.05)


def test_queue_depth(tmp_path):
    told = printed("queue_depth.py", tmp_path, "table3:NT-We")
    cycles = [float(value) for value in re.search(r"^NT-We +(.*)$", told, re.MULTILINE)[1].split()]
    alone = [eiesim.simulate(eiesim.open("table3:NT-We"), config=eiesim.MachineConfig(queue_depth=d)).cycles
             for d in (1, 2, 4, 8, 16, 32, 64)]  # fmt: skip
    assert cycles == alone
    assert "NT-We: 16 places are within 2 % of the best" in told
    assert (tmp_path / "queue_depth" / "fig8_queue_depth.png").stat().st_size > 10_000


def test_slowest_pe(tmp_path):
    told = printed("slowest_pe.py", tmp_path)
    result = eiesim.simulate(eiesim.open("table3:NT-We"))
    assert f"of {result.cycles:,.0f} cycles on the critical path" in told
    assert f"rows as stored: {result.cycles:,.0f} cycles" in told
    assert (tmp_path / "slowest_pe.png").stat().st_size > 10_000
