"""`python -m eiesim` is `eiesim`."""

from eiesim.cli import main

# Worker processes import this module again; only the first is the command.
if __name__ == "__main__":
    main()
