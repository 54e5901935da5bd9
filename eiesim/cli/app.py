"""The application, and how a function becomes a command: records of options are spread, files are guarded."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import typer

from eiesim._version import __version__

app = typer.Typer(
    help="Simulate EIE, the sparse neural-network accelerator (Han et al., ISCA 2016), cycle by cycle.",
    epilog="Try: eiesim run table3:Alex-7",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"eiesim {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


class Role(Enum):
    """What a command does with the files that an option or argument names; stands beside `typer.Option`.

    READS: files, and what belongs to them. WRITES: one file. FILLS: a folder, made if need be, that files go into.
    MAKES: a folder that is made as a whole. ASIDE: a file that is both read and written, or no file at all.
    """

    READS = "reads"
    WRITES = "writes"
    FILLS = "fills"
    MAKES = "makes"
    ASIDE = "aside"


FILES = ("FILE", "DIR", "LAYER", "NETWORK")
"""Words for what is a path, or may be one."""

Command = TypeVar("Command", bound=Callable[..., None])


def command(name: str | None = None, *, to: typer.Typer = app, **options: Any) -> Callable[[Command], Command]:
    """Make a function a command of `to`.

    A parameter whose type is a dataclass stands for an option of each of its fields (`PANEL`: where the help shows
    them). Before the function runs, no file
    that it would write is one that it reads; while it runs, none can become one.
    Raises TypeError, at import, where a path has no `Role`.
    """

    def register(function: Command) -> Command:
        records, parameters = _spread(function)
        roles = {each.name: _role(function, each) for each in parameters}

        def run(**given: Any) -> None:
            values = {key: record(**{part: given.pop(part) for part in parts}) for key, record, parts in records}
            with _guarded(roles, {**given, **{k: v for one in values.values() for k, v in vars(one).items()}}):
                function(**given, **values)

        run.__name__, run.__doc__ = function.__name__, _plain(function.__doc__)
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        run.roles, run.written = roles, function.__doc__  # type: ignore[attr-defined]
        to.command(name, **options)(run)
        return function

    return register


def _spread(function: Callable[..., Any]) -> tuple[list[tuple[str, Any, list[str]]], list[inspect.Parameter]]:
    """The records that a function takes, with their fields; its own parameters, then these fields, by panel of help."""
    records: list[tuple[str, Any, list[str]]] = []
    own: list[inspect.Parameter] = []
    spread: list[inspect.Parameter] = []
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


def _parameter(name: str, kind: Any, default: Any, panel: str | None = None) -> inspect.Parameter:
    value, option, *details = get_args(kind)
    option = copy(option)
    option.help, option.rich_help_panel = _plain(option.help), panel
    annotation = Annotated[(value, option, *details)]  # type: ignore[valid-type]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _plain(text: str | None) -> str | None:
    """A help text in which brackets are brackets; the help takes `[train]` for markup."""
    return None if text is None else re.sub(r"(\\*)(\[[a-z#/@][^[]*?])", r"\1\1\\\2", text)


def _role(function: Callable[..., Any], parameter: inspect.Parameter) -> Role | None:
    held, *details = get_args(parameter.annotation)
    roles = [each for each in details if isinstance(each, Role)]
    told = str(getattr(details[0], "metavar", "") or "")
    names_files = Path in (held, *get_args(held)) or ("=" not in told and any(word in told for word in FILES))
    if names_files and not roles:
        raise TypeError(f"{function.__name__}: {parameter.name} names files, and says not whether it reads or writes")
    return roles[0] if roles else None


@contextmanager
def _guarded(roles: Mapping[str, Role | None], given: Mapping[str, Any]) -> Iterator[None]:
    """Refuse a command that would write over what it reads, before it starts and while it runs."""
    named: dict[Role | None, list[str]] = {role: [] for role in Role}
    for name, value in given.items():
        each = value if isinstance(value, list) else [value]
        named.setdefault(roles[name], []).extend(str(one) for one in each if one is not None)
    reads = named[Role.READS]
    files = [name for name in named[Role.WRITES] if name != "-"]
    if not reads and not files:
        yield
        return
    from eiesim.outputs import guarding

    with guarding(reads, files):
        yield
