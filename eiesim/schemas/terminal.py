"""The documents that have a schema, as a terminal table."""

from rich.table import Table

from eiesim.schemas.shipped import schema


def schemas_table() -> Table:
    """A line a document: its name, its format, what writes it."""
    title = "JSON documents that eiesim writes; eiesim schema NAME prints what one must meet"
    table = Table(title=title, title_justify="left", title_style="")
    for heading in ("name", "format", "what it is"):
        table.add_column(heading)
    for name, one in schema().items():
        table.add_row(name, one["properties"]["format"]["const"] if "properties" in one else "-", one["description"])
    return table
