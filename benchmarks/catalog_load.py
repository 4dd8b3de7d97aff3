"""What the catalog costs: to load it whole, and to ask it.

Prints medians; each answer is asserted before it is timed. `make bench` runs it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import date

import catalog
from catalog import prices
from catalog.costs import Usage
from catalog.loader import SHIPPED, load
from catalog.price_files import read_prices
from router import Policy, Router

ON = date(2026, 11, 21)
MODEL = "gemini-2.5-flash-image"


def median_s(what: Callable[[], object], times: int, rounds: int = 15) -> float:
    """Seconds of CPU for one call: the median over rounds."""
    taken = []
    for _ in range(rounds):
        begun = time.process_time()
        for _ in range(times):
            what()
        taken.append((time.process_time() - begun) / times)
    return statistics.median(taken)


def main() -> None:
    """Asserts, times, prints."""
    known, priced = catalog.load(), prices.load()
    router = Router(Policy(residency="eu"))
    served = known.served(MODEL, "europe-west4", "standard", ON)
    bounded = known.boundary(MODEL, "europe-west4", ON)
    usage = Usage.tokens(input=1000, output=100)
    cost = priced.cost(usage, "gemini-2.5-flash", "global", "standard", ON)
    assert (served.verdict, bounded.boundary) == ("yes", "eu")
    assert cost.list_usd > 0
    assert len(load(SHIPPED).models) == len(known.models) > 150
    assert router.explain(MODEL, on=ON).candidates[0].location == "europe-west1"
    rows = [
        ("load the catalog: read, decode, check", median_s(lambda: load(SHIPPED), 1), "ms"),
        ("load the prices", median_s(lambda: read_prices(SHIPPED), 1), "ms"),
        ("served?", median_s(lambda: known.served(MODEL, "europe-west4", "standard", ON), 2000), "us"),
        ("boundary?", median_s(lambda: known.boundary(MODEL, "europe-west4", ON), 2000), "us"),
        ("cost of a call", median_s(lambda: priced.cost(usage, MODEL, "global", "standard", ON), 500), "us"),
        (
            "plan over all locations, first time",
            median_s(lambda: Router(Policy(residency="eu")).explain(MODEL), 1),
            "ms",
        ),
        ("a plan that was made before", median_s(lambda: router.explain(MODEL, on=ON), 2000), "us"),
    ]
    print(f"{len(known.models)} models, {len(known.locations)} locations; CPU time, medians")
    for name, seconds, unit in rows:
        print(f"  {name:40} {seconds * (1e3 if unit == 'ms' else 1e6):8.1f} {unit}")


if __name__ == "__main__":
    main()
