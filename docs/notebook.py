"""The notebooks of examples/, made of the pages in docs/notebooks/: `python -m docs.notebook` writes them anew.

A page is the one source: its text becomes the notebook's text, each block of `python3` a cell, and a line such as
`<!-- tutorial.md: digits.py, before any_batch -->` what another page shows of a file up to a line. Notebooks are kept
without outputs; the site runs them (`executed`), and shows what came out below each cell (`with_outputs`).
"""

import json
import os
import re
import tempfile
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGES = HERE / "notebooks"
EXAMPLES = HERE.parent / "examples"
NAMES = ("network", "results", "sweep", "inside")
"""In the order in which they are read."""

SECONDS = 120
"""A cell that takes longer is stopped."""

_BLOCK = re.compile(r"^```python3\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_TAKEN = re.compile(r"<!-- ([\w-]+\.md): ([\w.]+), before (\w+) -->\n")
_LINK = re.compile(r"\]\(([\w./-]+?)(\.md)?(#[\w-]+)?\)")


def page(name: str) -> str:
    """A page with what it takes from others in place."""
    return _TAKEN.sub(_taken, (PAGES / f"{name}.md").read_text(encoding="utf-8"))


def _taken(found: re.Match[str]) -> str:
    text = (HERE / found[1]).read_text(encoding="utf-8")
    block = re.search(rf"^```python\n# {re.escape(found[2])}\n(.*?)^```\n", text, re.MULTILINE | re.DOTALL)
    if block is None:
        raise ValueError(f"{found[1]} shows no {found[2]}")
    return block[1].partition(f"\n{found[3]}")[0].rstrip() + "\n"


def parts(name: str) -> list[tuple[str, str]]:
    """("markdown" or "code", text) of each cell."""
    cells = []
    for k, text in enumerate(_BLOCK.split(page(name))):
        if text.strip():
            cells.append(("code" if k % 2 else "markdown", text.strip("\n")))
    return cells


def notebook(name: str) -> dict[str, Any]:
    """The notebook, without outputs; its links lead into docs/."""
    cells: list[dict[str, Any]] = []
    for k, (kind, text) in enumerate(parts(name)):
        source = (_LINK.sub(_from_examples, text) if kind == "markdown" else text).splitlines(keepends=True)
        more = {"execution_count": None, "outputs": []} if kind == "code" else {}
        cells.append({"cell_type": kind, "id": f"{name}-{k}", "metadata": {}, **more, "source": source})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _from_examples(found: re.Match[str]) -> str:
    path, ending, anchor = found[1], found[2] or "", found[3] or ""
    target = f"{path}.ipynb" if path in NAMES and ending else f"../docs/{path.removeprefix('../')}{ending}{anchor}"
    return f"]({target})"


def text_of(name: str) -> str:
    """The notebook as its file holds it."""
    return json.dumps(notebook(name), indent=1, ensure_ascii=False) + "\n"


def executed(name: str) -> dict[str, Any]:
    """The notebook with its outputs, run in an empty folder. An error in a cell is an error here."""
    import nbformat
    from nbclient import NotebookClient

    made = nbformat.reads(text_of(name), as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            made, kernel_name="python3", timeout=SECONDS, resources={"metadata": {"path": folder}},
            extra_arguments=["--log-level=40"],
        )  # fmt: skip
        client.log.setLevel("WARNING")
        # A thread a kernel: two run at a time, and PyTorch's threads would wait for one another.
        client.execute(env={**os.environ, "OMP_NUM_THREADS": "1"})
    return dict(made)


@cache
def all_executed() -> dict[str, dict[str, Any]]:
    """Every notebook with its outputs, run two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(NAMES, pool.map(executed, NAMES), strict=True))


def with_outputs(name: str) -> str:
    """A page as the site shows it: below each cell what came out, where nbclient and ipykernel are installed."""
    if not all(map(find_spec, ("nbclient", "ipykernel"))):
        return page(name)
    outputs = [cell["outputs"] for cell in all_executed()[name]["cells"] if cell["cell_type"] == "code"]
    texts = _BLOCK.split(page(name))
    shown = [f"```python3\n{text}```\n{_shown(outputs[k // 2])}" if k % 2 else text for k, text in enumerate(texts)]
    return "".join(shown)


def _shown(outputs: list[dict[str, Any]]) -> str:
    """Outputs as HTML, as Jupyter picks them: a picture or a table before its text; bars that are gone are left out."""
    made = []
    for one in outputs:
        data = one.get("data", {})
        image = data.get("image/png")
        if image:
            size = one.get("metadata", {}).get("image/png", {})
            encoded = image if isinstance(image, str) else b64encode(image).decode()
            wide = f' width="{size["width"]}"' if "width" in size else ""
            made.append(f'<img alt="what the cell draws"{wide} src="data:image/png;base64,{"".join(encoded.split())}">')
        elif data.get("text/html"):
            made.append(re.sub(r"\n\s*\n", "\n", data["text/html"]))
        elif text := data.get("text/plain", one.get("text", "")):
            made.append(f"<pre>{escape(text.rstrip())}</pre>")
    blocks = [f'\n<div class="cell-output">\n{text}\n</div>\n' for text in made]
    return "".join(f"\n```{{raw}} html\n{text.strip()}\n```\n" for text in blocks)


def main() -> None:
    """Write the notebooks."""
    for name in NAMES:
        (EXAMPLES / f"{name}.ipynb").write_text(text_of(name), encoding="utf-8")
        print(f"examples/{name}.ipynb")


if __name__ == "__main__":
    main()
