"""A location's host follows from its kind and id, letter by letter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from catalog.draft import Draft
from catalog.errors import Problem
from catalog.schema import Location


def check(draft: Draft, today: date) -> Iterator[Problem]:
    for entry in draft.locations:
        expected = _host(entry.value)
        if entry.value.host != expected:
            yield entry.problem(f"expected {expected}", "host")


def _host(location: Location) -> str:
    if location.kind == "global":
        return "aiplatform.googleapis.com"
    if location.kind == "multi_region":
        return f"aiplatform.{location.id}.rep.googleapis.com"
    return f"{location.id}-aiplatform.googleapis.com"
