"""Random cases: traces against the clocked machine's registers in every cycle, critical paths against the oracle's.

python -m tests.tracing.agree --cases 2000 --seed 0
"""

import argparse
import sys
import time

from tests import numba_cache


def main() -> int:
    """Run the cases; 0 when all agree."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cases", type=int, default=2000, help="how many (default 2000)")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--first", type=int, default=0, help="number of the first case (default 0)")
    chosen = options.parse_args()

    from eiesim import EieError
    from tests.agree import random_case
    from tests.telling import Telling
    from tests.tracing.watch import differences

    begin = time.perf_counter()
    refused, telling = 0, Telling()
    for number in range(chosen.first, chosen.first + chosen.cases):
        telling(f"{number - chosen.first:,} of {chosen.cases:,} cases, {refused:,} refused")
        case = random_case(chosen.seed, number)
        try:
            found = differences(case)
        except EieError:
            refused += 1
            continue
        if found:
            telling.end()
            print(f"case {number} of seed {chosen.seed} disagrees:", *found[:20], sep="\n  ")
            return 1
    telling.end()
    seconds = time.perf_counter() - begin
    agreed = chosen.cases - refused
    print(f"{agreed} random cases agreed in every cycle, {refused} were refused ({seconds:.0f} s, seed {chosen.seed})")
    return 0


if __name__ == "__main__":
    numba_cache.use()
    sys.exit(main())
