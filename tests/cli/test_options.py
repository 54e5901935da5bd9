"""The options as records: every command with a machine takes every option of it, and the help says what is meant."""

import inspect
import re

import pytest

import eiesim
from eiesim.cli.options import Base, EnergyFigures, Fed, Machine
from tests import walk
from tests.cases import cli

COMMANDS = dict(walk.commands())

OF_ITS_OWN = {"sweep": {"pes", "queue_depth", "spmat_width", "operation"}}
"""Commands that take an option of the machine in their own way: as several values."""


def named(command):
    return {parameter.name for parameter in command.params}


def test_machine_options_are_keys_of_the_configuration():
    keys = set(inspect.signature(Machine).parameters) - set(inspect.signature(Base).parameters)
    assert keys == {"pes", "queue_depth", "spmat_width", "operation"}
    assert keys <= set(eiesim.MachineConfig.model_fields)


@pytest.mark.parametrize("record", [Machine, EnergyFigures, Fed])
def test_whoever_takes_one_option_of_a_record_takes_them_all(record):
    """But for `train`, whose --pes, --density and --seed are others, and those that feed nothing."""
    first = next(iter(inspect.signature(record).parameters))
    takers = [name for name, command in COMMANDS.items() if first in named(command)]
    assert len(takers) > 1
    for name in takers:
        if record is Fed and name in ("accuracy", "sweep"):
            continue
        assert set(inspect.signature(record).parameters) <= named(COMMANDS[name]), name


def test_every_command_with_a_machine_can_set_its_keys(tmp_path):
    eiesim.save(eiesim.CompressedLayer.from_dense([[1.0, 0, 2], [0, 3, 0]], name="a"), tmp_path / "a.npz")
    for command in ("inspect", "balance", "run"):
        arguments = [
            command,
            tmp_path / "a.npz",
            "--queue-depth",
            3,
            "--spmat-width",
            32,
            "--pes",
            2,
            "--json",
            "-",
            "-q",
        ]
        answer = cli(*arguments, *([] if command == "inspect" else ["-i", x_of(tmp_path)]))
        assert answer.status == 0, answer.err
        assert '"queue_depth": 3' in answer.out
        assert '"spmat_width": 32' in answer.out


def x_of(folder):
    import numpy as np

    np.save(folder / "x.npy", np.ones(3, np.float32))
    return folder / "x.npy"


def words(text):
    """The words of a text as they stand, whatever lines and frames they are in."""
    return re.sub(r"[\s│]+", "", text)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_the_source_says(name, monkeypatch):
    """Brackets are not taken for markup, nor is anything else lost: `pip install '.[train]'`."""
    monkeypatch.setenv("COLUMNS", "500")
    shown = words(cli(*name.split(), "--help").out)
    command = COMMANDS[name]
    told = [inspect.cleandoc(command.callback.written), *(one.help or "" for one in command.params if not one.hidden)]
    for text in told:
        assert words(text.replace("\b", "").replace("\\[", "[")) in shown


def test_help_names_the_extra():
    assert words("Needs PyTorch; in a clone of eiesim: pip install '.[train]'.") in words(cli("train", "--help").out)


def test_examples_in_the_help_are_lines_of_their_own(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    for name, command in COMMANDS.items():
        examples = [
            line.strip() for line in command.callback.written.splitlines() if line.strip().startswith("eiesim ")
        ]
        lines = [line.strip() for line in cli(*name.split(), "--help").out.splitlines()]
        assert set(examples) <= set(lines), name
