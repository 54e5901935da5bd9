"""eiesim schema."""

from pathlib import Path
from typing import Annotated

import eiesim
from eiesim.cli.app import Option, Writes, command
from eiesim.cli.options import Quiet
from eiesim.cli.screen import Screen


@command()
def schema(
    name: Annotated[
        str | None,
        Option("Which document, such as result, or its format. (default: list them)", argument=True, metavar="NAME"),
    ] = None,
    output: Annotated[Path | None, Writes("Write it to a file.", "-o", metavar="FILE.json")] = None,
    quiet: Quiet = False,
) -> None:
    """Print the JSON Schema (draft 2020-12) of a document that eiesim writes: every key, its type, its unit.

    Any validator checks a document by it, such as check-jsonschema; a missing key, and one that the schema has not, are
    refused. Which keys stay from version to version: docs/stability.md.

    \b
    eiesim schema                                  which documents there are
    eiesim schema result -o result.schema.json
    eiesim run table3:NT-We -q --json result.json
    check-jsonschema --schemafile result.schema.json result.json
    """
    from json import dumps

    from eiesim.errors import EieError
    from eiesim.outputs import Outputs
    from eiesim.schemas.terminal import schemas_table

    if name is None and output is not None:
        raise EieError("-o: which schema is to be written is not said; give its NAME")
    screen = Screen(quiet)
    if name is None:
        screen.show(schemas_table())
        return
    text = dumps(eiesim.schema(name), indent=1)
    with Outputs() as files:
        files.text(text, "-" if output is None else output)
