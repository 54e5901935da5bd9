"""Compiled kernels are up to date: made anew when what they compute changes, and only then."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(bool(os.environ.get("NUMBA_DISABLE_JIT")), reason="nothing is compiled")

FILES = {
    "lengths.py": "LENGTH = 3\n",
    "parts.py": "from eiesim._jit import jit\n\n\n@jit\ndef part(x):\n    return x * 2\n",
    "whole.py": (
        "from eiesim._jit import jit\nfrom kernels import lengths\nfrom kernels.parts import part\n\n"
        "SIZES = (1, 2)\n\n\n@jit\ndef whole(x):\n    return later(part(x)) + lengths.LENGTH + SIZES[0]\n\n\n"
        "@jit\ndef later(x):\n    return x + 10\n"
    ),
}

RUN = """
import logging
logging.basicConfig(level=logging.INFO, format="%(message)s")
from kernels.whole import whole
print(whole(5))
"""


@pytest.fixture
def kernels(tmp_path):
    """Kernels in three files, and a function that runs them in a new process: (what they give, what was compiled)."""
    package = tmp_path / "kernels"
    package.mkdir()
    (package / "__init__.py").touch()
    for name, text in FILES.items():
        (package / name).write_text(text)

    def run():
        ended = subprocess.run(
            [sys.executable, "-c", RUN],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(tmp_path), os.getcwd()]),
                "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            check=True,
        )
        compiled = [line.split()[-1] for line in ended.stderr.splitlines() if line.startswith("compiling")]
        return int(ended.stdout), set(compiled)

    def edit(name, old, new):
        text = (package / name).read_text()
        assert old in text
        (package / name).write_text(text.replace(old, new))

    assert run() == (24, {"whole", "later", "part"})
    assert run() == (24, set())
    return run, edit


def test_a_callee_in_another_file_that_changes_compiles_its_callers_anew(kernels):
    run, edit = kernels
    edit("parts.py", "x * 2", "x * 4")
    assert run() == (34, {"whole", "part"})


def test_a_constant_of_the_file_is_part_of_the_kernel(kernels):
    run, edit = kernels
    edit("whole.py", "SIZES = (1, 2)", "SIZES = (7, 2)")
    assert run() == (30, {"whole"})
    edit("lengths.py", "3", "4")
    assert run() == (31, {"whole"})


def test_a_callee_that_stands_further_down_is_known(kernels):
    run, edit = kernels
    edit("whole.py", "x + 10", "x + 20")
    assert run() == (34, {"whole", "later"})


def test_a_default_of_a_callee_is_part_of_the_kernel(kernels):
    run, edit = kernels
    edit("parts.py", "part(x):\n    return x * 2", "part(x, by=2):\n    return x * by")
    assert run() == (24, {"whole", "part"})
    edit("parts.py", "by=2", "by=4")
    assert run() == (34, {"whole", "part"})


def test_comments_docstrings_and_neighbours_compile_nothing(kernels):
    run, edit = kernels
    edit("parts.py", "    return x", '    """Twice."""\n    # A comment.\n    return x')
    edit("whole.py", "SIZES = (1, 2)", "SIZES = (1, 2); NEIGHBOUR = 5")
    assert run() == (24, set())


def test_going_back_finds_what_was_compiled_before(kernels):
    run, edit = kernels
    edit("parts.py", "x * 2", "x * 4")
    run()
    edit("parts.py", "x * 4", "x * 2")
    assert run() == (24, set())


def test_every_kernel_of_eiesim_says_what_it_computes():
    # Two kernels with the same hash would be one and the same code.
    from eiesim._cache import kernel_hash
    from eiesim.engines import recurrence
    from eiesim.machine import clock
    from eiesim.tracing import timeline

    every = {
        id(value): value
        for module in (recurrence, clock, timeline)
        for value in vars(module).values()
        if hasattr(value, "py_func")
    }
    assert len(every) > 10
    assert len({kernel_hash(one) for one in every.values()}) == len(every)


def test_a_named_tuple_whose_fields_change_places_is_another_type(tmp_path):
    """numba takes it for the same: its class and its types are."""
    lines = [
        "from typing import NamedTuple",
        "from eiesim._jit import jit",
        "class Pair(NamedTuple):",
        "    {}: int",
        "    {}: int",
        "class Outer(NamedTuple):",
        "    pair: Pair",
        "@jit",
        "def first(outer):",
        "    return outer.pair.a",
    ]
    found = []
    for names in (("a", "b"), ("b", "a")):
        (tmp_path / "kernels.py").write_text("\n".join(lines).format(*names))
        found.append(_run(tmp_path, "from kernels import Outer, Pair, first; print(first(Outer(Pair(7, 8))))").stdout)
    assert found == ["7\n", "8\n"]


def test_a_class_of_arguments_that_was_renamed_is_compiled_anew(tmp_path):
    lines = "from typing import NamedTuple\nfrom eiesim._jit import jit\nclass {0}(NamedTuple):\n    a: int\n"
    lines += "@jit\ndef first(x):\n    return x.a\ndef run():\n    return first({0}(7))\n"
    for name in ("Before", "After"):
        (tmp_path / "kernels.py").write_text(lines.format(name))
        ended = _run(tmp_path, "from kernels import run; print(run())")
        assert (ended.stdout, ended.stderr) == ("7\n", "")


LACKING = {
    "the options": "from numba.core.cpu import CPUTargetOptions as options\n"
    "for base in options.__mro__:\n"
    "    [delattr(base, name) for name in ('_nrt', 'forceinline') if name in vars(base)]\n",
    "the cache's class": "from numba.core import caching\ndel caching.IndexDataCacheFile\n",
    "a method of the cache's class": "from numba.core import caching\ndel caching.Cache._index_key\n",
    "the runtime's start": "import numba\nfrom numba.core.runtime import nrt\ndel nrt.rtsys\n",
    "how the cache is made": "from numba.core import caching\ncaching.Cache.__init__ = lambda self: None\n",
}


@pytest.mark.parametrize("what", LACKING)
def test_where_numba_lacks_an_inner_part_all_works_only_slower(tmp_path, what):
    """A kernel with each option, and one that calls another: the same results, and at most one warning."""
    (tmp_path / "kernels.py").write_text(
        "from eiesim._jit import inlined, jit, uncounted\n"
        "@inlined\ndef twice(x):\n    return x * 2\n"
        "@jit\ndef whole(x):\n    return twice(x) + 1\n"
        "@uncounted\ndef total(x):\n    sum = 0\n    for k in range(len(x)):\n        sum += x[k]\n    return sum\n"
    )
    run = "import numpy; from kernels import *; print(whole(5), total(numpy.arange(5)))"
    for _ in range(2):  # the second time from the cache, if there is one
        ended = _run(tmp_path, LACKING[what] + run)
        assert ended.stdout == "11 10\n"
        warnings = ended.stderr.count("compiled code is not kept, so each start takes longer")
        assert warnings == (0 if what == "the options" else 1), ended.stderr
        assert "Traceback" not in ended.stderr


def _run(folder, program):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), os.getcwd()]),
        "NUMBA_CACHE_DIR": str(folder / "cache"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)


TYPES = """
import numpy as np
from numba.core.typing.typeof import typeof_impl

