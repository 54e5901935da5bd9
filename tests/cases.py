"""Small layers, drawn or fixed, and the command line called in process."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from unittest import mock

from hypothesis import strategies as st

import eiesim
from eiesim.cli import main
from tests.documents import LONGEST, meets
from tests.layers import random_layer as random_layer
from tests.layers import same_layer as same_layer

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Answer:
    status: int
    out: str
    err: str


def cli(*arguments: object) -> Answer:
    """`eiesim ARGUMENTS` in this process. Whatever it raises but SystemExit comes out as it is.

    A JSON document that it prints is held to its schema.
    """
    out, err = io.StringIO(), io.StringIO()
    argv = ["eiesim", *map(str, arguments)]
    with mock.patch.object(sys, "argv", argv), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
            if status == 0 and ("--json", "-") in pairwise(argv) and len(out.getvalue()) < LONGEST:
                meets(json.loads(out.getvalue()))
            return Answer(status, out.getvalue(), err.getvalue())
    raise AssertionError("main() returned; it should exit")


@st.composite
def any_layer(draw: st.DrawFn, max_codes: int = 256) -> eiesim.CompressedLayer:
    return random_layer(
        draw(st.integers(0, 2**32)),
        rows=draw(st.integers(1, 40)),
        cols=draw(st.integers(1, 30)),
        density=draw(st.sampled_from([0.0, 0.05, 0.3, 1.0])),
        bias=draw(st.booleans()),
        codes=draw(st.integers(2, max_codes)),
        activation=draw(st.sampled_from(["relu", "none"])),
    )
