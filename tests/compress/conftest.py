"""Kernels compile when first called, which Hypothesis must not take for slowness."""

from hypothesis import settings

settings.register_profile("compiled", deadline=None)
settings.load_profile("compiled")
