"""No suite ends without a summary while Python can still say something."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGALRM"])
def test_a_signal_that_ends_the_suite_is_named(tmp_path, name):
    (tmp_path / "test_it.py").write_text(
        "import os, signal, time\n"
        "def test_before(): pass\n"
        f"def test_it(): os.kill(os.getpid(), signal.{name}); time.sleep(9)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.ending", "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # which nohup ignores
    )  # fmt: skip
    assert f"the suite was ended from outside, by {name}" in ended.stdout
    assert "1 passed" in ended.stdout
    assert ended.returncode > 128
