"""Random layers, inputs and machines through all three engines and the oracle, which must agree on everything.

    python -m tests.agree --seconds 60 --seed 0
    python -m tests.agree --operation adder --cases 20000

Outputs by their bits, cycles, scan_last and every counter of every PE. Tells how far it is, then how many cases agreed;
on a disagreement prints the case and ends with status 1. `--first N` starts at case N, to see one again. The first run
compiles for some minutes; the time asked for begins after that.
"""

import argparse
import math
import sys
import time

import numpy as np

from tests import numba_cache

ARITHMETICS = ("float32", "fixed32", "fixed16", "fixed8")
LANES = (1, 2, 3, 4, 8)
"""Multipliers; the clocked machine is compiled anew for each number."""

WARM_UP = 40
"""Cases that need every kernel: each arithmetic, rounding and number of lanes."""


def random_case(seed, number, operation="multiply"):
    """Case `number` of a seed; each can be made without those before it.

    operation: "adder" has the same layers, inputs and machines, whose activations and weights share their fraction
    bits.
    """
    from tests.compare import Case, layer_of

    rng = np.random.default_rng([seed, number])
    # Tall narrow layers show padding, wide flat ones show queues; the product bounds the oracle's time.
    rows = between(rng, 1, 600)
    cols = between(rng, 1, min(400, max(1, 1200 // rows)))
    weight_bits = int(rng.integers(1, 9))
    index_bits = int(rng.integers(1, 9))
    values = between(rng, 1, 2**weight_bits)
    codes = np.zeros((rows, cols), np.uint8)
    if values > 1:
        codes = rng.integers(1, values, (rows, cols)) * (rng.random((rows, cols)) < share(rng))
        if rng.random() < 0.3:
            codes[rng.random(rows) > share(rng)] = 0
        if rng.random() < 0.3:
            codes[:, rng.random(cols) > share(rng)] = 0
    bias = rng.integers(0, values, rows) * (rng.random(rows) < share(rng)) if rng.random() < 0.5 else None
    codebook = numbers(rng, values)
    codebook[0] = 0
    batch = numbers(rng, (1 if rng.random() < 0.8 else 2, cols))
    batch[rng.random(batch.shape) > share(rng)] = rng.choice([0.0, -0.0])
    layer = layer_of(codes, codebook, bias, str(rng.choice(["relu", "none"])))
    machine = random_machine(rng, index_bits, weight_bits)
    if operation == "adder":
        shared = machine.activation_frac if number % 3 else "auto"
        other = machine.weight_frac if shared == "auto" else str(rng.choice(["auto", "same"]))
        machine = machine.replace(
            operation="adder", activation_frac=shared, weight_frac=shared if other == "same" else other
        )
    return Case(layer, batch, machine)


def random_machine(rng, index_bits, weight_bits):
    from eiesim import MachineConfig

    entry_bits = index_bits + weight_bits
    published = MachineConfig(
        pes=between(rng, 1, 40),
        queue_depth=between(rng, 1, 128),
        index_bits=index_bits,
        weight_bits=weight_bits,
        spmat_width=entry_bits * between(rng, 1, 40) + int(rng.integers(entry_bits)),
        clock_mhz=float(rng.uniform(100, 2000)),
        arithmetic=str(rng.choice(ARITHMETICS)),
        activation_frac=fraction(rng),
        weight_frac=fraction(rng),
        output_frac=fraction(rng),
        spmat_bytes=between(rng, 1, 131072),
        pointer_bytes=between(rng, 1, 32768),
        activation_bytes=between(rng, 1, 2048),
    )
    return published.replace(**random_variant(rng, published))


def random_variant(rng, machine):
    """Keys of docs/variants.md, drawn last: without them a case is what it was before they were there."""
    modes = ["nearest"] if machine.arithmetic == "float32" else ["nearest", "floor", "stochastic", "stochastic"]
    rounding = str(rng.choice(modes))
    return {
        "multipliers": int(rng.choice([n for n in LANES if machine.entries_per_row % n == 0])),
        "mapping": str(rng.choice(["interleaved", "blocked"])),
        "rounding": rounding,
        "rounding_seed": int(rng.choice([0, rng.integers(2**32), 2**32 - 1])) if rounding == "stochastic" else 0,
        "activation_threshold": float(rng.choice([0, rng.exponential(0.5), 10.0 ** rng.integers(-12, 13)])),
    }


def between(rng, low, high):
    """A whole number, small ones as often as large ones (log-uniform)."""
    return int(np.exp(rng.uniform(np.log(low), np.log(high + 1))))


def share(rng):
    """A density: now and then none or all, else anything between."""
    return rng.choice([0.0, 1.0, rng.random(), rng.random() ** 3], p=[0.06, 0.14, 0.5, 0.3])


def numbers(rng, shape):
    """float32 values, positive and negative: ordinary ones, quarters with many ties, or far from 1."""
    values = rng.normal(size=shape)
    kind = rng.integers(4)
    if kind == 0:
        values = np.round(values * 4) / 4
    elif kind == 1:
        values *= 10.0 ** rng.integers(-12, 13)
    return values.astype(np.float32)


def fraction(rng):
    """Fraction bits: automatic, near what is usual, or anything allowed."""
    kind = rng.integers(4)
    if kind < 2:
        return "auto"
    return int(rng.integers(0, 16) if kind == 2 else rng.integers(-16, 48))


def main() -> int:
    """Run the cases; 0 when all agree."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, help="how long (default 60, or until --cases are done)")
    options.add_argument("--cases", type=int, help="how many at most")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--operation", choices=["multiply", "adder"], default="multiply", help="default multiply")
    options.add_argument("--first", type=int, default=0, help="number of the first case (default 0)")
    chosen = options.parse_args()

    from tests.compare import differences
    from tests.telling import Telling

    seconds = (math.inf if chosen.cases else 60) if chosen.seconds is None else chosen.seconds
    telling = Telling()
    for number in range(WARM_UP):
        telling(f"compiling: {number} of {WARM_UP} machines (minutes the first time, seconds later)")
        differences(random_case(0, number, chosen.operation))
    telling.end()
    begin = time.perf_counter()
    number = chosen.first
    while time.perf_counter() - begin < seconds and (chosen.cases is None or number < chosen.first + chosen.cases):
        done, took = number - chosen.first, time.perf_counter() - begin
        whole = f"{chosen.cases:,} cases" if chosen.cases else f"{seconds:.0f} s"
        telling(f"{done:,} cases agree after {took:.0f} s, {done / max(took, 1e-9):.0f} a second; {whole} in all")
        case = random_case(chosen.seed, number, chosen.operation)
        try:
            found = differences(case)
        except Exception as error:
            found = [f"{type(error).__name__}: {error}"]
        if found:
            telling.end()
            print(f"case {number} of seed {chosen.seed} disagrees:", *found[:20], sep="\n  ")
            print(
                f"again: python -m tests.agree --seed {chosen.seed} --first {number} --cases 1 "
                f"--operation {chosen.operation}"
            )
            print(f"{case!r}\nconfig: {case.config.model_dump()}")
            return 1
        number += 1
    telling.end()
    cases = number - chosen.first
    rate = cases / (time.perf_counter() - begin)
    print(
        f"{cases} random cases agreed on every output bit, cycle and counter "
        f"({chosen.operation}, {rate:.0f} a second, seed {chosen.seed})"
    )
    return 0


if __name__ == "__main__":
    numba_cache.use()
    sys.exit(main())
