"""Files that other tools wrote (`make_*.py` beside this), unpacked once."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from eiesim.compression.pipeline import read_model
from eiesim.errors import EieError

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """Of an archive's name, the folder of its files and the values that the tool itself has of them."""
    opened = {}

    def of(name):
        if name not in opened:
            folder = tmp_path_factory.mktemp(name)
            with tarfile.open(HERE / f"{name}.tar.xz") as archive:
                archive.extractall(folder, filter="data")
            with np.load(folder / "values.npz") as values:
                opened[name] = folder, dict(values)
        return opened[name]

    return of


@pytest.fixture(scope="session")
def damage():
    """See `_damaged`."""
    return _damaged


def _damaged(path, data, times, first=0):
    """What a file is refused with that is cut off, or in which one byte is another one; files may stay readable."""
    rng = np.random.default_rng(0)
    said = []
    for k in range(times):
        bad = bytearray(data[: rng.integers(first, len(data))] if k % 3 == 0 else data)
        if k % 3:
            bad[rng.integers(first, len(bad))] ^= rng.integers(1, 256)
        path.write_bytes(bad)
        try:
            read_model(path)
        except EieError as error:
            said.append(str(error))
    return said
