"""Streamed weights as docs/networks.md has them, column by column and tile by tile; its formulas, literally."""

from fractions import Fraction
from math import ceil

from .encode import encode, encode_column, rows_of
from .timing import timing


def tiles(codes, bias_codes, columns, pes, index_bits, entry_bits, spmat_bytes, pointer_bytes, mapping):
    """Lists of columns, each with whether the bias is in it; None where a tile cannot hold one column."""

    def entries(j):
        column = [row[j] for row in codes] if j is not None else bias_codes
        own = [rows_of(p, len(column), pes, mapping) for p in range(pes)]
        return [len(encode_column([column[i] for i in rows], index_bits)) for rows in own]

    def fit(inside, with_bias):
        every = [entries(j) for j in inside] + ([entries(None)] if with_bias else [])
        in_most = max(sum(column[p] for column in every) for p in range(pes))
        width = len(inside) if not with_bias else ceil(Fraction(len(inside), pes)) * pes + 1
        return (
            Fraction(in_most * entry_bits, 8) <= Fraction(spmat_bytes, 2)
            and in_most < 2**16
            and (width + 1) * 2 <= Fraction(pointer_bytes, 2)
        )  # fmt: skip

    found, inside = [], []
    for j in columns:
        if inside and not fit([*inside, j], False):
            found.append((inside, False))
            inside = []
        inside = [*inside, j]
        if not fit(inside, False):
            return None
    if bias_codes is None:
        return [*found, (inside, False)] if inside else found
    if fit(inside, True):
        return [*found, (inside, True)]
    if not inside or not fit([], True):
        return None
    return [*found, (inside, False), ([], True)]


def streamed(case, batch, one, with_bias):
    """What the specification says of a batch. batch: as the arithmetic holds it; one: the bias's activation.

    case: codes, bias_codes, config. Returns None where a tile cannot hold a column, else a dictionary.
    """
    codes, bias_codes, config = case
    entry_bits = config.index_bits + config.weight_bits
    columns = list(range(len(codes[0])))
    if config.weights == "streamed-active":
        columns = [j for j in columns if any(inputs[j] != 0 for inputs in batch)]
    kept_bias = bias_codes if with_bias else None
    cut = tiles(codes, kept_bias, columns, config.pes, config.index_bits, entry_bits, config.spmat_bytes,
                config.pointer_bytes, config.mapping)  # fmt: skip
    if cut is None:
        return None
    loads, computes, every, loaded = [], [], [[] for _ in batch], 0
    for inside, has_bias in cut:
        matrix = [[row[j] for j in inside] for row in codes]
        if has_bias:
            gap = [0] * (-len(inside) % config.pes)
            matrix = [[*row, *gap, bias] for row, bias in zip(matrix, kept_bias, strict=True)]
        memories = encode(matrix, None, config.pes, config.index_bits, config.mapping)
        size = sum(ceil(Fraction(len(held) * entry_bits, 8)) + 2 * len(pointers) for held, pointers in memories)
        loaded += size
        loads.append(ceil(size * config.clock_mhz / (config.dram_gbytes_per_s * 1000)))
        compute = 0
        for k, inputs in enumerate(batch):
            seen = [inputs[j] for j in inside]
            if has_bias:
                seen += [0] * (-len(inside) % config.pes) + [one]
            run = timing(memories, seen, config.queue_depth, config.spmat_width // entry_bits, config.multipliers)
            every[k].append(run)
            compute += run["cycles"]
        computes.append(compute)
    cycles = 0
    if cut:
        cycles = loads[0]
        for t in range(len(cut)):
            cycles += max(computes[t], loads[t + 1]) if t + 1 < len(cut) else computes[t]
    return {
        "tiles": len(cut),
        "loaded_bytes": loaded,
        "load_cycles": sum(loads),
        "compute_cycles": sum(computes),
        "cycles": cycles,
        "inputs": every,
    }
