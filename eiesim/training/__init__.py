"""The pruning and training methods of the literature, of matrices and convolutions (extra `[train]`)."""
