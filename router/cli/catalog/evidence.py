"""How the commands tell on whose word an answer stands, to people and as data."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from catalog import Catalog
from router.cli.output import aged


def cited(known: Catalog, name: str, on: date) -> str:
    """A source as a note names it: its address (or its id), whose it is, its date and age; empty for none."""
    source = known.sources.get(name)
    if source is None:
        return ""
    own = "own source, " if name in known.own.sources else ""
    return f"{source.url or source.id} ({own}{source.published}, {aged(_age_days(known, name, on))})"


def source_data(known: Catalog, name: str, on: date) -> dict[str, Any]:
    """A source as the JSON of every command has it."""
    source = known.sources[name]
    return {
        "title": source.title,
        "url": source.url or None,
        "published": source.published,
        "retrieved": source.retrieved,
        "age_days": _age_days(known, name, on),
        "own": name in known.own.sources,
    }


def sources_data(known: Catalog, names: Iterable[str | None], on: date) -> dict[str, Any]:
    """The sources that answers rest on, by id."""
    found = sorted({name for name in names if name and name in known.sources})
    return {name: source_data(known, name, on) for name in found}


def _age_days(known: Catalog, name: str, on: date) -> int:
    return max(0, (on - known.sources[name].published).days)
