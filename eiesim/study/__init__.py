"""Studies: many simulations, and what they say together."""
