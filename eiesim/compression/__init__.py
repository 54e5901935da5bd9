"""Deep Compression: prune, share, count, train; the pipeline on top."""
