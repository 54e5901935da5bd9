"""The authors' dump: a folder of `act.dat`, `arithm.dat`, `ptr/ptrK.dat`, `spm/spmK.dat` (docs/formats.md).

All little-endian: activations float32[cols], codebook float32[16], and for each PE its column pointers
int32[columns + 1] and entries as int32 pairs (code, z). The last column is the bias's.
"""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim._io.folder import making_folder
from eiesim._io.reading import read_bytes
from eiesim.encoding import PeMemory, bias_column, decode_memories, interleave, layer_from_triplets
from eiesim.errors import EieError
from eiesim.layer import CompressedLayer, as_float32, check_layer, printable

INDEX_BITS, CODES = 4, 16
FLOAT, INT = np.dtype("<f4"), np.dtype("<i4")


def is_dump(path: str | Path) -> bool:
    """Whether a folder looks like the authors' dump."""
    return (Path(path) / "arithm.dat").is_file() or (Path(path) / "act.dat").is_file()


def load_dump(folder: str | Path, rows: int | None = None) -> tuple[CompressedLayer, npt.NDArray[np.float32]]:
    """A layer and its activations from the authors' dump (docs/formats.md).

    Trailing padding is dropped with a warning.

    Parameters
    ----------
    folder : str or pathlib.Path
        The folder of `act.dat`, `arithm.dat`, `ptr/ptrK.dat` and `spm/spmK.dat`.
    rows : int or None, default None
        The layer's outputs, which a dump does not say; None is as many as the highest row that occurs needs.

    Returns
    -------
    layer : CompressedLayer
        The layer, with a bias and ReLU, as every dump has them.
    activations : float32[cols]
        Its input.

    Raises
    ------
    EieError
        Naming the file, for anything malformed, and for fewer rows than occur.
    """
    folder = Path(folder)
    activations = _numbers(folder / "act.dat", FLOAT)
    codebook = _numbers(folder / "arithm.dat", FLOAT)
    if len(activations) == 0 or not np.isfinite(activations).all():
        raise EieError(f"{folder / 'act.dat'}: is empty or holds NaN or infinity")
    if len(codebook) != CODES:
        raise EieError(f"{folder / 'arithm.dat'}: has {len(codebook)} values, needs {CODES}")
    if codebook[0] != 0 or not np.isfinite(codebook).all():
        raise EieError(f"{folder / 'arithm.dat'}: holds NaN or infinity, or its entry 0 is not 0.0")
    pes = _count(folder, "ptr")
    if _count(folder, "spm") != pes:  # one ptr file fewer would deal the rows to other places, unnoticed
        raise EieError(
            f"{folder}: has {pes} ptr/ptrK.dat and {_count(folder, 'spm')} spm/spmK.dat, needs one of each a PE"
        )
    columns = bias_column(len(activations), pes) + 1
    memories = [_memory(folder, p, columns) for p in range(pes)]
    kept = [_without_trailing_padding(*memory) for memory in memories]
    dropped = sum(len(before[0]) - len(after[0]) for before, after in zip(memories, kept, strict=True))
    if dropped:
        warnings.warn(f"{folder}: dropped {dropped} trailing padding entries, which stand for nothing", stacklevel=2)
    column_of, row_of, codes = decode_memories(kept)
    between = (column_of >= len(activations)) & (column_of < columns - 1)
    if between.any():
        raise EieError(
            f"{folder}: column {column_of[between][0]} has entries, but lies between the inputs and the bias"
        )
    name = printable(folder.resolve().name)
    needed = int(row_of.max(initial=0)) + 1
    if max(needed, rows or 0) >= 2**31:
        raise EieError(f"{folder}: rows = {max(needed, rows or 0)}: must be less than 2**31")
    if rows is not None and rows < needed:
        raise EieError(f"{folder}: row {needed - 1} occurs, so the layer has {needed} rows or more, not {rows}")
    try:
        return (
            layer_from_triplets(
                column_of, row_of, codes, (rows or needed, len(activations)), codebook, True, "relu", name
            ),
            activations,
        )
    except EieError as error:
        raise EieError(f"{folder}: {error}") from None


