"""What an overlay opens must rest on a source that the overlay itself names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from catalog.draft import Draft, Stated
from catalog.errors import Problem
from catalog.schema import NO_BOUNDARY, UNKNOWN_BOUNDARY, Availability, Processing


def check(draft: Draft, today: date) -> Iterator[Problem]:
    if draft.base is None:
        return
    own = {entry.value.id for entry in draft.sources}
    for stated in draft.claims():
        if stated.claim.source not in own and _opens(stated):
            mend = "add a [[source]] that says who vouches for it, and name that"
            yield stated.problem(f"a claim that opens a location needs a source of this overlay; {mend}", "source")


def _opens(stated: Stated) -> bool:
    claim = stated.claim
    if isinstance(claim, Availability):
        return claim.served == "yes"
    return isinstance(claim, Processing) and claim.boundary not in (NO_BOUNDARY, UNKNOWN_BOUNDARY)
