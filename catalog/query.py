"""Questions to the catalog. Pure: the date is an argument, and nothing is read from anywhere.

Every answer is yes, no or unknown, carries the claim that it rests on, and says in words why. What
no claim covers is unknown; where claims contradict each other the most cautious one is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import pairwise
from types import MappingProxyType
from typing import TypeVar

import msgspec

from catalog.errors import UnknownJurisdiction, UnknownLocation, UnknownModel
from catalog.schema import (
    CONFIDENCES,
    EVERYWHERE_ELSE,
    NO_BOUNDARY,
    UNKNOWN_BOUNDARY,
    Availability,
    Claim,
    Confidence,
    Jurisdiction,
    Location,
    Mode,
    Model,
    Processing,
    Source,
    Verdict,
)

C = TypeVar("C", bound=Claim)
E = TypeVar("E", Source, Jurisdiction, Location, Model)


class Served(msgspec.Struct, frozen=True):
    """Whether a model answers at a location in a mode; `claim` is None when nothing is known."""

    verdict: Verdict
    reason: str
    claim: Availability | None = None
    source: str = ""


class Bounded(msgspec.Struct, frozen=True):
    """Where processing is guaranteed to stay.

    `boundary` is a jurisdiction or country id, `none`, or `unknown`; `countries` is its set of
    countries, empty for `none` and `unknown`: neither lies inside any jurisdiction.
    """

    boundary: str
    reason: str
    countries: frozenset[str] = frozenset()
    claim: Processing | None = None


class Catalog:
    """Locations, models and the claims about them. Immutable; share it freely between threads."""

    def __init__(
        self,
        *,
        sources: Iterable[Source],
        jurisdictions: Iterable[Jurisdiction],
        locations: Iterable[Location],
        models: Iterable[Model],
    ) -> None:
        self.sources: Mapping[str, Source] = _by_id(sources)
        self.jurisdictions: Mapping[str, Jurisdiction] = _by_id(jurisdictions)
        self.locations: Mapping[str, Location] = _by_id(locations)
        self.models: Mapping[str, Model] = _by_id(models)
        self._names = {name: model for model in self.models.values() for name in (model.id, *model.aliases)}
        countries = {country for each in self.jurisdictions.values() for country in each.countries}
        regions = [each for each in self.locations.values() if each.kind == "region"]
        countries |= {each.jurisdiction for each in regions if each.jurisdiction}
        self._countries = {country: frozenset({country}) for country in countries}
        self._countries |= {each.id: frozenset(each.countries) for each in self.jurisdictions.values()}

    def model(self, name: str) -> Model:
        """The model with this id or alias.

        Raises:
            UnknownModel: with the nearest ids.
        """
        try:
            return self._names[name]
        except KeyError:
            raise UnknownModel(name, self._names) from None

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

    def place(self, location: str) -> frozenset[str]:
        """The countries in which a location's endpoint stands; empty for `global`."""
        jurisdiction = self.location(location).jurisdiction
        return self.countries(jurisdiction) if jurisdiction else frozenset()

    def served(self, model: str, location: str, mode: Mode, on: date, least: Confidence = "low") -> Served:
        """Whether `model` answers at `location` in `mode` on a day, by claims of at least this confidence.

        Raises:
            UnknownModel, UnknownLocation: with the nearest ids.
        """
        found = self.model(model)
        place = self.location(location)
        if gone := _retired(found, on):
            return gone
        for name in (place.id, EVERYWHERE_ELSE):
            claims = [each for each in found.availability if name in each.locations and mode in each.modes]
            if claims:
                return _availability(claims, on, least)
        return Served("unknown", f"no claim says whether it is served in {mode} mode")

    def boundary(
        self, model: str, location: str, on: date, tokens: int | None = None, least: Confidence = "low"
    ) -> Bounded:
        """Where the processing of a request is guaranteed to stay.

        Args:
            tokens: the size of the request's context, or an upper bound of it; None is unbounded, so
                that only guarantees for any size hold.
            least: claims of lower confidence count as unknown.

        Raises:
            UnknownModel, UnknownLocation: with the nearest ids.
        """
        found = self.model(model)
        place = self.location(location)
        claims = [each for each in found.processing if place.id in each.locations]
        if place.kind == "global":
            claim = next((each for each in claims if each.holds(on)), None)
            return Bounded(NO_BOUNDARY, "requests to global may be processed anywhere", claim=claim)
        if not claims:
            return Bounded(UNKNOWN_BOUNDARY, "no claim says where processing stays")
        dated, why = _standing(claims, on, least)
        holding = [each for each in dated if _covers(each, tokens)]
        if holding:
            return self._narrowest(holding)
        if dated:
            limit = max(each.max_context_tokens or 0 for each in dated)
            size = "of unknown size" if tokens is None else f"of {tokens:,} tokens"
            why = f"guaranteed only up to {limit:,} context tokens; the request is {size}"
            return Bounded(UNKNOWN_BOUNDARY, why, claim=dated[0])
        return Bounded(UNKNOWN_BOUNDARY, why, claim=claims[0])

    def _narrowest(self, claims: Sequence[Processing]) -> Bounded:
        """Of claims that all hold, the one that promises most, if they lie one inside the other.

        One that promises nothing beats them; claims that exclude each other are no guarantee at all.
        """
        for boundary, reason in (
            (NO_BOUNDARY, "processing may happen anywhere"),
            (UNKNOWN_BOUNDARY, "where processing stays is not established"),
        ):
            if claim := next((each for each in claims if each.boundary == boundary), None):
                return Bounded(boundary, reason, claim=claim)
        inwards = sorted(claims, key=lambda each: len(self.countries(each.boundary)))
        if not all(self.countries(a.boundary) <= self.countries(b.boundary) for a, b in pairwise(inwards)):
            named = ", ".join(each.boundary for each in inwards)
            return Bounded(UNKNOWN_BOUNDARY, f"claims contradict each other: {named}", claim=inwards[0])
        claim = inwards[0]
        return Bounded(claim.boundary, f"processing stays in {claim.boundary}", self.countries(claim.boundary), claim)


