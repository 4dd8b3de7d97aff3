"""`make chaos`: every fault, every kind of client; prints a table, and fails where a promise was not kept."""

from __future__ import annotations

import argparse
import sys
import time
from importlib import import_module

from tests.chaos.campaign import campaign
from tests.chaos.faults import all_faults

SHOWN = 20


def main() -> int:
    """Runs everything; 1 when something went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--step", type=int, default=1, help="cut answers at every so many-th byte (default: each)")
    parser.add_argument("--calls", type=int, default=10_000, help="calls at once in a crowd (default: 10,000)")
    given = parser.parse_args()
    begun = time.monotonic()

    def progress(what: str) -> None:
        print(f"{time.monotonic() - begun:5.0f} s  {what}", file=sys.stderr, flush=True)

    modules = [import_module(name) for name in ("httpx", "httpx2")]
    tally = campaign(modules, lambda: all_faults(given.step), calls=given.calls, progress=progress)
    print("| fault | tried | survived | how it ended |\n| --- | --- | --- | --- |")
    for row in tally.rows:
        ends = "; ".join(f"{end} {count:,}" for end, count in row.ends.most_common())
        print(f"| {row.name} | {row.tried:,} | {row.survived:,} | {ends} |")
    for line in tally.wrong[:SHOWN]:
        print(line)
    tried = sum(row.tried for row in tally.rows)
    print(f"{tried:,} tried, {len(tally.wrong):,} not survived, in {time.monotonic() - begun:.0f} s")
    return bool(tally.wrong)


if __name__ == "__main__":
    sys.exit(main())
