"""A network folder that is replaced: what eiesim wrote goes, what is the user's stays, also where the list is gone."""

import json

import numpy as np
import pytest

import eiesim
from eiesim.files.network import WRITTEN

NET = {"one.weight": np.eye(3, dtype=np.float32), "two.weight": np.ones((2, 3), np.float32)}


@pytest.fixture
def folder(tmp_path):
    eiesim.compress(NET, tmp_path / "net", density=1.0)
    (tmp_path / "net" / "mine.txt").write_text("mine")
    return tmp_path / "net"


def test_without_a_list_what_was_always_written_goes(folder):
    """As older versions left their folders: the layers' files are named in the network's own."""
    (folder / WRITTEN).unlink()
    eiesim.compress({"one.weight": NET["one.weight"]}, folder, density=1.0, force=True)
    assert [layer.name for layer in eiesim.load_network(folder).layers] == ["one"]
    assert not (folder / "two.npz").exists()
    assert (folder / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("content", ["no", "[1]", "3", "[" * 9999])
def test_a_damaged_list_is_refused_and_nothing_changes(folder, content):
    (folder / WRITTEN).write_text(content)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(eiesim.EieError, match="is damaged, so nothing here can be told from files of yours"):
        eiesim.compress(NET, folder, density=0.5, force=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_what_the_user_changed_since_is_the_users(folder):
    assert "two.npz" in json.loads((folder / WRITTEN).read_text())
    (folder / "two.npz").write_bytes(b"mine now")
    with pytest.raises(eiesim.EieError, match=r"two\.npz: is not eiesim's and has the name of a new file; move it"):
        eiesim.compress(NET, folder, density=0.5, force=True)
    assert (folder / "two.npz").read_bytes() == b"mine now"
