"""The levels of docs/architecture.md: imports go down, and no two files import each other."""

import ast
from pathlib import Path

import pytest

import eiesim

ROOT = Path(eiesim.__file__).parent

LEVELS = (
    ("errors", "_version", "_cache", "_bar", "_sums"),
    ("_shown",),
    ("_progress",),
    ("_checks",),
    ("_numba",),
    ("_jit",),
    ("_io",),
    ("paper",),
    ("weight_sharing",),
    ("config", "lanes", "layer"),
    ("dense", "encoding", "workloads"),
    ("arithmetic", "capacity", "reach"),
    ("job", "counters", "model"),
    ("runs",),
    ("streaming",),
    ("machine",),
    ("engines", "energy"),
    ("layer_result", "coding"),
    ("result",),
    ("files",),
    ("inputs",),
    ("prepared",),
    ("simulation",),
    ("compression", "stepping"),
    ("training",),
    ("evaluation", "outputs", "inspection"),
    ("view",),
    ("balancing", "baselines", "sweeps", "rtl"),
    ("advice", "comparison", "tracing"),
    ("api",),
    ("reproduction", "schemas"),
    ("drawing",),
    ("__init__",),
    ("cli",),
    ("__main__",),
)
"""Packages and modules from the lowest up. Those of one level do not import each other."""

LEVEL_OF = {package: number for number, level in enumerate(LEVELS) for package in level}


def modules():
    """Every module by dotted name below `eiesim`, such as `machine.clock`; packages go by their own name."""
    found = {}
    for path in [*ROOT.rglob("*.py"), *ROOT.rglob("*.pyi")]:
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found.setdefault(name, []).append(path)
    return found


MODULES = modules()


def imported(name):
    """What a module imports of eiesim, wherever in it: also inside functions and for type checkers only."""
    for path in MODULES[name]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [one.name for one in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = "eiesim" if node.level == 1 and path.name == "__init__.pyi" else ""
                module = ".".join(part for part in (base, node.module) if part)
                names = [f"{module}.{one.name}" for one in node.names]
            for full in names:
                head, _, rest = full.partition(".")
                if head == "eiesim":
                    yield next((rest[:end] for end in _ends(rest) if rest[:end] in MODULES), "__init__")


def _ends(rest):
    return [len(rest), *sorted((k for k, letter in enumerate(rest) if letter == "."), reverse=True)]


def test_every_package_has_its_level():
    assert {name.partition(".")[0] for name in MODULES} == set(LEVEL_OF)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_go_down(name):
    package = name.partition(".")[0]
    for other in imported(name):
        below = other.partition(".")[0]
        if below != package:
            assert LEVEL_OF[below] < LEVEL_OF[package], f"{name} imports {other}, which does not stand below it"


def test_no_circle():
    graph = {name: {other for other in imported(name) if other != name} for name in MODULES}
    done, path = set(), []

    def visit(name):
        assert name not in path, f"a circle: {' -> '.join([*path[path.index(name) :], name])}"
        if name in done:
            return
        path.append(name)
        for other in graph[name]:
            visit(other)
        path.pop()
        done.add(name)

    for name in graph:
        visit(name)


def test_the_check_sees_a_circle_and_an_upward_arrow(monkeypatch, tmp_path):
    below, above = tmp_path / "below.py", tmp_path / "above.py"
    below.write_text("def f():\n    from eiesim.cli import main\n")
    above.write_text("import eiesim.config\nfrom eiesim import encoding\n")
    monkeypatch.setitem(MODULES, "config", [below])
    monkeypatch.setitem(MODULES, "cli", [above])
    with pytest.raises(AssertionError, match="does not stand below"):
        test_imports_go_down("config")
    assert list(imported("cli")) == ["config", "encoding"]
    with pytest.raises(AssertionError, match="a circle"):
        test_no_circle()
