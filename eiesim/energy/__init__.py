"""Energy, power and area: published figures, SRAM figures, and the models that rest on them."""
