"""The pages of `pages/`, and the catalog that they agree with."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from catalog import Catalog, load
from catalog.refresh import Drift, Page, Proposal, compare, read_page

HERE = Path(__file__).parent
PAGES, BIRDS = HERE / "pages", HERE / "birds.toml"
NAMES = ("list/heron-2.md", "table/heron-2.md", "list/egret-1.md", "table/egret-1.md")
ON = date(2026, 11, 21)


@pytest.fixture(scope="session")
def birds() -> Catalog:
    return load(overlay=BIRDS)


def page(name: str, *edits: tuple[str, str]) -> Page:
    """A page with passages replaced, each of which it has exactly once."""
    text = (PAGES / name).read_text(encoding="utf-8")
    for right, wrong in edits:
        assert text.count(right) == 1, f"{name} has {right!r} {text.count(right)} times"
        text = text.replace(right, wrong)
    return read_page(text, name)


def found(known: Catalog, *pages: Page) -> Drift:
    return compare(pages, known, ON)


def told(each: Proposal) -> str:
    return f"{each.mode or each.kind} at {each.location}: {each.before} -> {each.after}"
