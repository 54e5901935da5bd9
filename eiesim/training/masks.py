"""Masks of a given density or structure, from magnitudes or from chance; numpy only, nothing is trained here."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from eiesim.compression.prune import by_density
from eiesim.dense import DenseLayer, Mask
from eiesim.errors import EieError
from eiesim.training.convolution import Convolution

Weights = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]


def layer_densities(layers: Sequence[DenseLayer], density: float) -> tuple[float, ...]:
    """A density for each layer, together exactly round(density x all weights).

    The last layer, which is small, keeps the square root of the density, and so do convolutions that are no larger;
    the others share equally what is left. Deep Compression's Tables 2 and 3 divide much the same way: LeNet-300-100
    keeps 8 %, 9 % and 26 %, LeNet-5 66 %, 12 %, 8 % and 19 %. Where the small layers would take more than half of what
    is kept, and for a single layer, every layer gets the same.
    """
    sizes = [layer.weights.size for layer in layers]
    wanted = round(density * sum(sizes))
    small = {k for k, layer in enumerate(layers) if isinstance(layer, Convolution) and sizes[k] <= sizes[-1]}
    small.add(len(sizes) - 1)
    roots = {k: round(min(density**0.5, 1.0) * sizes[k]) for k in small}
    if len(small) == len(sizes) or sum(roots.values()) > wanted / 2:
        shares = [density] * len(sizes)
    else:
        large = sum(size for k, size in enumerate(sizes) if k not in small)
        share = (wanted - sum(roots.values())) / large
        shares = [roots[k] / size if k in small else share for k, size in enumerate(sizes)]
    # Whole weights: the largest layer takes what rounding leaves over, and the next ones what it has no place for.
    counts = [round(share * size) for share, size in zip(shares, sizes, strict=True)]
    over = wanted - sum(counts)
    for k in sorted(range(len(sizes)), key=lambda k: -sizes[k]):
        taken = min(max(over, -counts[k]), sizes[k] - counts[k])
        counts[k], over = counts[k] + taken, over - taken
    return tuple(count / size for count, size in zip(counts, sizes, strict=True))


def at_random(shape: tuple[int, int], density: float, rng: np.random.Generator) -> Mask:
    """Keep `density x size` weights (rounded), each as likely as any other."""
    kept = np.zeros(shape, np.bool_)
    kept.flat[rng.choice(kept.size, round(density * kept.size), replace=False)] = True
    return Mask(kept)


def n_of_m(weights: Weights, n: int, m: int) -> Mask:
    """Of every `m` consecutive inputs of a row keep the `n` largest weights (Mishra et al. 2021, "2:4").

    A last group of fewer than `m` inputs keeps at most `n`. Of equal magnitudes the first stay.
    """
    check_n_of_m(n, m)
    rows, cols = weights.shape
    groups = -(-cols // m)
    magnitudes = np.full((rows, groups * m), -1.0, np.float32)
    magnitudes[:, :cols] = np.abs(weights)
    order = np.argsort(-magnitudes.reshape(rows, groups, m), axis=2, kind="stable")
    kept = np.zeros((rows, groups, m), np.bool_)
    np.put_along_axis(kept, order[:, :, :n], True, axis=2)
    return Mask(kept.reshape(rows, -1)[:, :cols])


def check_n_of_m(n: int, m: int) -> None:
    """Raise EieError unless n of m can be kept."""
    if not 1 <= n < m:
        raise EieError(f"{n}:{m}: keeps n of every m weights, so n must be 1 or more and below m")


def largest_blocks(shape: tuple[int, int], density: float) -> int:
    """How many diagonal blocks come nearest to a density without falling below one row or column a block."""
    return max(1, min(round(1 / density), *shape)) if density > 0 else min(shape)


def diagonal_blocks(shape: tuple[int, int], blocks: int) -> Mask:
    """Blocks along the diagonal, which together touch every row and column; sizes differ by at most one."""
    kept = np.zeros(shape, np.bool_)
    rows, cols = (np.array_split(np.arange(length), blocks) for length in shape)
    for part, across in zip(rows, cols, strict=True):
        kept[np.ix_(part, across)] = True
    return Mask(kept)


def equal_blocks(shape: tuple[int, int], blocks: int) -> Mask:
    """Blocks along the diagonal, all of rows // blocks by cols // blocks (MESA, Algorithm 1); the rest is pruned."""
    height, width = shape[0] // blocks, shape[1] // blocks
    kept = np.zeros(shape, np.bool_)
    for k in range(blocks):
        kept[k * height : (k + 1) * height, k * width : (k + 1) * width] = True
    return Mask(kept)


def permuted(mask: Mask, rows: Places, cols: Places) -> Mask:
    """Row k of the result is row rows[k] of the mask, column j is column cols[j]."""
    return Mask(mask.kept[np.ix_(rows, cols)])


def balanced(weights: Weights, density: float, pes: int, columns: int = 8) -> Mask:
    """Keep `density x size` weights (rounded) by magnitude, as many in every PE in each group of columns.

    Row i lies in PE i mod pes (EIE Sec. III-C). columns: of a group; an activation queue evens out about as many as
    it has places. A zero is never kept. A *level* is the k-th largest weight of every PE in one group. Whole levels
    are kept, those of the largest sum first, so that the PEs of a group differ by one entry only where a PE has fewer
    rows, or in the one group that takes the rest.
    """
    if pes < 1 or columns < 1:
        raise EieError(f"balanced over {pes} PEs in groups of {columns} columns: both must be 1 or more")
    wanted = by_density(np.ones_like(weights), density).count
    rows, cols = weights.shape
    pes = min(pes, rows)
    high, groups = -(-rows // pes), -(-cols // columns)
    padded = np.zeros((high * pes, groups * columns))
    padded[:rows, :cols] = np.abs(weights)
    # [pe, group, place of the weight in its PE and group]
    cells = padded.reshape(high, pes, groups, columns).transpose(1, 2, 0, 3).reshape(pes, groups, -1)
    order = np.argsort(-cells, axis=2, kind="stable")
    ranked = np.take_along_axis(cells, order, axis=2)
    there = ranked > 0
    sums = np.where(there, ranked, 0).sum(axis=0)
    present = there.sum(axis=0)
    chosen = np.zeros(ranked.shape, np.bool_)
    # Levels of a group are in falling order, so taking the largest first never skips one. Incomplete levels come last.
    best = np.lexsort((np.arange(sums.size), -sums.ravel(), present.ravel() < pes))
    left = wanted
    for place in best:
        group, level = divmod(int(place), sums.shape[1])
        if left == 0:
            break
        pes_there = np.flatnonzero(there[:, group, level])
        if len(pes_there) > left:
            pes_there = pes_there[np.argsort(-ranked[pes_there, group, level], kind="stable")[:left]]
        chosen[pes_there, group, level] = True
        left -= len(pes_there)
    kept = np.zeros(cells.shape, np.bool_)
    np.put_along_axis(kept, order, chosen, axis=2)
    whole = kept.reshape(pes, groups, high, columns).transpose(2, 0, 1, 3).reshape(high * pes, groups * columns)
    return Mask(whole[:rows, :cols])
