"""The commands sweep and balance, as a user starts them."""

import io
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import eiesim
from tests.cases import cli


@pytest.fixture
def command():
    def run(*arguments):
        answer = cli(*arguments)
        return answer.status, answer.out, answer.err

    return run


def test_sweep(command, tmp_path):
    table, figures = tmp_path / "t.csv", tmp_path / "figures"
    arguments = ["sweep", "table3:NT-We", "--pes", "16:64:x2", "--seeds", "0:2", "--sweep", "index_bits=3,4"]
    assert command(*arguments, "-o", table, "--plot", figures)[0] == 0
    rows = pd.read_csv(table)
    assert len(rows) == 3 * 2 * 2
    assert set(rows["index_bits"]) == {3, 4}
    assert (figures / "fig11_speedup.png").exists()
    status, out, err = command(*arguments, "-o", table)
    assert (status, out) == (0, "")
    assert "12 rows in" in err
    assert "0 new and 12 that were there" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("sweep", "table3:NT-We", "--sweep", "pes=0", "--plot"),
        ("balance", "example:lenet-300-100", "-i", "short.npy", "--save"),
    ],
)
def test_what_is_refused_leaves_no_folder(command, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    np.save("short.npy", np.ones(3, np.float32))
    status, out, err = command(*arguments, tmp_path / "new" / "folder")
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_rows_without_a_picture_leave_no_folder(command, tmp_path):
    status, _, err = command("sweep", "table3:NT-We", "--pes", "16", "--plot", tmp_path / "new" / "folder")
    assert status == 0
    assert err.startswith("nothing to draw: ")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("to", "needs"), [("-o", None), ("--parquet", "pyarrow")])
def test_interrupted_while_it_draws_it_says_where_the_rows_are(command, tmp_path, monkeypatch, to, needs):
    if needs:
        pytest.importorskip(needs)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(eiesim, "plot", interrupted)
    table = tmp_path / "rows"
    status, _, err = command("sweep", "table3:NT-We", "--pes", "16,32", to, table, "--plot", tmp_path / "new")
    assert status == 130
    assert err.splitlines()[-1] == (
        f"eiesim: interrupted; all rows are in {table}; the same command goes on from there"
    )
    assert sorted(one.name for one in tmp_path.iterdir()) == ["rows"]


def test_without_a_file_rows_are_shown_in_short_or_as_csv(command, tmp_path):
    arguments = ["sweep", "table3:NT-We", "--pes", "16,32"]
    status, out, err = command(*arguments)
    assert (status, err) == (0, "")
    (few, many) = eiesim.sweep(["table3:NT-We"], {"pes": [16, 32]})["cycles"]
    assert f"{few:,}" in out
    assert f"{many:,}" in out
    status, out, _ = command(*arguments, "-o", "-")
    assert pd.read_csv(io.StringIO(out))["cycles"].tolist() == [few, many]


def test_parquet_holds_the_same_rows(command, tmp_path):
    pytest.importorskip("pyarrow")
    paths = tmp_path / "t.csv", tmp_path / "t.parquet"
    assert command("sweep", "table3:NT-We", "--pes", "8,16", "-o", paths[0], "--parquet", paths[1])[0] == 0
    # The CSV file has its rows in the order in which they finished.
    rows, lines = (table.sort_values("hash") for table in (pd.read_parquet(paths[1]), pd.read_csv(paths[0])))
    assert rows["hash"].tolist() == lines["hash"].tolist()
    assert rows["time_us"].tolist() == pytest.approx(lines["time_us"].tolist(), rel=1e-14)


