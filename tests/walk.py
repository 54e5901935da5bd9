"""The commands as the command line has them: every option and argument, and what it does with files."""

from collections.abc import Iterator
from typing import Any

import typer

from eiesim.cli.app import Role, app, load

load()


def commands() -> Iterator[tuple[str, Any]]:
    """(name with spaces, click command) of every command, hidden ones too."""
    yield from _below("", typer.main.get_command(app))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for part, held in command.commands.items():
            yield from _below(f"{name} {part}".strip(), held)
    else:
        yield name, command


def role(command: Any, parameter: Any) -> Role | None:
    """What a command does with what a parameter names; None where it is no file."""
    found: Role | None = roles(command).get(parameter.name)
    return found


def roles(command: Any) -> dict[str, Role | None]:
    """By parameter. Typer wraps the function that has them."""
    found: dict[str, Role | None] = command.callback.roles
    return found


def words(parameter: Any, value: object) -> list[str]:
    """A parameter with its value, as it is typed; an argument is its value alone."""
    return [str(value)] if parameter.param_type_name == "argument" else [parameter.opts[-1], str(value)]