class Other(np.ndarray): pass

def every():
    for letter in ("?", "i1", "u4", "i8", "f8", ">f8", "f2", "longdouble", "c16", "S3", "M8[s]", "O", "i4,f4"):
        array = np.zeros((4, 6), letter)
        frozen = array.copy()
        frozen.flags.writeable = False
        yield from (array, array.T, array[::2, ::2], frozen, array.view(Other), array[:0], array[0, :1].reshape(()))
        yield np.ma.array(array)

def told(array):
    try:
        return repr(typeof_impl(array, None))
    except Exception as error:
        return f"{type(error).__name__}: {error}"

arrays = list(every())
own = [told(array) for array in arrays]
import eiesim._numba
assert typeof_impl.dispatch(np.ndarray).__module__ == "eiesim._numba"
assert [told(array) for array in arrays] == own
print(len(set(own)))
"""


def test_arrays_have_numbas_own_types():
    # eiesim finds plain arrays' types by itself, so that a run need not import numpy.ma.
    ended = subprocess.run([sys.executable, "-c", TYPES], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 30


def test_a_run_imports_no_masked_arrays():
    run = "import sys, eiesim; eiesim.simulate('table3:NT-We', outputs=False); print('numpy.ma' in sys.modules)"
    for _ in range(2):  # the first compiles what is not compiled yet, for which numba imports more
        ended = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