@pytest.mark.parametrize(
    "arguments",
    [
        ["table3:NT-We", "-o"],
        ["table3:NT-We", "-o", "t.csv", "--pes", "0"],
        ["table3:NT-We", "-o", "t.csv", "--pes", "1,,2"],
        ["table3:NT-We", "-o", "t.csv", "--sweep", "pes=1", "--pes", "2"],
        ["table3:NT-We", "-o", "t.csv", "--seeds", "x"],
        ["table3:NT-We", "-o", "t.csv", "--variation", "x"],
        ["table3:NT-We", "-o", "t.csv", "--accuracy", "fixed16"],
        ["table3:NT-We", "-o", "t.csv", "--backend", "cloud"],
        ["table3:NT-We", "-o", "t.parquet"],
        ["table3:NT-We", "-o", "no/such/folder/t.csv"],
        ["missing.npz", "-o", "t.csv"],
    ],
)
def test_bad_words_are_one_line_and_status_2(command, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    status, out, err = command("sweep", *arguments)
    assert (status, out) == (2, "")
    assert len(err.strip().splitlines()) == 1


def test_columns_are_explained(command):
    status, out, _ = command("sweep", "--columns")
    assert status == 0
    assert "load_balance" in out


def test_balance(command, tmp_path):
    status, out, err = command("balance", "table3:NT-LSTM", "--pes", 32, "--json", "-", "--save", tmp_path)
    assert status == 0
    (layer,) = json.loads(out)["layers"]
    for one in layer["assignments"]:
        assert sum(one["pe_cycles"].values()) == 32 * one["cycles"]
    assert "static imbalance" in err
    original, activations = eiesim.workload("NT-LSTM")
    balanced, order = eiesim.load(tmp_path / "NT-LSTM.npz"), np.load(tmp_path / "NT-LSTM-order.npy")
    assert np.array_equal(balanced.to_dense(), original.to_dense()[order])
    cycles = eiesim.simulate(balanced, activations, eiesim.MachineConfig(pes=32)).cycles
    assert cycles == layer["assignments"][1]["cycles"]


def test_balance_table_fits_a_terminal(command):
    _, out, _ = command("balance", "table3:NT-We", "--pes", 64)
    assert max(map(len, out.splitlines())) <= 80
    assert "100.0%" in out


def test_a_networks_accuracy_is_drawn_beside_its_energy(command, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(eiesim, "plot", lambda rows, folder, **of: drawn.append((of["accuracies"], of["basis"])) or [])
    arguments = ["sweep", "example:lenet-300-100", "--arithmetic", "fixed16,fixed8", "-o", tmp_path / "t.csv"]
    assert command(*arguments, "--plot", tmp_path)[0] == 0
    shares = eiesim.accuracy("example:lenet-300-100")["shared"]
    assert drawn == [(shares, "simulated")]
    assert command(*arguments, "--plot", tmp_path, "--accuracy", "fixed16=0.5")[0] == 0
    assert drawn[1:] == [({"fixed16": 0.5}, "given")]


def test_rows_that_go_to_a_file_need_no_pandas(tmp_path):
    """Half a second that a sweep does not wait for."""
    code = (
        "import sys; from eiesim.cli import main\n"
        f"sys.argv = ['eiesim', 'sweep', 'table3:NT-We', '--pes', '1,2', '-q', '-o', {str(tmp_path / 't.csv')!r}]\n"
        "try: main()\n"
        "finally: print(*sys.modules)\n"
    )
    for _ in range(2):  # the first compiles what is not compiled yet, for which numba imports more
        (tmp_path / "t.csv").unlink(missing_ok=True)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (tmp_path / "t.csv").read_text().count("\n") == 3
    assert not {"pandas", "matplotlib", "scipy.sparse"} & set(done.stdout.split())


@pytest.mark.parametrize("words", [("run",), ("sweep", "--pes", "4,8"), ("balance",), ("critical-path",)])
def test_a_file_is_no_folder_for_pictures(command, tmp_path, words):
    """Refused before the layer is read, so that nobody waits for it: here it is not there at all."""
    (tmp_path / "taken").write_text("kept")
    answer = command(*words, tmp_path / "missing.npz", "--plot", tmp_path / "taken")
    assert answer == (2, "", f"eiesim: {tmp_path / 'taken'}: is a file; give a folder's name, or a new one\n")
    assert (tmp_path / "taken").read_text() == "kept"
