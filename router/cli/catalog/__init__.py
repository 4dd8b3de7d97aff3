"""`vertex-router catalog`: what is known, on whose word, and since when."""

from __future__ import annotations

import argparse

from router.cli.catalog import diff, expiring, features, lint, listing, price, refresh, show, sources, where


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser], line: str) -> None:
    """Adds this command and those below it, of which `line` says what it does."""
    parser = commands.add_parser(
        "catalog",
        help=line,
        description="Asks the catalog: dated, sourced claims of which model is served where, in which mode, and "
        "inside which boundary its processing stays. What no claim covers is unknown.",
    )
    below = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (listing, show, where, features, price, diff, expiring, sources, lint, refresh):
        command.add_to(below)
