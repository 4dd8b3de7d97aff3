"""The shipped data: what must hold of every entry, whatever the facts are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

import catalog
from catalog import Availability, Claim, Location, Model, Processing, prices
from catalog.loader import SHIPPED, catalog_draft
from catalog.schema import EVERYWHERE_ELSE, NO_BOUNDARY, UNKNOWN_BOUNDARY

TODAY = date(2026, 11, 21)
SHIPPED_CATALOG = catalog.load()
LOCATIONS = list(SHIPPED_CATALOG.locations.values())
MODELS = list(SHIPPED_CATALOG.models.values())
SOURCES = list(SHIPPED_CATALOG.sources.values())
EU = SHIPPED_CATALOG.countries("eu")
TARIFF = prices.load().tariff
PRICED = {name for each in (*TARIFF.price, *TARIFF.range) for name in each.models}

of_each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
of_each_location = pytest.mark.parametrize("location", LOCATIONS, ids=lambda location: location.id)
of_each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.id)


def claims_of(model: Model) -> tuple[Claim, ...]:
    return (*model.availability, *model.processing)


def cited() -> Iterator[str]:
    """The source of every statement of the catalog."""
    yield from (location.source for location in LOCATIONS)
    yield from (stated.claim.source for stated in catalog_draft(SHIPPED, []).priced())
    yield from (claim.source for feature in SHIPPED_CATALOG.features.values() for claim in feature.localised)
    for model in MODELS:
        yield from (claim.source for claim in claims_of(model))
        yield from (claim.source for claim in (*model.capability, *model.quota, *model.throughput))
        yield from (part.source for part in (model.limits, model.retirement, model.data_sharing) if part)


CITED = set(cited())


# Locations


def test_there_are_41_locations_one_global_two_multi_regions_and_38_regions() -> None:
    kinds = [location.kind for location in LOCATIONS]
    assert {kind: kinds.count(kind) for kind in kinds} == {"global": 1, "multi_region": 2, "region": 38}


@of_each_location
def test_the_host_of_a_location_follows_from_its_kind(location: Location) -> None:
    host = {
        "global": "aiplatform.googleapis.com",
        "multi_region": f"aiplatform.{location.id}.rep.googleapis.com",
        "region": f"{location.id}-aiplatform.googleapis.com",
    }
    assert location.host == host[location.kind]


def test_the_multi_regions_are_us_and_eu() -> None:
    found = {location.id: location.jurisdiction for location in LOCATIONS if location.kind == "multi_region"}
    assert found == {"us": "us", "eu": "eu"}


@of_each_location
def test_a_region_has_a_name_as_regions_have_and_a_country(location: Location) -> None:
    if location.kind == "region":
        assert re.fullmatch(r"[a-z]+-[a-z]+\d{1,2}", location.id)
        assert location.jurisdiction in SHIPPED_CATALOG.countries(location.jurisdiction or "")
    assert location.name


@pytest.mark.parametrize(
    ("region", "country"),
    [
        ("europe-west1", "be"),
        ("europe-west2", "gb"),
        ("europe-west3", "de"),
        ("europe-west4", "nl"),
        ("europe-west6", "ch"),
        ("europe-west12", "it"),
        ("asia-southeast1", "sg"),
        ("asia-southeast2", "id"),
        ("asia-east1", "tw"),
        ("me-central1", "qa"),
    ],
)
def test_a_region_stands_in_its_country(region: str, country: str) -> None:
    assert SHIPPED_CATALOG.location(region).jurisdiction == country


def test_a_location_that_serves_no_models_is_named_by_no_claim() -> None:
    silent = {location.id for location in LOCATIONS if not location.serves_models}
    named = {name for model in MODELS for each in (*model.availability, *model.processing) for name in each.locations}
    assert len(silent) == 9
    assert not silent & named


# Jurisdictions


def test_the_eu_has_27_members_without_great_britain_and_switzerland() -> None:
    assert len(EU) == 27
    assert not EU & {"gb", "uk", "ch", "no", "is", "li"}
    assert {"at", "de", "fr", "gr", "ie", "nl", "pl", "se"} < EU


def test_the_eea_is_the_eu_with_iceland_liechtenstein_and_norway() -> None:
    assert SHIPPED_CATALOG.countries("eea") == EU | {"is", "li", "no"}


def test_a_set_names_each_country_once_in_order_and_in_two_lower_case_letters() -> None:
    for jurisdiction in SHIPPED_CATALOG.jurisdictions.values():
        assert list(jurisdiction.countries) == sorted(set(jurisdiction.countries))
        assert all(re.fullmatch("[a-z]{2}", country) for country in jurisdiction.countries)


def test_london_and_zurich_are_in_europe_and_not_in_the_eu() -> None:
    for region in ("europe-west2", "europe-west6"):
        assert not SHIPPED_CATALOG.place(region) & SHIPPED_CATALOG.countries("eea")


# Sources


@of_each_source
def test_a_source_is_dated_titled_and_addressed(source: Any) -> None:
    assert source.title
    assert source.url.startswith("https://")
    assert source.published <= source.retrieved <= TODAY


@of_each_source
def test_every_source_is_used(source: Any) -> None:
    assert source.id in CITED


# Claims


@of_each_model
def test_every_claim_says_where_it_was_read_and_when_it_was_compared(model: Model) -> None:
    for claim in claims_of(model):
        assert claim.where
        assert claim.since <= claim.checked <= TODAY
        assert claim.locations  # type: ignore[attr-defined]


@of_each_model
def test_no_claim_begins_before_its_model_was_released(model: Model) -> None:
    if model.released:
        assert all(claim.since >= model.released for claim in claims_of(model))


@of_each_model
def test_a_claim_names_each_location_and_mode_once(model: Model) -> None:
    for claim in claims_of(model):
        for names in (claim.locations, getattr(claim, "modes", ())):  # type: ignore[attr-defined]
            assert len(set(names)) == len(names)


@of_each_model
def test_everywhere_else_stands_alone(model: Model) -> None:
    assert all(claim.locations == ("*",) for claim in model.availability if EVERYWHERE_ELSE in claim.locations)


def overlap(one: Claim, other: Claim) -> bool:
    return (one.until is None or other.since < one.until) and (other.until is None or one.since < other.until)


@of_each_model
def test_no_two_claims_about_the_same_location_mode_and_day_contradict_each_other(model: Model) -> None:
    said: dict[tuple[str, str], list[Availability]] = {}
    for claim in model.availability:
        for place in claim.locations:
            for mode in claim.modes:
                said.setdefault((place, mode), []).append(claim)
    for key, claims in said.items():
        pairs = [(one, other) for one in claims for other in claims if one is not other]
        assert not [key for one, other in pairs if overlap(one, other) and one.served != other.served], key


@of_each_model
def test_each_location_has_at_most_one_guarantee_for_a_size_on_a_day(model: Model) -> None:
    said: dict[tuple[str, int | None], list[Processing]] = {}
    for claim in model.processing:
        for place in claim.locations:
            said.setdefault((place, claim.max_context_tokens), []).append(claim)
    for key, claims in said.items():
        assert not [key for one in claims for other in claims if one is not other and overlap(one, other)], key


@of_each_model
def test_a_guarantee_lies_where_its_location_stands(model: Model) -> None:
    """A boundary may be wider than the endpoint's own country, and never elsewhere."""
    for claim in model.processing:
        if claim.boundary not in (NO_BOUNDARY, UNKNOWN_BOUNDARY):
            for place in claim.locations:
                assert SHIPPED_CATALOG.place(place) <= SHIPPED_CATALOG.countries(claim.boundary), (place, claim.where)


