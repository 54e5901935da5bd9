"""Grids of machines: one run is one row of a table that can be resumed."""
