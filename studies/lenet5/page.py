"""docs/lenet-5.md: tables, and the words around them. Every number of ours in them is read from the table."""

from collections.abc import Iterator
from pathlib import Path

from eiesim._io.atomic import writing
from studies.findings import alike, falls, number, page, paragraph, rises, where
from studies.lenet5.cells import AS_PUBLISHED, BUDGET, FEW, ITERATIVE, LAYERS, MESA, RECIPES, published
from studies.lenet5.means import Numbers, published_bytes
from studies.lenet5.plots import draw
from studies.methods.cells import digits, versions
from studies.methods.means import read_means

METHODS = Path(__file__).parents[2] / "docs" / "methods" / "results.csv"
CONVOLUTIONS, MATRICES = LAYERS[:2], LAYERS[2:]
CAFFE_ERROR, COMPRESSED_ERROR, COMPRESSED_KB, TIMES = "0.80 %", "0.74 %", "44", "39x"
"""Deep Compression, Table 1: LeNet-5 before and after."""
MESA_BEFORE, MESA_AFTER, MESA_TIMES = "99.34 %", "99.04 %", "135x"
"""MESA (Hsu et al., ECAI 2020), Tables 2 and 3: LeNet-5."""


def write_page(results: Path, docs: Path) -> None:
    """The page and its picture, of a table that is there."""
    n = Numbers.read(results)
    draw(n, docs / "lenet-5")
    with writing(docs / "lenet-5.md") as file:
        file.write(text(n).encode())


def text(n: Numbers) -> str:
    """The whole page."""
    return page(_head(n), _ways(n), *_deep_compression(n), *_mesa(n), *_machine(n), _how(n))


def _head(n: Numbers) -> str:
    return f"""# LeNet-5: convolutions, pruned and on the machine

`eiesim train --network lenet-5` trains the network of Deep Compression's Table 3: 20 maps of 5 x 5 places, pooled, 50 maps of
5 x 5, pooled, 500 units, 10 classes; 430,500 weights. A convolution is one matrix that meets the window of every position
(im2col): {published().weights["conv1"]:,.0f} weights and 576 input vectors a digit in the first, {published().weights["conv2"]:,.0f} and 64 in the second. So
[every method](methods.md) works on it as on any matrix, and [the folder](formats.md#trained-network-folder-eiesim-train--o-dir)
runs as any network's whose layers do not follow one another.

`python -m studies.lenet5` makes this page: {n.seeds} seeds, {len(RECIPES)} ways to prune, some {n.minutes:.0f} minutes of one core; started again
after an interruption, it goes on where it was. Every run is in [lenet-5/results.csv](lenet-5/results.csv).

Accuracies are **measured** on 500 digits held out, in float32 unless said otherwise; means over the seeds, ± their standard
deviation. One digit is 0.2 points. Bytes are counted after Huffman coding, codebooks, tables and biases included; a KB is 1,000.
Cycles are **simulated**, energy is **estimated** from published figures ([energy.md](energy.md)), both of one whole digit. What
papers say is called **published**. A sentence that states a finding stands here only where the figures bear it out."""


