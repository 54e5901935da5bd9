"""The pictures of AlexNet-FC8 on the pages show the program's own colours: in the legend and in what it explains."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from eiesim.tracing.shares import BLOCKERS, BUBBLE, COLOURS, ENDED, OTHER_BLOCKER

from .pages import ROOT

PICTURES = ROOT / "docs" / "pictures"

pytestmark = pytest.mark.skipif(not PICTURES.is_dir(), reason="not a checkout")

STATES = [COLOURS[name] for name in ("starved", "real entry", "empty column")]
"""This layer has no padding."""
LNZD = [*BLOCKERS, OTHER_BLOCKER, BUBBLE, ENDED]
PLACES = {
    "trace_alexnet_fc8.png": {
        "states": (85, 1020, STATES),
        "their legend": (1030, 1065, [*STATES, "#000000"]),
        "lane": (1112, 1175, LNZD),
        "its legend": (1180, 1245, LNZD),
    },
    "trace_page_cycle_3000.png": {
        # Cycles 2,940 to 3,060; what the legend names besides occurs elsewhere in the run.
        "states": (122, 518, STATES),
        "their legend": (98, 116, [*COLOURS.values()]),
        "lane": (612, 642, [BLOCKERS[1], BLOCKERS[3]]),
        "its legend": (568, 606, LNZD),
    },
}
"""By picture and part: the first row of pixels, the last, and the colours that stand there."""


@pytest.mark.parametrize("name", PLACES)
def test_each_colour_of_the_legend_is_the_program_s_and_occurs_where_the_legend_says(name):
    pixels = np.asarray(Image.open(PICTURES / name).convert("RGB"))
    for part, (first, last, colours) in PLACES[name].items():
        rows = pixels[first:last].reshape(-1, 3).astype(int) @ (1 << 16, 1 << 8, 1)
        counted = Counter(f"#{colour:06X}" for colour in rows.tolist())
        least = 60 if "legend" in part else 200
        missing = [colour for colour in colours if counted[colour] < least]
        assert not missing, f"{part}: {missing} of {[*counted.most_common(12)]}"
