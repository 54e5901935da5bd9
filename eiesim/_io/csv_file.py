"""CSV tables, written whole or not at all."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eiesim._io.atomic import Outputs, in_set


def write_csv(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], path: str | Path, files: Outputs | None = None
) -> None:
    """Rows under `columns`; None and what is missing are empty cells, floats are written in full.

    files: the set that the file appears with; None is by itself.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in rows)
    with in_set(files) as together:
        together.open(path).write(text.getvalue().encode())
