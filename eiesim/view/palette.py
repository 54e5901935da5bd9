"""Colours, markers and hatches of all pictures.

The colours are Okabe and Ito's, which colour-blind readers can tell apart. Hatches tell bars apart in print without
colour.
"""

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
BROWN, VIOLET = "#8C510A", "#6A3D9A"
GREY, DARK, PALE, LINE = "#999999", "#555555", "#DDDDDD", "#CCCCCC"

LINES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK, BROWN, "#7F7F7F")
"""Colours of lines, one a layer. Yellow is too light on white, so a brown stands in its place."""

MARKERS = "osD^vPX*<"
"""Markers of lines, one a layer, in the order of `LINES`."""

BARS = (GREY, SKY, BLUE, YELLOW, ORANGE, BROWN, PURPLE, DARK, GREEN)
"""Colours of bars whose series has no colour of its own."""

SIMULATED = ((GREEN, "////"), (PURPLE, "xxxx"))
"""Colour and hatch of simulated bars: the first and the second kind."""

REDUCED_HATCH = "...."
"""Of measured bars in lower precision than float32."""

ESTIMATED_HATCH = "\\\\\\\\"

MODULES = {
    "spmat_read": BLUE,
    "ptr_read": SKY,
    "arithm_unit": ORANGE,
    "act_rw": GREEN,
    "act_queue": YELLOW,
    "lnzd": BLACK,
    "filler": PALE,
}
"""Colours of the modules of a PE (EIE Table II), in the order in which stacked bars show them."""

MODULE_HATCHES = {"ptr_read": "////", "act_rw": "xxxx", "act_queue": "...."}
"""Hatches of modules, so that neighbours in a stack differ in grey too."""