def _ways(n: Numbers) -> str:
    lines = [
        "| pruned by | kept | accuracy, pruned | shared to 4 bits | in fixed16 | KB | times smaller | cycles, 16 PEs | µJ |"
        " cycles, 64 PEs | µJ |",
        "| --- |" + " ---: |" * 10,
    ]
    for label in RECIPES:
        if not n.has(label):
            continue
        kept = n.total(label, "kept") / sum(published().weights[name] for name in LAYERS)
        cells = [
            label, f"{kept:.1%}", n.accuracy(label, "pruned"),
            f"{n.accuracy(label)} ± {100 * n.spread(label, 'shared'):.1f}", n.accuracy(label, "machine"),
            n.kb(label), n.smaller(label), *(f(label, pes) for pes in (16, 64) for f in (n.cycles, n.energy)),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    table = "\n".join(lines)
    return f"""## What it comes to

The dense network recognises {n.accuracy(AS_PUBLISHED, "dense")} and is {n.total(AS_PUBLISHED, "dense_bytes") / 1000:,.0f} KB in float32.

{table}

*Published densities* are Deep Compression's of each layer, 66, 12, 8 and 19 %; the others are `eiesim train`'s methods with
their own division, 28, 8, 8 and 28 % at 8 %. `mesa` keeps whole convolutions, as its paper does, and a tenth of the matrices."""


def _deep_compression(n: Numbers) -> Iterator[str]:
    lines = [
        "| layer | weights | kept, published | KB, published | ours, its bits | ours, 4 bits | kept at 8 % | ours, 4 bits |",
        "| --- |" + " ---: |" * 7,
    ]
    for name in LAYERS:
        own = published().loc[name]
        kept = n.layer(ITERATIVE, name, "kept") / own.weights
        cells = [
            name, f"{own.weights:,.0f}", f"{own.kept_percent:.0f}%", f"{published_bytes(name) / 1000:.1f}",
            n.kb(AS_PUBLISHED, "bytes_published_bits", (name,)), n.kb(AS_PUBLISHED, layers=(name,)),
            f"{kept:.0%}", n.kb(ITERATIVE, layers=(name,)),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    sums = f"{sum(map(published_bytes, LAYERS)) / 1000:.1f}"
    total = [
        "all", "430,500", "8%", f"{COMPRESSED_KB} ({TIMES})",
        f"{n.kb(AS_PUBLISHED, 'bytes_published_bits')} ({n.smaller(AS_PUBLISHED, 'bytes_published_bits')})",
        f"{n.kb(AS_PUBLISHED)} ({n.smaller(AS_PUBLISHED)})", "8%", f"{n.kb(ITERATIVE)} ({n.smaller(ITERATIVE)})",
    ]  # fmt: skip
    table = "\n".join([*lines, f"| {' | '.join(total)} |"])
    yield f"""## Beside Deep Compression's {TIMES}

![Bytes by layer, published beside ours](lenet-5/bytes.svg)

{table}"""
    ours, finer = n.smaller(AS_PUBLISHED), n.smaller(AS_PUBLISHED, "bytes_published_bits")
    more, more_in_all = (
        f"{(n.bytes(AS_PUBLISHED, 'bytes_published_bits', of) - n.bytes(AS_PUBLISHED, layers=of)) / 1000:.1f}"
        for of in (("fc1",), LAYERS)
    )
    yield paragraph(
        alike(ours, TIMES, 0.1),
        f"**At the published densities ours is {ours} smaller, published are {TIMES}.**",
        f"{n.kb(AS_PUBLISHED)} KB beside {COMPRESSED_KB} KB, with codes and relative indices of the machine's 4 bits.",
        where(
            falls(ours, finer) and 0 < number(more) <= number(more_in_all),
            f"""With the published 8 bits for convolutions and 5 for matrices it is {n.kb(AS_PUBLISHED, "bytes_published_bits")} KB,
            {finer}, at {n.accuracy(AS_PUBLISHED, "published_bits")} without fine-tuning; {more} of the {more_in_all} KB more are in fc1.""",
        ),
    )
    yield paragraph(
        number(sums) > number(COMPRESSED_KB) + 1,
        f"**The published table does not add up to its own total.** Its layers' shares after Huffman coding are {sums} KB",
        f"together, {sum(4 * published().weights[name] for name in LAYERS) / sum(map(published_bytes, LAYERS)):.0f}x; its last line says"
        " 2.55 %, 44 KB.",
        where(
            number(n.kb(AS_PUBLISHED, "bytes_published_bits")) > number(COMPRESSED_KB),
            f"Our {n.kb(AS_PUBLISHED, 'bytes_published_bits')} KB with its bits are to be read beside both.",
        ),
    )
    lost = f"{100 * (n.share(AS_PUBLISHED, 'dense') - n.share(AS_PUBLISHED, 'shared')):.1f}"
    yield paragraph(
        number(lost) <= 0.5,
        f"**Nothing that these digits can show is lost:** {n.accuracy(AS_PUBLISHED, 'dense')} dense, {n.accuracy(AS_PUBLISHED)} shared.",
        f"Published are an error of {CAFFE_ERROR} and of {COMPRESSED_ERROR}.",
        where(
            n.share(AS_PUBLISHED, "dense") < 1 - 0.0080,
            "Our dense network recognises less, for it learns from a fifteenth of the digits.",
        ),
    )
    few = f"{100 * (n.share(AS_PUBLISHED, 'dense') - n.share(FEW, 'shared')):.1f}"
    yield paragraph(
        rises(n.smaller(AS_PUBLISHED), n.smaller(FEW)),
        f"**Fewer weights than published.** A quarter of them, trained under L2, make it {n.smaller(FEW)} smaller",
        f"({n.kb(FEW)} KB), for {n.accuracy(FEW)}.",
        where(number(few) > 1, f"That is {few} points less than dense: more than the digits' grain."),
        where(0 <= number(few) <= 1, f"That is {few} points less than dense, within what 500 digits can tell."),
    )
    share = f"{n.bytes(AS_PUBLISHED, layers=('fc1',)) / n.bytes(AS_PUBLISHED):.0%}"
    theirs = f"{published_bytes('fc1') / sum(map(published_bytes, LAYERS)):.0%}"
    yield paragraph(
        number(share) > 50,
        f"**The first matrix is what there is to compress:** {share} of our bytes, {theirs} of the published layers'.",
    )
    yield """What differs besides: Deep Compression's network is Caffe's, which has no ReLU behind its convolutions (ours has, for the
machine skips zeros), learned from MNIST's 60,000 digits and was tested on 10,000. Ours are the digits of
[methods.md](methods.md): 5,000 of MNIST, 4,000 of them to learn from, with copies moved by a pixel, and 500 held out; and the
training is short (see *How*). LeNet-300-100 beside its 40x is on [that page](methods.md#beside-what-the-papers-say)."""


def _mesa(n: Numbers) -> Iterator[str]:
    lines = [
        "| layer | kept, published | times smaller, published | kept, ours | KB, ours | times smaller, ours | by indices instead |",
        "| --- |" + " ---: |" * 6,
    ]
    for name, layers in (*((name, (name,)) for name in MATRICES), ("both", MATRICES)):
        own = published().loc["total" if name == "both" else name]
        kept = sum(n.layer(MESA, one, "kept") for one in layers) / sum(published().weights[one] for one in layers)
        cells = [
            name, f"{own.mesa_kept_percent:.0f}%", f"{own.mesa_times_smaller:.0f}x", f"{kept:.0%}",
            n.kb(MESA, layers=layers), n.smaller(MESA, layers=layers), n.smaller(MESA, "huffman_bytes", layers),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    table = "\n".join(lines)
    yield f"""## Beside MESA's {MESA_TIMES}

MESA's {MESA_TIMES} are of the two matrices alone, in diagonal blocks; its convolutions stay as they were. So do ours, but for their
4-bit codes.

{table}"""
    ours = n.smaller(MESA, layers=MATRICES)
    bits = f"{8 * n.bytes(MESA, layers=MATRICES) / sum(n.layer(MESA, one, 'kept') for one in MATRICES):.1f}"
    yield paragraph(
        True,
        f"**Ours are {ours}**, {n.accuracy(MESA)} accurate, {n.accuracy(MESA, 'dense')} dense; published are {MESA_BEFORE} and {MESA_AFTER}.",
        f"""A kept weight takes {bits} bits of ours and {published().mesa_bits["total"]} of theirs. The weight of the penalty that makes
        neighbouring blocks alike is 0.03 here; the lecture notes do not give theirs.""",
        where(
            rises(n.smaller(MESA, "huffman_bytes", MATRICES), ours),
            f"The same blocks with relative indices in place of MESA's coding are {n.smaller(MESA, 'huffman_bytes', MATRICES)}.",
        ),
    )
    methods = read_means(METHODS)
    found = methods[(methods["label"] == "mesa") & (methods["asked"] == 0.1)]["accuracy_shared"]
    on_pixels = f"{found.iloc[0]:.1%}"
    yield paragraph(
        rises(on_pixels, n.accuracy(MESA)),
        "**Behind convolutions blocks do less harm.** In LeNet-300-100 each block of a tenth sees a few lines of pixels, and",
        f"[{on_pixels}](methods.md) are recognised; here each sees whole maps, and {n.accuracy(MESA)} are.",
    )
    yield paragraph(
        rises(n.smaller(AS_PUBLISHED), n.smaller(MESA), ours),
        f"Of the whole network little of it is left: with convolutions kept whole it is {n.smaller(MESA)} smaller, pruned layer by layer",
        f"{n.smaller(AS_PUBLISHED)}.",
    )


def _machine(n: Numbers) -> Iterator[str]:
    lines = [
        "| layer | vectors a digit | active inputs | cycles a vector, 16 PEs | load balance | cycles a vector, 64 PEs |"
        " load balance | of the digit's cycles, 64 PEs |",
        "| --- |" + " ---: |" * 7,
    ]
    for name in LAYERS:

        def of(column: str, name: str = name) -> float:
            return n.layer(AS_PUBLISHED, name, column)

        cells = [
            f"{name}, {of('rows'):.0f} x {of('cols'):.0f}", f"{of('vectors'):.0f}", f"{of('active'):.0%}",
            f"{of('cycles_16'):,.1f}", f"{of('load_balance_16'):.0%}", f"{of('cycles_64'):,.1f}",
            f"{of('load_balance_64'):.0%}", n.of_cycles(AS_PUBLISHED, (name,), 64),
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    table = "\n".join(lines)
    yield f"""## On the machine

At the published densities; cycles are means over 500 digits, of a convolution over 16 positions of each.

{table}"""
    share = n.of_cycles(AS_PUBLISHED, CONVOLUTIONS, 64)
    weights = sum(published().weights[name] for name in CONVOLUTIONS) / sum(
        published().weights[name] for name in LAYERS
    )
    yield paragraph(
        number(share) > 90,
        f"**Convolutions are {weights:.0%} of the weights and {share} of the cycles** on 64 PEs: their matrices are small, and meet 640 vectors",
        "a digit. What compresses the network and what makes it fast are two questions.",
    )
    few, many = n.cycles(AS_PUBLISHED, 16), n.cycles(AS_PUBLISHED, 64)
    faster, dearer = number(few) / number(many), number(n.energy(AS_PUBLISHED, 64)) / number(n.energy(AS_PUBLISHED, 16))
    yield paragraph(
        rises(many, few) and faster < 2 and dearer > 1.5,
        f"**Four times the PEs make it {faster:.1f} times as fast and cost {dearer:.1f} times the energy:** {few} cycles on 16, {many} on 64.",
        "A PE holds whole rows, and a convolution has 20 or 50 of them: of 64 PEs 44 have nothing to do in the first and 14 in the second.",
    )
    active = f"{n.layer(AS_PUBLISHED, 'conv2', 'active'):.0%}"
    cycles, broadcast = n.layer(AS_PUBLISHED, "conv2", "cycles_64"), n.layer(AS_PUBLISHED, "conv2", "active") * 500
    yield paragraph(
        cycles < 1.2 * broadcast,
        f"**A broadcast takes a cycle.** The second convolution has {active} of its 500 inputs active, {broadcast:.0f}, and takes {cycles:.0f} cycles a vector on 64",
        "PEs, whatever is pruned.",
        where(
            alike(n.cycles(ITERATIVE, 64), n.cycles(FEW, 64), 0.25),
            f"""From 8 % to 2 % of the weights a digit goes from {n.cycles(ITERATIVE, 64)} to {n.cycles(FEW, 64)} cycles, while the bytes go from
            {n.kb(ITERATIVE)} to {n.kb(FEW)} KB.""",
        ),
        where(
            number(active) > 60,
            "Maximum pooling passes on the largest of four values behind a ReLU, which is seldom 0.",
        ),
    )
    machine = n.accuracy(AS_PUBLISHED, "machine")
    yield paragraph(
        alike(machine, n.accuracy(AS_PUBLISHED), 0.005),
        f"**16 bits are enough:** the machine's arithmetic recognises {machine}, float32 {n.accuracy(AS_PUBLISHED)}.",
    )


def _how(n: Numbers) -> str:
    parts, plan = digits(), {name: BUDGET[name].epochs for name in ("dense", "retraining", "shared")}
    return f"""## How

{plan["dense"]} epochs from scratch, {BUDGET["rounds"]} rounds of pruning and {plan["retraining"]} epochs each, {plan["shared"]} of the shared values; Adam, batches of
{BUDGET["dense"].batch}; the epoch with the lowest validation loss counts. {len(parts.training.labels):,} training digits (4,000 and copies moved by a pixel),
{len(parts.validation.labels)} for validation, {len(parts.held_out.labels)} held out. Each seed's four networks start from the same dense one.

```console
$ eiesim train x.npy y.npy --network lenet-5 --method iterative --density 0.08 -o net
$ eiesim accuracy net
$ eiesim run net --pes 16
```

The folder's `model.onnx` is the shared network, `pruned.onnx` and `dense.onnx` what it was made of: onnxruntime gives the same
scores within 1e-4 (`tests/training/test_convolutions.py`, which also holds the gradients against differences of losses that are
summed up literally). Made with {versions()}."""
