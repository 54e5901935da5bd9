"""The application, and how a function becomes a command: records of options are spread, files are guarded."""

import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import typer

import eiesim
from eiesim.errors import EieError

app = typer.Typer(
    help="Simulate EIE, the sparse neural-network accelerator (Han et al., ISCA 2016), cycle by cycle.",
    epilog="Try: eiesim run table3:Alex-7",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"eiesim {eiesim.__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


COMMANDS = (
    "run", "trace", "inspect", "compress", "train", "accuracy", "compare", "sweep", "advise", "balance", "reproduce",
    "rtl", "schema", "cite",
)  # fmt: skip
"""Modules that add commands, in the order of `eiesim --help`."""

BESIDES = {"layers": "inspect", "critical-path": "trace"}
"""Commands that are not named as the module that adds them."""


def load(command: str = "") -> None:
    """Import what adds a command to `app`; for another word all of them, as `--help` shows them."""
    module = BESIDES.get(command, command)
    if module in COMMANDS:
        import_module(f"eiesim.cli.{module}")
        return
    for module in COMMANDS:
        import_module(f"eiesim.cli.{module}")
    app.registered_commands.sort(key=lambda one: COMMANDS.index(str(one.callback.__module__).rpartition(".")[2]))


class Role(Enum):
    """What a command does with the files that an option or argument names.

    READS: files, and what belongs to them. WRITES: one file. FILLS: a folder, made if need be, that files go into.
    MAKES: a folder that is made as a whole.
    """

    READS = "reads"
    WRITES = "writes"
    FILLS = "fills"
    MAKES = "makes"


class Option:
    """An option, beside its type in `Annotated`: what the help says, other names than the parameter's, typer's more."""

    def __init__(self, help: str, *names: str, role: Role | None = None, argument: bool = False, **more: Any) -> None:
        self.help, self.names, self.role, self.argument, self.more = help, names, role, argument, more

    def for_typer(self, name: str, kind: Any, panel: str | None) -> Any:
        """What typer makes of it. name, kind: the parameter's. panel: where the help shows it."""
        told = _plain(self.help)
        if self.argument:
            return typer.Argument(help=told, show_default=False, **self.more)
        given = any(each.startswith("--") for each in self.names)
        long = [] if given or not (self.names or kind is bool) else [f"--{name.replace('_', '-')}"]
        return typer.Option(*long, *self.names, help=told, rich_help_panel=panel, **self.more)


Reads, Writes, Fills, Makes = (partial(Option, role=role) for role in Role)
Argument = partial(Reads, argument=True)

FILES = ("FILE", "DIR", "LAYER", "NETWORK")
"""Words for what is a path, or may be one."""

Command = TypeVar("Command", bound=Callable[..., None])


def command(name: str | None = None, *, to: typer.Typer = app, **options: Any) -> Callable[[Command], Command]:
    """Make a function a command of `to`.

    A parameter whose type is a dataclass stands for an option of each of its fields (`PANEL`: where the help shows
    them). Before the function runs, no file that it would write is one that it reads; while it runs, none can become
    one. Raises TypeError, at import, where what names files says not what is done with them.
    """

    def register(function: Command) -> Command:
        records, parameters = _spread(function)
        roles = {each.name: role for each, role in parameters}

        def run(**given: Any) -> None:
            values = {key: record(**{part: given.pop(part) for part in parts}) for key, record, parts in records}
            with _guarded(roles, {**given, **{k: v for one in values.values() for k, v in vars(one).items()}}):
                function(**given, **values)

        run.__name__, run.__module__, run.__doc__ = function.__name__, function.__module__, _plain(function.__doc__)
        run.__signature__ = inspect.Signature([each for each, _ in parameters])  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each, _ in parameters}
        run.roles, run.written = roles, function.__doc__  # type: ignore[attr-defined]
        to.command(name, **options)(run)
        return function

    return register


Spread = tuple[list[tuple[str, Any, list[str]]], list[tuple[inspect.Parameter, Role | None]]]


def _spread(function: Callable[..., Any]) -> Spread:
    """The records that a function takes, with their fields; its own parameters, then these fields, with their roles."""
    records: list[tuple[str, Any, list[str]]] = []
    own: list[tuple[inspect.Parameter, Role | None]] = []
    spread: list[tuple[inspect.Parameter, Role | None]] = []
    hints = get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        kind: Any = hints[name]
        if not is_dataclass(kind):
            own.append(_parameter(name, kind, parameter.default))
            continue
        held = get_type_hints(kind, include_extras=True)
        records.append((name, kind, [field.name for field in fields(kind)]))
        panel = getattr(kind, "PANEL", None)
        spread += [_parameter(one.name, held[one.name], one.default, panel) for one in fields(kind)]
    return records, [*own, *spread]


def _parameter(name: str, kind: Any, default: Any, panel: str | None = None) -> tuple[inspect.Parameter, Role | None]:
    held, option = get_args(kind)
    told = str(option.more.get("metavar", ""))
    names_files = Path in (held, *get_args(held)) or ("=" not in told and any(word in told for word in FILES))
    if names_files and option.role is None:
        raise TypeError(f"{name}: names files, and says not whether they are read or written")
    annotation: Any = Annotated[(held, option.for_typer(name, held, panel))]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation), option.role


def _plain(text: str | None) -> str | None:
    """A help text in which brackets are brackets; the help takes `[train]` for markup."""
    return None if text is None else re.sub(r"(\\*)(\[[a-z#/@][^[]*?])", r"\1\1\\\2", text)


def _guarded(roles: Mapping[str, Role | None], given: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Refuses a command that would write over what it reads, before it starts and while it runs, and a file where a
    folder is to be filled.
    """
    each = [(roles[name], one) for name, held in given.items() for one in (held if isinstance(held, list) else [held])]
    reads = [str(one) for role, one in each if role is Role.READS and one is not None]
    files = [str(one) for role, one in each if role is Role.WRITES and str(one) not in ("None", "-")]
    folders = [(role, Path(one)) for role, one in each if role in (Role.FILLS, Role.MAKES) and one is not None]
    if not files and not folders:
        return nullcontext()
    for role, folder in folders:
        if role is Role.FILLS and folder.is_file():
            raise EieError(f"{folder}: is a file; give a folder's name, or a new one")
    from eiesim.outputs import guarding

    return guarding(reads, files)
