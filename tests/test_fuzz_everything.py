"""The fuzzer, for as long as EIESIM_FUZZ_SECONDS says (60 in CI, 10 elsewhere)."""

import os

import pytest

from tests import fuzzing

SECONDS = float(os.environ.get("EIESIM_FUZZ_SECONDS") or (60 if os.environ.get("CI") else 10))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes and alarms")
def test_nothing_breaks_out():
    tally = fuzzing.fuzz(SECONDS, seed=1)
    assert not tally.failures, "\n".join(tally.failures[:20])
    assert sum(tally.refused.values()) > 0
