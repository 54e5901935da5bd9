"""Faults put into pictures and tables one by one; a test must fail on each.

    python -m tests.view.mutations [--only NAME]

Prints, for each, the first test that fails; ends with status 1 if none does. Tables and pictures are made of small
layers and of made-up rows, so nothing is compiled: all of it takes some minutes.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.mutating import Mutation, tried

ROOT = Path(__file__).resolve().parents[2]

TESTS = (
    "tests/view", "tests/sweeps/test_plots.py", "tests/comparison/test_comparison_pictures.py",
    "tests/comparison/test_comparison_tables.py",
    "tests/reproduction/test_reproduction_pictures.py", "tests/reproduction/test_report_tables.py",
    "tests/balancing/test_balance_table.py", "tests/tracing/test_trace_pictures.py",
)  # fmt: skip


MUTATIONS = (
    # The eight that no test saw while pictures were tested by what matplotlib had made of them.
    Mutation("heat map transposed", "sweeps/maps.py", "index=other, columns=one, values", "index=one, columns=other, values"),
    Mutation("heat map's cells transposed", "sweeps/maps.py", "                cells.to_numpy(float),\n", "                cells.to_numpy(float).T,\n"),
    Mutation("heat map transposed as it is drawn", "view/figure.py", "        cells.values, aspect", "        np.swapaxes(cells.values, 0, 1), aspect"),
    Mutation("heat map upside down as it is drawn", "view/figure.py", 'origin="lower"', 'origin="upper"'),
    Mutation("Pareto step on the wrong side", "view/figure.py", '"step": "steps-post"', '"step": "steps-pre"'),
    Mutation("Pareto step half way", "sweeps/maps.py", '"step",', '"levels",'),
    Mutation("Pareto axes swapped", "sweeps/maps.py", "floats(times[k] for k in kept), floats(costs[k] for k in kept)", "floats(costs[k] for k in kept), floats(times[k] for k in kept)"),
    Mutation("Pareto points' axes swapped", "sweeps/maps.py", '"points", floats(times), floats(costs)', '"points", floats(costs), floats(times)'),
    Mutation("Pareto scales swapped", "sweeps/maps.py", 'found_scale("time_us", times), found_scale(cost, costs)', 'found_scale(cost, costs), found_scale("time_us", times)'),
    Mutation("all panels of Fig. 9 from one column", "sweeps/curves.py", 'lines(rows, "spmat_width", column, found', 'lines(rows, "spmat_width", columns[0], found'),
    Mutation("multipliers from another column", "sweeps/curves.py", '"multipliers", "alu_efficiency", share_scale', '"multipliers", "load_balance", share_scale'),
    Mutation("bars sorted the other way", "view/cycles.py", ".sum(axis=0))[::-1]", ".sum(axis=0))"),
    Mutation("starved and empty swapped", "view/cycles.py", '"busy_empty": "empty columns",\n    "starved": "starved"', '"starved": "empty columns",\n    "busy_empty": "starved"'),
    Mutation("one label on all bars", "comparison/plots.py", "_short(row.value) for _, row in own", "_short(own[0][1].value) for _, row in own"),
    Mutation("one label on all bars as they are drawn", "view/figure.py", "letters(text), (x, y), textcoords", "letters(one.labels[0]), (x, y), textcoords"),
    Mutation("one label on all accuracies", "sweeps/curves.py", 'f"{value:.1%}" for value in known.values()', 'f"{max(known.values()):.1%}" for value in known.values()'),
    # More of the kind.
    Mutation("whiskers from the wrong row", "comparison/plots.py", "low=floats(row.low for _, row in own)", "low=floats(row.low for _, row in reversed(own))"),
    Mutation("whiskers of another figure", "sweeps/curves.py", "low=floats(by_x.min())", "low=floats(by_x.median())"),
    Mutation("whiskers upside down as they are drawn", "view/figure.py", "[y - one.low, np.array(one.high) - y]", "[np.array(one.high) - y, y - one.low]"),
    Mutation("linear scale for a logarithmic one", "sweeps/canvas.py", "return Scale(words(column), log=10, ticks", "return Scale(words(column), log=0, ticks"),
    Mutation("scale ignored as it is drawn", "view/figure.py", "set_scale(\"log\", base=scale.log)", "pass"),
    Mutation("scale ignored on the page", "view/page.py", '"log": bool(scale.log)', '"log": False'),
    Mutation("power off by a thousand", "comparison/plots.py", "power = {(row.of, row.module): row.power_mw for", "power = {(row.of, row.module): row.power_mw / 1000 for"),
    Mutation("energy in the wrong unit", "view/words.py", 'Words("total energy", "µJ", "estimated")', 'Words("total energy", "nJ", "estimated")'),
    Mutation("legend in another order", "view/figure.py", "letters(one.name) for one in picture.panels[0].series]", "letters(one.name) for one in reversed(picture.panels[0].series)]"),
    Mutation("layers in the alphabet's order", "sweeps/curves.py", 'groupby("layer", sort=False)', 'groupby("layer")'),
    Mutation("published and simulated swapped", "reproduction/plots.py", '"published", -1, [row.published for row in rows]', '"published", -1, [row.ours[UNIFORM].mean for row in rows]'),
    Mutation("the two kinds of layers swapped", "reproduction/plots.py", "_along(runs.table, curve.key, VARIATIONS[kind])", "_along(runs.table, curve.key, 0.15 - VARIATIONS[kind])"),
    Mutation("simulated across, published up", "reproduction/plots.py", "floats(x for x, _ in known), floats(one.mean for one in spreads)", "floats(one.mean for one in spreads), floats(x for x, _ in known)"),
    Mutation("the paper's point at the wrong x", "reproduction/plots.py", "(at,) * len(known)", "(2 * at,) * len(known)"),
    Mutation("the paper's points in another order", "reproduction/plots.py", "floats(known.values()),\n        tuple(colours", "floats(reversed(known.values())),\n        tuple(colours"),
    Mutation("the other power in Fig. 7", "reproduction/plots.py", '("fig_7", EFFICIENCY, Power.TABLE_2)', '("fig_7", EFFICIENCY, Power.ACTIVITY)'),
    Mutation("speed-up over another seed", "sweeps/curves.py", 'base.get((layer, seed), np.nan)', 'base.get((layer, min(rows["seed"])), np.nan)'),
    Mutation("speed-up upside down", "sweeps/curves.py", 'np.asarray(before, float) / rows["time_us"]', 'rows["time_us"] / np.asarray(before, float)'),
    Mutation("Fig. 12 shows Fig. 13's column", "sweeps/curves.py", '"pes", "real_work", "Real', '"pes", "load_balance", "Real'),
    Mutation("bars do not stand on one another", "comparison/plots.py", "        reached = ends\n", ""),
    Mutation("bars' base ignored as they are drawn", "view/figure.py", "one.width, bottom=one.base", "one.width, bottom=0"),
    Mutation("bars' base ignored on the page", "view/page.py", '"bottom": [one.base[k % len(one.base)]', '"bottom": [0'),
    Mutation("bars over the next layer", "comparison/plots.py", "floats(x + middle for x, _ in own)", "floats(x + 1 + middle for x, _ in own)"),
    Mutation("causes of lost cycles swapped", "balancing/terminal.py", '"static_imbalance": "lost: static imbalance",\n    "empty_columns": "lost: empty columns"', '"empty_columns": "lost: static imbalance",\n    "static_imbalance": "lost: empty columns"'),
    Mutation("trace: states in each other's colour", "tracing/picture.py", "blend(shares, list(COLOURS.values()))", "blend(shares, list(COLOURS.values())[::-1])"),
    Mutation("trace: critical path on another PE", "tracing/picture.py", "y, left = float(place[part.pe])", "y, left = float(len(numbers) - 1 - place[part.pe])"),
    Mutation("trace: wrong PE's number at the axis", "tracing/picture.py", "str(numbers[k])", "str(k)"),
    Mutation("heat map of a run without its padding", "tracing/heat_map.py", "shares[..., REAL] + shares[..., PADDING]", "shares[..., REAL]"),
    # Tables.
    Mutation("report: ours in the published column", "reproduction/page.py", "cells.append(_published(row) if", 'cells.append(_ours(row.ours.get("uniform")) if'),
    Mutation("report: error of the other series", "reproduction/page.py", "_error(row.error(name))", "_error(row.error(series[0]))"),
    Mutation("report: range upside down", "reproduction/page.py", "_number(spread.least), _number(spread.most)", "_number(spread.most), _number(spread.least)"),
    Mutation("comparison: energy and power swapped", "comparison/terminal.py", 'f"{row.power_w:.3f}", f"{row.energy_published_uj:,.3f}"', 'f"{row.energy_published_uj:,.3f}", f"{row.power_w:.3f}"'),
    Mutation("comparison: a ratio under another series", "comparison/terminal.py", "by_place.get((layer, name))", "by_place.get((layer, series[-1]))"),
    Mutation("comparison: published and simulated swapped", "comparison/terminal.py", 'f"{check.published_mw:.3f}", f"{check.activity_mw:.3f}"', 'f"{check.activity_mw:.3f}", f"{check.published_mw:.3f}"'),
    Mutation("comparison: the saving of another step", "comparison/terminal.py", "row = by_place[layer, step]", "row = by_place[layer, steps[-1]]"),
    Mutation("balance: shares of another order", "balancing/terminal.py", "one.losses.to_dict()[key]", "tried[0].losses.to_dict()[key]"),
    Mutation("balance: gains over the wrong order", "balancing/terminal.py", "first = tried[0].cycles", "first = tried[-1].cycles"),
)  # fmt: skip


def caught(mutation: Mutation, folder: Path) -> str | None:
    """The first test that fails on a mutation; None if none does. folder: holds a copy of eiesim and tests."""
    path = folder / "eiesim" / mutation.file
    right = path.read_text(encoding="utf-8")
    assert right.count(mutation.right) == 1, (
        f"{mutation.name}: {mutation.file} has the text {right.count(mutation.right)} times"
    )
    path.write_text(right.replace(mutation.right, mutation.wrong), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        *TESTS,
        "--ignore",
        "tests/view/test_helper.py",
    ]
    ran = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    path.write_text(right, encoding="utf-8")
    if ran.returncode == 0:
        return None
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", ran.stdout, re.MULTILINE)
    assert found is not None, ran.stdout + ran.stderr
    return found[1]


def environment(folder: Path) -> dict[str, str]:
    """The copy is what is imported; Python is quicker than compiling for layers as small as these."""
    return {**os.environ, "PYTHONPATH": str(folder), "NUMBA_DISABLE_JIT": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def main() -> int:
    """Try every mutation; 0 when all are caught, and when nothing fails without one."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", help="one mutation, by name")
    only = options.parse_args().only
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in ("eiesim", "tests"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", folder)
        nothing = caught(Mutation("nothing", "view/figure.py", "DRAWN = {", "DRAWN = {"), folder)
        assert nothing is None, f"without any fault {nothing} fails"
        return tried(MUTATIONS, lambda mutation: caught(mutation, folder), only)


if __name__ == "__main__":
    sys.exit(main())
