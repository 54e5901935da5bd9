"""The process that draws beside this one: the same results with it, without it, and when it is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from eiesim.view.helper import helper


def square(number):
    return number * number, os.getpid()


def end_the_helper(parent):
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return parent


def test_every_item_once():
    with helper("math", jobs=2) as drawn:
        found = dict(drawn(square, range(2000)))
    assert {number: result for number, (result, _) in found.items()} == {k: k * k for k in range(2000)}


def test_alone():
    with helper("math", jobs=1) as drawn:
        assert list(drawn(square, [3, 1])) == [(3, (9, os.getpid())), (1, (1, os.getpid()))]


def die_twice():
    """What the next test runs, in a process of its own."""
    here = os.getpid()
    with helper("math", jobs=2) as drawn:
        for _ in range(2):
            assert dict(drawn(end_the_helper, [here] * 3)) == {here: here}
    print("drawn")


def test_a_helper_that_dies_is_done_without():
    """In a process of its own: whatever the death of a child does to its parent, the suite goes on and says it."""
    code = "from tests.view.test_helper import die_twice\nif __name__ == '__main__': die_twice()"
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "drawn\n", "")


def test_a_module_that_is_missing_is_done_without():
    with helper("no_such_module", jobs=2) as drawn:
        assert {result for _, (result, _) in drawn(square, [1, 2])} == {1, 4}
