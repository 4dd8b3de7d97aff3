"""Lays a project's own facts over a catalog: a new catalog comes out, the given one stays as it is.

An own claim replaces, for its model, locations (and modes) and for as long as it holds, whatever was
claimed before; of two own claims the one that begins later wins. Nothing downstream needs to know:
the claims of the new catalog simply say what holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from catalog.draft import Draft
from catalog.lint.templates import LOCATION
from catalog.own import Denied, Own, OwnAvailability, OwnProcessing, OwnQuota, PrivateEndpoint, Reservation
from catalog.query import Catalog
from catalog.schema import EVERYWHERE_ELSE, Availability, Claim, Location, Mode, Model, Processing, Source

TABLES = {
    "source": Source,
    "model": Model,
    "availability": OwnAvailability,
    "processing": OwnProcessing,
    "reservation": Reservation,
    "quota": OwnQuota,
    "denied": Denied,
    "private_endpoint": PrivateEndpoint,
}
"""The tables that an overlay may have."""

C = TypeVar("C", bound=Claim)


def laid_over(base: Catalog, draft: Draft) -> Catalog:
    """The catalog that a project has: the given one, with the entries of a valid overlay over it."""
    values = {table: [entry.value for entry in entries] for table, entries in draft.own.items()}
    sources = [entry.value for entry in draft.sources]
    strangers = [entry.value for entry in draft.models]
    known = Catalog(sources=(), jurisdictions=(), locations=(), models=[*base.models.values(), *strangers])

    def named(value: Any) -> Any:
        """The value with its model, which may be given by an alias, named by its id."""
        if isinstance(value, Denied):
            return msgspec.structs.replace(value, models=tuple(known.model(name).id for name in value.models))
        return msgspec.structs.replace(value, model=known.model(value.model).id)

    own = Own(
        sources=base.own.sources | {source.id for source in sources},
        reservations=(*base.own.reservations, *map(named, values.get("reservation", ()))),
        quotas=(*map(named, values.get("quota", ())), *base.own.quotas),
        denied=(*base.own.denied, *map(named, values.get("denied", ()))),
    )
    availability = [named(each) for each in values.get("availability", ())]
    processing = [named(each) for each in values.get("processing", ())]
    return Catalog(
        sources=[*base.sources.values(), *sources],
        jurisdictions=base.jurisdictions.values(),
        locations=_moved(base.locations.values(), values.get("private_endpoint", ())),
        models=[_claimed(model, availability, processing) for model in known.models.values()],
        features=base.features.values(),
        own=own,
    )


def _moved(locations: Iterable[Location], endpoints: Iterable[PrivateEndpoint]) -> Iterator[Location]:
    hosts = {name: each.host.replace(LOCATION, name) for each in endpoints for name in each.locations}
    for location in locations:
        host = hosts.get(location.id)
        yield msgspec.structs.replace(location, private_host=host) if host else location


def _claimed(model: Model, availability: Iterable[OwnAvailability], processing: Iterable[OwnProcessing]) -> Model:
    """A model with the own claims about it in the place of those that they replace."""
    served: list[Availability] = list(model.availability)
    bounded: list[Processing] = list(model.processing)
    for own in _by_beginning(availability, model):
        served = [*_availability_beside(served, own), own]
    for stay in _by_beginning(processing, model):
        bounded = [*_processing_beside(bounded, stay), stay]
    return msgspec.structs.replace(model, availability=tuple(served), processing=tuple(bounded))


def _by_beginning(claims: Iterable[C], model: Model) -> list[C]:
    return sorted((each for each in claims if each.model == model.id), key=lambda each: each.since)  # type: ignore[attr-defined]


def _availability_beside(claims: Sequence[Availability], own: OwnAvailability) -> Iterator[Availability]:
    """What is left of the claims when an own one is put beside them."""
    for location in own.locations:
        claims = [*claims, *_spelt_out(claims, location, own.modes)]
    for claim in claims:
        places = tuple(name for name in claim.locations if name in own.locations)
        modes = tuple(mode for mode in claim.modes if mode in own.modes)
        if not places or not modes or _equal_rank(claim, own):
            yield claim
            continue
        elsewhere = tuple(name for name in claim.locations if name not in places)
        otherwise = tuple(mode for mode in claim.modes if mode not in modes)
        if elsewhere:
            yield msgspec.structs.replace(claim, locations=elsewhere)
        if otherwise:
            yield msgspec.structs.replace(claim, locations=places, modes=otherwise)
        for rest in _outside(claim, own):
            yield msgspec.structs.replace(rest, locations=places, modes=modes)


def _spelt_out(claims: Sequence[Availability], location: str, modes: Collection[Mode]) -> Iterator[Availability]:
    """What is claimed of everywhere else, for a location that was one of them and is now named."""
    for wild in claims:
        if EVERYWHERE_ELSE in wild.locations:
            named = {mode for each in claims if location in each.locations for mode in each.modes}
            if unnamed := tuple(mode for mode in wild.modes if mode in modes and mode not in named):
                yield msgspec.structs.replace(wild, locations=(location,), modes=unnamed)


def _processing_beside(claims: Iterable[Processing], own: OwnProcessing) -> Iterator[Processing]:
    for claim in claims:
        places = tuple(name for name in claim.locations if name in own.locations)
        if not places or _equal_rank(claim, own):
            yield claim
            continue
        if elsewhere := tuple(name for name in claim.locations if name not in places):
            yield msgspec.structs.replace(claim, locations=elsewhere)
        for rest in _outside(claim, own):
            yield msgspec.structs.replace(rest, locations=places)


def _equal_rank(claim: Claim, own: Claim) -> bool:
    """Whether both are own claims of the same day, of which neither replaces the other."""
    return isinstance(claim, (OwnAvailability, OwnProcessing)) and claim.since == own.since


def _outside(claim: C, own: Claim) -> Iterator[C]:
    """The claim for the days on which the own one does not hold."""
    if claim.since < own.since:
        until = own.since if claim.until is None else min(claim.until, own.since)
        yield msgspec.structs.replace(claim, until=until)
    if own.until is not None and (claim.until is None or own.until < claim.until):
        yield msgspec.structs.replace(claim, since=max(claim.since, own.until))
