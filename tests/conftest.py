"""What must be so before eiesim is imported, and hypothesis's settings."""

import logging
import os

import hypothesis

from tests import numba_cache
from tests.browser import browser, opened_page
from tests.ending import pytest_sessionstart

__all__ = ["browser", "opened_page", "pytest_sessionstart"]  # fixtures and hooks of all tests

numba_cache.use()

# How wide the terminal of whoever runs the tests is does not matter; a test that needs a width says it.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)

# Whether a command compiles first depends on what ran before: commands called in this process do not say so.
logging.getLogger("eiesim.kernels").addFilter(lambda record: False)

hypothesis.settings.register_profile("here", deadline=None, max_examples=200)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=200, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")
