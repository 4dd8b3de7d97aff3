"""Questions to the catalog. Pure: the date is an argument, and nothing is read from anywhere.

Every answer is yes, no or unknown, carries the claim that it rests on, and says in words why. What
no claim covers is unknown; where claims contradict each other the most cautious one is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple, TypeVar

import msgspec

from catalog.errors import UnknownFeature, UnknownJurisdiction, UnknownLocation, UnknownModel
from catalog.own import Own, OwnQuota, Reservation
from catalog.schema import (
    CONFIDENCES,
    EVERYWHERE_ELSE,
    NO_BOUNDARY,
    UNKNOWN_BOUNDARY,
    Availability,
    Claim,
    Confidence,
    Feature,
    Jurisdiction,
    Localised,
    Location,
    Mode,
    Model,
    Processing,
    Quota,
    Retirement,
    Source,
    Verdict,
)

C = TypeVar("C", bound=Claim)
E = TypeVar("E", Source, Jurisdiction, Location, Model, Feature)


class Trust(NamedTuple):
    """How good evidence must be: what is of less confidence, or older, counts as unknown.

    The age of evidence is counted in days from the date of its source's content to the day asked about.
    """

    least: Confidence = "low"
    max_age_days: int | None = None


NOTICE = timedelta(days=45)
"""A retirement nearer than this is warned of: the shortest notice that a model's terms give."""

ANY = Trust()
NOTHING = Own()


class Served(msgspec.Struct, frozen=True):
    """Whether a model answers at a location in a mode.

    `claim` is None when nothing is known; `age_days` is the age of its evidence on the day asked
    about; `own` says that it rests on the project's overlay, not on the shipped catalog.
    """

    verdict: Verdict
    reason: str
    claim: Availability | None = None
    source: str = ""
    age_days: int | None = None
    own: bool = False


class Bounded(msgspec.Struct, frozen=True):
    """Where processing is guaranteed to stay.

    `boundary` is a jurisdiction or country id, `none`, or `unknown`; `countries` is its set of
    countries, empty for `none` and `unknown`: neither lies inside any jurisdiction. `age_days` and
    `own` are as in `Served`.
    """

    boundary: str
    reason: str
    countries: frozenset[str] = frozenset()
    claim: Processing | None = None
    age_days: int | None = None
    own: bool = False


class Stays(msgspec.Struct, frozen=True):
    """Whether what a feature does stays inside the boundary of the model that uses it."""

    verdict: Verdict
    reason: str
    claim: Localised | None = None


