"""CSV tables that ship inside a package of eiesim, in its folder `data`."""

import csv
from importlib.resources import files


def read_rows(package: str, name: str) -> list[dict[str, str]]:
    """The rows of `data/NAME` of a package, each a dictionary by column. package: such as `eiesim.paper`."""
    text = (files(package) / "data" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