def save_dump(layer: CompressedLayer, activations: npt.ArrayLike, folder: str | Path, pes: int = 64) -> None:
    """Write a layer and one input as the authors' dump for a PE count, whole or not at all.

    A layer without a bias is written with an empty bias column, with a warning: a dump always has one.

    Parameters
    ----------
    layer : CompressedLayer
        The layer: at most 16 codes, and ReLU after it.
    activations : float[cols]
        Its input; rounded to float32.
    folder : str or pathlib.Path
        The folder to make; it must not exist yet.
    pes : int, default 64
        PEs that the files are for, 1 to 4096.

    Raises
    ------
    EieError
        For what a dump cannot hold (more than 16 codes, an activation other than ReLU, a batch, NaN or infinity), and
        for a folder that is there already or cannot be made.
    """
    check_layer(layer)
    folder = Path(folder)
    values = as_float32("activations", activations).astype(FLOAT)
    if values.shape != (layer.cols,):
        raise EieError(f"activations: shape {values.shape}, a dump of this layer holds one input of {layer.cols}")
    if not np.isfinite(values).all():
        raise EieError("activations: hold NaN or infinity")
    if len(layer.codebook) > CODES:
        raise EieError(f"codebook: has {len(layer.codebook)} entries, a dump holds {CODES}")
    if layer.activation != "relu":
        raise EieError(f"activation: is '{layer.activation}', but ReLU follows every dumped layer")
    if folder.exists():
        raise EieError(f"{folder}: is there already")
    if layer.bias_codes is None:
        warnings.warn(f"{folder}: the layer has no bias; an empty bias column is written", stacklevel=2)
        layer = replace(layer, bias_codes=np.zeros(layer.rows, np.uint8))
    interleaved = interleave(layer, pes, INDEX_BITS)
    codebook = np.zeros(CODES, FLOAT)
    codebook[: len(layer.codebook)] = layer.codebook
    with making_folder(folder) as parts:
        (parts / "ptr").mkdir()
        (parts / "spm").mkdir()
        values.tofile(parts / "act.dat")
        codebook.tofile(parts / "arithm.dat")
        for p in range(pes):
            mine = slice(interleaved.base[p], interleaved.base[p + 1])
            entries = np.stack([interleaved.code[mine], interleaved.z[mine]], axis=1)
            interleaved.pointers[:, p].astype(INT).tofile(parts / "ptr" / f"ptr{p}.dat")
            entries.astype(INT).tofile(parts / "spm" / f"spm{p}.dat")


def _numbers(path: Path, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    data = read_bytes(path, "no such file; a dump has act.dat, arithm.dat, ptr/ptrK.dat and spm/spmK.dat")
    if len(data) % dtype.itemsize:
        raise EieError(f"{path}: {len(data)} bytes are no whole number of {dtype.itemsize}-byte values; truncated?")
    return np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))


def _count(folder: Path, kind: str) -> int:
    """How many PEs have a file of a kind, numbered from 0 without a gap."""
    count = sum(1 for _ in (folder / kind).glob(f"{kind}*.dat"))
    missing = next((p for p in range(max(count, 1)) if not (folder / kind / f"{kind}{p}.dat").is_file()), None)
    if missing is not None:
        raise EieError(f"{folder / kind / f'{kind}{missing}.dat'}: no such file; a dump has one for each PE, from 0 on")
    return count


def _memory(folder: Path, p: int, columns: int) -> PeMemory:
    ptr_path, spm_path = folder / "ptr" / f"ptr{p}.dat", folder / "spm" / f"spm{p}.dat"
    pointers, pairs = _numbers(ptr_path, INT), _numbers(spm_path, INT)
    if len(pointers) != columns + 1:
        raise EieError(
            f"{ptr_path}: has {len(pointers)} pointers, needs {columns + 1} (the bias column and one past it)"
        )
    if len(pairs) % 2:
        raise EieError(f"{spm_path}: has {len(pairs)} values, no whole number of (code, z) pairs")
    code, z = pairs.reshape(-1, 2).T
    if pointers[0] != 0 or (pointers[1:] < pointers[:-1]).any() or pointers[-1] != len(code):
        raise EieError(
            f"{ptr_path}: pointers must start at 0, never fall, and end at the {len(code)} entries of spm{p}.dat"
        )
    if len(code) and (code.min() < 0 or code.max() >= CODES):
        raise EieError(f"{spm_path}: codes must be 0 to {CODES - 1}")
    if len(code) and (z.min() < 0 or z.max() >= 2**INDEX_BITS):
        raise EieError(f"{spm_path}: z must be 0 to {2**INDEX_BITS - 1}")
    if (z[code == 0] != 2**INDEX_BITS - 1).any():
        raise EieError(f"{spm_path}: padding must be (0, {2**INDEX_BITS - 1}); another (0, z) occurs")
    return code, z, pointers


def _without_trailing_padding(code: npt.NDArray[Any], z: npt.NDArray[Any], pointers: npt.NDArray[Any]) -> PeMemory:
    if code.all():  # No padding at all.
        return code, z, pointers
    real = np.concatenate([[0], np.cumsum(code != 0)])
    place = np.arange(len(code))
    ends = np.repeat(pointers[1:], np.diff(pointers))
    kept = real[ends] > real[place]
    kept_before = np.concatenate([[0], np.cumsum(kept)])
    return code[kept], z[kept], kept_before[pointers]
