"""`vertex-router catalog lint`: what is wrong with an overlay, or with the shipped catalog."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from catalog import Problem, load
from catalog.lint import RULES, STRUCTURE, lint
from catalog.loader import SHIPPED, catalog_draft, overlay_draft
from catalog.overlay import laid_over
from router.cli.options import add_json, add_on
from router.cli.output import Screen, counted, print_json

FAILED = 1


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds this command."""
    parser = commands.add_parser(
        "lint",
        help="check overlays, or the shipped catalog, by every rule",
        description="Checks the given overlays, each laid over the shipped catalog and those before it; a directory is "
        "checked as a catalog of its own. Without any, the shipped catalog. Each problem names its file, line, entry "
        "and field. Exit code 0: none; 1: a file breaks a rule or can't be read; 2: the arguments are wrong. "
        f"The rules: {', '.join(RULES)}.",
    )
    parser.add_argument("files", nargs="*", metavar="FILE", type=Path, help="overlays, or directories of catalogs")
    add_on(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Prints what is wrong; 1 when anything is."""
    files: Sequence[Path] = given.files or [SHIPPED]
    problems: list[Problem] = []
    base = load()
    for file in files:
        unread: list[Problem] = []
        draft = catalog_draft(file, unread) if file.is_dir() else overlay_draft(file, base, unread)
        # A file that could not be read would make every reference to it look wrong.
        problems += unread or lint(draft, given.on)
        if draft.base and not unread and not lint(draft, given.on, STRUCTURE):
            base = laid_over(base, draft)
    if given.json:
        print_json({"date": given.on, "files": [str(file) for file in files], "problems": problems})
    else:
        screen = Screen()
        for problem in problems:
            screen.line(str(problem))
        what = ", ".join(str(file) for file in given.files) or "the shipped catalog"
        screen.line(f"{what}: {counted(len(problems), 'problem')}")
    return FAILED if problems else 0
