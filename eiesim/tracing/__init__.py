"""Seeing inside a run: what every PE does in every cycle, what sets the time, and pictures of both.

`eiesim.trace` and `eiesim.critical_path` are the doors; the package has another name so as not to hide the function.
"""
