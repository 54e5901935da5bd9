#!/usr/bin/env bash
# zigzag-dse 3.9.1 (ZigZag): in an environment of its own, `import zigzag.api` ends in ModuleNotFoundError: six.
#
# Guess: what pip installs for a package is what the package imports.
# What happens: six is imported and not declared, and none of what is declared brings it along. With six installed
# beside it the import succeeds.
# Why it matters: a comparison with ZigZag that lists zigzag-dse alone as its dependency fails at the first import on a
# fresh machine, and works where anything else has brought six.
set -euo pipefail
unset PYTHONPATH VIRTUAL_ENV
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3}" -m venv venv
venv/bin/pip install --quiet zigzag-dse==3.9.1
alone=$({ venv/bin/python -c "import zigzag.api" 2>&1 || true; } | tail -1)
declared=$(venv/bin/python -c "
from importlib.metadata import requires
print(sum(name.startswith('six') for name in requires('zigzag-dse') or []))")
venv/bin/pip install --quiet six==1.17.0
beside=$({ venv/bin/python -c "import zigzag.api; print('imported')" 2>&1 || true; } | tail -1)
echo "alone: $alone; six declared: $declared times; with six: $beside"
[[ $alone == "ModuleNotFoundError: No module named 'six'" && $declared == 0 && $beside == imported ]] ||
    { echo "the behaviour has changed"; exit 1; }
