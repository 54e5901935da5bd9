"""The study's cells, one a seed: a dense LeNet-5, and what each way of pruning makes of it, layer by layer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd

from eiesim import MachineConfig, simulate
from eiesim.coding.block_differences import encode_blocks
from eiesim.compression.statistics import statistics
from eiesim.dense import forward
from eiesim.training.architecture import lenet_5
from eiesim.training.convolution import Convolution
from eiesim.training.loop import Lesson, Settings, one_thread
from eiesim.training.losses import Penalty
from eiesim.training.magnitude import by_layer, prune_and_retrain
from eiesim.training.methods import method_of
from eiesim.training.recipe import Networks, Recipe
from eiesim.training.run import begin, lesson_for, shared
from eiesim.training.trained import Trained
from studies.methods.cells import digits

SEEDS = (0, 1, 2)
PES = (16, 64)
BUDGET: dict[str, Any] = {
    "rounds": 2,
    "dense": Settings(epochs=6, patience=6),
    "retraining": Settings(epochs=3, patience=3),
    "shared": Settings(epochs=1, patience=1, rate=3e-5, decay=0.0),
}
"""The same for every way: 6 epochs from scratch, 6 of retraining, 1 of the shared values."""
AS_PUBLISHED, ITERATIVE, FEW, MESA = "published densities", "iterative, 8 %", "iterative, L2, 2 %", "mesa, 10 %"
RECIPES = {
    AS_PUBLISHED: Recipe(method="iterative", density=0.08, **BUDGET),
    ITERATIVE: Recipe(method="iterative", density=0.08, **BUDGET),
    FEW: Recipe(method="iterative", density=0.02, penalty=Penalty("l2"), **BUDGET),
    MESA: Recipe(method="mesa", density=0.1, **BUDGET),
}
LAYERS = ("conv1", "conv2", "fc1", "fc2")
PUBLISHED = Path(__file__).with_name("published.csv")
"""Deep Compression (Han, Mao and Dally, ICLR 2016), Table 3; its ip1 and ip2 are fc1 and fc2 here.

Sizes are in percent of 32 bits a weight. mesa_: of MESA (Hsu et al., ECAI 2020), Table 3; bits are of a kept weight.
"""
COLUMNS = (
    "label", "seed", "layer", "rows", "cols", "vectors", "accuracy_dense", "accuracy_pruned", "accuracy_shared",
    "accuracy_machine", "accuracy_published_bits", "kept", "dense_bytes", "huffman_bytes", "coded_bytes",
    "bytes_published_bits",
    "active", *(f"{name}_{pes}" for pes in PES for name in ("cycles", "load_balance", "energy_nj")),
    "seconds",
)  # fmt: skip
"""Of results.csv: a row a label, seed and layer.

Bytes: huffman of the shared layer; coded the same, or by MESA's own coding; of `published_bits` codes have as many bits
as Deep Compression's. cycles, energy_nj: of one input vector, of which a digit has `vectors`. active: the share of a
vector that is not 0.
"""


@dataclass(frozen=True)
class Cell:
    """All ways of one seed."""

    seed: int


@cache
def published() -> pd.DataFrame:
    """Deep Compression's Table 3, by layer."""
    return pd.read_csv(PUBLISHED).set_index("layer")


def run_cell(cell: Cell) -> list[dict[str, Any]]:
    """The rows of a seed, trained on one thread."""
    with one_thread():
        networks: Networks | None = None
        rows: list[dict[str, Any]] = []
        for label, plain in RECIPES.items():
            begun, recipe = process_time(), replace(plain, seed=cell.seed)
            lesson = lesson_for(digits(), recipe)
            if networks is None:  # the first recipe has no penalty
                networks = begin(lenet_5(10), lesson, recipe)
            made = _made(label, networks, lesson, recipe)
            rows += _rows(label, cell.seed, made, process_time() - begun)
    return rows


def _made(label: str, networks: Networks, lesson: Lesson, recipe: Recipe) -> Trained:
    if label == AS_PUBLISHED:
        choose = by_layer([published().kept_percent[name] / 100 for name in LAYERS])
        outcome = prune_and_retrain(networks.dense, choose, lesson, recipe.seeded(recipe.retraining), recipe.rounds)
    else:
        outcome = method_of(recipe).make(lesson, networks, recipe)
    return shared(digits(), lesson, networks, outcome, recipe)


def _rows(label: str, seed: int, made: Trained, seconds: float) -> Iterator[dict[str, Any]]:
    bits = published().weight_bits
    finer = [layer.shared(int(bits[layer.name])) for layer in made.outcome.layers]
    every = [simulate(made, config=MachineConfig(pes=pes), threads=1).layers for pes in PES]
    blocks = made.outcome.blocks or (0,) * len(LAYERS)
    whole = {
        **{f"accuracy_{stage}": share for stage, share in made.accuracy.items()},
        "accuracy_machine": _on_the_machine(made),
        "accuracy_published_bits": _share(made, finer),
    }
    for k, layer in enumerate(made.shared):
        row = {
            "label": label, "seed": seed, "layer": layer.name, "rows": layer.rows, "cols": layer.cols,
            "vectors": made.vectors[k], **whole, "kept": layer.nnz, "dense_bytes": 4 * layer.rows * (layer.cols + 1),
            "huffman_bytes": made.statistics[k].huffman_bits / 8,
            "coded_bytes": (encode_blocks(layer, blocks[k]).bits if blocks[k] else made.statistics[k].huffman_bits) / 8,
            "bytes_published_bits": statistics(finer[k], int(bits[layer.name])).huffman_bits / 8,
            "active": float((made.recorded[k] != 0).mean()), "seconds": round(seconds, 1),
        }  # fmt: skip
        for pes, results in zip(PES, every, strict=True):
            row |= {
                f"cycles_{pes}": results[k].cycles,
                f"load_balance_{pes}": results[k].load_balance,
                f"energy_nj_{pes}": 1000 * results[k].energy.total_uj,
            }
        yield row


def _share(made: Trained, layers: Sequence[Any]) -> float:
    """What shared layers recognise that were not fine-tuned, in float32."""
    places = zip(made.outcome.layers, layers, strict=True)
    dense = [replace(place, weights=layer.to_dense(), bias=layer.bias) for place, layer in places]
    held_out = made.parts.held_out
    return float((forward(dense, held_out.inputs).argmax(axis=1) == held_out.labels).mean())


def _on_the_machine(made: Trained) -> float:
    """What the shared layers recognise in the machine's 16 bits."""
    values = made.parts.held_out.inputs
    for place, layer in zip(made.outcome.layers, made.shared, strict=True):
        vectors = place.windows(values) if isinstance(place, Convolution) else values
        outputs = simulate(layer, vectors, threads=1).outputs
        values = np.asarray(place.passed_on(outputs) if isinstance(place, Convolution) else outputs, np.float32)
    return float((values.argmax(axis=1) == made.parts.held_out.labels).mean())
