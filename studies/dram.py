"""docs/dram.md: streamed weights through Ramulator 2, beside what our model of a bandwidth says.

    python -m studies.dram docs/dram.md                            writes the page's table from docs/dram/runs.csv
    python -m studies.dram docs/dram.md --ramulator PATH           runs them anew (seconds)

PATH is the folder python/ of a built Ramulator 2.1 (commit c5b1c3a); a Python of the version that it was built for.
"""

import argparse
import csv
import sys
import tempfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import eiesim
from eiesim.streaming import BURST_BYTES

BEGIN, END = "<!-- python -m studies.dram writes this -->", "<!-- up to here -->"

LAYERS = (("NT-We", "streamed"), ("Alex-8", "streamed"), ("VGG-6", "streamed"), ("Alex-8", "streamed-active"))
"""Layers of Table III, and how their weights are loaded."""

DRAM = "DDR4_3200AA"
"""A channel of 64 bits: 25.6 * 10**9 bytes a second at most, as the default `dram_gbytes_per_s`."""
CLOCK_PS = 625

MAPPERS = {
    "MOP4CLXOR": "neighbouring bursts in other bank groups (MOP4CLXOR)",
    "RoBaRaCoCh": "row by row, the next in another bank (RoBaRaCoCh)",
    "ChRaBaRoCo": "row by row, all in one bank (ChRaBaRoCo)",
}
"""How addresses are dealt over banks."""


@dataclass(frozen=True)
class Run:
    """A layer's loads in Ramulator. load_us: by our model. clocks: of the DRAM, until the last request is taken."""

    layer: str
    weights: str
    bursts: int
    load_us: float
    mapper: str
    clocks: int
    row_hits: int

    @property
    def dram_us(self) -> float:
        """What they take in Ramulator."""
        return self.clocks * CLOCK_PS * 1e-6

    @property
    def gbytes_per_s(self) -> float:
        """Bandwidth that is reached, bytes a second in 10**9."""
        return self.bursts * BURST_BYTES / self.dram_us * 1e-3


def traced(layer: str, weights: str, path: Path) -> tuple[int, float]:
    """Write the trace of a layer's loads; bursts, and microseconds that our model says."""
    result = eiesim.simulate(f"table3:{layer}", config={"weights": weights}, outputs=False)
    text = "".join(result.dram_trace())
    path.write_text(f"{text}\n")
    return text.count("\n") + 1, result.layers[0].memory.load_cycles / result.config.clock_mhz


def run(ramulator: Path) -> list[Run]:
    """Every layer with every mapping of addresses."""
    sys.path.insert(0, str(ramulator))
    import ramulator as r  # type: ignore[import-not-found]

    runs = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "loads.trace"
        for layer, weights in LAYERS:
            bursts, load_us = traced(layer, weights, path)
            for mapper in MAPPERS:
                controller = r.controller.GenericDDR(
                    dram=r.dram.DDR4(org_preset="DDR4_8Gb_x8", timing_preset=DRAM, rank=1),
                    scheduler=r.scheduler.FRFCFS(),
                    refresh_manager=r.refresh_manager.AllBank(),
                    row_policy=r.row_policy.Open(),
                    addr_mapper=getattr(r.addr_mapper, mapper)(),
                )
                memory = r.memory_system.GenericDRAM(
                    clock_ratio=1, controllers=[controller], channel_mapper=r.channel_mapper.CacheLineInterleave()
                )
                simulation = r.Simulation(r.frontend.LoadStoreTrace(clock_ratio=1, path=str(path)), memory)
                simulation.run()
                told = simulation.stats["memory_system"]["controller"]
                runs.append(Run(layer, weights, bursts, load_us, mapper, told["cycles"], told["row_hits"]))
    return runs


def kept(path: Path) -> list[Run]:
    """Runs as a file has them."""
    kinds = {part.name: part.type for part in fields(Run)}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [Run(**{key: kinds[key](value) for key, value in row.items()}) for row in rows]  # type: ignore[operator]


def keep(runs: list[Run], path: Path) -> None:
    """Write runs as a file."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [part.name for part in fields(Run)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(one) for one in runs)


def words(runs: list[Run]) -> str:
    """The table, and what it says."""
    lines = [
        f"| layer, `weights` | loads | our model, µs | addresses over banks | {DRAM}, µs | longer | GB/s reached |",
        "| --- | ---: | ---: | --- | ---: | ---: | ---: |",
    ]
    for one in runs:
        lines.append(
            f"| {one.layer}, `{one.weights}` | {one.bursts:,} | {one.load_us:,.1f} | {MAPPERS[one.mapper]} | "
            f"{one.dram_us:,.1f} | {one.dram_us / one.load_us - 1:+.0%} | {one.gbytes_per_s:.1f} |"
        )
    said = []
    for mapper in MAPPERS:
        longer = [one.dram_us / one.load_us - 1 for one in runs if one.mapper == mapper]
        said.append(f"{min(longer):+.0%} to {max(longer):+.0%} with {mapper}")
    return "\n".join(lines) + f"\n\nBeyond our model: {', '.join(said)}.\n"


def renewed(page: str, runs: list[Run]) -> str:
    """The page with its table made anew."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{words(runs)}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("--ramulator", type=Path)
    options = parser.parse_args()
    table = options.page.with_suffix("") / "runs.csv"
    if options.ramulator is not None:
        keep(run(options.ramulator), table)
    options.page.write_text(renewed(options.page.read_text(encoding="utf-8"), kept(table)), encoding="utf-8")


if __name__ == "__main__":
    main()
