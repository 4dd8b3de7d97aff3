"""`vertex-router catalog features`: what requests may ask for beyond a model, and whether it stays inside."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import date

from catalog import Catalog, Feature, Stays
from router.cli.catalog.evidence import cited, sources_data
from router.cli.options import add_json, add_on, add_overlay, catalog_of
from router.cli.output import Grid, Notes, Screen, print_json


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds this command."""
    parser = commands.add_parser(
        "features",
        help="what requests may ask for beyond a model, and whether it stays inside",
        description="Lists what a request may ask for beyond the model's own work, and whether that stays where the "
        "model's processing stays. Under a residency only `yes` is admitted; a policy names its exceptions in "
        "allow_features.",
    )
    add_overlay(parser)
    add_on(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Prints the features."""
    known = catalog_of(given)
    found = list(_found(known, given.on))
    if given.json:
        print_json(
            {
                "date": given.on,
                "features": [
                    {
                        "id": feature.id,
                        "name": feature.name,
                        "stays": stays.verdict,
                        "reason": stays.reason,
                        "source": stays.claim.source if stays.claim else None,
                    }
                    for feature, stays in found
                ],
                "sources": sources_data(known, (stays.claim.source for _, stays in found if stays.claim), given.on),
            }
        )
        return 0
    screen, notes, grid = Screen(), Notes(), Grid("feature", "stays", "source", "what it is")
    for feature, stays in found:
        source = cited(known, stays.claim.source, given.on) if stays.claim else ""
        grid.add(feature.id, stays.verdict, notes.number([source]), feature.name)
    screen.grid(grid)
    screen.notes(notes)
    return 0


def _found(known: Catalog, on: date) -> Iterator[tuple[Feature, Stays]]:
    return ((feature, known.stays(feature.id, on)) for feature in known.features.values())
