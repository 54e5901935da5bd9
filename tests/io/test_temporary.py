"""A temporary that its maker has is never taken for a leftover, in whatever order the two locks come."""

import fcntl
import os

from eiesim._io import temporary


def test_a_cleaner_that_comes_first_keeps_its_find_and_the_maker_takes_another(tmp_path, monkeypatch):
    """The cleaner holds the new file before its maker does, and has not removed it yet when the maker asks."""
    real = fcntl.flock
    taken = []

    def cleaner_first(handle, how):
        if how & fcntl.LOCK_SH and not taken:
            (found,) = tmp_path.iterdir()
            taken.append((os.open(found, os.O_RDONLY), found))
            real(taken[0][0], fcntl.LOCK_EX | fcntl.LOCK_NB)
        return real(handle, how)

    monkeypatch.setattr(fcntl, "flock", cleaner_first)
    handle, path = temporary.temporary_file(tmp_path)
    assert path != taken[0][1]
    os.unlink(taken[0][1])
    assert os.path.samestat(os.stat(path), os.fstat(handle))


def test_a_leftover_stays_locked_until_it_is_gone(tmp_path, monkeypatch):
    left = tmp_path / f"{temporary.PREFIX}x{temporary.SUFFIX}"
    left.write_bytes(b"half")
    late = os.open(left, os.O_RDONLY)
    real = os.unlink
    held = []

    def maker_is_late(path):
        held.append(temporary.hold(late, left))
        real(path)

    monkeypatch.setattr(os, "unlink", maker_is_late)
    temporary.clean(tmp_path)
    assert held == [False]
    assert not left.exists()


def test_what_is_held_stays_and_a_folder_goes_as_a_file_does(tmp_path):
    handle, path = temporary.temporary_file(tmp_path)
    folder = tmp_path / f"{temporary.PREFIX}y{temporary.SUFFIX}"
    (folder / "in").mkdir(parents=True)
    temporary.clean(tmp_path)
    assert list(tmp_path.iterdir()) == [path]
    os.close(handle)
    temporary.clean(tmp_path)
    assert not list(tmp_path.iterdir())
