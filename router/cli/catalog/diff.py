"""`vertex-router catalog diff`: what the catalog answers on one day and not on another."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import groupby

from catalog import Catalog, Change, changes
from router.cli.catalog.evidence import cited, sources_data
from router.cli.options import OptionError, add_json, add_overlay, catalog_of, day
from router.cli.output import Notes, Screen, counted, print_json

_NOT_SERVED = {"no", "unknown"}


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds this command."""
    parser = commands.add_parser(
        "diff",
        help="what changed between two days",
        description="Compares the answers of two days: what came, what went, which boundaries moved. A change from "
        "unknown to yes may be a launch, or only the first day on which a source showed it.",
    )
    parser.add_argument("since", type=day, metavar="DATE", help="the earlier day")
    parser.add_argument("until", type=day, metavar="DATE", help="the later day")
    parser.add_argument("--model", metavar="MODEL", help="only this model")
    parser.add_argument("--all", action="store_true", help="changes between unknown and no, too, in tables")
    add_overlay(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Prints the changes."""
    if given.until < given.since:
        raise OptionError(f"the earlier day comes first: catalog diff {given.until} {given.since}")
    known = catalog_of(given)
    only = known.model(given.model).id if given.model else None
    found = [each for each in changes(known, given.since, given.until) if only in (None, each.model)]
    if given.json:
        sources = sources_data(known, (each.source for each in found), given.until)
        print_json({"since": given.since, "until": given.until, "changes": found, "sources": sources})
    else:
        _show(known, found, given)
    return 0


def _show(known: Catalog, found: Sequence[Change], given: argparse.Namespace) -> None:
    screen, notes = Screen(), Notes()
    told = [each for each in found if given.all or not {each.before, each.after} <= _NOT_SERVED]
    for model, members in groupby(told, key=lambda each: each.model):
        screen.line((model, "bold"))
        for change in members:
            screen.text(f"{_title(change)} {notes.number([cited(known, change.source, given.until)])}", 2)
            if change.what != "retirement" and change.after in _NOT_SERVED:
                screen.text(change.reason, 6)
            screen.text(", ".join(change.locations), 6, "dim")
    screen.notes(notes)
    screen.line()
    screen.text(f"{counted(len(told), 'change')} between {given.since} and {given.until}", style="dim")
    if left := len(found) - len(told):
        screen.text(f"{counted(left, 'change')} between unknown and no left out (--all)", style="dim")


def _title(change: Change) -> str:
    if change.what == "retirement":
        return f"retirement: {change.reason}"
    size = f" up to {change.tokens:,} tokens" if change.tokens else ""
    about = change.mode if change.what == "served" else f"boundary{size}"
    return f"{about}: {change.before} -> {change.after}"
