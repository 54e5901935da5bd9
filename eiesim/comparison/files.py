"""The comparison's tables as CSV files, with the columns that other programs may rely on."""

from dataclasses import asdict, fields
from pathlib import Path

from eiesim._io.csv_file import write_csv
from eiesim.baselines.measurements import Measurement
from eiesim.comparison import rows as compare
from eiesim.comparison.rows import Comparison, Ratio
from eiesim.energy.check import against_table2
from eiesim.paper.speedups import headlines, inconsistencies

RATIO_COLUMNS = tuple(part.name for part in fields(Ratio))

EIE_COLUMNS = (
    "layer", "cycles", "time_us", "table4_time_us", "time_difference", "theoretical_us", "table4_theoretical_us",
    "energy_model", "energy_uj", "power_w", "energy_published_uj", "frames_per_s", "frames_per_j", "gops",
    "dense_equivalent_gops",
)  # fmt: skip
MODULE_COLUMNS = ("of", "basis", "energy_model", "module", "power_mw", "energy_uj", "leakage_uj")
CHECK_COLUMNS = ("kind", "name", "published_mw", "activity_mw", "difference", "cause")
WATERFALL_COLUMNS = ("layer", "step", "energy_uj", "saving", "paper_saving")
AREA_COLUMNS = ("machine", "basis", "module", "area_mm2")
PLATFORM_COLUMNS = (
    "name", "basis", "technology_nm", "time_us", "power_w", "area_mm2", "peak_gops", "frames_per_s", "frames_per_j",
    "frames_per_s_mm2",
)  # fmt: skip
HEADLINE_COLUMNS = ("claim", "printed", "table4", "with_figure")


def write_tables(comparison: Comparison, folder: Path) -> list[Path]:
    """Write every table there is something in; returns the files. Raises EieError where one cannot be."""
    checks = [{**asdict(check), "difference": check.difference} for check in against_table2()]
    measured = comparison.measured.measurements if comparison.measured else ()
    every = {
        "eie": (compare.eie_rows(comparison), EIE_COLUMNS),
        "fig6_speedup": ([asdict(row) for row in comparison.speedup], RATIO_COLUMNS),
        "fig7_energy_efficiency": ([asdict(row) for row in comparison.efficiency], RATIO_COLUMNS),
        "measured": ([one.model_dump() for one in measured], tuple(Measurement.model_fields)),
        "measured_speedup": ([asdict(row) for row in comparison.measured_speedup], RATIO_COLUMNS),
        "measured_energy_efficiency": ([asdict(row) for row in comparison.measured_efficiency], RATIO_COLUMNS),
        "energy_by_module": (compare.module_rows(comparison), MODULE_COLUMNS),
        "energy_check": (checks, CHECK_COLUMNS),
        "waterfall": (compare.waterfall_rows(comparison), WATERFALL_COLUMNS),
        "area": (compare.area_rows(comparison), AREA_COLUMNS),
        "platforms": (compare.platform_rows(comparison), PLATFORM_COLUMNS),
    }
    if comparison.speedup:
        every["headlines"] = ([asdict(line) for line in headlines()], HEADLINE_COLUMNS)
        every["inconsistencies"] = ([{"of_the_paper": line} for line in inconsistencies()], ("of_the_paper",))
    written = []
    for name, (rows, columns) in every.items():
        if rows:
            written.append(folder / f"{name}.csv")
            write_csv(rows, columns, written[-1])
    return written
