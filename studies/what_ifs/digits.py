"""The runs behind `rounding.csv` and `thresholds.csv`: LeNet-300-100 on its 500 digits, with accuracy."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

import eiesim
from eiesim import MachineConfig, Result, simulate
from eiesim.evaluation import accuracy
from studies.what_ifs.machines import NETWORK_LAYERS, machine

AUTOMATIC = "auto"
FORMATS = (("fixed16", AUTOMATIC), ("fixed8", AUTOMATIC), *(("fixed16", bits) for bits in range(-1, 9)))
"""Arithmetic and fraction bits of the accumulators, the same in all three layers unless automatic."""

ROUNDINGS = ("nearest", "floor", "stochastic")
ROUNDING_SEEDS = tuple(range(20))
ROUNDING_COLUMNS = (
    *("arithmetic", "output_frac", "rounding", "seed", "accuracy", "mean_error", "rms_error"),
    *(f"bits_{layer}" for layer in NETWORK_LAYERS),
)

THRESHOLDS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9)
THRESHOLD_PES = (16, 64)
THRESHOLD_COLUMNS = (
    *("threshold", "pes", "accuracy", "changed", "cycles", "energy_nj", "broadcasts", "dropped"),
    *(f"{what}_{layer}" for layer in NETWORK_LAYERS for what in ("cycles", "broadcasts")),
)


@dataclass(frozen=True)
class Format:
    """A cell of `rounding.csv`: a number format in which every rounding is tried."""

    arithmetic: str
    output_frac: str | int

    @property
    def key(self) -> tuple[str, str]:
        """What the table knows it by."""
        return self.arithmetic, str(self.output_frac)


@dataclass(frozen=True)
class Threshold:
    """A cell of `thresholds.csv`."""

    threshold: float

    @property
    def key(self) -> tuple[str]:
        """What the table knows it by."""
        return (repr(self.threshold),)


@cache
def model() -> Any:
    """The network with its 500 held-out digits and their labels."""
    return eiesim.open("example:lenet-300-100")


@cache
def exact() -> npt.NDArray[np.float32]:
    """What it gives in float32: [500, 10]."""
    return run(MachineConfig(arithmetic="float32")).outputs


def run(config: MachineConfig) -> Result:
    """All digits on a machine."""
    return simulate(model(), config=config, threads=1)


def formats() -> list[Format]:
    """All cells of `rounding.csv`."""
    return [Format(*chosen) for chosen in FORMATS]


def thresholds() -> list[Threshold]:
    """All cells of `thresholds.csv`."""
    return [Threshold(value) for value in THRESHOLDS]


def run_format(cell: Format) -> list[dict[str, Any]]:
    """A format's rows, one a rounding and seed."""
    rows = []
    for rounding in ROUNDINGS:
        for seed in ROUNDING_SEEDS if rounding == "stochastic" else (0,):
            result = run(
                MachineConfig(
                    arithmetic=cell.arithmetic, output_frac=cell.output_frac, rounding=rounding, rounding_seed=seed
                )
            )
            errors = result.outputs.astype(np.float64) - exact()
            rows.append(
                {
                    "arithmetic": cell.arithmetic,
                    "output_frac": cell.output_frac,
                    "rounding": rounding,
                    "seed": seed,
                    "accuracy": accuracy(result.outputs, model().labels),
                    "mean_error": round(float(errors.mean()), 6),
                    "rms_error": round(float(np.sqrt(np.square(errors).mean())), 6),
                    **{
                        f"bits_{layer}": part.fraction_bits["output"]
                        for layer, part in zip(NETWORK_LAYERS, result.layers, strict=True)
                    },
                }
            )
    return rows


def run_threshold(cell: Threshold) -> list[dict[str, Any]]:
    """A threshold's rows, one a PE count. changed: share of the digits with another answer than at threshold 0."""
    rows = []
    for pes in THRESHOLD_PES:
        plain, result = (run(machine(pes, activation_threshold=value)) for value in (0.0, cell.threshold))
        answers, before = (found.outputs.argmax(axis=1) for found in (result, plain))
        rows.append(
            {
                "threshold": cell.threshold,
                "pes": pes,
                "accuracy": accuracy(result.outputs, model().labels),
                "changed": float((answers != before).mean()),
                "cycles": round(result.cycles, 3),
                "energy_nj": round(1e3 * result.energy.total_uj, 3),
                "broadcasts": round(result.counters.broadcasts, 3),
                "dropped": round(result.counters.dropped_activations, 3),
                **{
                    f"{what}_{layer}": round(value, 3)
                    for layer, part in zip(NETWORK_LAYERS, result.layers, strict=True)
                    for what, value in (("cycles", part.cycles), ("broadcasts", part.counters.broadcasts))
                },
            }
        )
    return rows


def named_format(rows: list[dict[str, Any]]) -> str:
    """A format's rows in a few words."""
    return f"{rows[0]['arithmetic']}, output_frac {rows[0]['output_frac']}"


def named_threshold(rows: list[dict[str, Any]]) -> str:
    """A threshold's rows in a few words."""
    return f"threshold {rows[0]['threshold']}"
