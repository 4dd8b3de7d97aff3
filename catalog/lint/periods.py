"""A period ends after it begins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from catalog.draft import Draft
from catalog.errors import Problem


def check(draft: Draft, today: date) -> Iterator[Problem]:
    for stated in draft.claims():
        since, until = stated.claim.since, stated.claim.until
        if until is not None and until <= since:
            yield stated.problem(f"the claim ends on {until}, before it begins on {since}", "until")
    for entry in draft.own.get("reservation", ()):
        since, until = entry.value.since, entry.value.until
        if since is not None and until is not None and until <= since:
            yield entry.problem(f"the reservation ends on {until}, before it begins on {since}", "until")
