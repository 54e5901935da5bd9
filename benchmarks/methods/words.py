"""The words of docs/methods.md."""

import pandas as pd


def text(means: pd.DataFrame, tables: str) -> str:
    """The page."""
    return f"""# Where the zeros come from

![a](methods/accuracy_cycles.svg)
![b](methods/accuracy_energy.svg)
![c](methods/patterns.png)

{tables}
"""
