"""Nothing was checked in the future, nor before its source could have said it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import chain

from catalog.draft import Draft, Stated
from catalog.errors import Problem


def check(draft: Draft, today: date) -> Iterator[Problem]:
    published = {each.value.id: each.value.published for each in draft.sources}
    if draft.base:
        published |= {each.id: each.published for each in draft.base.sources.values()}
    for entry in draft.sources:
        if entry.value.retrieved > today:
            yield entry.problem(f"retrieved on {entry.value.retrieved}, which is in the future", "retrieved")
        if entry.value.retrieved < entry.value.published:
            message = f"retrieved on {entry.value.retrieved}, before it was published on {entry.value.published}"
            yield entry.problem(message, "retrieved")
    for stated in chain(draft.claims(), draft.priced(), _limits(draft)):
        checked, first = stated.claim.checked, published.get(stated.claim.source)
        if checked > today:
            yield stated.problem(f"checked on {checked}, which is in the future", "checked")
        if first is not None and checked < first:
            yield stated.problem(f"checked on {checked}, before its source of {first}", "checked")


def _limits(draft: Draft) -> Iterator[Stated]:
    """The limits of models, which are checked as claims are."""
    for entry in draft.models:
        if limits := entry.value.limits:
            yield Stated(limits, "limits", entry.value.id, entry, ("limits",))
