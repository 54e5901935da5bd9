"""docs/llm.md: one block of LLaMA-7B's shape on EIE, resident and streamed; random weights, nothing fitted.

    python -m studies.llm_block docs/llm.md            writes the page (about ten minutes on two cores)
    python -m studies.llm_block --small                a block a sixteenth as wide, to see that it works

LLaMA (Touvron et al., 2023), 7B: width 4096, feed-forward 11008. A block multiplies by four 4096 x 4096 matrices
(query, key, value, output), two 11008 x 4096 (gate, up) and one 4096 x 11008 (down). The products of attention itself
have no constant weights and are left out.
"""

import argparse
import itertools
import sys
from dataclasses import dataclass

import numpy as np

from eiesim import CompressedLayer, MachineConfig, capacity, simulate
from eiesim.encoding import interleave
from studies.findings import falls, number, page, paragraph, rises, where

WIDTH, HIDDEN = 4096, 11008
BLOCKS = 32
PES = 64
BANDWIDTHS = (25.6, 100.0, 900.0)
"""GB/s: two channels of DDR3-1600 (the default); LPDDR5; HBM2."""


@dataclass(frozen=True)
class Matrix:
    """A kind of matrix and how many of it a block has."""

    name: str
    rows: int
    cols: int
    count: int


def block(divide):
    """The seven matrices of a block."""
    width, hidden = WIDTH // divide, HIDDEN // divide
    return (
        Matrix("query, key, value, output", width, width, 4),
        Matrix("gate, up", hidden, width, 2),
        Matrix("down", width, hidden, 1),
    )


