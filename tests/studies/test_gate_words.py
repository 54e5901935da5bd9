"""docs/power.md: what it says of power at the gate holds of its rows, and of rows that no run gave."""

import re

import numpy as np
import pytest

from studies.gate import page, runs
from tests.studies.claims import Claim, check, is_shown

N = r"([\d,.]+)"
COMPONENTS, MODULES = runs.COMPONENTS, runs.MODULES


def mw(row, module=None, component=None):
    """The sum of the cells that are meant."""
    return sum(
        float(row[f"{m}_{c}_mw"])
        for m in MODULES
        for c in COMPONENTS
        if module in (None, m) and component in (None, c)
    )  # fmt: skip


def model(row, module=None):
    return sum(float(v) for key, v in row.items() if key.startswith(f"activity_{module or ''}") and v)


def claims(rows):
    """Each sentence with figures, with what must be so in the rows."""
    today, before, free = rows["today"], rows["before"], rows["not gated"]
    window, glitches = rows["a thousand cycles"], rows["a thousand cycles with glitches"]
    bare, full = rows["no wires"], rows["wires of 2 fF a sink"]
    shallow, deep, eight = (rows[name] for name in ("queue depth 2", "queue depth 16", "fixed8"))
    halved, few = rows["half the inputs"], rows["half the inputs, 32 activations"]

    def total(row):
        return float(row["total_mw"])

    def more(part):
        return 100 * (part(glitches) / part(window) - 1)

    def ratios(shown, *values):
        return all(is_shown(one, value, 0.01) for one, value in zip(shown, values, strict=True))

    return [
        Claim(
            rf"- Register files that do not burn\. act_rw takes {N} mW where the RTL before took {N}: one read port a bank .* changes\.",
            lambda now, then: (
                is_shown(now, mw(today, "act_rw"), 0.1) and is_shown(then, mw(before, "act_rw"), 0.1) and now < then
            ),
        ),
        Claim(
            rf"{N} register bits are clocked in a cycle, {N} were\.",
            lambda now, then: (
                is_shown(now, float(today["clocked_bits"]), 1)
                and is_shown(then, float(before["clocked_bits"]), 1)
                and now < then
            ),
        ),
        Claim(
            rf"- Clock gating: without it the same PE takes {N} mW, with it {N}\.",
            lambda off, on: is_shown(off, total(free), 0.1) and is_shown(on, total(today), 0.1) and on < off,
        ),
        Claim(
            rf"Of its {N} mW, {N} are spent in a PE in which nothing changes: .*",
            lambda clock, idle: (
                is_shown(clock, mw(today, component="clock"), 0.01)
                and is_shown(idle, float(today["idle_clock_mw"]), 0.01)
            ),
        ),
        Claim(
            rf"That is {N} % of the clock's power on this layer\.",
            lambda share: is_shown(share, 100 * float(today["idle_clock_mw"]) / mw(today, component="clock"), 1),
        ),
        Claim(
            rf"- Glitches add {N} % to the whole, {N} % to the combinational part and {N} % to arithm_unit\.",
            lambda whole, gates, unit: (
                is_shown(whole, more(total), 1)
                and is_shown(gates, more(lambda row: mw(row, component="combinational")), 1)
                and is_shown(unit, more(lambda row: mw(row, "arithm_unit")), 1)
                and min(whole, gates, unit) > 0
            ),
        ),
        Claim(
            rf"- Wires matter less than the cells: {N} mW without any, {N} by table, {N} with 2 fF a sink\.",
            lambda a, b, c: (
                a < b < c
                and all(is_shown(one, total(row), 0.1) for one, row in ((a, bare), (b, today), (c, full)))
                and total(full) - total(bare) < total(bare)
            ),
        ),
        Claim(
            rf"- The longest path is {N} ns, {N} before; the paper's is 1\.15 ns\.",
            lambda now, then: (
                is_shown(now, float(today["path_ns"]), 0.01) and is_shown(then, float(before["path_ns"]), 0.01) and now < then
            ),
        ),
        Claim(
            rf"So these cells reach {N} MHz, and the power above is that of 800 MHz all the same\.",
            lambda mhz: is_shown(mhz, 1000 / float(today["path_ns"]), 1) and mhz < 800 * 1.15,
        ),
        Claim(
            rf"A deeper queue costs its module at the gate more than the model says: {N} and {N} at depths 2 and 16, by `activity` {N} and {N}, which charges a push the same whatever the depth\.",
            lambda *shown: (
                ratios(
                    shown,
                    mw(shallow, "act_queue") / mw(today, "act_queue"), mw(deep, "act_queue") / mw(today, "act_queue"),
                    model(shallow, "act_queue") / model(today, "act_queue"), model(deep, "act_queue") / model(today, "act_queue"),
                )
                and shown[1] - shown[0] > shown[3] - shown[2] > 0
            ),
        ),
        Claim(
            rf"Of the whole PE the two agree within 0\.05: {N} and {N}, by `activity` {N} and {N}\.",
            lambda *shown: (
                ratios(
                    shown, total(shallow) / total(today), total(deep) / total(today),
                    model(shallow) / model(today), model(deep) / model(today),
                )
                and abs(shown[0] - shown[2]) < 0.055 and abs(shown[1] - shown[3]) < 0.055
            ),
        ),
        Claim(
            rf"Eight bits in place of sixteen: arithm_unit falls to {N} of its power at the gate and to {N} by `activity`, the whole PE to {N} and {N}; the longest path to {N}\.",
            lambda *shown: (
                ratios(
                    shown, mw(eight, "arithm_unit") / mw(today, "arithm_unit"),
                    model(eight, "arithm_unit") / model(today, "arithm_unit"), total(eight) / total(today),
                    model(eight) / model(today), float(eight["path_ns"]) / float(today["path_ns"]),
                )
                and max(shown) < 1
            ),
        ),
        Claim(
            rf"Half the words a bank \(on the layer's first 2,048 inputs\): act_rw falls to {N}, the PE to {N}, the logic's area to {N}\.",
            lambda *shown: (
                ratios(
                    shown, mw(few, "act_rw") / mw(halved, "act_rw"), total(few) / total(halved),
                    float(few["area_um2"]) / float(halved["area_um2"]),
                )
                and max(shown) < 1
            ),
        ),
        Claim(
            rf"Ratios of a PE to itself, in the same cells, are what should carry over; they were taken in one library, so that is not shown: gating saves {N} times, the register files' change {N} times in act_rw, glitches cost {N} %, .*",
            lambda gated, files, cost: (
                is_shown(gated, total(free) / total(today), 0.1)
                and is_shown(files, mw(before, "act_rw") / mw(today, "act_rw"), 0.1)
                and is_shown(cost, more(total), 1)
                and gated > 1 < files
            ),
        ),
    ]  # fmt: skip


