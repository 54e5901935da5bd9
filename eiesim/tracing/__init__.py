"""Seeing inside a run: what every PE does in every cycle, what sets the time, and pictures of both.

`eiesim.trace` and `eiesim.critical_path` are what users call; the package is not called `trace`, which would hide the
function.
"""