@of_each_model
def test_a_claim_about_global_never_carries_a_boundary(model: Model) -> None:
    assert all(claim.boundary == NO_BOUNDARY for claim in model.processing if "global" in claim.locations)


@of_each_model
def test_a_guarantee_is_for_a_place_that_a_claim_says_something_of(model: Model) -> None:
    spoken_of = {place for claim in model.availability for place in claim.locations}
    assert not {place for claim in model.processing for place in claim.locations} - spoken_of


# Models


@of_each_model
def test_a_model_has_names_methods_and_claims(model: Model) -> None:
    assert model.name
    assert model.family
    assert model.methods or model.note  # of some models it was not found out how they are called
    assert model.availability
    assert model.id == model.id.lower()


@of_each_model
def test_an_alias_is_the_models_id_in_another_version_or_with_its_publisher_or_its_name_on_a_price_list(
    model: Model,
) -> None:
    bare = re.sub(r"@\w+$|-\d{3}$", "", model.id)
    versions = re.compile(rf"{re.escape(bare)}([@-]\w+)?")
    others = {f"{model.publisher}/{model.id}", *PRICED}
    assert all(versions.fullmatch(alias) or alias in others for alias in model.aliases)


@of_each_model
def test_a_successor_is_a_model_of_the_catalog(model: Model) -> None:
    if model.retirement and model.retirement.successor:
        successor = SHIPPED_CATALOG.model(model.retirement.successor)
        assert successor.task == model.task
        assert successor is not model


@of_each_model
def test_a_retirement_says_a_day(model: Model) -> None:
    if model.retirement:
        assert model.retirement.on or model.retirement.not_before
        assert model.retirement.where
        assert model.retirement.on is not None or not model.retirement.confirmed


# Files


def ids(file: str, table: str) -> list[str]:
    return [entry["id"] for entry in tomllib.loads((SHIPPED / file).read_text(encoding="utf-8"))[table]]


FILES = [
    *((file.name, "source") for file in sorted(SHIPPED.glob("sources*.toml"))),
    ("jurisdictions.toml", "jurisdiction"),
    *((f"models/{file.name}", "model") for file in sorted((SHIPPED / "models").glob("*.toml"))),
]


@pytest.mark.parametrize(("file", "table"), FILES)
def test_the_entries_of_a_file_are_in_the_order_of_their_ids(file: str, table: str) -> None:
    assert ids(file, table) == sorted(ids(file, table))


def test_locations_are_in_the_order_of_preference_global_multi_regions_regions() -> None:
    kinds = [location.kind for location in LOCATIONS]
    assert kinds == sorted(kinds, key=("global", "multi_region", "region").index)


def test_each_model_stands_in_a_file_of_its_publisher() -> None:
    for file in (SHIPPED / "models").glob("*.toml"):
        publishers = {SHIPPED_CATALOG.model(name).publisher for name in ids(f"models/{file.name}", "model")}
        assert len(publishers) == 1
        assert f"{file.stem}-".startswith(f"{publishers.pop()}-")  # as google-maas, a part of google


# Features


def test_each_feature_says_where_it_was_read_and_no_guarantee_is_made_up() -> None:
    """The marks of Google's table of capabilities are lost, so none of them can be a yes."""
    assert SHIPPED_CATALOG.features
    for feature in SHIPPED_CATALOG.features.values():
        (claim,) = feature.localised
        assert claim.where
        assert claim.note
        assert claim.since <= claim.checked <= TODAY
        assert claim.stays in ("no", "unknown")
