"""Provisioned throughput is claimed, and reserved, only where the model is served that way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from catalog.draft import Draft
from catalog.errors import Problem
from catalog.schema import Mode

PROVISIONED: tuple[Mode, ...] = ("provisioned", "single_zone_provisioned")


def check(draft: Draft, today: date) -> Iterator[Problem]:
    serving = {entry.value.id for entry in draft.locations if entry.value.serves_models}
    if draft.base:
        serving |= {each.id for each in draft.base.locations.values() if each.serves_models}
    yes = [each for each in draft.claims() if each.kind == "availability" and each.claim.served == "yes"]
    bought = {(each.model, location) for each in yes for location in each.claim.locations if _bought(each.claim.modes)}
    for stated in yes:
        idle = [location for location in stated.claim.locations if location not in serving]
        if idle and _bought(stated.claim.modes):
            yield stated.problem(f"{', '.join(idle)} serves no models", "locations")
    for entry in draft.own.get("reservation", ()):
        held = entry.value
        known = draft.base is not None and held.model in draft.base.names() and held.location in draft.base.locations
        if (held.model, held.location) in bought or not known or draft.base is None:
            continue
        served = draft.base.served(held.model, held.location, held.mode, max(today, held.since or today))
        if served.verdict != "yes":
            mend = "add an [[availability]] of your own if it is"
            message = f"{held.model} is not known to be served there in {held.mode} mode ({served.reason}); {mend}"
            yield entry.problem(message, "location")


def _bought(modes: tuple[Mode, ...]) -> bool:
    return any(mode in PROVISIONED for mode in modes)
