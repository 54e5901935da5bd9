"""`python -m tests.documentation [PAGE...]`: run what the pages show, and write what comes out now into them."""

import sys
import tempfile
from pathlib import Path

from tests.documentation.executed import EXECUTED
from tests.documentation.session import renew

for page in sys.argv[1:] or EXECUTED:
    with tempfile.TemporaryDirectory() as folder:
        renewed, by_hand = renew(page, Path(folder) / "here")
        print(f"{page}: {renewed} outputs renewed", *by_hand, sep="\n\n", flush=True)
