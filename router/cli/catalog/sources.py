"""`vertex-router catalog sources`: on whose word the catalog stands."""

from __future__ import annotations

import argparse
from collections import Counter

from catalog import Catalog
from catalog import prices as catalog_prices
from catalog.draft import CLAIMS
from router.cli.catalog.evidence import source_data
from router.cli.options import add_json, add_on, add_overlay, catalog_of
from router.cli.output import Screen, aged, counted, print_json


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds this command."""
    parser = commands.add_parser(
        "sources",
        help="on whose word the catalog stands",
        description="Lists the sources with their dates, and how many statements rest on each. The age of evidence is "
        "counted from the date of a source's content.",
    )
    add_overlay(parser)
    add_on(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Prints the sources."""
    known = catalog_of(given)
    used = _used(known)
    if given.json:
        print_json(
            {
                "date": given.on,
                "sources": [
                    {
                        "id": source.id,
                        **source_data(known, source.id, given.on),
                        "language": source.language,
                        "note": source.note,
                        "statements": used[source.id],
                    }
                    for source in known.sources.values()
                ],
            }
        )
        return 0
    screen = Screen()
    for source in known.sources.values():
        own = "  own source" if source.id in known.own.sources else ""
        age = aged(max(0, (given.on - source.published).days))
        dated = f"  {source.published}, {age}, {counted(used[source.id], 'statement')}"
        screen.line((source.id, "bold"), (own, "yellow"), dated)
        screen.text(source.title, 2)
        if source.url:
            screen.line((f"  {source.url}", "dim"))
        screen.text(source.note, 2, "dim")
    return 0


def _used(known: Catalog) -> Counter[str]:
    """How many statements about models, features, locations and prices name each source."""
    used = Counter(location.source for location in known.locations.values())
    used.update(claim.source for feature in known.features.values() for claim in feature.localised)
    for model in known.models.values():
        used.update(claim.source for kind in CLAIMS for claim in getattr(model, kind))
        parts = (model.limits, model.retirement, model.data_sharing)
        used.update(part.source for part in parts if part)
    tariff = catalog_prices.load().tariff
    tables = (tariff.price, tariff.factor, tariff.credit, tariff.range, tariff.commitment)
    used.update(each.source for table in tables for each in table)
    return used
