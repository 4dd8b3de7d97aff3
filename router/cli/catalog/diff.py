"""`vertex-router catalog diff`: what the catalog answers on one day and not on another."""

from __future__ import annotations

import argparse

from rich.console import Console

from catalog import Change, changes
from router.cli.options import OptionError, add_json, add_overlay, catalog_of, day
from router.cli.output import Notes, indented, print_json


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds this command."""
    parser = commands.add_parser(
        "diff",
        help="what changed between two days",
        description="Compares the answers of two days: what came, what went, which borders moved. A change from "
        "unknown to yes may be a launch, or only the first day on which a source showed it.",
    )
    parser.add_argument("since", type=day, metavar="DATE", help="the earlier day")
    parser.add_argument("until", type=day, metavar="DATE", help="the later day")
    parser.add_argument("--model", metavar="MODEL", help="only this model")
    add_overlay(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Prints the changes."""
    if given.until < given.since:
        raise OptionError(f"the earlier day comes first: {given.until} {given.since}")
    known = catalog_of(given)
    only = known.model(given.model).id if given.model else None
    found = [each for each in changes(known, given.since, given.until) if only in (None, each.model)]
    if given.json:
        print_json(found)
        return 0
    console = Console(highlight=False)
    notes, model = Notes(), ""
    for change in found:
        if change.model != model:
            model = change.model
            console.print(f"\n[bold]{model}[/]")
        source = known.sources.get(change.source)
        note = notes.number([source.url or source.id] if source else ())
        console.print(indented(f"{_title(change)} {note}"))
        console.print(indented(", ".join(change.locations) or change.reason, 6, dim=True))
    notes.show(console)
    console.print(f"\n{len(found)} changes between {given.since} and {given.until}", style="dim")
    return 0


def _title(change: Change) -> str:
    size = f" up to {change.tokens:,} tokens" if change.tokens else ""
    about = change.mode if change.what == "served" else f"{change.what}{size}"
    return f"{about}: {change.before} -> {change.after}"