def _by_id(values: Iterable[E]) -> Mapping[str, E]:
    return MappingProxyType({value.id: value for value in values})


def _retired(model: Model, on: date) -> Served | None:
    end = model.retirement
    if end is None or end.on is None or not end.confirmed or on < end.on:
        return None
    successor = f"; successor: {end.successor}" if end.successor else ""
    return Served("no", f"retired on {end.on}{successor}", source=end.source)


def _availability(claims: Sequence[Availability], on: date, least: Confidence) -> Served:
    standing, why = _standing(claims, on, least)
    if not standing:
        return Served("unknown", why, claims[0], claims[0].source)
    claim = min(standing, key=lambda each: ("no", "unknown", "yes").index(each.served))
    words = {"yes": "served", "no": "not served here", "unknown": "not established whether it is served here"}
    reason = claim.note if claim.note and claim.served != "yes" else words[claim.served]
    return Served(claim.served, reason, claim, claim.source)


def _standing(claims: Sequence[C], on: date, least: Confidence) -> tuple[list[C], str]:
    """The claims that speak of this day and can be trusted so far; when none, why."""
    dated = [each for each in claims if each.holds(on)]
    if not dated:
        first = min(each.since for each in claims)
        if on < first:
            return [], f"evidence begins on {first}"
        ends = [each.until for each in claims if each.until]
        return [], f"the evidence ends on {max(ends)}"
    trusted = [each for each in dated if CONFIDENCES.index(each.confidence) >= CONFIDENCES.index(least)]
    return trusted, f"only evidence of less than {least} confidence"


def _covers(claim: Processing, tokens: int | None) -> bool:
    limit = claim.max_context_tokens
    return limit is None or (tokens is not None and tokens <= limit)
