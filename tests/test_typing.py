"""What a type checker and completion see of the public names: mypy over a few lines, the keys by `inspect`."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import eiesim

LINES = {
    "eiesim.MachineConfig(pes=16, arithmetic='float32', weight_frac=3)": "",
    "eiesim.MachineConfig(pse=16)": 'Unexpected keyword argument "pse" for "MachineConfig"',
    "eiesim.MachineConfig(pes='16')": 'Argument "pes" to "MachineConfig" has incompatible type "str"; expected "int"',
    "eiesim.MachineConfig(arithmetic='fixed12')": 'Argument "arithmetic" to "MachineConfig" has incompatible type',
    "eiesim.MachineConfig(16)": 'Too many positional arguments for "MachineConfig"',
    "eiesim.MachineConfig().pes.lower()": '"int" has no attribute "lower"',
    "eiesim.preset('isca16').clock_mhz / 2 + 'MHz'": 'Unsupported operand types for + ("float" and "str")',
    "eiesim.simulate(1)": 'Argument 1 to "simulate" has incompatible type "int"',
}
"""Lines of a user's program, and what mypy says of each; "" is nothing."""


def test_mypy_sees_keys_and_types(tmp_path):
    pytest.importorskip("mypy")
    program = tmp_path / "program.py"
    program.write_text("\n".join(["import eiesim", *LINES]) + "\n")
    # With the project's own settings, whose cache makes it quick.
    command = [sys.executable, "-m", "mypy", "--no-error-summary", str(program)]
    root = Path(eiesim.__file__).parents[1]
    said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout
    by_line: dict[int, str] = {}
    for line in said.splitlines():
        path, at, text = line.split(":", 2)
        assert Path(path).name == program.name, line
        by_line[int(at)] = by_line.get(int(at), "") + text
    for number, (line, expected) in enumerate(LINES.items(), start=2):
        found = by_line.pop(number, "")
        assert expected in found if expected else not found, (line, found)
    assert not by_line


def test_the_package_says_that_it_is_typed():
    assert Path(eiesim.__file__).with_name("py.typed").is_file()


def test_completion_sees_every_key_once_and_keyword_only():
    parameters = inspect.signature(eiesim.MachineConfig).parameters
    assert list(parameters) == list(eiesim.MachineConfig.model_fields)
    assert {one.kind for one in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert all(one.default == getattr(eiesim.MachineConfig(), key) for key, one in parameters.items())
