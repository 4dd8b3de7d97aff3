"""`vertex-router catalog expiring`: what ends soon."""

from __future__ import annotations

import argparse
import re

from rich.console import Console

from catalog import expiring
from router.cli.options import add_json, add_on, add_overlay, catalog_of
from router.cli.output import columns, print_json

_DAYS = {"d": 1, "w": 7, "": 1}


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds this command."""
    parser = commands.add_parser(
        "expiring",
        help="what ends soon: models, claims, prices, reservations",
        description="Lists announced retirements, days from which a model may be retired, claims whose evidence ends, "
        "prices and credits that end, and reservations of the overlay, soonest first.",
    )
    parser.add_argument("--within", type=_days, default=90, metavar="DAYS", help="how far to look: 90d, 12w (90d)")
    add_overlay(parser)
    add_on(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Prints what ends."""
    known = catalog_of(given)
    found = expiring(known, given.on, given.within)
    if given.json:
        print_json(found)
        return 0
    console = Console(highlight=False)
    table = columns("on", "in", "what", "model", "detail", last_wraps=True)
    for each in found:
        table.add_row(str(each.on), f"{(each.on - given.on).days} d", each.what, each.model, each.detail)
    console.print(table if found else f"nothing ends within {given.within} days after {given.on}")
    return 0


def _days(text: str) -> int:
    found = re.fullmatch(r"(\d{1,5})([dw]?)", text.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"expected a number of days or weeks like 90d or 12w, got {text!r}")
    return int(found[1]) * _DAYS[found[2]]
