"""EIE beside CPUs and GPUs, published and measured."""
