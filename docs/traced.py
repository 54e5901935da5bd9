"""The two pictures of the authors' AlexNet-FC8: `python docs/traced.py DUMP` draws them anew.

DUMP: the folder of the authors' dump of 64 PEs, named `alexnet-fc8`; it has no licence and is not in this repository.
Both are PNG files in full colour: a reduced palette shifts the colours of the legend against those of the cells.
"""

import shutil
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

import eiesim

HERE = Path(__file__).parent / "pictures"
WIDTH = 1100
"""Of the page, in pixels."""
CYCLE, PE = 3000, 17
"""The question of docs/trace.md."""


def main(dump: Path) -> None:
    """Write both pictures."""
    layer, activations = eiesim.load_dump(dump, rows=1000)
    trace = eiesim.trace(layer, activations)
    still, page = HERE / "trace_alexnet_fc8.png", dump.parent / "fc8.html"
    trace.save(still)
    trace.save(page)
    _keep(still, still.read_bytes())
    _keep(HERE / "trace_page_cycle_3000.png", _shot(page))


def _shot(page: Path) -> bytes:
    """The page as a reader sees it who typed in the cycle and went down to the PE."""
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"))
        shown = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
        shown.goto(page.resolve().as_uri())
        shown.wait_for_function("window.eiesimTrace?.ready")
        shown.fill("#go", str(CYCLE))
        shown.press("#go", "Enter")
        for _ in range(PE):
            shown.keyboard.press("ArrowDown")
        shown.wait_for_timeout(500)
        image = shown.screenshot(full_page=True)
        browser.close()
    return image


def _keep(path: Path, image: bytes) -> None:
    """Write an image without loss, packed as tightly as PNG's own compression does."""
    Image.open(BytesIO(image)).convert("RGB").save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
