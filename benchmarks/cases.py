"""Layers to measure on."""

import tarfile
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from eiesim import CompressedLayer, load_dump, workload
from eiesim.workloads import bernoulli_columns

FC8_ARCHIVE = Path(__file__).parents[2] / "shared" / "data" / "alexnet_fc8" / "dump_64pe.tar.xz"

Case = tuple[CompressedLayer, npt.NDArray[np.float32]]


def alexnet_fc8() -> Case:
    """The authors' AlexNet-FC8 where it lies beside the project, else the synthetic Alex-8 made as active as it."""
    if not FC8_ARCHIVE.exists():
        layer, activations = workload("Alex-8", density=0.2566, activation_density=0.429)
        return layer, activations
    with tempfile.TemporaryDirectory() as folder, tarfile.open(FC8_ARCHIVE) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.0 to 3.11.3 have none.
        archive.extractall(folder)
        layer, activations = load_dump(folder, rows=1000)
    return CompressedLayer(
        layer.shape, layer.indptr, layer.indices, layer.codes, layer.codebook, layer.bias_codes, name="AlexNet-FC8"
    ), activations


def random_layer(rows: int, cols: int, density: float, active: float, seed: int = 0) -> Case:
    """A random layer and one input with a share `active` of non-zeros."""
    rng = np.random.default_rng(seed)
    indptr, indices = bernoulli_columns(rows, cols, density, 0.0, rng)
    codebook = np.concatenate([[0], np.linspace(-1, 1, 15) + 0.01]).astype(np.float32)
    codes = rng.integers(1, 16, len(indices), dtype=np.uint8)
    layer = CompressedLayer((rows, cols), indptr, indices, codes, codebook, name=f"{rows} x {cols}, {density:.0%}")
    return layer, np.where(rng.random(cols) < active, rng.random(cols) + 0.1, 0).astype(np.float32)
