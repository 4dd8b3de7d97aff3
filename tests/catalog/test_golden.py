"""What policies make of Google's own models on given days, by vectors transcribed apart from the catalog."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import catalog
from catalog.schema import MODES
from router import Policy, Router

GOLDEN = tomllib.loads((Path(__file__).parents[1] / "vectors" / "golden.toml").read_text(encoding="utf-8"))
SHIPPED = catalog.load()
TODAY = date(2026, 11, 21)
DAYS = (date(2026, 5, 23), date(2026, 7, 21), date(2026, 9, 17), TODAY)
GOOGLE = [model for model in SHIPPED.models.values() if model.publisher == "google" and model.family != "gemma"]
WIDEST = {"modes": MODES, "min_confidence": "low", "preview_models": True}


def vectors(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", GOLDEN[kind], ids=lambda vector: vector["documentation"])


def router(policy: dict[str, Any]) -> Router:
    return Router(Policy(**policy), catalog=SHIPPED)


def admitted(policy: dict[str, Any], on: date, tokens: int | None = None) -> dict[str, list[str]]:
    """Google's models that a policy admits on a day, by location."""
    names = {model.id for model in GOOGLE}
    found: defaultdict[str, set[str]] = defaultdict(set)
    for plan in router(policy).models(on=on, tokens=tokens):
        for candidate in plan.candidates:
            if plan.model in names:
                found[candidate.location].add(plan.model)
    return {location: sorted(models) for location, models in found.items()}


@vectors("named")
def test_each_id_finds_its_model(vector: dict[str, Any]) -> None:
    for model, ids in vector["expect"].items():
        assert {SHIPPED.model(name).id for name in ids} == {model}


@vectors("admitted")
def test_a_policy_admits_these_models_at_these_locations_and_nothing_else(vector: dict[str, Any]) -> None:
    given = vector["given"]
    assert admitted(given["policy"], given["on"], given.get("tokens")) == vector["expect"]


@vectors("planned")
def test_a_model_may_go_to_these_locations_and_to_no_other(vector: dict[str, Any]) -> None:
    given, expect = vector["given"], vector["expect"]
    plan = router(given["policy"]).explain(given["model"], on=given["on"], tokens=given.get("tokens"))
    assert {candidate.location for candidate in plan.candidates} == set(expect["allowed"])
    refused = {each.location: each for each in plan.refused}
    assert {name: refused[name].rule for name in expect.get("refused", {})} == expect.get("refused", {})
    for location, reason in expect.get("reasons", {}).items():
        assert reason in refused[location].reason
    assert list(plan.warnings) == expect.get("warnings", [])


@pytest.mark.parametrize("kind", GOLDEN)
def test_a_golden_vector_says_what_it_shows_and_where_it_was_read(kind: str) -> None:
    for vector in GOLDEN[kind]:
        assert {"documentation", "source", "expect"} <= set(vector) <= {"documentation", "source", "given", "expect"}
        assert vector["source"].startswith("https://")


@pytest.mark.parametrize("on", DAYS)
def test_global_is_never_eligible_under_a_residency_however_wide(on: date) -> None:
    found = admitted({**WIDEST, "residency": SHIPPED.jurisdiction_names()}, on, tokens=1)
    assert "us-central1" in found
    assert "global" not in found


@pytest.mark.parametrize("on", DAYS)
def test_turin_zurich_and_london_are_in_no_eu_plan(on: date) -> None:
    assert not {"europe-west12", "europe-west6", "europe-west2"} & set(admitted({**WIDEST, "residency": "eu"}, on, 1))


def test_without_a_residency_london_and_zurich_serve_and_turin_does_not() -> None:
    found = set(admitted(WIDEST, TODAY, tokens=1))
    assert {"global", "europe-west2", "europe-west6"} < found
    assert "europe-west12" not in found