class Catalog:
    """Locations, models and the claims about them. Immutable; share it freely between threads.

    `own` holds what a project's overlays added; their claims already stand among those of the models,
    and `private_hosts` are those of the locations.
    """

    def __init__(
        self,
        *,
        sources: Iterable[Source],
        jurisdictions: Iterable[Jurisdiction],
        locations: Iterable[Location],
        models: Iterable[Model],
        features: Iterable[Feature] = (),
        own: Own = NOTHING,
    ) -> None:
        self.sources: Mapping[str, Source] = _by_id(sources)
        self.jurisdictions: Mapping[str, Jurisdiction] = _by_id(jurisdictions)
        self.locations: Mapping[str, Location] = _by_id(locations)
        self.models: Mapping[str, Model] = _by_id(models)
        self.features: Mapping[str, Feature] = _by_id(features)
        self._names = {name: model for model in self.models.values() for name in (model.id, *model.aliases)}
        countries = {country for each in self.jurisdictions.values() for country in each.countries}
        regions = [each for each in self.locations.values() if each.kind == "region"]
        countries |= {each.jurisdiction for each in regions if each.jurisdiction}
        self._countries = {country: frozenset({country}) for country in countries}
        self._countries |= {each.id: frozenset(each.countries) for each in self.jurisdictions.values()}
        self.own = own
        self.private_hosts = frozenset(each.private_host for each in self.locations.values() if each.private_host)

    def model(self, name: str) -> Model:
        """The model with this id or alias.

        Raises:
            UnknownModel: with the nearest ids.
        """
        try:
            return self._names[name]
        except KeyError:
            raise UnknownModel(name, self._names) from None

    def warning(self, model: str, on: date) -> str:
        """What to know of a model's end on a day: that it is near, or past and not confirmed; else empty.

        Raises:
            UnknownModel: with the nearest ids.
        """
        found = self.model(model)
        end = found.retirement
        if end is None or end.on is None or end.done(on):
            return ""
        if end.passed(on):
            return f"{found.id}: the retirement announced for {end.on} has passed and is not confirmed{end.then}"
        days = (end.on - on).days
        if days > NOTICE.days:
            return ""
        return f"{found.id} retires on {end.on}, in {days} day{'' if days == 1 else 's'}{end.then}"

    def find(self, name: str) -> Model | None:
        """The model with this id or alias, if there is one."""
        return self._names.get(name)

    def names(self) -> set[str]:
        """Every id and alias of a model."""
        return set(self._names)

    def location(self, name: str) -> Location:
        """The location with this id.

        Raises:
            UnknownLocation: with the nearest ids.
        """
        try:
            return self.locations[name]
        except KeyError:
            raise UnknownLocation(name, self.locations) from None

    def countries(self, jurisdiction: str) -> frozenset[str]:
        """The countries of a named jurisdiction (`eu`), or of a country by itself (`de`).

        Raises:
            UnknownJurisdiction: with the nearest ids.
        """
        try:
            return self._countries[jurisdiction]
        except KeyError:
            hint = "Great Britain is 'gb'" if jurisdiction == "uk" else ""
            raise UnknownJurisdiction(jurisdiction, self._countries, hint) from None

    def jurisdiction_names(self) -> set[str]:
        """Every name of a jurisdiction or country that `countries` knows."""
        return set(self._countries)

    def place(self, location: str) -> frozenset[str]:
        """The countries in which a location's endpoint stands; empty for `global`."""
        jurisdiction = self.location(location).jurisdiction
        return self.countries(jurisdiction) if jurisdiction else frozenset()

    def served(self, model: str, location: str, mode: Mode, on: date, trust: Trust = ANY) -> Served:
        """Whether `model` answers at `location` in `mode` on a day, by evidence that is good enough.

        Raises:
            UnknownModel, UnknownLocation: with the nearest ids.
        """
        found = self.model(model)
        place = self.location(location)
        claims = _about(found.availability, place, mode)
        end = found.retirement
        if end and end.done(on) and not self._seen_since(end, claims, on):
            own, told = self._own(end.source, f"retired on {end.on}{end.then}")
            return Served("no", told, source=end.source, age_days=self._age(end.source, on), own=own)
        if not claims:
            return Served("unknown", f"no claim says whether it is served in {mode} mode")
        standing, why = self._standing(claims, on, trust)
        if why:
            return self._served("unknown", why, standing[0], on)
        claim = min(standing, key=lambda each: ("no", "unknown", "yes").index(each.served))
        words = {"yes": "served", "no": "not served here", "unknown": "not established whether it is served here"}
        reason = claim.note if claim.note and claim.served != "yes" else words[claim.served]
        return self._served(claim.served, reason, claim, on)

    def boundary(self, model: str, location: str, on: date, tokens: int | None = None, trust: Trust = ANY) -> Bounded:
        """Where the processing of a request is guaranteed to stay, by evidence that is good enough.

        Args:
            tokens: the size of the request's context, or an upper bound of it; None is unbounded, so
                that only guarantees for any size hold.

        Raises:
            UnknownModel, UnknownLocation: with the nearest ids.
        """
        found = self.model(model)
        place = self.location(location)
        claims = [each for each in found.processing if place.id in each.locations]
        if place.kind == "global":
            claim = next((each for each in claims if each.holds(on)), None)
            return self._bounded(NO_BOUNDARY, "requests to global may be processed anywhere", claim, on)
        if not claims:
            return Bounded(UNKNOWN_BOUNDARY, "no claim says where processing stays")
        standing, why = self._standing(claims, on, trust)
        if why:
            return self._bounded(UNKNOWN_BOUNDARY, why, standing[0], on)
        if holding := [each for each in standing if _covers(each, tokens)]:
            return self._narrowest(holding, on)
        largest = max(standing, key=lambda each: each.max_context_tokens or 0)
        size = "of unknown size" if tokens is None else f"of {tokens:,} tokens"
        why = f"guaranteed only up to {largest.max_context_tokens:,} context tokens; the request is {size}"
        return self._bounded(UNKNOWN_BOUNDARY, why, largest, on)

    def feature(self, name: str) -> Feature:
        """The feature with this id.

        Raises:
            UnknownFeature: with the nearest ids.
        """
        try:
            return self.features[name]
        except KeyError:
            raise UnknownFeature(name, self.features) from None

    def stays(self, feature: str, on: date, trust: Trust = ANY) -> Stays:
        """Whether what a feature does stays inside the model's boundary, by evidence that is good enough.

        Of a feature that the catalog does not have nothing is known.
        """
        found = self.features.get(feature)
        if found is None or not found.localised:
            return Stays("unknown", f"no claim says that {feature} stays where the model's processing stays")
        standing, why = self._standing(found.localised, on, trust)
        if why:
            return Stays("unknown", f"{found.name}: {why}", standing[0])
        claim = min(standing, key=lambda each: ("no", "unknown", "yes").index(each.stays))
        words = {
            "yes": "it stays where the model's processing stays",
            "no": "no guarantee of where processing stays covers it",
            "unknown": "it is not established whether a guarantee of where processing stays covers it",
        }
        return Stays(claim.stays, f"{found.name}: {claim.note or words[claim.stays]}", claim)

    def denied(self, model: str, location: str) -> str:
        """Why the project's overlay forbids a location for a model (its id); empty if it does not."""
        found = (each for each in self.own.denied if location in each.locations)
        return next((each.reason for each in found if not each.models or model in each.models), "")

    def reserved(self, model: str, location: str, mode: Mode, on: date) -> Reservation | None:
        """The project's reservation for a model (its id) at a location, if its overlay names one."""
        asked = (model, location, mode)
        held = (each for each in self.own.reservations if (each.model, each.location, each.mode) == asked)
        return next((each for each in held if each.holds(on)), None)

    def quota(self, model: str, location: str, on: date) -> OwnQuota | Quota | None:
        """The limits on use of a model at a location: the project's own, else the published ones.

        Raises:
            UnknownModel, UnknownLocation: with the nearest ids.
        """
        found, place = self.model(model), self.location(location)
        own = (each for each in self.own.quotas if each.model == found.id and place.id in each.locations)
        shipped = (each for each in found.quota if place.id in each.locations and each.holds(on))
        return next(own, None) or next(shipped, None)

    def age_days(self, claim: Claim, on: date) -> int | None:
        """How old a claim's evidence is on a day, by the date of its source's content; at least 0.

        None when the catalog does not have the source, so that nothing is known of it.
        """
        return self._age(claim.source, on)

    def _age(self, source: str, on: date) -> int | None:
        found = self.sources.get(source)
        return max(0, (on - found.published).days) if found else None

    def _narrowest(self, claims: Sequence[Processing], on: date) -> Bounded:
        """Of claims that all hold, the one that promises most, if they lie one inside the other.

        One that promises nothing beats them; claims that exclude each other are no guarantee at all.
        """
        for boundary, reason in (
            (NO_BOUNDARY, "processing may happen anywhere"),
            (UNKNOWN_BOUNDARY, "where processing stays is not established"),
        ):
            if claim := next((each for each in claims if each.boundary == boundary), None):
                return self._bounded(boundary, reason, claim, on)
        inwards = sorted(claims, key=lambda each: len(self.countries(each.boundary)))
        if not all(self.countries(a.boundary) <= self.countries(b.boundary) for a, b in pairwise(inwards)):
            named = ", ".join(each.boundary for each in inwards)
            return self._bounded(UNKNOWN_BOUNDARY, f"claims contradict each other: {named}", inwards[0], on)
        claim = inwards[0]
        return self._bounded(claim.boundary, f"processing stays in {claim.boundary}", claim, on)

    def _standing(self, claims: Sequence[C], on: date, trust: Trust) -> tuple[list[C], str]:
        """The claims that speak of this day and are good enough evidence.

        When there is none: the claim that comes nearest, and why it is not enough.
        """
        dated = [each for each in claims if each.holds(on)]
        if not dated:
            return _nearest(claims, on)
        trusted = [each for each in dated if CONFIDENCES.index(each.confidence) >= CONFIDENCES.index(trust.least)]
        if not trusted:
            return dated[:1], f"only evidence of less than {trust.least} confidence"
        if trust.max_age_days is None:
            return trusted, ""
        known = [(age, each) for each in trusted if (age := self.age_days(each, on)) is not None]
        if fresh := [each for age, each in known if age <= trust.max_age_days]:
            return fresh, ""
        if not known:
            return trusted[:1], "the evidence is of unknown age"
        age, claim = min(known, key=lambda each: each[0])
        return [claim], f"the evidence is {age} days old, and at most {trust.max_age_days} are accepted"

    def _seen_since(self, end: Retirement, claims: Iterable[Availability], on: date) -> bool:
        """Whether this project saw the model answer here after its retirement."""
        own = (each for each in claims if each.source in self.own.sources and each.served == "yes")
        return any(each.holds(on) and each.checked >= (end.on or on) for each in own)

    def _served(self, verdict: Verdict, reason: str, claim: Availability, on: date) -> Served:
        own, told = self._own(claim.source, reason)
        return Served(verdict, told, claim, claim.source, self.age_days(claim, on), own)

    def _bounded(self, boundary: str, reason: str, claim: Processing | None, on: date) -> Bounded:
        countries = frozenset[str]() if boundary in (NO_BOUNDARY, UNKNOWN_BOUNDARY) else self.countries(boundary)
        if claim is None:
            return Bounded(boundary, reason, countries)
        own, told = self._own(claim.source, reason)
        return Bounded(boundary, told, countries, claim, self.age_days(claim, on), own)

    def _own(self, source: str, reason: str) -> tuple[bool, str]:
        """Whether a source is the project's own, and the reason, which then says so."""
        own = source in self.own.sources
        return own, f"{reason}, by this project's own source {source!r}" if own else reason


def _nearest(claims: Sequence[C], on: date) -> tuple[list[C], str]:
    """Of claims that don't speak of a day, the one that a reader would ask about, and where it stands."""
    first = min(claims, key=lambda each: each.since)
    if on < first.since:
        return [first], f"evidence begins on {first.since}"
    last = max((each for each in claims if each.until and each.until <= on), key=lambda each: each.until or on)
    return [last], f"the evidence ends on {last.until}"


def _about(claims: Iterable[Availability], place: Location, mode: Mode) -> list[Availability]:
    """The claims that speak of a location and a mode; only when none names it, those for everywhere else."""
    in_mode = [each for each in claims if mode in each.modes]
    named = [each for each in in_mode if place.id in each.locations]
    return named or [each for each in in_mode if EVERYWHERE_ELSE in each.locations]


def _by_id(values: Iterable[E]) -> Mapping[str, E]:
    return MappingProxyType({value.id: value for value in values})


def _covers(claim: Processing, tokens: int | None) -> bool:
    limit = claim.max_context_tokens
    return limit is None or (tokens is not None and tokens <= limit)
