"""docs/power.md: a PE's power at the gate, what changes it, and what of it holds for any cell library."""
