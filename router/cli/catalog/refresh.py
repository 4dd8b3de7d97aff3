"""`vertex-router catalog refresh`: what the publishers' pages say otherwise than the catalog."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from catalog.refresh import FORMS, Doubt, Drift, Page, Proposal, compare, is_model_page, patch, read_page
from router.cli.catalog.reading import Document, Told, documents, is_address
from router.cli.options import OptionError, add_json, add_on, add_overlay, catalog_of, day
from router.cli.output import Screen, counted, print_json

AGREED, DRIFTED, NOT_UNDERSTOOD = 0, 1, 4


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds this command."""
    parser = commands.add_parser(
        "refresh",
        help="compare model pages with the catalog and propose claims",
        description="Reads model pages in Markdown, compares them with the catalog, and proposes claims as TOML for "
        "you to review; the catalog itself is never changed. What is not fully understood is reported with its place, "
        "and nothing is proposed for it. Exit code 0: the pages say what the catalog says; 1: they do not; "
        "4: some of a page was not understood, whether the rest agrees or not.",
    )
    parser.add_argument(
        "place",
        metavar="DIR_OR_URL",
        help="a directory of pages (*.md, *.md.txt), one page, or the https address of a page or of a list of pages",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write the TOML there; - for standard output")
    parser.add_argument(
        "--form",
        choices=FORMS,
        default="overlay",
        help="overlay: TOML for --overlay as it stands; data: entries to paste into catalog data (overlay)",
    )
    parser.add_argument(
        "--dated",
        type=day,
        metavar="DATE",
        help="the day of the pages' content, for pages that do not say (an address: today)",
    )
    parser.add_argument("--all", action="store_true", help="show where the catalog is newer, and pages left out, too")
    add_overlay(parser)
    add_on(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Prints the differences and writes what they propose."""
    if given.json and given.output == "-":
        raise OptionError("--json and -o - both want standard output; the JSON holds the TOML, as `patch`")
    known = catalog_of(given)
    with _progress() as told:
        pages, unread = _pages(documents(given.place, told), given)
    found = compare(pages, known, given.on)
    found.doubts[:0] = unread
    found.pages += len(unread)
    text = patch(found, known.sources, given.on, given.form)
    if given.output == "-":
        sys.stdout.write(text)
    elif given.output:
        _write(Path(given.output), text)
    if given.json:
        print_json(_data(found, text))
    else:
        _show(found, given, Screen(error=given.output == "-"))
    return NOT_UNDERSTOOD if found.doubts else DRIFTED if found.drifted else AGREED


def _pages(found: Iterable[Document | Doubt], given: argparse.Namespace) -> tuple[list[Page], list[Doubt]]:
    """The pages, each with a date, and those that could not be read."""
    pages: list[Page] = []
    unread: list[Doubt] = []
    for each in found:
        if isinstance(each, Doubt):
            unread.append(each)
            continue
        page = read_page(each.text, each.name, each.url)
        dated = given.dated or (given.on if is_address(given.place) else None)
        if page.published is None and dated is None and is_model_page(page):
            mend = "give --dated DATE, the day on which this copy was made"
            raise OptionError(f"{page.name} does not say when it was last updated; {mend}")
        pages.append(msgspec.structs.replace(page, published=page.published or dated))
    return pages, unread


@contextmanager
def _progress() -> Iterator[Told]:
    """Shows how far the reading is, on a terminal."""
    console = Console(stderr=True, highlight=False)
    with console.status("reading pages") as status:
        yield lambda read, of, name: status.update(Text(f"reading page {read + 1} of {of}: {name}"))


def _write(file: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    except OSError as error:
        raise OptionError(f"{file}: can't be written: {error.strerror}") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as content:
            content.write(text)
        Path(name).replace(file)
    except OSError as error:
        raise OptionError(f"{file}: can't be written: {error.strerror}") from None
    finally:
        Path(name).unlink(missing_ok=True)


def _show(found: Drift, given: argparse.Namespace, screen: Screen) -> None:
    for model, proposals in groupby(sorted(found.proposals, key=attrgetter("model")), key=attrgetter("model")):
        screen.line((model, "bold"))
        for change, locations in _grouped(proposals).items():
            screen.text(f"{change}: {', '.join(locations)}", 2)
    for life in found.lifecycles:
        screen.line((life.model, "bold"))
        screen.text(f"{life.field}: {life.before} -> {life.after} ({life.page.name}:{life.line}); edit it by hand", 2)
    for stranger in found.strangers:
        screen.line((", ".join(stranger.ids), "bold"))
        screen.text(f"not in the catalog ({stranger.page.name}:{stranger.line})", 2)
        for title, places in stranger.lists.items():
            screen.text(f"{title}: {', '.join(places) or 'no location'}", 4)
    shown = [("not understood; nothing is proposed for it", [str(each) for each in found.doubts])]
    if given.all:
        shown.append(("the catalog has newer evidence", [str(each) for each in found.newer]))
        shown.append(("pages without a model's card", found.skipped))
    for title, lines in shown:
        if lines:
            screen.line()
            screen.line((title, "bold"))
        for each in lines:
            screen.text(each, 2)
    screen.line()
    screen.text(_summary(found, given), style="dim")
    if found.proposals and not given.output:
        screen.text("write the claims with -o FILE, then review them", style="dim")


def _grouped(proposals: Iterable[Proposal]) -> dict[str, list[str]]:
    """The locations of which the same is proposed."""
    found: dict[str, list[str]] = {}
    for each in proposals:
        told = f"{each.mode or 'processing'}: {each.before} -> {each.after} ({each.page.name}:{each.line})"
        found.setdefault(told, []).append(each.location)
    return found


def _summary(found: Drift, given: argparse.Namespace) -> str:
    where = f" in {given.output}" if given.output not in (None, "-") else ""
    parts = [
        f"{counted(found.pages, 'page')} compared on {given.on}: {counted(len(found.agreeing), 'model')} the same",
        f"{counted(len(found.proposals), 'change')} proposed{where}",
        f"{counted(len(found.lifecycles), 'date')} to edit by hand",
        f"{counted(len(found.strangers), 'model')} not in the catalog",
        f"{counted(len(found.doubts), 'passage')} not understood",
    ]
    if not given.all and (found.newer or found.skipped):
        parts.append(f"{len(found.newer)} where the catalog is newer and {len(found.skipped)} other pages (--all)")
    return "; ".join(parts)


def _data(found: Drift, text: str) -> dict[str, Any]:
    def told(each: Any) -> dict[str, Any]:
        page = {"name": each.page.name, "url": each.page.url, "published": each.page.published}
        return {**msgspec.structs.asdict(each), "page": page}

    return {
        "pages": found.pages,
        "agreeing": found.agreeing,
        "proposals": [told(each) for each in found.proposals],
        "lifecycles": [told(each) for each in found.lifecycles],
        "strangers": [told(each) for each in found.strangers],
        "not_understood": found.doubts,
        "newer": found.newer,
        "skipped": found.skipped,
        "patch": text,
    }