FACTS = [
    "- The clock is not proportional", "Multipliers of 2 and 4 are left out",
    "The model has no such key", "Bits clocked and SRAM accesses depend on no library",
]  # fmt: skip


def words(rows):
    return "\n\n".join((page.words_of_runs(rows), page.words_of_what_ifs(rows), page.words_of_limits(rows)))


def test_the_page_is_what_its_study_writes_and_its_words_hold():
    rows = runs.kept()
    assert list(rows) == list(runs.RUNS)
    assert page.text(rows) == page.PAGE.read_text(encoding="utf-8")
    known = claims(rows)
    assert check(words(rows), known, FACTS) == {claim.pattern for claim in known}


def test_the_page_of_energies_says_the_same():
    rows, text = runs.kept(), (runs.ROOT / "docs" / "energy.md").read_text(encoding="utf-8")
    said = re.search(
        rf"clocked {N} in its netlist; with the clears folded into the enables it is (\d+)\..*?, {N} % of\sthe",
        text,
        re.S,
    )
    then, now, share = (float(one) for one in said.groups())
    assert is_shown(then, float(rows["before"]["clocked_bits"]), 1)
    assert is_shown(now, float(rows["today"]["clocked_bits"]), 1)
    idle = float(rows["today"]["idle_clock_mw"])
    assert is_shown(share, 100 * idle / mw(rows["today"], component="clock"), 1)
    assert f"takes {float(rows['today']['multiply_pj']):.1f} pJ" in text


def test_rows_add_up():
    for row in runs.kept().values():
        assert mw(row) == pytest.approx(float(row["total_mw"]), rel=1e-4)
        assert sum(float(row[f"{kind}_mw"]) for kind in runs.KINDS) == pytest.approx(float(row["total_mw"]), rel=1e-4)


@pytest.mark.parametrize("noise", [0.02, 0.5])
def test_what_the_words_say_of_rows_that_no_run_gave_holds(noise):
    said, left_out = set(), set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        rows = {}
        for name, row in runs.kept().items():
            factors = {key: np.exp(noise * rng.standard_normal()) for key in row}
            rows[name] = {
                key: f"{float(cell) * factors[key]:.6g}"
                if key.endswith(("_mw", "_ns", "um2", "bits")) and cell
                else cell
                for key, cell in row.items()
            }
            rows[name]["total_mw"] = f"{mw(rows[name]):.6g}"
        known = claims(rows)
        there = check(words(rows), known, FACTS)
        said |= there
        left_out |= {claim.pattern for claim in known} - there
    assert len(said) >= 10
    assert len(left_out) >= (8 if noise == 0.5 else 1)
