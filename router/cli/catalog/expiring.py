"""`vertex-router catalog expiring`: what ends soon, and what should have ended."""

from __future__ import annotations

import argparse
import calendar
import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, NamedTuple

from catalog import Catalog, Expiry, expiring, overdue
from catalog import prices as catalog_prices
from router.cli.catalog.evidence import cited, sources_data
from router.cli.options import add_json, add_on, add_overlay, catalog_of
from router.cli.output import Grid, Notes, Screen, print_json

_DAYS = {"": 1, "d": 1, "w": 7}


class Span(NamedTuple):
    """A number of days, weeks or months."""

    number: int
    unit: str

    def after(self, on: date) -> date:
        """The day so long after another; the last day that can be written, if that comes first."""
        if self.unit == "m":
            years, month = divmod(on.month - 1 + self.number, 12)
            if on.year + years > date.max.year:
                return date.max
            last = calendar.monthrange(on.year + years, month + 1)[1]
            return date(on.year + years, month + 1, min(on.day, last))
        return on + timedelta(days=min(self.number * _DAYS[self.unit], (date.max - on).days))


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds this command."""
    parser = commands.add_parser(
        "expiring",
        help="what ends soon: models, claims, prices, reservations",
        description="Lists announced retirements, days from which a model may be retired (`retirement floor`), claims "
        "whose evidence ends, prices and credits that end, and reservations of the overlay, soonest first; and the "
        "announced retirements that have passed and that nobody has confirmed.",
    )
    parser.add_argument(
        "--within", type=_span, default=Span(90, "d"), metavar="SPAN", help="how far to look: 90d, 12w, 6m (90d)"
    )
    add_overlay(parser)
    add_on(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Prints what ends."""
    known = catalog_of(given)
    last = given.within.after(given.on)
    found = expiring(known, given.on, (last - given.on).days, catalog_prices.load().tariff)
    late = overdue(known, given.on)
    if given.json:
        print_json(
            {
                "date": given.on,
                "until": last,
                "expiring": [_data(known, each, given.on) for each in found],
                "overdue": [_data(known, each, given.on) for each in late],
                "sources": sources_data(known, (each.source for each in (*found, *late)), given.on),
            }
        )
        return 0
    screen, notes = Screen(), Notes()
    if late:
        screen.line(("past an announced retirement that nobody has confirmed", "bold"))
        screen.grid(_grid(known, late, notes, given.on))
        screen.line()
    screen.line((f"ends from {given.on} to {last}", "bold"))
    if found:
        screen.grid(_grid(known, found, notes, given.on))
    else:
        screen.line("nothing")
    screen.notes(notes)
    return 0


def _grid(known: Catalog, found: Iterable[Expiry], notes: Notes, on: date) -> Grid:
    grid = Grid("model", "on", "in", "what")
    for each in found:
        detail = "" if each.what == "retirement floor" else f": {each.detail}"
        what = f"{each.what}{detail} {notes.number([cited(known, each.source, on)])}"
        days = (each.on - on).days
        grid.add(each.model, str(each.on), f"{-days} d ago" if days < 0 else f"{days} d", what)
    return grid


def _data(known: Catalog, ends: Expiry, on: date) -> dict[str, Any]:
    return {
        "on": ends.on,
        "in_days": (ends.on - on).days,
        "what": ends.what,
        "model": ends.model,
        "detail": ends.detail,
        "source": ends.source or None,
        "own_source": ends.what == "reservation" or ends.source in known.own.sources,
    }


def _span(text: str) -> Span:
    found = re.fullmatch(r"(\d{1,5})([dwm]?)", text.strip())
    if not found:
        raise argparse.ArgumentTypeError(
            f"expected a number of days, weeks or months like 90d, 12w or 6m, got {text!r}"
        )
    return Span(int(found[1]), found[2])
