"""What docs/what-ifs.md says of `mapping`."""

from collections.abc import Iterator

import pandas as pd

from studies.findings import number, paragraph, rises, where
from studies.what_ifs import found
from studies.what_ifs.machines import FC8, HEAVIEST, NETWORK_LAYERS, SHUFFLED, SHUFFLES, STORED
from studies.what_ifs.shown import more


def text(table: pd.DataFrame, blocks: pd.DataFrame) -> Iterator[str]:
    """The section."""
    there = [name for name in found.LAYERS if (blocks["layer"] == name).any()]
    yield f"""## Interleaved rows or blocks

EIE gives row i to PE i mod N. The plain alternative is a block of R = rows / N rows, rounded up, for each PE. Three orders of rows: as stored;
shuffled, which removes what structure there is; heaviest first, the worst that is likely, as a library that sorts rows would leave them.

![Cycles with blocks over cycles with interleaving](what-ifs/mapping.svg)

64 PEs, simulated; means over seeds, or over {len(SHUFFLES)} shuffles:

{_mapping_table(blocks, there)}

"""
    nine = found.ratios(blocks, found.NINE, STORED, 64)
    least, most = more(nine.min()), more(nine.max())
    yield paragraph(
        max(abs(number(least)), abs(number(most))) <= 3,
        "**Random positions cannot tell.**",
        f"""The synthetic layers' rows are drawn alike, so a block is as good a sample of them as every 64th row: {least} to {most}
        cycles, mean {more(nine.mean())}. What is left is chance, and that rows / N rounded up leaves the last PEs short or empty.
        This says that interleaving gains nothing where there is nothing to even out; it does not say that real layers are so.""",
    )
    yield _real(table, blocks)
    yield _sorted(blocks)
    yield paragraph(
        True,
        "More can be had from an order of rows made for the machine, on either mapping: `eiesim balance` ([sweeps.md](sweeps.md)).",
    )


def _real(table: pd.DataFrame, blocks: pd.DataFrame) -> str:
    rows = found.chosen(blocks, layer=FC8, pes=64).set_index("order")
    structure, of_fc8 = False, f"{FC8} was not at hand."
    if not rows.empty:
        stored = rows.loc[STORED, "ratio"]
        structure = _as_many(table, FC8, stored) == 0
        of_fc8 = f"""{FC8} (the authors' layer, not in the repository) takes {more(stored)} cycles with blocks as stored;
        {_shuffled(table, FC8, stored)}."""
    first = found.chosen(blocks, layer="ip1", order=STORED, pes=64)["ratio"].item()
    later = pd.concat([found.chosen(blocks, layer=layer, pes=64)["ratio"] for layer in NETWORK_LAYERS[1:]])
    return paragraph(
        True,
        "**Real layers may have structure.**" if structure else "**Real layers.**",
        of_fc8,
        where(
            structure,
            """Its neighbouring rows have alike numbers of weights, probably because they are neighbouring classes of
            ImageNet.""",
        ),
        f"""LeNet's first layer takes {more(first)} with blocks as trained; {_shuffled(table, "ip1", first)}.""",
        where(
            _as_many(table, "ip1", first) >= 3,
            "So that is chance: its rows are hidden units, whose order means nothing.",
        ),
        where(
            abs(number(more(later.min()))) <= 1 and abs(number(more(later.max()))) <= 1,
            "Layers ip2 and ip3 are bound by broadcasts, so that no dealing matters.",
        ),
    )


def _sorted(blocks: pd.DataFrame) -> str:
    at_64 = found.chosen(blocks, pes=64).set_index(["order", "layer"])
    heaviest, stored = (at_64.loc[order].loc[list(found.NINE)] for order in (HEAVIEST, STORED))
    least, most = more(heaviest["ratio"].min()), more(heaviest["ratio"].max())
    balance = [f"{heaviest[name].mean():.0%}" for name in ("blocked", "interleaved")]
    energy = more(heaviest["energy_ratio"].mean())
    return paragraph(
        number(least) >= 5 and rises(*balance),
        "**Sorted rows are what interleaving is for.**",
        f"""Heaviest first, blocks change the cycles of the nine layers by {least} to {most}, for the first PE has all the heavy rows: load
        balance {balance[0]} instead of {balance[1]}.""",
        where(number(energy) > 0, f"Energy is {energy}, for idle PEs leak."),
        where(
            (heaviest["interleaved"] - stored["interleaved"]).abs().max() <= 0.03,
            "Interleaved, the sorted order is about as good as the stored one.",
        ),
        "Interleaving costs nothing and needs no look at the layer; that is its worth.",
    )


def _as_many(table: pd.DataFrame, layer: str, stored: float) -> int:
    return int((found.shuffles(table, layer, 64) >= stored).sum())


def _shuffled(table: pd.DataFrame, layer: str, stored: float) -> str:
    shuffles = found.shuffles(table, layer, 64)
    return f"""{_as_many(table, layer, stored) or "none"} of {len(shuffles)} shuffles take as many or more ({more(shuffles.min())} to
    {more(shuffles.max())}, mean {more(shuffles.mean())})"""


def _mapping_table(blocks: pd.DataFrame, there: list[str]) -> str:
    lines = [
        "| layer | load balance, interleaved | blocked | cycles with blocks, as stored | shuffled | heaviest first |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in there:
        rows = found.chosen(blocks, layer=name, pes=64).set_index("order")
        cells = [
            f"{100 * (rows.loc[order, 'ratio'] - 1):+.1f} %".replace("-", "−") if order in rows.index else ""
            for order in (STORED, SHUFFLED, HEAVIEST)
        ]
        label = (
            f"LeNet {name}" if name in NETWORK_LAYERS else f"{name} (not in the repository)" if name == FC8 else name
        )
        stored = rows.loc[STORED]
        lines.append(f"| {label} | {stored['interleaved']:.1%} | {stored['blocked']:.1%} | {' | '.join(cells)} |")
    return "\n".join(lines)
