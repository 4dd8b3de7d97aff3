"""`make proof`: compares every cell of the catalog, prints how many, and fails with the cells that differ."""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import catalog
from tests.proof import rule
from tests.proof.cells import Asked, Counted, compared, policies

SHOWN = 20


def counted(asked: Asked) -> Counted:
    """The comparison by one policy, with a whole catalog of its own."""
    found = compared(catalog.load(), asked)
    rule.served.cache_clear()
    return found


def main() -> int:
    """Runs the comparison; 1 when anything differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    given = parser.parse_args()
    asked = policies()
    begun, cells, admitted, differences = time.monotonic(), 0, 0, list[str]()
    with ProcessPoolExecutor(given.jobs) as pool:
        for done, found in enumerate(pool.map(counted, asked), 1):
            cells, admitted = cells + found.cells, admitted + found.admitted
            differences += found.differences
            if done % 30 == 0:
                print(f"{done} of {len(asked)} policies, {cells:,} cells", file=sys.stderr, flush=True)
    took, spent = time.monotonic() - begun, sum(os.times()[:4])
    for line in differences[:SHOWN]:
        print(line)
    names = f"{len(rule.MODELS)} models, {len(rule.LOCATIONS)} locations, {len(rule.MODES)} modes"
    print(f"{names}, {len(asked)} policies, every day on which a claim begins or ends and the day before")
    told = f"{cells:,} cells compared, {admitted:,} admitted, {len(differences):,} differ"
    print(f"{told}, in {took:.0f} s ({spent:.0f} s of processor time)")
    return bool(differences) or not admitted


if __name__ == "__main__":
    sys.exit(main())
