"""Which machine suits a layer or a network: chosen from a sweep."""
