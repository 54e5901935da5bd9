"""What if: more multipliers a PE, another dealing of rows, another rounding, small activations left out."""
