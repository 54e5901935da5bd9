"""Whether the command line takes a command as a page shows it: its options, values and number of arguments."""

import shlex
from typing import Any

import typer

from eiesim.cli.app import app, load

load()
GROUP: Any = typer.main.get_command(app)
SEPARATORS = ("&&", "||", "|", ";")


def commands_within(line: str) -> list[list[str]]:
    """The words of each command of a shell line, without redirections and comments."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&<>")
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    skip = False
    for word in lexer:
        if skip:
            skip = False
        elif word in SEPARATORS:
            found.append([])
        elif word in (">", ">>", "<", ">&"):
            skip = True
        else:
            found[-1].append(word)
    return [words for words in found if words]


def parse(words: list[str]) -> None:
    """Parse `eiesim ...` as the command line does, running nothing. Raises click's error in what it refuses."""
    context = GROUP.make_context("eiesim", words[1:], resilient_parsing=False)
    command: Any = GROUP
    while hasattr(command, "commands"):
        left = [*getattr(context, "_protected_args", ()), *context.args]
        _, command, rest = command.resolve_command(context, left)
        context = command.make_context(command.name, rest, parent=context)


def options_of(words: list[str]) -> tuple[str, set[str]] | None:
    """The command that words begin with, and its options; None if they are no command."""
    command: Any = GROUP
    name = "eiesim"
    for word in words[1:]:
        if not hasattr(command, "commands") or word not in command.commands:
            break
        command, name = command.commands[word], f"{name} {word}"
    if name == "eiesim" and len(words) > 1 and not words[1].startswith("-"):
        return None
    return name, {option for held in command.params for option in (*held.opts, *held.secondary_opts)} | {"--help", "-h"}
