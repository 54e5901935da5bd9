"""File names from names of layers."""

import re
from collections.abc import Sequence

LONGEST = 100


def file_stems(names: Sequence[str]) -> list[str]:
    """A file name for each, without its ending: what a file system may not like replaced, shortened, made unique."""
    stems: list[str] = []
    taken: set[str] = set()
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._")[:LONGEST] or "layer"
        stem, n = plain, 2
        while stem.lower() in taken:
            stem, n = f"{plain}-{n}", n + 1
        taken.add(stem.lower())
        stems.append(stem)
    return stems
