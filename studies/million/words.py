"""docs/million.md: what is said, each sentence only where the tables bear it out."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from studies.findings import item, items, page, paragraph
from studies.million.found import COSTS, PUBLISHED
from studies.million.machines import AXES, MACHINES

SAID = {
    "pes": "the number of PEs",
    "mapping": "the mapping of rows",
    "queue_depth": "the queue depth",
    "spmat_width": "the width of an SRAM row",
    "multipliers": "multipliers a PE",
    "arithmetic": "the arithmetic",
    "spmat_bytes": "the sparse-matrix SRAM",
    "pointer_bytes": "the pointer SRAM",
}
ALL = (*COSTS, "energy x time")


def text(fronts: pd.DataFrame, keys: pd.DataFrame, runs: Mapping[str, Any]) -> str:
    """The page. runs: how the sweep went (`run.json`)."""
    return page(
        "# More than a million rows",
        _what(runs),
        "## Which key matters most",
        "![Shares of variance by key](million/keys.svg)",
        _shares(keys),
        _of_keys(keys),
        "## The fronts of time, energy and area",
        "![Machines of the fronts](million/fronts.svg)",
        _of_fronts(fronts, runs),
        _ends(fronts),
        "## How it was run",
        _how(runs),
    )


def _what(runs: Mapping[str, Any]) -> str:
    axes = "; ".join(f"`{key}` {', '.join(map(str, values))}" for key, values in AXES.items())
    return paragraph(
        True,
        f"Every combination of eight keys of the machine, {MACHINES:,} machines, on each of the nine layers of Table III: {runs['rows']:,} rows.",
        "Cycles are simulated, energy and area estimated; nothing here is measured.",
        f"The values: {axes}.",
        "The clock is not among them: with resident weights it changes no cycle, and the model has no price for a faster one.",
        "Time and energy of a machine are geometric means over the nine layers, as multiples of the published machine's; the area counts once.",
        "Accuracy is no part of it: formats are compared only with themselves.",
    )


def _shares(keys: pd.DataFrame) -> str:
    head = (
        f"| key | {' | '.join(ALL)} | moves time | energy | area |\n| --- | {'---: | ' * len(ALL)}---: | ---: | ---: |"
    )
    lines = []
    for key, line in keys.iterrows():
        cells = [percent(line[f"share_{cost}"]) for cost in ALL]
        cells += ["" if key == "together" else times(line[f"span_{cost}"]) for cost in COSTS]
        lines.append(f"| {'keys together' if key == 'together' else f'`{key}`'} | {' | '.join(cells)} |")
    said = paragraph(
        True,
        "The grid is complete, so the variance of a cost's logarithm splits into what each key explains by itself, and what only several together do.",
        "*Moves* is the largest over the smallest of the geometric means of a key's values.",
    )
    return "\n".join([said, "", head, *lines])


def percent(share: float) -> str:
    """A share as the page shows it."""
    return f"{share:.1%}".replace("%", " %")


def times(factor: float) -> str:
    """A factor as the page shows it."""
    return f"{factor:.2f}x" if factor < 9.995 else f"{factor:.1f}x"


def _of_keys(keys: pd.DataFrame) -> str:
    own = keys.drop(index="together")
    said = []
    for cost in ALL:
        column = own[f"share_{cost}"].sort_values(ascending=False)
        first, second = (str(name) for name in column.index[:2])
        shown, next_ = percent(column.iloc[0]), percent(column.iloc[1])
        said.append(
            item(
                shown != next_,
                f"Of {cost}, {SAID[first]} explains most, {shown}; {SAID[second]} comes next with {next_}.",
            )
        )
    idle = [str(key) for key in own.index if times(own.loc[key, "span_time"]) == "1.00x"]
    named = ", ".join(SAID[key] for key in idle)
    said.append(item(idle, f"Mean times differ by less than 1 % over all values of {named}."))
    sizes = {"spmat_bytes", "pointer_bytes"} <= set(idle)
    said.append(
        item(
            sizes,
            "The memories' sizes change no cycle at all: weights are taken to be in the PEs, whether they fit or not.",
        )
    )
    mapping = own.loc["mapping"]
    said.append(
        item(
            percent(mapping["share_time"]) != "0.0 %",
            f"The mapping moves time {times(mapping['span_time'])} on these synthetic layers, whose rows are alike.",
        )
    )
    return items(*said)


def _of_fronts(fronts: pd.DataFrame, runs: Mapping[str, Any]) -> str:
    counts = fronts["arithmetic"].value_counts()
    shown = ", ".join(f"{counts[name]:,} in {name}" for name in AXES["arithmetic"])
    own = fronts[fronts["arithmetic"] == "fixed16"]
    always = [key for key in AXES if key != "arithmetic" and own[key].nunique() == 1]
    held = ", ".join(f"`{key}` = {own[key].iloc[0]}" for key in always)
    never = [
        f"`{key}` = {value}"
        for key in AXES
        if key not in ("arithmetic", *always)
        for value in AXES[key]
        if value not in set(own[key]) and not (key == "pes" and value < runs["least_pes"])
    ]
    better = own[(own[list(COSTS)] <= 1).all(axis=1)]
    best = better.assign(product=better["energy"] * better["time"]).sort_values("product").head(1)
    return "\n\n".join(
        part
        for part in (
            paragraph(
                True,
                f"{runs['holding']:,} of the machines hold the weights of all nine layers, and only they are compared; none has fewer than {runs['least_pes']} PEs, since VGG-6 has more entries than a pointer of 16 bits reaches on fewer.",
                "The published machine is not among them: VGG-6 needs 25,089 pointers, and it has 16,384.",
                f"Machines that no other equals or beats in time, energy and area at once: {shown}.",
                "`million/fronts.csv` has them all.",
            ),
            paragraph(always, f"Every machine of the fixed16 front has {held}."),
            paragraph(never, f"None of them has {', '.join(never)}."),
            paragraph(
                len(better),
                f"{len(better):,} machines of the fixed16 front are at most as slow, as hungry and as large as the published one.",
                _best(best) if len(best) else "",
            ),
        )
        if part
    )


def _best(best: pd.DataFrame) -> str:
    line = best.iloc[0]
    return (
        f"Of these the least energy x time has {machine(line)}: {figure(line['time'])} of its time, {figure(line['energy'])} of its energy and "
        f"{figure(line['area'])} of its area."
    )


def machine(line: Any) -> str:
    """A machine in words, where it differs from the published one."""
    words = {
        "pes": "{} PEs",
        "mapping": "rows {}",
        "queue_depth": "queues of {}",
        "spmat_width": "SRAM rows of {} bits",
        "multipliers": "{} multipliers a PE",
        "spmat_bytes": "{} bytes of sparse-matrix SRAM",
        "pointer_bytes": "{} bytes of pointers",
    }
    others = [
        word.format(f"{line[key]:,}" if isinstance(PUBLISHED[key], int) else line[key])
        for key, word in words.items()
        if line[key] != PUBLISHED[key]
    ]
    return f"the one with {', '.join(others)}" if others else "the published one"


def figure(multiple: float) -> str:
    """A multiple of the published machine's figure."""
    return f"{multiple:.2f}"


