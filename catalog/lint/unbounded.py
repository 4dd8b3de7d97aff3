"""A claim about `global` never carries a boundary: requests to it may be processed anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from catalog.draft import Draft
from catalog.errors import Problem
from catalog.schema import NO_BOUNDARY


def check(draft: Draft, today: date) -> Iterator[Problem]:
    unbounded = {entry.value.id for entry in draft.locations if entry.value.kind == "global"}
    if draft.base:
        unbounded |= {each.id for each in draft.base.locations.values() if each.kind == "global"}
    for stated in draft.processing():
        if stated.claim.boundary != NO_BOUNDARY and (named := unbounded & set(stated.claim.locations)):
            places = ", ".join(sorted(named))
            yield stated.problem(f"{places} has no boundary; expected boundary = {NO_BOUNDARY!r}", "boundary")
