"""docs/other-tools.md: what a product of densities misses of the cycles of the nine layers of Table III.

    python -m studies.densities docs/other-tools.md      writes the page's table anew (seconds)

A model that knows a layer by its densities alone multiplies them: rows x columns x density of the weights x density of
the inputs products, shared out evenly, one a PE and cycle. The machine also walks padding, and waits where the PEs'
shares of a column are uneven.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import eiesim
from eiesim.paper.source import LAYERS, read
from studies.findings import paragraph, where

BEGIN, END = "<!-- python -m studies.densities writes this -->", "<!-- up to here -->"


PADDED = 0.05
"""Layers of so much more padding than nothing are named."""


@dataclass(frozen=True)
class Line:
    """A layer. products: rows x columns x both printed densities. macs, entries, cycles: simulated."""

    layer: str
    products: float
    macs: int
    entries: int
    cycles: int
    pes: int

    @property
    def expected(self) -> float:
        """Cycles by the product of densities."""
        return self.products / self.pes

    @property
    def missed(self) -> float:
        """What is simulated beyond that, as a share of it."""
        return self.cycles / self.expected - 1

    @property
    def drawn(self) -> float:
        """Multiply-accumulates of the layer at hand over what the printed densities say, less one."""
        return self.macs / self.products - 1

    @property
    def padding(self) -> float:
        """Entries walked for every real one, less one."""
        return self.entries / self.macs - 1

    @property
    def uneven(self) -> float:
        """Cycles over those of a perfect balance of the entries, less one."""
        return self.cycles * self.pes / self.entries - 1


def line_of(name: str) -> Line:
    """Simulate a layer of Table III on the published machine."""
    printed = next(row for row in read("eie_table3_layers.csv") if row["layer"] == name)
    weights, inputs = (float(printed[f"{of}_density_pct"]) / 100 for of in ("weight", "activation"))
    result = eiesim.simulate(f"table3:{name}", outputs=False)
    (layer,) = result.layers
    products = layer.rows * layer.cols * weights * inputs
    return Line(name, products, layer.counters.macs, layer.counters.entries, result.cycles, layer.config.pes)


def share(value: float) -> str:
    """A share with its sign, in whole per cent."""
    return f"{100 * value:+.0f} %".replace("-", "−").replace("−0 %", "+0 %")


def words(lines: list[Line]) -> str:
    """The table, and what it says."""
    table = [
        "| layer | cycles by the densities | simulated | missed | of it: drawn | padding | uneven shares |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in lines:
        factors = " | ".join(share(part) for part in (one.drawn, one.padding, one.uneven))
        table.append(f"| {one.layer} | {one.expected:,.0f} | {one.cycles:,} | {share(one.missed)} | {factors} |")
    least, most = min(lines, key=lambda one: one.missed), max(lines, key=lambda one: one.missed)
    waits = max(lines, key=lambda one: one.uneven)
    padded = {one.layer: one.padding for one in lines if one.padding > PADDED}
    span = f"{share(min(padded.values()))} to {share(max(padded.values()))}" if padded else ""
    said = paragraph(
        least.missed > 0,
        f"The product misses {share(least.missed)} ({least.layer}) to {share(most.missed)} ({most.layer}) of the cycles"
        ", always to the same side: the machine takes longer.",
        where(span, f"Padding is {span} on {', '.join(padded)}, whose zeros run longer than four bits can say."),
        f"Uneven shares cost most on {waits.layer}, {share(waits.uneven)}.",
    )
    return "\n".join(table) + "\n\n" + said


def renewed(page: str, lines: list[Line]) -> str:
    """The page with its table made anew."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{words(lines)}\n\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """Write the table into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="the page, which is written")
    page = parser.parse_args().page
    lines = [line_of(name) for name in LAYERS]
    page.write_text(renewed(page.read_text(encoding="utf-8"), lines), encoding="utf-8")


if __name__ == "__main__":
    main()
