"""`python -m tests.documentation [PAGE...]`: run what the pages show, and write what comes out now into them."""

import sys
import tempfile
from pathlib import Path

from tests.documentation.executed import EXECUTED
from tests.documentation.session import renew

for page in sys.argv[1:] or EXECUTED:
    with tempfile.TemporaryDirectory() as folder:
        print(f"{page}: {renew(page, Path(folder) / 'here')} outputs renewed", flush=True)
