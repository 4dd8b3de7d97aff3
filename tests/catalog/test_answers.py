"""The shipped catalog gives the answers that its sources give, by vectors transcribed apart from it."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import catalog
from catalog.schema import MODES

FILES = sorted((Path(__file__).parents[1] / "vectors").glob("catalog_*.toml"))
VECTORS = [vector for file in FILES for vector in tomllib.loads(file.read_text(encoding="utf-8"))["vector"]]
SHIPPED = catalog.load()
TODAY = date(2026, 11, 21)
EU = SHIPPED.countries("eu")


class Vector(NamedTuple):
    """One question of a vector: it names several locations, and each is asked by itself."""

    location: str
    given: dict[str, Any]
    expect: dict[str, Any]


ASKED = [
    pytest.param(Vector(location, vector["given"], vector["expect"]), id=f"{vector['documentation']}: {location}")
    for vector in VECTORS
    for location in vector["given"]["locations"]
]


@pytest.mark.parametrize("vector", ASKED)
def test_the_catalog_answers_as_its_sources_do(vector: Vector) -> None:
    model, on, expect = vector.given["model"], vector.given["on"], vector.expect
    answers = {mode: SHIPPED.served(model, vector.location, mode, on) for mode in expect.get("served", {})}
    assert {mode: answer.verdict for mode, answer in answers.items()} == expect.get("served", {})
    for mode, reason in expect.get("served_reasons", {}).items():
        assert reason in answers[mode].reason
    bounded = SHIPPED.boundary(model, vector.location, on, vector.given.get("tokens"))
    assert bounded.boundary == expect.get("boundary", bounded.boundary)
    assert expect.get("boundary_reason", "") in bounded.reason


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["documentation"])
def test_a_vector_says_what_it_shows_and_where_it_was_read(vector: dict[str, Any]) -> None:
    assert set(vector) == {"documentation", "source", "given", "expect"}
    assert set(vector["given"]) <= {"model", "locations", "on", "tokens"}
    assert set(vector["expect"]) <= {"served", "served_reasons", "boundary", "boundary_reason"}
    assert vector["source"].startswith("https://")
    assert vector["expect"]


def test_no_two_vectors_are_documented_alike() -> None:
    said = [vector["documentation"] for vector in VECTORS]
    assert [each for each in said if said.count(each) > 1] == []


def expected(what: str) -> set[tuple[str, str]]:
    """The (model, location) pairs for which a vector of today expects to be served on demand, or a guarantee."""
    found = set()
    for vector in VECTORS:
        given, expect = vector["given"], vector["expect"]
        served = expect.get("served", {}).get("standard") == "yes"
        guaranteed = expect.get("boundary", "none") not in ("none", "unknown")
        if given["on"] == TODAY and (served if what == "served" else guaranteed):
            found |= {(SHIPPED.model(given["model"]).id, location) for location in given["locations"]}
    return found


def test_the_catalog_serves_nothing_on_demand_beyond_the_vectors() -> None:
    pairs = {(model, place) for model in SHIPPED.models for place in SHIPPED.locations}
    assert {pair for pair in pairs if SHIPPED.served(*pair, "standard", TODAY).verdict == "yes"} == expected("served")


def test_the_catalog_guarantees_nothing_beyond_the_vectors() -> None:
    pairs = {(model, place) for model in SHIPPED.models for place in SHIPPED.locations}
    assert {pair for pair in pairs if SHIPPED.boundary(*pair, TODAY, tokens=1).countries} == expected("guaranteed")


of_each_model = pytest.mark.parametrize("model", SHIPPED.models)
DAYS = (date(2025, 7, 1), date(2026, 6, 17), date(2026, 8, 22), TODAY)


@of_each_model
def test_global_has_no_boundary_on_any_day_at_any_size(model: str) -> None:
    for on in DAYS:
        for tokens in (None, 1):
            bounded = SHIPPED.boundary(model, "global", on, tokens)
            assert (bounded.boundary, bounded.countries) == ("none", frozenset())


@of_each_model
def test_turin_serves_nothing_and_guarantees_nothing(model: str) -> None:
    assert all(SHIPPED.served(model, "europe-west12", mode, TODAY).verdict != "yes" for mode in MODES)
    assert SHIPPED.boundary(model, "europe-west12", TODAY, tokens=1).boundary == "unknown"


@of_each_model
@pytest.mark.parametrize("place", ["europe-west2", "europe-west6"])
def test_london_and_zurich_are_never_guaranteed_to_the_eu(model: str, place: str) -> None:
    for on in DAYS:
        assert not SHIPPED.boundary(model, place, on, tokens=1).countries & EU


@of_each_model
def test_nothing_is_served_or_guaranteed_before_there_is_evidence(model: str) -> None:
    for place in SHIPPED.locations:
        assert all(SHIPPED.served(model, place, mode, date(2020, 1, 1)).verdict == "unknown" for mode in MODES)
        assert SHIPPED.boundary(model, place, date(2020, 1, 1), tokens=1).countries == frozenset()
