"""BibTeX of eiesim, of the machine, and of where figures that stand beside it are from."""

import re

from eiesim._io.data import packaged
from eiesim._version import __version__
from eiesim.errors import unknown

MACHINE = ("eiesim", "han2016eie")
ESTIMATES = ("horowitz2014energy", "balasubramonian2017cacti")
"""Where estimated energies and areas are from."""

_ENTRY = re.compile(r"^(?:%.*\n)+@\w+\{(\w+),\n(?:  .*\n)+\}\n", re.MULTILINE)


def cite(*keys: str) -> str:
    """BibTeX of eiesim, of the paper of the machine, and of where published figures and energies are from.

    Parameters
    ----------
    *keys : str
        Which entries, such as "han2016eie"; none is all.

    Returns
    -------
    str
        The entries, each below a comment that says what it is cited for.

    Raises
    ------
    EieError
        For a key that is not there; it says which there are.

    Examples
    --------
    >>> import eiesim
    >>> eiesim.cite("han2016eie").splitlines()[1]
    '@inproceedings{han2016eie,'
    """
    known = entries()
    for key in keys:
        if key not in known:
            raise unknown("no entry", key, known)
    return "\n".join(known[key] for key in keys or known)


def entries() -> dict[str, str]:
    """Each entry by its key."""
    text = packaged("eiesim.paper", "references.bib").replace("VERSION", __version__)
    return {found[1]: found[0] for found in _ENTRY.finditer(text)}