def layer_of(matrix, weights, seed):
    """Random codes: `2:4` keeps two of each four neighbours of a row, `10 %` each weight with probability 0.1."""
    rng = np.random.default_rng([seed, matrix.rows, matrix.cols])
    if weights == "2:4":
        # By column as CSC has them: of each four columns of a row, two.
        order = rng.random((matrix.cols // 4, matrix.rows, 4), dtype=np.float32).argsort(axis=2)
        kept = np.zeros((matrix.cols // 4, 4, matrix.rows), bool)
        np.put_along_axis(kept, order[:, :, :2].transpose(0, 2, 1), True, axis=1)
        kept = kept.reshape(matrix.cols, matrix.rows)
    else:
        kept = rng.random((matrix.cols, matrix.rows), dtype=np.float32) < 0.1
    columns, rows = np.nonzero(kept)
    codebook = np.concatenate([[0.0], np.linspace(-1, 1, 15)]).astype(np.float32)
    return CompressedLayer(
        shape=(matrix.rows, matrix.cols),
        indptr=np.searchsorted(columns, np.arange(matrix.cols + 1)).astype(np.int64),
        indices=rows.astype(np.int32),
        codes=rng.integers(1, 16, len(rows), dtype=np.uint8),
        codebook=codebook,
        activation="none",
        name=matrix.name,
    )


def token(cols, sparsity, seed):
    """One token's activations, a share of which is 0."""
    rng = np.random.default_rng([seed, cols])
    return (rng.standard_normal(cols) * (rng.random(cols) >= sparsity)).astype(np.float32)


def fewest_pes(*layers):
    """The fewest PEs that hold all weights of a layer, in reach of their pointers; of several layers, of each.

    They are counted up from the fewest that could, if kept weights were dealt evenly and needed no padding: where n PEs
    hold a layer, n + 1 need not, for they deal its rows otherwise.
    """
    least = max(1, -(-max(layer.nnz for layer in layers) // capacity.POINTER_REACH))
    machines = (MachineConfig(pes=pes) for pes in itertools.count(least))
    return next(
        one.pes for one in machines if all(capacity.weights_fit(interleave(layer, one.pes), one) for layer in layers)
    )


def total(matrices, results, of):
    """Over the block."""
    return sum(matrix.count * of(results[matrix]) for matrix in matrices)


def study(divide):
    """The tables, as lines of Markdown."""
    matrices = block(divide)
    alone, lines = [], []
    alone.append("| weights | matrix | kept weights | entries, padding too | fewest PEs that hold it |")
    alone.append("| --- | --- | ---: | ---: | ---: |")
    lines.append(
        "| weights | zero activations | machine | GB/s | loaded, MB | load, µs | compute, µs | token, µs | energy, mJ "
        "| of it DRAM | bound by |"
    )
    lines.append("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    for weights in ("2:4", "10 %"):
        layers = {matrix: layer_of(matrix, weights, 0) for matrix in matrices}
        for matrix, layer in layers.items():
            entries = int(interleave(layer, PES).entries_per_pe.sum())
            alone.append(
                f"| {weights} | {matrix.count} x {matrix.rows:,} x {matrix.cols:,} ({matrix.name}) | {layer.nnz:,} "
                f"| {entries:,} | {fewest_pes(layer)} |"
            )
        most = fewest_pes(*layers.values())
        for sparsity in (0.5, 0.9):
            inputs = {matrix: token(matrix.cols, sparsity, 1) for matrix in matrices}
            interleaved = {matrix: interleave(layer, PES) for matrix, layer in layers.items()}

            def run(config, held, inputs=inputs):
                return {
                    matrix: simulate(held[matrix], inputs[matrix], config, outputs=False, energy="published").layers[0]
                    for matrix in matrices
                }

            wide = {matrix: interleave(layer, most) for matrix, layer in layers.items()}
            rows = [(f"{most} PEs, one matrix resident at a time", MachineConfig(pes=most), wide, "-")]
            for mode in ("streamed", "streamed-active"):
                for bandwidth in BANDWIDTHS:
                    config = MachineConfig(weights=mode, dram_gbytes_per_s=bandwidth)
                    rows.append((f"{PES} PEs, {mode}", config, interleaved, f"{bandwidth:g}"))
            for name, config, held, gbps in rows:
                found = run(config, held)
                loaded = total(matrices, found, lambda one: one.memory.loaded_bytes)
                load = total(matrices, found, lambda one: one.memory.load_cycles) / config.clock_mhz
                compute = total(matrices, found, lambda one: one.memory.compute_cycles) / config.clock_mhz
                time = total(matrices, found, lambda one: one.time_us)
                energy = total(matrices, found, lambda one: one.energy.total_uj)
                dram = total(matrices, found, lambda one: one.energy.by_module_uj.get("dram", 0.0))
                bound = "compute" if compute >= load else "DRAM"
                lines.append(
                    f"| {weights} | {sparsity:.0%} | {name} | {gbps} | {loaded / 1e6:,.1f} | {load:,.0f} "
                    f"| {compute:,.0f} | {time:,.0f} | {energy / 1e3:,.2f} | {dram / energy:.0%} | {bound} |"
                )
                print(lines[-1], file=sys.stderr, flush=True)
    return alone, lines


PAGE = """# A block of a large language model

One block of LLaMA-7B's shape (width {width:,}, feed-forward {hidden:,}), one token, on EIE at 800 MHz: seven matrices,
{weights:,.0f} million weights, of which 2:4 pruning keeps half and random pruning a tenth, in 4-bit codes. Weights and
activations are random: cycles depend only on where the zeros are. Everything here is *simulated*; energy is
*estimated*, the array's from Table II's power (`published` model) and DRAM's at 20 pJ a bit (EIE Table I). Attention's
own products, which have no constant weights, norms and gates are left out. Made by
`python -m studies.llm_block docs/llm.md`.

## Resident: how many PEs hold one matrix

{memories}

{alone}

A whole block has seven such matrices and the model {blocks} blocks, and none but the one in the array is resident.

## One token through one block

*Resident* stands for each matrix being in the array before it is needed, which costs nothing here; *streamed* loads
every column of every matrix, *streamed-active* only the columns whose activation is not 0 (they must be known in
advance). Loads overlap with computing, tile by tile ([networks.md](networks.md)), but not from one matrix to the next:
the first tile of each is waited for. *Load* and *compute* are each alone, *bound by* names the larger. Times are of all
seven matrices; a waiting array draws Table II's power too. The whole model is {blocks} such blocks.

{lines}

{words}
"""


def words(lines):
    """What the table says, from its own figures: what it does not say is left out."""
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines[2:]]
    streamed = [row for row in rows if row[3] != "-"]

    def find(weights, sparsity, machine, gbps):
        return next(
            row for row in rows if row[:2] == [weights, sparsity] and row[2].endswith(machine) and row[3] == gbps
        )

    slow, active = find("2:4", "90%", ", streamed", "25.6"), find("2:4", "90%", ", streamed-active", "25.6")
    fast = find("2:4", "90%", ", streamed-active", "900")
    dense = find("2:4", "50%", ", streamed", "25.6")
    tiny = find("10 %", "90%", ", streamed-active", "25.6")
    (_, loaded, load, compute, time, energy, dram), of = range(3, 10), [row for row in streamed if row[3] == "25.6"]
    by_loaded = sorted(of, key=lambda row: (number(row[loaded]), number(row[time])))
    in_order = all(
        falls(more[time], less[time])
        for less, more in itertools.combinations(by_loaded, 2)
        if rises(less[loaded], more[loaded])
    )
    bound = sum(row[-1] == "DRAM" for row in streamed)
    return page(
        paragraph(
            True,
            f"What bounds it: of the {len(streamed)} streamed rows {bound} are bound by DRAM.",
            f"""With 2:4 weights and 90 % zero activations a token takes {slow[time]} µs at 25.6 GB/s where every
            column is loaded, {active[time]} µs where only active ones are, and {fast[time]} µs where these come at
            900 GB/s; its energy at 25.6 GB/s is {slow[energy]} mJ ({slow[dram]} of it DRAM) with every column,
            {active[energy]} mJ with active ones.""",
            where(
                dense[loaded] == slow[loaded] and dense[load] == slow[load] and falls(dense[compute], slow[compute]),
                f"""Skipping zero activations saves computing alone as long as all columns are loaded: from 50 % to 90 %
                zeros computing falls from {dense[compute]} to {slow[compute]} µs, the loads stay {slow[load]} µs, and a
                token takes {dense[time]} and {slow[time]} µs.""",
            ),
            where(in_order, "At 25.6 GB/s, the less is read from DRAM the sooner a token is through."),
            where(
                all(falls(row[what], tiny[what]) for row in of if row != tiny for what in (time, energy)),
                f"""Pruning to a tenth, with active columns alone, gains most: {tiny[time]} µs and {tiny[energy]} mJ
                with 90 % zeros.""",
            ),
        ),
        paragraph(
            True,
            "A batch would share the loads, for it computes all its inputs on a tile before the next one; a single",
            "user's next token cannot.",
        ),
    ).strip("\n")


def memories(held):
    """What a PE holds."""
    return paragraph(
        True,
        f"""A PE of the paper has 128 KB for {held["spmat_sram"]:,} entries and 32 KB for {held["pointer_sram"]:,}
        pointers. These have 16 bits, so that they reach {held["pointer_range"]:,} entries and no more: half of the
        128 KB stay empty. Weights alone are counted here; where activations are more than the register file's
        {held["register_file"]} a PE, they go through the activation SRAM, which holds {held["activation_sram"]:,}.""",
    )


def whole(divide, alone, lines):
    """The page of both tables."""
    return PAGE.format(
        memories=memories(capacity.held(MachineConfig())),
        width=WIDTH // divide, hidden=HIDDEN // divide, blocks=BLOCKS,
        weights=sum(one.rows * one.cols * one.count for one in block(divide)) / 1e6,
        alone="\n".join(alone), lines="\n".join(lines), words=words(lines),
    )  # fmt: skip


def main():
    """Write the page, or print it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("page", nargs="?", help="the file to write; standard output without it")
    options.add_argument("--small", action="store_true", help="a sixteenth of the width")
    chosen = options.parse_args()
    divide = 16 if chosen.small else 1
    alone, lines = study(divide)
    text = whole(divide, alone, lines)
    if chosen.page:
        with open(chosen.page, "w", encoding="utf-8") as file:
            file.write(text)
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
