"""Where a layer's cycles go, cause by cause, and orders of its rows that need fewer."""
