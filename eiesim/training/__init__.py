"""The pruning and training methods of the literature, for fully connected networks (extra `[train]`)."""
