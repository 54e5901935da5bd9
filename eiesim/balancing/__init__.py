"""Where a layer's cycles go, cause by cause, and better orders of its rows."""
