"""What `help()` says of each public name: every parameter by itself, what is returned and raised; examples run."""

import ast
import builtins
import doctest
import importlib
import inspect
import textwrap
import types
from dataclasses import is_dataclass

import pytest
from pydantic import BaseModel

import eiesim

pytest.importorskip("numpydoc", reason="needs the extra docs")
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import validate

LEFT_OUT = {
    "ES01",  # A summary may be enough.
    "EX01",  # As may the parameters.
    "SA01",
    "SS05",  # Takes "is" and "layers" for verbs.
    "GL08",  # test_public_api.py asks for a docstring.
    "PR01",  # Said here for functions and records alike.
    "PR02",
    "PR03",
    "PR04",
    "PR06",  # "str or Path" is a type.
    "RT01",
}


def public():
    """Every public name, and every method that a public class defines, by its dotted name."""
    for name in sorted(dir(eiesim)):
        held = getattr(eiesim, name)
        if not callable(held):
            continue
        yield name, held
        if not inspect.isclass(held):
            continue
        for base in held.__mro__:
            if base.__module__.startswith("eiesim."):
                for method, defined in vars(base).items():
                    if not method.startswith("_") and not isinstance(defined, property) and callable(
                        getattr(held, method)
                    ) and not inspect.isclass(getattr(held, method)):  # fmt: skip
                        yield f"{name}.{method}", getattr(held, method)


NEVER = {"decode": "what it makes was a layer before"}
"""What raises no EieError, though it calls what could."""

NOT_YET = ()
"""Being rewritten; their docstrings follow."""

PUBLIC = {name: held for name, held in public() if name.partition(".")[0] not in NOT_YET}
FUNCTIONS = [name for name, held in PUBLIC.items() if not inspect.isclass(held)]


def documented(held):
    """The entries of a docstring's parameters; of a record that eiesim makes, its attributes."""
    doc = NumpyDocString(inspect.getdoc(held) or "")
    parameters = [*doc["Parameters"], *doc["Other Parameters"]]
    return parameters or (doc["Attributes"] if inspect.isclass(held) else [])


def parameters_of(held):
    """The parameters of a signature by their documented names; an error takes a message, as errors do."""
    if inspect.isclass(held) and issubclass(held, Exception):
        return {}
    stars = {inspect.Parameter.VAR_POSITIONAL.value: "*", inspect.Parameter.VAR_KEYWORD.value: "**"}
    return {
        stars.get(one.kind.value, "") + name: one
        for name, one in inspect.signature(held).parameters.items()
        if name not in ("self", "cls")
    }


@pytest.mark.parametrize("name", PUBLIC)
def test_each_parameter_has_an_entry_of_its_own_and_no_other_has_one(name):
    entries, parameters = documented(PUBLIC[name]), parameters_of(PUBLIC[name])
    assert [entry.name for entry in entries] == list(parameters)
    for entry in entries:
        assert entry.type, f"{entry.name} has no type"
        assert "".join(entry.desc).strip(), f"{entry.name} has no meaning"


@pytest.mark.parametrize("name", PUBLIC)
def test_defaults_are_named_and_right(name):
    parameters = parameters_of(PUBLIC[name])
    for entry in documented(PUBLIC[name]):
        default = parameters[entry.name].default
        kind, _, told = entry.type.partition(", default ")
        if default is inspect.Parameter.empty:
            assert not told, f"{entry.name} has no default"
            assert "optional" not in kind, entry.name
        elif default is DEFAULT_FACTORY:
            assert told or "optional" in kind, f"{entry.name} has a default"
        else:
            assert told == shown(default), f"{entry.name}: {told!r} is not {shown(default)!r}"


DEFAULT_FACTORY = next(
    one.default for one in inspect.signature(eiesim.Recipe).parameters.values() if one.name == "distillation"
)
"""What a signature has for a default that each record makes anew."""


def shown(default):
    """A default as a docstring writes it."""
    if isinstance(default, type):
        return default.__name__
    if (is_dataclass(default) or isinstance(default, BaseModel)) and default == type(default)():
        return f"{type(default).__name__}()"
    return repr(default).replace("'", '"')


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_returned_is_told(name):
    returns = inspect.signature(PUBLIC[name]).return_annotation
    doc = NumpyDocString(inspect.getdoc(PUBLIC[name]) or "")
    told = doc["Returns"] or doc["Yields"]
    assert bool(told) == (returns not in (None, "None", inspect.Signature.empty))
    for entry in told:
        assert entry.type
        assert entry.desc, f"{entry.type} has no meaning"


@pytest.mark.parametrize("name", PUBLIC)
def test_errors_are_told(name):
    doc = NumpyDocString(inspect.getdoc(PUBLIC[name]) or "")
    told = [entry.type for entry in doc["Raises"]]
    assert "EieError" in told or name in NEVER or not raises(PUBLIC[name])


@pytest.mark.parametrize("name", PUBLIC)
def test_sections_are_well_formed(name):
    found = [(code, message) for code, message in validate(f"eiesim.{name}")["errors"] if code not in LEFT_OUT]
    assert not found


@pytest.mark.parametrize("name", [name for name, held in PUBLIC.items() if ">>>" in (held.__doc__ or "")])
def test_examples_give_what_they_show(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    (example,) = finder.find(PUBLIC[name], name, globs={})
    said = []
    runner.run(example, out=said.append)
    assert not said, "".join(said)


def raises(held):
    """Whether an EieError can come out of a function, as far as plain calls show it."""
    return _raises(held, set())


def _raises(held, seen):
    held = inspect.unwrap(getattr(held, "__func__", held))
    if inspect.isclass(held):
        own = [vars(held).get(name) for name in ("__init__", "__post_init__")]
        return any(_raises(one, seen) for one in own if isinstance(one, types.FunctionType))
    if not isinstance(held, types.FunctionType) or held in seen or not held.__module__.startswith("eiesim."):
        return False
    seen.add(held)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(held)))
    except OSError:  # made by dataclass
        return False
    known = {**vars(builtins), **held.__globals__}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("eiesim"):
            module = importlib.import_module(node.module)
            known |= {one.asname or one.name: getattr(module, one.name) for one in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            made = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            what = _named(made, known)
            if what is eiesim.EieError or getattr(what, "__name__", "") == "unknown":
                return True
            if inspect.isclass(what) and issubclass(what, eiesim.EieError):
                return True
        if isinstance(node, ast.Call) and _raises(_named(node.func, known), seen):
            return True
    return False


def _named(node, known):
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        return getattr(_named(node.value, known), node.attr, None)
    return None


def test_the_walk_finds_errors_that_come_from_below():
    assert raises(eiesim.load_config)
    assert raises(eiesim.CompressedLayer)
    assert not raises(eiesim.decode.__wrapped__ if hasattr(eiesim.decode, "__wrapped__") else test_errors_are_told)
