"""Tables and texts that ship inside a package of eiesim, in its folder `data`."""

import csv
from importlib.resources import files


def read_rows(package: str, name: str) -> list[dict[str, str]]:
    """The rows of `data/NAME` of a package, each a dictionary by column. package: such as `eiesim.paper`."""
    return list(csv.DictReader(packaged(package, name).splitlines()))


def packaged(package: str, name: str) -> str:
    """The text of `data/NAME` of a package."""
    return (files(package) / "data" / name).read_text(encoding="utf-8")
