"""Studies: many runs put together into tables, and what a table or one run explains."""
