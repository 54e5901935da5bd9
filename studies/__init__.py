"""What the simulator says when it is asked: one study a module or package, `python -m studies.NAME` makes its page."""
