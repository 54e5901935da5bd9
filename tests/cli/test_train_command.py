"""eiesim train: as a user calls it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from eiesim.cli import main
from tests.documents import meets
from tests.training.clouds import clouds

EXAMPLES = clouds(0, 120)


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Runs the command in a folder with x.npy and y.npy; gives (status, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    np.save("x.npy", EXAMPLES.inputs)
    np.save("y.npy", EXAMPLES.labels.astype(np.uint8))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["eiesim", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err

    return run


def test_trains_then_runs_and_compares(call, tmp_path):
    pytest.importorskip("torch", reason="needs extra [train]")
    arguments = ["train", "x.npy", "y.npy", "--hidden", "12,8", "--epochs", "2", "--density", "0.3", "-o", "net"]
    status, out, err = call(*arguments, "--method", "iterative", "--rounds", "2", "--penalty", "l1=1e-4")
    assert (status, err) == (0, "")
    for word in ("12 held-out examples", "pruned", "shared", "30", "fc1", "12 x 16"):
        assert word in out
    assert call("run", "net", "--pes", "4")[0] == 0
    status, out, _ = call("accuracy", "net")
    assert status == 0
    assert "dense" in out
    # Taught by the first, which is read and so not replaced; by a copy of it: the report on standard output.
    status, out, err = call(*arguments, "--method", "2:4", "--density", "0.3")
    assert (status, "2:4 is a density by itself" in err) == (2, True)
    status, out, err = call(*arguments, "--method", "snip", "--teacher", "net", "--force")
    assert (status, "is read and would be written over" in err) == (2, True)
    shutil.copytree("net", "teacher")
    status, out, err = call(*arguments, "--method", "snip", "--teacher", "teacher", "--force", "--json", "-")
    report = json.loads(out)
    assert report["recipe"]["method"] == "snip"
    assert report["format"] == "eiesim-train/1"
    assert report == json.loads((tmp_path / "net" / "report.json").read_text())
    meets(report)
    assert report["teacher"]["unlabelled"] == 0
    np.save("more.npy", clouds(1, 50).inputs)
    taught = [*arguments, "--method", "snip", "--teacher", "teacher", "--unlabelled", "more.npy"]
    status, out, err = call(*taught, "--debias", "--force")
    assert (status, err) == (0, "")
    assert "also on 50 unlabelled examples, debiased" in " ".join(out.split())
    status, out, err = call(*taught, "--mixup", "0.5", "--force", "--json", "-")
    assert (status, json.loads(out)["recipe"]["distillation"]["mixup"]) == (0, 0.5)
    meets(json.loads(out))
    for more, message in (
        (["--mixup", "0"], "mixup = 0.0: must be above 0"),
        (["--mixup", "1", "--debias"], "choose one"),
        (["--mixup", "1", "--teacher-share", "0.5"], "must be 1 with mixup"),
        (["--unlabelled", "y.npy"], "y.npy: unlabelled: uint8 of shape (120,); need numbers"),
        (["--unlabelled", "net/inputs.npy"], "is read and would be written over"),
    ):
        status, out, err = call(*taught, *more, "--force")
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "iterativ", "--density", "0.1"], "did you mean 'iterative'"),
        (["--method", "iterative"], "needs a density"),
        (["--density", "0.1"], "give either a method or masks"),
        (["--method", "snip", "--density", "0.1", "--hidden", "3;4"], "hidden 3;4: needs whole numbers"),
        (["--method", "snip", "--density", "0.1", "--penalty", "l1=much"], "penalty l1=much: needs l1, l2"),
        (["--method", "snip", "--density", "0.1", "--penalty", "l7"], "penalty 'l7': needs one of l1, l2"),
        (["--method", "snip", "--density", "0.1", "--temperature", "2"], "needs a teacher: give one too"),
        (["--method", "snip", "--density", "0.1", "--unlabelled", "x.npy"], "give a teacher too"),
        (["--method", "snip", "--density", "0.1", "--mixup", "1"], "needs a teacher: give one too"),
        (["--method", "snip", "--density", "0.1", "--debias"], "needs a teacher: give one too"),
        (
            ["--method", "snip", "--density", "0.1", "--rounds", str(10**9)],
            "'--rounds' ... 1000",
        ),
        (["--method", "snip", "--density", "0.1", "--epochs", "9" * 400], "'--epochs'"),
        (["--method", "snip", "--density", "0.1", "--seed", str(2**63)], "'--seed' ... 9223372036854775807"),
        (["--method", "snip", "--density", "0.1", "--hidden", ",".join("3" * 999)], "hidden: 999 layers, 100 at most"),
        (["--method", "snip", "--density", "0.1", "--hidden", "9" * 30], "must be a whole number from 1 to 1048576"),
        (["--method", "snip", "--density", "0.1", "--hidden", "1048576,1048576"], "GB of memory"),
        (["--method", "snip", "--density", "0.1", "--teacher", "none.npz"], "none.npz: no such file"),
        (["--mask", "x.npy"], "needs an .npz with an array a layer"),
        (["--method", "snip", "--density", "0.1", "-o", "no/net"], "no/net: cannot be written"),
        (["--method", "snip", "--density", "0.1", "-o", "x.npy"], "x.npy: is there already"),
    ],
)
def test_refuses_in_one_line_before_any_work(call, tmp_path, arguments, message):
    before = sorted(tmp_path.iterdir())
    status, out, err = call("train", "x.npy", "y.npy", "-o", "net", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert all(part in err for part in message.split(" ... "))  # typer's words differ from version to version
    assert sorted(tmp_path.iterdir()) == before


def test_a_plain_run_imports_nothing_of_training(tmp_path):
    code = (
        "import sys, eiesim.cli\n"
        "try: eiesim.cli.main()\n"
        "finally: print([name for name in sys.modules if name.startswith(('torch', 'eiesim.training'))])\n"
    )
    trace = Path(__file__).parents[2] / "traces" / "lenet-300-100"
    found = subprocess.run(
        [sys.executable, "-c", code, "run", str(trace), "--quiet"], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
