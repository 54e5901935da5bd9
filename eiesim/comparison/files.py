"""The comparison's files: its tables as CSV, with the columns that other programs may rely on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eiesim._io.atomic import Outputs, in_set
from eiesim._io.csv_file import write_csv
from eiesim.baselines.measurements import Measurement
from eiesim.comparison.records import AreaRow, EieRow, ModuleRow, Ratio, WaterfallRow
from eiesim.comparison.rows import Comparison
from eiesim.paper.speedups import headlines, inconsistencies

CHECK_COLUMNS = ("kind", "name", "published_mw", "activity_mw", "difference", "cause")
PLATFORM_COLUMNS = (
    "name", "basis", "technology_nm", "time_us", "power_w", "area_mm2", "peak_gops", "frames_per_s", "frames_per_j",
    "frames_per_s_mm2",
)  # fmt: skip
HEADLINE_COLUMNS = ("claim", "printed", "table4", "with_figure")
INCONSISTENCY_COLUMN = "of_the_paper"


def write_tables(comparison: Comparison, folder: Path, files: Outputs | None = None) -> list[Path]:
    """Write each table that has rows; they appear together. Returns the files.

    files: the set that they appear with; None is one of their own. Raises EieError where a file cannot be written.
    """
    measured = comparison.measured.measurements if comparison.measured else ()
    tables: dict[str, tuple[Sequence[Any], Sequence[str]]] = {
        "eie": (comparison.eie, EieRow.COLUMNS),
        "fig6_speedup": (comparison.speedup, Ratio.COLUMNS),
        "fig7_energy_efficiency": (comparison.efficiency, Ratio.COLUMNS),
        "measured": (measured, tuple(Measurement.model_fields)),
        "measured_speedup": (comparison.measured_speedup, Ratio.MEASURED_COLUMNS),
        "energy_efficiency_over_this_cpu": (comparison.measured_efficiency, Ratio.MEASURED_COLUMNS),
        "energy_by_module": (comparison.modules, ModuleRow.COLUMNS),
        "energy_check": (comparison.checks, CHECK_COLUMNS),
        "waterfall": (comparison.waterfall, WaterfallRow.COLUMNS),
        "area": (comparison.areas, AreaRow.COLUMNS),
        "platforms": (comparison.platforms, PLATFORM_COLUMNS),
        "headlines": (headlines() if comparison.speedup else (), HEADLINE_COLUMNS),
    }
    every = {name: (_cells(rows, columns), columns) for name, (rows, columns) in tables.items()}
    if comparison.speedup:
        lines = [{INCONSISTENCY_COLUMN: line} for line in inconsistencies()]
        every["inconsistencies"] = (lines, (INCONSISTENCY_COLUMN,))
    written = []
    with in_set(files) as together:
        for name, (rows, columns) in every.items():
            if rows:
                written.append(folder / f"{name}.csv")
                write_csv(rows, columns, written[-1], together)
    return written


def _cells(rows: Sequence[Any], columns: Sequence[str]) -> list[dict[str, Any]]:
    return [{column: getattr(row, column) for column in columns} for row in rows]
