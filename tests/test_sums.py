"""Sums of floats, the same on every Python."""

import ast
from pathlib import Path

import eiesim
from eiesim._sums import added


def test_each_step_is_rounded():
    assert added([]) == 0
    assert added([1e16, 1.0, -1e16]) == 0.0  # made up for, this would be 1
    assert added([0.1] * 10) == 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 + 0.1 != 1.0


def test_no_figure_in_joules_or_watts_is_summed_otherwise():
    """Python's `sum` has rounded floats otherwise since 3.12: the last digit would depend on who runs it."""
    root = Path(eiesim.__file__).parent
    for path in (*(root / "energy").glob("*.py"), *(root / "rtl" / "gates").glob("*.py"), root / "result.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        named = {ast.unparse(call) for call in calls if isinstance(call.func, ast.Name) and call.func.id == "sum"}
        assert named <= WHOLE, path


WHOLE = {
    "sum(((function >> (k ^ not_a ^ 2 * not_b) & 1) << k for k in range(4)))",
    "sum((int(group.reads[sram.name].sum()) for group in groups))",
    "sum((circuit.is_driven(net) << k for k, net in enumerate(nets[:width])))",
    "sum((getattr(one, name) for one in counts))",
    "sum((group.lanes for group in groups))",
}
"""Sums of whole numbers."""
