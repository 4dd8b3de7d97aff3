"""What changed between two days, and what ends soon. Pure, as all questions to the catalog."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from catalog.draft import CLAIMS
from catalog.query import Catalog
from catalog.schema import MODES, Claim, Mode, Model

if TYPE_CHECKING:
    from catalog.tariff import Tariff  # who asks of no prices loads none


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of the catalog that is another one on the later day.

    `what` is `served` (then `mode` says in which), `boundary` (for requests of at most `tokens`, or of
    any size), or `retirement` (then `locations` are those where the model was served until then).
    `reason` and `source` are those of the later answer; `own` says that it rests on the project's overlay.
    """

    model: str
    what: Literal["served", "boundary", "retirement"]
    locations: tuple[str, ...] = ()
    mode: Mode | None = None
    tokens: int | None = None
    before: str
    after: str
    reason: str
    source: str
    own: bool = False


class Expiry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that ends on a day.

    `what` is `retirement` (announced), `retirement floor` (it may be retired from that day on), `claim`
    (its evidence ends), `reservation` (of the project's overlay), or `price` (or a credit). `model` is empty
    where it is about no model.
    """

    on: date
    what: Literal["retirement", "retirement floor", "claim", "reservation", "price"]
    model: str
    detail: str
    source: str = ""


def changes(catalog: Catalog, since: date, until: date) -> tuple[Change, ...]:
    """The answers that differ between two days, in the order of the catalog's models.

    Args:
        since, until: the two days, in this order.

    Raises:
        ValueError: they are not in this order.
    """
    if until < since:
        raise ValueError(f"the first day must not be after the second: {since}, {until}")
    moved = (model for model in catalog.models.values() if _stirs(model, since, until))
    return tuple(change for model in moved for change in _changes(catalog, model, since, until))


def expiring(catalog: Catalog, on: date, within_days: int, tariff: Tariff | None = None) -> tuple[Expiry, ...]:
    """What ends within some days after a day, soonest first; what has ended is not named (see `overdue`).

    Args:
        tariff: prices that may end, too.
    """
    last = on + timedelta(days=min(within_days, (date.max - on).days))
    ends = [each for model in catalog.models.values() for each in _ends(model)]
    ends += _priced(tariff) if tariff else ()
    ends += [
        Expiry(on=held.until, what="reservation", model=held.model, detail=f"{held.gsu} GSU at {held.location}")
        for held in catalog.own.reservations
        if held.until
    ]
    return tuple(sorted((each for each in ends if on < each.on <= last), key=_order))


def overdue(catalog: Catalog, on: date) -> tuple[Expiry, ...]:
    """The announced retirements that have passed and that nobody has confirmed, longest past first."""
    models = catalog.models.values()
    late = [each for each in models if (end := each.retirement) and end.passed(on) and not end.done(on)]
    ends = (end for model in late for end in _ends(model) if end.what == "retirement")
    return tuple(sorted(ends, key=_order))


def _order(ends: Expiry) -> tuple[date, str]:
    return ends.on, ends.model


def _priced(tariff: Tariff) -> Iterator[Expiry]:
    """The prices and credits that end."""
    for price in tariff.price:
        if price.until:
            detail = f"{', '.join(price.rates())} at {', '.join(price.locations)} in {', '.join(price.modes)} mode"
            for model in price.models:
                yield Expiry(on=price.until, what="price", model=model, detail=detail, source=price.source)
    for credit in tariff.credit:
        if credit.until:
            detail = f"credits of {credit.share:.0%} of the list price, in {', '.join(credit.modes)} mode"
            for model in credit.models:
                yield Expiry(on=credit.until, what="price", model=model, detail=detail, source=credit.source)


def _stirs(model: Model, since: date, until: date) -> bool:
    """Whether anything that is said of a model begins or ends between the days, so that an answer may differ."""
    days = [day for claim in _claims(model) for day in (claim.since, claim.until)]
    days.append(model.retirement.on if model.retirement else None)
    return any(day is not None and since < day <= until for day in days)


def _claims(model: Model) -> Iterator[Claim]:
    for kind in CLAIMS:
        yield from getattr(model, kind)


def _changes(catalog: Catalog, model: Model, since: date, until: date) -> Iterator[Change]:
    end = model.retirement
    if end and end.on and since < end.on <= until:
        how = "retired" if end.confirmed else "passed, not confirmed"
        yield Change(
            model=model.id,
            what="retirement",
            locations=_places(catalog, model, end.on - timedelta(days=1)),
            before=f"announced for {end.on}",
            after=how,
            reason=f"{end.on}: {how}{end.then}",
            source=end.source,
            own=end.source in catalog.own.sources,
        )
    yield from _grouped(_served(catalog, model, since, until))
    yield from _grouped(_bounded(catalog, model, since, until))


def _places(catalog: Catalog, model: Model, on: date) -> tuple[str, ...]:
    """Where a model was served in any mode."""
    return tuple(
        location
        for location in catalog.locations
        if any(catalog.served(model.id, location, mode, on).verdict == "yes" for mode in MODES)
    )


def _served(catalog: Catalog, model: Model, since: date, until: date) -> Iterator[Change]:
    for mode in MODES:
        for location in catalog.locations:
            before = catalog.served(model.id, location, mode, since)
            after = catalog.served(model.id, location, mode, until)
            gone = after.verdict == "no" and after.claim is None  # told once, as its retirement
            if before.verdict != after.verdict and not gone:
                yield Change(
                    model=model.id,
                    what="served",
                    locations=(location,),
                    mode=mode,
                    before=before.verdict,
                    after=after.verdict,
                    reason=after.reason,
                    source=after.source,
                    own=after.own,
                )


def _bounded(catalog: Catalog, model: Model, since: date, until: date) -> Iterator[Change]:
    limits = {claim.max_context_tokens for claim in model.processing if claim.max_context_tokens}
    for tokens in (None, *sorted(limits)):
        for location in catalog.locations:
            before = catalog.boundary(model.id, location, since, tokens)
            after = catalog.boundary(model.id, location, until, tokens)
            if before.boundary != after.boundary:
                yield Change(
                    model=model.id,
                    what="boundary",
                    locations=(location,),
                    tokens=tokens,
                    before=before.boundary,
                    after=after.boundary,
                    reason=after.reason,
                    source=after.claim.source if after.claim else "",
                    own=after.own,
                )


def _grouped(found: Iterable[Change]) -> Iterator[Change]:
    """Changes that differ in their location only, as one."""
    groups: dict[Change, list[str]] = {}
    for change in found:
        groups.setdefault(msgspec.structs.replace(change, locations=()), []).extend(change.locations)
    for change, locations in groups.items():
        yield msgspec.structs.replace(change, locations=tuple(locations))


def _ends(model: Model) -> Iterator[Expiry]:
    end = model.retirement
    if end and end.on:
        detail = ("confirmed" if end.confirmed else "announced") + end.then
        yield Expiry(on=end.on, what="retirement", model=model.id, detail=detail, source=end.source)
    elif end and end.not_before:
        detail = "may be retired from this day on"
        yield Expiry(on=end.not_before, what="retirement floor", model=model.id, detail=detail, source=end.source)
    for kind in CLAIMS:
        for claim in getattr(model, kind):
            if claim.until:
                places = ", ".join(getattr(claim, "locations", ()))
                detail = f"{kind} {f'at {places} ' if places else ''}({claim.note or claim.where})"
                yield Expiry(on=claim.until, what="claim", model=model.id, detail=detail, source=claim.source)
