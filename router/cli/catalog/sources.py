"""`vertex-router catalog sources`: on whose word the catalog stands."""

from __future__ import annotations

import argparse
from collections import Counter

from rich.console import Console

from catalog import Catalog
from catalog.draft import CLAIMS
from router.cli.options import add_json, add_on, add_overlay, catalog_of
from router.cli.output import aged, indented, print_json


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds this command."""
    parser = commands.add_parser(
        "sources",
        help="on whose word the catalog stands",
        description="Lists the sources with their dates, and how many claims rest on each. The age of evidence is "
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
        print_json([{**_data(known, name, given), "claims": used[name]} for name in known.sources])
        return 0
    console = Console(highlight=False)
    for source in known.sources.values():
        own = " [yellow](own)[/]" if source.id in known.own.sources else ""
        age = aged((given.on - source.published).days)
        console.print(f"[bold]{source.id}[/]{own}  {source.published}, {age}, {used[source.id]} claims")
        console.print(indented(source.title))
        if source.url:
            console.print(f"  {source.url}", style="dim", soft_wrap=True)
        if source.note:
            console.print(indented(source.note, 2, dim=True))
    return 0


def _used(known: Catalog) -> Counter[str]:
    """How many statements about models and locations name each source."""
    used = Counter(location.source for location in known.locations.values())
    for model in known.models.values():
        used.update(claim.source for kind in CLAIMS for claim in getattr(model, kind))
        parts = (model.limits, model.retirement, model.data_sharing)
        used.update(part.source for part in parts if part)
    return used


def _data(known: Catalog, name: str, given: argparse.Namespace) -> dict[str, object]:
    source = known.sources[name]
    return {
        "id": source.id,
        "title": source.title,
        "url": source.url or None,
        "published": source.published,
        "retrieved": source.retrieved,
        "age_days": max(0, (given.on - source.published).days),
        "language": source.language,
        "own": name in known.own.sources,
        "note": source.note,
    }
