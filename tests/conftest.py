"""What must be so before eiesim is imported, and hypothesis's settings."""

import os

import hypothesis

from tests import numba_cache
from tests.browser import browser, opened_page

__all__ = ["browser", "opened_page"]  # fixtures of all tests

numba_cache.use()

hypothesis.settings.register_profile("here", deadline=None, max_examples=200)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=200, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")
