"""The machines of the study, the sweep that runs them, and how it was stopped and started again."""

from math import prod
from pathlib import Path
from typing import Any

import eiesim

AXES: dict[str, list[Any]] = {
    "pes": [4, 8, 16, 32, 64, 128, 256, 512],
    "mapping": ["interleaved", "blocked"],
    "queue_depth": [1, 2, 4, 8, 16, 32, 64, 128, 256],
    "spmat_width": [64, 128, 256, 512, 1024],
    "multipliers": [1, 2, 4],
    "arithmetic": ["fixed16", "fixed8", "fixed32", "float32"],
    "spmat_bytes": [16384, 32768, 65536, 131072, 262144],
    "pointer_bytes": [16384, 32768, 65536],
}
"""What varies; each value of the published design is among them."""

MACHINES = prod(map(len, AXES.values()))
LAYERS = "table3:all"


def run(parquet: Path, progress: Any = None, **options: Any) -> "eiesim.Swept":
    """The sweep; rows that are there already are not run again. options: of `eiesim.sweep_rows`."""
    return eiesim.sweep_rows(LAYERS, AXES, parquet=parquet, progress=progress, **options)


DASK_LAYER = "table3:NT-LSTM"
"""The layer whose rows are made on Dask too."""
