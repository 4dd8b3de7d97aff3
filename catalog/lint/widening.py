"""What an overlay opens must rest on a source that the overlay itself names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from catalog.draft import Draft, Stated
from catalog.errors import Problem
from catalog.query import Catalog
from catalog.schema import NO_BOUNDARY, UNKNOWN_BOUNDARY, Availability, Processing

_NOWHERE = (NO_BOUNDARY, UNKNOWN_BOUNDARY)


def check(draft: Draft, today: date) -> Iterator[Problem]:
    if draft.base is None:
        return
    own = {entry.value.id for entry in draft.sources}
    for stated in draft.claims():
        if stated.claim.source not in own and (_opens(stated) or _hides(stated, draft.base)):
            mend = "add a [[source]] that says who vouches for it, and name that"
            yield stated.problem(f"a claim that opens a location needs a source of this overlay; {mend}", "source")


def _hides(stated: Stated, base: Catalog) -> bool:
    """Whether it takes away that processing is known to happen outside the place of the endpoint."""
    if not isinstance(stated.claim, Processing) or stated.model not in base.names():
        return False
    known = [each for each in base.model(stated.model).processing if each.boundary not in _NOWHERE]
    places = [name for name in stated.claim.locations if name in base.locations]
    return any(
        not base.countries(claim.boundary) & base.place(place)
        for claim in known
        for place in places
        if place in claim.locations
    )


def _opens(stated: Stated) -> bool:
    claim = stated.claim
    if isinstance(claim, Availability):
        return claim.served == "yes"
    return isinstance(claim, Processing) and claim.boundary not in _NOWHERE
