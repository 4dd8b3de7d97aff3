"""Provisioned throughput is claimed, and reserved, only where the model is served that way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from catalog.draft import Draft, Stated
from catalog.errors import Problem
from catalog.query import Catalog
from catalog.schema import Mode

PROVISIONED: tuple[Mode, ...] = ("provisioned", "single_zone_provisioned")


def check(draft: Draft, today: date) -> Iterator[Problem]:
    serving = {entry.value.id for entry in draft.locations if entry.value.serves_models}
    if draft.base:
        serving |= {each.id for each in draft.base.locations.values() if each.serves_models}
    for stated in _served(draft):
        idle = [location for location in stated.claim.locations if location not in serving]
        if idle and any(mode in PROVISIONED for mode in stated.claim.modes):
            yield stated.problem(f"{', '.join(idle)} serves no models", "locations")
    if draft.base:
        yield from _reserved(draft, draft.base, today)


def _reserved(draft: Draft, base: Catalog, today: date) -> Iterator[Problem]:
    """Reservations for what neither the catalog nor the overlay claims to be sold."""
    ids = {name: each.value.id for each in draft.models for name in (each.value.id, *each.value.aliases)}
    ids |= {name: base.model(name).id for name in base.names()}
    sold = {
        (ids.get(stated.model), location, mode)
        for stated in _served(draft)
        for location in stated.claim.locations
        for mode in stated.claim.modes
    }
    for entry in draft.own.get("reservation", ()):
        held = entry.value
        model = ids.get(held.model)
        if model is None or held.location not in base.locations or (model, held.location, held.mode) in sold:
            continue
        why = "no claim says so"
        if model in base.models:
            served = base.served(model, held.location, held.mode, max(today, held.since or today))
            if served.verdict == "yes":
                continue
            why = served.reason
        mend = "add an [[availability]] of your own if it is"
        message = f"{held.model} is not known to be served there in {held.mode} mode ({why}); {mend}"
        yield entry.problem(message, "location")


def _served(draft: Draft) -> Iterator[Stated]:
    return (each for each in draft.claims() if each.kind == "availability" and each.claim.served == "yes")
