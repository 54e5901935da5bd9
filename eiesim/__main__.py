"""`python -m eiesim` is `eiesim`."""

from eiesim.cli import main

main()
