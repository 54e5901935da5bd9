"""Weights that do not fit the PEs' memories: tiles of columns, each loaded while the one before is computed.

A tile is a run of the layer's columns, in index order, that half of every PE's memories hold; the other half is being
filled. The rules are exact and stand in docs/networks.md, "Weights that do not fit". The engines know nothing of tiles:
a tile is a small layer whose accumulators begin where the tile before left them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from eiesim import capacity
from eiesim.arithmetic import Each, Operands, in_parts
from eiesim.config import MachineConfig
from eiesim.encoding import InterleavedLayer, bias_column, interleave
from eiesim.errors import EieError
from eiesim.job import Job
from eiesim.layer import CompressedLayer
from eiesim.runs import Runs

POINTER_BYTES = capacity.POINTER_BITS // 8


@dataclass(frozen=True)
class WeightTraffic:
    """Where a layer's weights were, and what moving them cost; over a batch, of all its inputs together.

    fits: whether the PEs hold all the layer's weights at once (`capacity.weights_fit`). tiles: loaded ones, 0 if
    resident. loaded_bytes: of all tiles and PEs. load_cycles: the loads alone. compute_cycles: the computing alone.
    cycles: both, overlapped.
    """

    fits: bool
    tiles: int
    loaded_bytes: int
    load_cycles: int
    compute_cycles: int
    cycles: int

    @property
    def waiting_cycles(self) -> int:
        """Cycles in which the array waits for weights."""
        return self.cycles - self.compute_cycles

    def to_dict(self) -> dict[str, Any]:
        """The `memory` part of the result JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Tile:
    """Columns that are in the array together.

    columns: int64[...], of the layer, ascending. with_bias: whether the bias stands behind them.
    width: columns as the PEs store them, with the bias and the empty ones before it. loaded_bytes: of all PEs.
    """

    columns: npt.NDArray[np.int64]
    with_bias: bool
    width: int
    loaded_bytes: int

    def of(self, layer: CompressedLayer) -> CompressedLayer:
        """The tile as a layer without a bias: its columns, numbered from 0, the bias as one more column."""
        starts, counts = layer.indptr[self.columns], np.diff(layer.indptr)[self.columns]
        ends = np.cumsum(counts)
        places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - counts), counts)
        indices, codes = layer.indices[places], layer.codes[places]
        per_column = np.zeros(self.width, np.int64)
        per_column[: len(counts)] = counts
        if self.with_bias and layer.bias_codes is not None:
            rows = np.flatnonzero(layer.bias_codes).astype(np.int32)
            per_column[-1] = len(rows)
            indices, codes = np.concatenate([indices, rows]), np.concatenate([codes, layer.bias_codes[rows]])
        indptr = np.concatenate([[0], np.cumsum(per_column)])
        return replace(layer, shape=(layer.rows, self.width), indptr=indptr, indices=indices, codes=codes,
                       bias_codes=None, groups=1, depthwise=False)  # fmt: skip

    def numbers(self, layer: CompressedLayer) -> npt.NDArray[np.int64]:
        """The numbers of the tile's columns in the layer, int64[width]: the bias's is `layer.cols`."""
        numbers = np.full(self.width, layer.cols)
        numbers[: len(self.columns)] = self.columns
        return numbers

    def in_rows(self, operands: Operands, pes: int) -> npt.NDArray[Any]:
        """The tile's activations as the LNZD meets them: [batch, activation rows, pes]."""
        rows = np.zeros((len(operands.values), -(-self.width // pes) * pes), operands.activations.dtype)
        rows[:, : len(self.columns)] = operands.activations[:, self.columns]
        if self.with_bias:
            rows[:, self.width - 1] = operands.one
        return rows.reshape(len(rows), -1, pes)


def cut(
    layer: InterleavedLayer,
    config: MachineConfig,
    columns: npt.NDArray[np.int64] | None = None,
    with_bias: bool = True,
) -> tuple[Tile, ...]:
    """Cut a layer into tiles.

    columns: ascending, those to be loaded; None is all. with_bias: whether a bias is loaded too, if there is one. It
    belongs to the last tile, or is one of its own where the last tile does not hold it as well.
    Raises EieError, naming column and memory, where a tile cannot hold a single column.
    """
    of, tables = layer.layer, layer.tables
    if columns is None:
        chosen, entries = np.arange(of.cols), tables.pointers  # of columns up to the bias's; no copy of them
    else:
        chosen = columns
        entries = np.zeros((len(chosen) + 1, tables.counts.shape[1]), np.int32)
        np.cumsum(tables.counts[chosen], axis=0, dtype=np.int32, out=entries[1:])
    bias = tables.counts[-1].astype(np.int64) if of.bias_codes is not None and with_bias else None
    tiles = []
    start = 0
    while start < len(chosen):
        end = _last_that_fits(entries, start, len(chosen), config)
        if end == start:
            raise EieError(_too_small(f"column {int(chosen[start])}", of.name, tables.counts[chosen[start]], config))
        held = entries[end].astype(np.int64) - entries[start]
        width = bias_column(end - start, layer.pes) + 1
        if end == len(chosen) and bias is not None and _fit(held + bias, width, config):
            tiles.append(_tile(chosen[start:end], True, width, held + bias, layer.pes, config))
            bias = None
        else:
            tiles.append(_tile(chosen[start:end], False, end - start, held, layer.pes, config))
        start = end
    if bias is not None:
        if not _fit(bias, 1, config):
            raise EieError(_too_small("the bias", of.name, bias, config))
        tiles.append(_tile(chosen[:0], True, 1, bias, layer.pes, config))
    return tuple(tiles)


def cut_for(
    layer: InterleavedLayer, operands: Operands, config: MachineConfig, each: Each = in_parts
) -> tuple[Tile, ...]:
    """Cut a layer into the tiles that a batch needs: all columns, or with `streamed-active` those that it feeds."""
    if config.weights != "streamed-active":
        return cut(layer, config)
    fed = each(lambda inputs: (operands.part(inputs).activations != 0).any(axis=0), len(operands.values))
    return cut(layer, config, np.flatnonzero(np.any(list(fed), axis=0)), bool(operands.one != 0))


def _fit(entries: npt.NDArray[Any], columns: int, config: MachineConfig) -> bool:
    """Whether half of each memory holds so many entries a PE, and the pointers of so many columns."""
    return capacity.half(config).holds(int(entries.max(initial=0)), columns)


def _last_that_fits(entries: npt.NDArray[np.int32], start: int, end: int, config: MachineConfig) -> int:
    """The largest number up to `end` such that columns from start up to it are a tile; `start` if there is none."""
    low, high = start, end
    while low < high:  # What fits only grows with the end.
        middle = (low + high + 1) // 2
        if _fit(entries[middle] - entries[start], middle - start, config):
            low = middle
        else:
            high = middle - 1
    return low


def _tile(
    columns: npt.NDArray[np.int64],
    with_bias: bool,
    width: int,
    entries: npt.NDArray[np.int64],
    pes: int,
    config: MachineConfig,
) -> Tile:
    """entries: of the PEs that have any, among others."""
    of_entries = int((-(-entries * config.entry_bits // 8)).sum())
    of_pointers = pes * (width + 1) * POINTER_BYTES
    return Tile(columns, with_bias, width, of_entries + of_pointers)


def _too_small(what: str, name: str, entries: npt.NDArray[Any], config: MachineConfig) -> str:
    """Why a tile does not hold a single column."""
    most, half = int(entries.max(initial=0)), capacity.half(config)
    if most > half.entries:
        return (
            f"layer '{name}': {what} has {most:,} entries in a PE, more than the {half.entries:,} that half of the "
            f"sparse-matrix SRAM holds (spmat_bytes = {config.spmat_bytes}); a tile needs room for one column"
        )
    if most > capacity.POINTER_REACH:
        return (
            f"layer '{name}': {what} has {most:,} entries in a PE, more than the {capacity.POINTER_REACH:,} that a "
            f"{capacity.POINTER_BITS}-bit pointer reaches; more PEs have fewer each"
        )
    return (
        f"layer '{name}': {what} needs 2 pointers, more than half of the pointer SRAM holds "
        f"(pointer_bytes = {config.pointer_bytes}); a tile needs at least {4 * POINTER_BYTES} bytes of it"
    )


def load_cycles(loaded_bytes: int, config: MachineConfig) -> int:
    """Cycles that so many bytes take from DRAM: ceil(bytes x clock / bandwidth)."""
    return ceil(loaded_bytes * config.clock_mhz / (config.dram_gbytes_per_s * 1000))


def estimate(layer: InterleavedLayer, config: MachineConfig) -> dict[str, Any]:
    """What streaming all of a layer's columns once would cost, whatever `config.weights` is; for JSON.

    With "refused", the reason, in place of the costs where a tile cannot hold a column.
    """
    keys = config.to_dict()
    asked = {
        "fits": capacity.weights_fit(layer, config),
        **{key: keys[key] for key in ("dram_gbytes_per_s", "dram_pj_per_bit")},
    }
    try:
        tiles = cut(layer, config)
    except EieError as error:
        return {**asked, "refused": str(error)}
    loaded = sum(tile.loaded_bytes for tile in tiles)
    cycles = sum(load_cycles(tile.loaded_bytes, config) for tile in tiles)
    return {
        **asked,
        "tiles": len(tiles),
        "loaded_bytes": loaded,
        "load_cycles": cycles,
        "load_us": cycles / config.clock_mhz,
        "energy_uj": loaded * 8 * config.dram_pj_per_bit * 1e-6,
    }


def overlapped(loads: Sequence[int], computes: Sequence[int]) -> int:
    """Cycles of tiles that are loaded while the one before is computed."""
    if not loads:
        return 0
    return loads[0] + sum(map(max, computes, [*loads[1:], 0]))


def resident(fits: bool, compute_cycles: int) -> WeightTraffic:
    """The memory of a layer whose weights stay in the array: nothing is loaded. fits: see `WeightTraffic`."""
    return WeightTraffic(fits, 0, 0, 0, compute_cycles, compute_cycles)


def run_tiles(
    run: Callable[[Job, npt.NDArray[Any], npt.NDArray[Any] | None, bool], Runs],
    layer: InterleavedLayer,
    operands: Operands,
    config: MachineConfig,
    outputs: bool,
    by_pe: bool,
    each: Each = in_parts,
    progress: Callable[[int], object] | None = None,
) -> tuple[Runs, WeightTraffic, tuple[int, ...]]:
    """A batch through a streamed layer: the runs, what moving the weights cost, and the bytes of each load in order.

    run: of some inputs through a tile, see `engines.batch.run`. by_pe: whether what every PE counts is kept. Cycles and
    counters of the runs are sums over tiles, of computing alone; max_occupancy is the largest. All inputs pass a tile
    before the next one.
    """
    tiles = cut_for(layer, operands, config, each)
    inputs = len(operands.values)
    sums = np.zeros((inputs, layer.layer.rows), operands.codebook.dtype) if outputs else None
    runs = None if tiles else Runs.none(inputs, layer.pes, by_pe)
    computes = []
    for tile in tiles:
        held = interleave(tile.of(layer.layer), layer.pes, layer.index_bits, layer.mapping)
        job = Job.of(held, operands, config, outputs, tile.numbers(layer.layer), tile.with_bias)

        def some(part: slice, tile: Tile = tile, job: Job = job) -> Runs:
            rows = tile.in_rows(operands.part(part), layer.pes)
            done = run(job, rows, None if sums is None else sums[part], by_pe)
            if sums is not None:
                sums[part] = done.sums
            if progress is not None and tile is tiles[-1]:
                progress(len(done))
            return done.without_sums()

        done = Runs.joined(list(each(some, inputs)))
        computes.append(int(done.each("cycles").sum()))
        runs = done if runs is None else runs.then(done)
    assert runs is not None
    adder = operands.adder(-1, True, layer.layer.cols)
    if sums is not None and adder is not None:
        operands.finish(sums, adder)
    loads = [load_cycles(tile.loaded_bytes, config) for tile in tiles]
    loaded_bytes = sum(tile.loaded_bytes for tile in tiles)
    fits = capacity.weights_fit(layer, config)
    memory = WeightTraffic(fits, len(tiles), loaded_bytes, sum(loads), sum(computes), overlapped(loads, computes))
    return replace(runs, sums=sums), memory, tuple(tile.loaded_bytes for tile in tiles)


BURST_BYTES = 64
"""What DRAM gives at once."""

BURSTS_AT_ONCE = 2**14


def check_base(base: int) -> None:
    """Raise EieError where a burst cannot begin at an address."""
    if base < 0 or base % BURST_BYTES:
        raise EieError(f"DRAM base {base:#x}: needs a multiple of {BURST_BYTES}, the bytes of a burst, from 0")


def dram_trace(loads: Sequence[int], base: int) -> Iterator[str]:
    """The bursts of loads as lines `LD 0xADDRESS`, without the last line's end, some thousands at a time.

    loads: bytes of each. They lie in DRAM in their order from `base` on, each from a burst of its own on.
    """
    between = ""
    for loaded_bytes in loads:
        end = base + -(-loaded_bytes // BURST_BYTES) * BURST_BYTES
        for first in range(base, end, BURSTS_AT_ONCE * BURST_BYTES):
            some = range(first, min(first + BURSTS_AT_ONCE * BURST_BYTES, end), BURST_BYTES)
            yield between + "\n".join(map("LD {:#x}".format, some))
            between = "\n"
        base = end
