"""`python -m docs [FOLDER]`: build the documentation site; a warning is an error. Needs the extra `docs`."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
SITE = HERE.parent / "build" / "site"


def main(folder: Path = SITE) -> int:
    """Build the site into a folder, and say where it begins."""
    try:
        from sphinx.cmd.build import main as sphinx
    except ImportError:
        print('the site needs the extra `docs`: pip install ".[docs]"', file=sys.stderr)
        return 2
    status = sphinx(["-q", "-W", "--keep-going", "-d", f"{folder}.cache", str(HERE), str(folder)])
    if status == 0:
        print(f"{folder / 'index.html'}")
    return status


if __name__ == "__main__":
    raise SystemExit(main(*map(Path, sys.argv[1:2])))