def _ends(fronts: pd.DataFrame) -> str:
    head = "| fixed16 | PEs | mapping | queue | SRAM row | multipliers | SRAM, bytes | pointers, bytes | time | energy | area |\n| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    own = fronts[fronts["arithmetic"] == "fixed16"]
    scores = {
        "fastest": own["time"],
        "least energy": own["energy"],
        "smallest": own["area"],
        "least energy x time": own["energy"] * own["time"],
        "least energy x time x area": own["energy"] * own["time"] * own["area"],
    }
    lines = []
    for name, score in scores.items():
        one = own.iloc[int(score.to_numpy().argmin())]
        keys = [
            one["pes"],
            one["mapping"],
            one["queue_depth"],
            one["spmat_width"],
            one["multipliers"],
            f"{one['spmat_bytes']:,}",
            f"{one['pointer_bytes']:,}",
        ]
        lines.append(f"| {name} | {' | '.join(map(str, keys))} | {' | '.join(figure(one[cost]) for cost in COSTS)} |")
    said = paragraph(
        True, "The ends of the fixed16 front, and where products are least; multiples of the published machine's:"
    )
    return "\n".join([said, "", head, *lines])


def _how(runs: Mapping[str, Any]) -> str:
    first = paragraph(
        True,
        "`python -m studies.million PARQUET` runs the sweep to Parquet and writes this page; it goes on where it was stopped.",
        f"The run behind this page was killed once on purpose (SIGKILL) when {runs['killed_parts']} parts were on the disk; started again with the same words it found {runs['known']:,} rows and ran the other {runs['new']:,}, the new ones in {runs['cpu_s']:.0f} s of CPU with the making of the file.",
        f"The file has {runs['bytes'] / 1e6:,.0f} MB and is not kept here.",
    )
    dask = paragraph(
        runs.get("dask_equal"),
        f"The {runs.get('dask_rows', 0):,} rows of {runs.get('dask_layer')} were made anew on a local Dask cluster of two workers: every cell is the same.",
    )
    return f"{first}\n\n{dask}" if dask else first
