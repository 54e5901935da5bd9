"""eiesim cite."""

from typing import Annotated

import eiesim
from eiesim.cli.app import Option, command


@command()
def cite(
    keys: Annotated[
        list[str] | None,
        Option("Which entries, such as han2016eie; all unless named.", argument=True, metavar="[KEY]..."),
    ] = None,
) -> None:
    """Print BibTeX of eiesim, of the machine's paper, and of where published figures and energies are from.

    \b
    eiesim cite > references.bib
    eiesim cite eiesim han2016eie
    """
    from eiesim.outputs import print_text

    print_text(eiesim.cite(*(keys or ())).removesuffix("\n"))
