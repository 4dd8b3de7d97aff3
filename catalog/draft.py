"""Catalog data as it was written, before anything vouches for it: what rules look at."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from catalog.entries import Entry
from catalog.errors import Problem
from catalog.query import Catalog
from catalog.schema import Claim, Feature, Jurisdiction, Location, Model, Processing, Source

CLAIMS = ("availability", "processing", "capability", "quota", "throughput")
"""The kinds of claim that a model has, by the names of its fields."""


class Stated(NamedTuple):
    """A claim, the model (or feature) that it is about, and where it was written.

    `path` leads to the claim within its entry; it is empty when the entry is the claim.
    """

    claim: Any
    kind: str
    model: str
    entry: Entry[Any]
    path: tuple[str | int, ...]

    def problem(self, message: str, *field: str | int) -> Problem:
        """Something wrong with this claim, or with a field of it."""
        return self.entry.problem(message, *self.path, *field)


class Cited(NamedTuple):
    """A source that an entry names, and where in the entry it does."""

    source: str
    entry: Entry[Any]
    field: tuple[str | int, ...]


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """The entries of a catalog; or of an overlay, whose `base` is the catalog that it changes.

    `prices` are those of its price files, by table; none when they were not read.
    """

    sources: list[Entry[Source]]
    jurisdictions: list[Entry[Jurisdiction]] = []
    locations: list[Entry[Location]] = []
    models: list[Entry[Model]] = []
    prices: dict[str, list[Entry[Any]]] = {}
    features: list[Entry[Feature]] = []
    own: dict[str, list[Entry[Any]]] = {}
    base: Catalog | None = None

    def catalog(self) -> Catalog:
        """The catalog that these entries make."""
        return Catalog(
            sources=[entry.value for entry in self.sources],
            jurisdictions=[entry.value for entry in self.jurisdictions],
            locations=[entry.value for entry in self.locations],
            models=[entry.value for entry in self.models],
            features=[entry.value for entry in self.features],
        )

    def claims(self) -> Iterator[Stated]:
        """Every claim about a model or a feature."""
        for entry in self.models:
            for kind in CLAIMS:
                for index, claim in enumerate(getattr(entry.value, kind)):
                    yield Stated(claim, kind, entry.value.id, entry, (kind, index))
        for feature in self.features:
            for index, claim in enumerate(feature.value.localised):
                yield Stated(claim, "localised", feature.value.id, feature, ("localised", index))
        for kind, entries in self.own.items():
            for entry in entries:
                if isinstance(entry.value, Claim):
                    yield Stated(entry.value, kind, entry.value.model, entry, ())  # type: ignore[attr-defined]

    def processing(self) -> Iterator[Stated]:
        """Every claim of where processing stays."""
        return (each for each in self.claims() if isinstance(each.claim, Processing))

    def priced(self) -> Iterator[Stated]:
        """Every claim of a price; about which models, it says itself."""
        for kind, entries in self.prices.items():
            for entry in entries:
                yield Stated(entry.value, kind, "", entry, ())

    def cited(self) -> Iterator[Cited]:
        """Every mention of a source."""
        for entry in self.locations:
            yield Cited(entry.value.source, entry, ("source",))
        for model in self.models:
            for part in ("limits", "retirement", "data_sharing"):
                if value := getattr(model.value, part):
                    yield Cited(value.source, model, (part, "source"))
        for stated in chain(self.claims(), self.priced()):
            yield Cited(stated.claim.source, stated.entry, (*stated.path, "source"))

    def names(self, of: str) -> set[str]:
        """The ids that may be referred to: of a `source`, `location`, `jurisdiction` or `model`."""
        base = self.base
        if of == "source":
            return {each.value.id for each in self.sources} | set(base.sources if base else ())
        if of == "location":
            return {each.value.id for each in self.locations} | set(base.locations if base else ())
        if of == "model":
            own = {name for each in self.models for name in (each.value.id, *each.value.aliases)}
            return own | (base.names() if base else set())
        named = {each.value.id for each in self.jurisdictions}
        named |= {country for each in self.jurisdictions for country in each.value.countries}
        regions = [each.value for each in self.locations if each.value.kind == "region"]
        named |= {each.jurisdiction for each in regions if each.jurisdiction}
        return named | (base.jurisdiction_names() if base else set())
