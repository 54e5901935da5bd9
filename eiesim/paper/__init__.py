"""What the paper printed, as data with its sources, and what follows from it."""
