"""What axes and captions call a sweep table's columns: the one table of their words, units and origins.

A new configuration key needs a line here; tests/view/test_words.py fails until it has one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eiesim._shown import counted


@dataclass(frozen=True)
class Words:
    """A column in words. unit: of its values; may be empty. basis: simulated, estimated, or empty for what was set."""

    name: str
    unit: str = ""
    basis: str = ""

    @property
    def label(self) -> str:
        """What an axis says: `queue depth (places)`, `time (µs, simulated)`."""
        inside = ", ".join(part for part in (self.unit, self.basis) if part)
        return f"{self.name} ({inside})" if inside else self.name


COLUMNS: Mapping[str, Words] = {
    "pes": Words("PEs"),
    "queue_depth": Words("queue depth", "places"),
    "index_bits": Words("relative row index", "bits"),
    "weight_bits": Words("weight code", "bits"),
    "spmat_width": Words("sparse-matrix SRAM width", "bits"),
    "multipliers": Words("multipliers of a PE"),
    "mapping": Words("mapping of rows"),
    "clock_mhz": Words("clock", "MHz"),
    "arithmetic": Words("arithmetic"),
    "operation": Words("operation of a PE"),
    "activation_frac": Words("fraction bits of activations"),
    "weight_frac": Words("fraction bits of the codebook"),
    "output_frac": Words("fraction bits of accumulators"),
    "rounding": Words("rounding"),
    "rounding_seed": Words("seed of rounding"),
    "activation_threshold": Words("threshold of activations"),
    "spmat_bytes": Words("sparse-matrix SRAM of a PE", "bytes"),
    "pointer_bytes": Words("pointer SRAM of a PE", "bytes"),
    "activation_bytes": Words("activation SRAM of a PE", "bytes"),
    "weights": Words("weights"),
    "dram_gbytes_per_s": Words("DRAM bandwidth", "GB/s"),
    "dram_pj_per_bit": Words("DRAM energy", "pJ a bit"),
    "variation": Words("variation of densities"),
    "engine": Words("engine"),
    "seed": Words("seed"),
    "time_us": Words("time", "µs", "simulated"),
    "spmat_row_reads": Words("SRAM rows read", "", "simulated"),
    "load_balance": Words("load balance", "", "simulated"),
    "alu_efficiency": Words("ALU efficiency", "", "simulated"),
    "real_work": Words("real work / all work", "", "simulated"),
    "energy_total_uj": Words("total energy", "µJ", "estimated"),
    "energy_spmat_read_uj": Words("sparse-matrix read energy", "µJ", "estimated"),
    "energy_arithm_unit_uj": Words("arithmetic unit energy", "µJ", "estimated"),
    "area_mm2": Words("area", "mm²", "estimated"),
    "energy_delay_uj_us": Words("energy x time", "µJ·µs", "estimated"),
}
"""By column of the sweep table and of its totals (`sweeps.networks`)."""

MODULES: Mapping[str, str] = {
    "act_queue": "activation queue",
    "ptr_read": "pointer read",
    "spmat_read": "sparse-matrix read",
    "arithm_unit": "arithmetic unit",
    "act_rw": "activation read/write",
    "lnzd": "LNZD",
    "dram": "DRAM",
    "clock_network": "clock network",
}
"""By module and component of a PE (EIE Table II)."""

PLURALS = ("places", "bits", "bytes")
"""Units that count things: of one there is one place."""


def words(column: str) -> Words:
    """A column's words. One that has none, such as a user's own, goes by its name without underscores."""
    return COLUMNS.get(column, Words(column.replace("_", " ")))


def in_words(text: str) -> str:
    """A text in which names of columns and modules stand, such as `queue_depth 8`, with their words in place."""
    return _NAMES.sub(lambda found: MODULES.get(found[0]) or words(found[0]).name, text)


_NAMES = re.compile(r"\b(?:lnzd|dram|[a-z]+(?:_[a-z0-9]+)+)\b")


def told(value: Any) -> str:
    """A key's value as a label says it: 1600 MHz are no 1600.0."""
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def setting(column: str, value: Any) -> str:
    """A column with one value, as a caption says it: `queue depth 8 places`, `arithmetic fixed16`."""
    shown = told(value)
    if column == "pes":
        return counted(value, "PE")
    known = words(column)
    unit = known.unit.removesuffix("s") if shown == "1" and known.unit in PLURALS else known.unit
    return " ".join(part for part in (known.name, shown, unit) if part)


def listed(columns: Sequence[str]) -> str:
    """The names of columns in a row: `PEs, queue depth and clock`."""
    names = [words(column).name for column in columns]
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


LETTERS = 104
"""Of names that stand beside one another below an axis as wide as the page."""


def shortened(name: str, letters: int) -> str:
    """A name, cut in its middle where it has more letters."""
    half = letters // 2 - 1
    return name if len(name) <= letters else f"{name[:half]}…{name[-half:]}"


def folded(bars: Sequence[str], letters: int = LETTERS) -> list[str]:
    """Names in lines, so that they do not reach into one another; a very long one is cut in its middle.

    letters: how many there is room for, in all.
    """
    room = max(letters // len(bars) - 1, 8)
    folded = []
    for name in bars:
        if len(name) <= room or "\n" in name:
            folded.append(name)
            continue
        shown = shortened(name, 4 * room)
        lines = [""]
        for part in re.findall(r".+?(?:[ ._/-]|$)", shown):
            if len(lines[-1]) + len(part.rstrip()) > room and lines[-1]:
                lines.append("")
            lines[-1] += part
            while len(lines[-1].rstrip()) > room:
                lines[-1:] = [lines[-1][:room], lines[-1][room:]]
        folded.append("\n".join(line.rstrip() for line in lines))
    return folded
