"""Networks that come with eiesim: the folders of `traces/`, which are installed inside the package as `examples/`."""

from collections.abc import Mapping
from pathlib import Path

from eiesim.errors import EieError, unknown
from eiesim.files.network import is_network

PREFIX = "example:"
_PACKAGE = Path(__file__).parents[1]
_PLACES = (_PACKAGE / "examples", _PACKAGE.parent / "traces")
"""Where they are: after an installation, and in a checkout of the repository."""


def folders() -> Mapping[str, Path]:
    """The folder of each network, by its name. Empty where they were not installed."""
    place = next((one for one in _PLACES if one.is_dir()), None)
    networks = [] if place is None else sorted(folder for folder in place.iterdir() if is_network(folder))
    return {folder.name: folder for folder in networks}


def folder(name: str) -> Path:
    """The folder of a network. Raises EieError for a name that is not there, and says which are."""
    known = folders()
    if name in known:
        return known[name]
    if not known:
        raise EieError(f"{PREFIX}{name}: the example networks are missing from this installation of eiesim")
    if not name:
        raise EieError(f"{PREFIX} needs a name; there are: {', '.join(known)}")
    raise unknown("no example", name, known)


def place(name: str) -> Path:
    """A network's folder: that of an example for `example:NAME`, else the one of this name."""
    return folder(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else Path(name)
