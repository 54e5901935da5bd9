"""Files that layers, inputs and networks come from and go to (docs/formats.md)."""
