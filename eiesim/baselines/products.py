"""The products that are measured: a layer times a batch, as each library that people use does it.

Every product makes an operand of its own from the layer, for a library may rewrite what it is given (`sparse_dot_mkl`
replaces 64-bit indices in place). Indices have 32 bits wherever they reach, as in matrices that users make.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy
from threadpoolctl import threadpool_info

from eiesim.layer import CompressedLayer

Floats = npt.NDArray[np.floating]
Call = Callable[[], Any]


@dataclass(frozen=True)
class Product:
    """One way to multiply, with its operand.

    ready: of inputs, float32[batch, cols], and a number of threads, makes the call that is timed.
    back: makes of what the call gives the outputs, [batch, rows]. index_bits: of a sparse operand, None of a dense one.
    parallel: whether it uses more than one thread.
    """

    library: str
    kernel: str
    matrix: str
    ready: Callable[[npt.NDArray[np.float32], int], Call]
    back: Callable[[Any], Floats]
    precision: str = "float32"
    index_bits: int | None = None
    parallel: bool = True
    device: str = "cpu"

    @property
    def row(self) -> tuple[str, str, str, str]:
        """Products with the same row compete for it: the fastest is kept."""
        return self.device, self.library, self.matrix, self.precision

    def __str__(self) -> str:
        return f"{self.library}, {self.matrix}, {self.precision} ({self.kernel})"


def columns(inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Inputs as the columns that a matrix is multiplied with; one input is a vector."""
    return np.ascontiguousarray(inputs[0] if len(inputs) == 1 else inputs.T)


def from_columns(outputs: Any) -> Floats:
    """Outputs of columns, by input."""
    return np.atleast_2d(np.asarray(outputs).T)


def index_bits(operand: Any) -> int:
    """Bits of an index of a SciPy matrix; those of `indptr` are the same, as SciPy wants."""
    assert operand.indices.dtype == operand.indptr.dtype
    return int(operand.indices.dtype.itemsize) * 8


def numpy_dense(layer: CompressedLayer) -> Iterator[Product]:
    """The BLAS that numpy uses."""
    operand = layer.to_dense()

    def ready(inputs: npt.NDArray[np.float32], threads: int) -> Call:
        x = columns(inputs)
        return lambda: operand @ x

    yield Product("numpy", blas()[1], "dense", ready, from_columns)


def scipy_sparse(layer: CompressedLayer) -> Iterator[Product]:
    """SciPy's product by rows and by columns."""
    by_columns = layer.to_scipy()
    for name, operand in (("CSR", by_columns.tocsr()), ("CSC", by_columns)):

        def ready(inputs: npt.NDArray[np.float32], threads: int, operand: Any = operand) -> Call:
            x = columns(inputs)
            return lambda: operand @ x

        yield Product(
            "scipy", f"{name}, scipy {scipy.__version__}", "sparse", ready, from_columns,
            index_bits=index_bits(operand), parallel=False,
        )  # fmt: skip


def mkl_sparse(layer: CompressedLayer) -> Iterator[Product]:
    """MKL's product, where sparse_dot_mkl finds an MKL; pip's lies in the environment's lib."""
    if not find_spec("sparse_dot_mkl"):
        return
    libraries = sorted((Path(sys.prefix) / "lib").glob("libmkl_rt.*"))
    if libraries:
        os.environ.setdefault("MKL_RT", str(libraries[-1]))
    try:
        multiply = import_module("sparse_dot_mkl").dot_product_mkl
    except ImportError:
        return
    operand = layer.to_scipy().tocsr()

    def ready(inputs: npt.NDArray[np.float32], threads: int) -> Call:
        x = columns(inputs)
        return lambda: multiply(operand, x)

    yield Product("mkl", "CSR, MKL", "sparse", ready, from_columns, index_bits=index_bits(operand))


def torch_sparse(layer: CompressedLayer) -> Iterator[Product]:
    """PyTorch's CSR on the CPU."""
    if not find_spec("torch"):
        return
    torch = import_module("torch")
    operand = torch_csr(layer, "cpu")

    def ready(inputs: npt.NDArray[np.float32], threads: int) -> Call:
        x = torch.from_numpy(columns(inputs))
        return lambda: operand @ x

    kernel = f"CSR, PyTorch {torch.__version__}"
    yield Product("torch", kernel, "sparse", ready, from_columns, index_bits=torch_index_bits(operand))


def torch_gpu(layer: CompressedLayer) -> Iterator[Product]:
    """Dense and CSR by PyTorch, where there is a CUDA device. Copies to it are not timed, as in the paper."""
    torch = cuda_torch()
    if torch is None:
        return
    dense, sparse = torch.from_numpy(layer.to_dense()).cuda(), torch_csr(layer, "cuda")
    for matrix, operand, bits in (("dense", dense, None), ("sparse", sparse, torch_index_bits(sparse))):

        def ready(inputs: npt.NDArray[np.float32], threads: int, operand: Any = operand) -> Call:
            x = torch.from_numpy(np.ascontiguousarray(inputs.T)).cuda()

            def call() -> Any:
                outputs = operand @ x
                torch.cuda.synchronize()
                return outputs

            return call

        yield Product(
            "torch", f"PyTorch {torch.__version__}, CUDA", matrix, ready, lambda outputs: from_columns(outputs.cpu()),
            index_bits=bits, parallel=False, device="gpu",
        )  # fmt: skip


def torch_csr(layer: CompressedLayer, device: str) -> Any:
    """A CSR tensor of the layer, with its arrays to itself."""
    torch, matrix = import_module("torch"), layer.to_scipy().tocsr()
    parts = (torch.from_numpy(part) for part in (matrix.indptr, matrix.indices, matrix.data))
    return torch.sparse_csr_tensor(*parts, size=matrix.shape, device=device)


def torch_index_bits(operand: Any) -> int:
    """Bits of an index of a CSR tensor."""
    assert operand.crow_indices().dtype == operand.col_indices().dtype
    return int(operand.col_indices().element_size()) * 8


def cuda_torch() -> Any:
    """PyTorch, where it finds a CUDA device; else None."""
    if not find_spec("torch"):
        return None
    torch = import_module("torch")
    return torch if torch.cuda.is_available() else None


def blas() -> tuple[int, str]:
    """Threads and kernel of the BLAS that numpy uses."""
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    if not pools:
        return 1, "BLAS not known"
    numpys = [pool for pool in pools if "numpy" in str(pool["filepath"])] or pools
    pool = numpys[0]
    return int(pool["num_threads"]), f"{pool['internal_api']} {pool['version']}, kernel {pool.get('architecture', '-')}"
