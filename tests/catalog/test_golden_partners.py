"""What policies make of the partner and open models on given days, by vectors transcribed apart from the catalog."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

import catalog
from catalog.history import expiring
from catalog.schema import MODES, Quota
from router import Policy, Router

GOLDEN = tomllib.loads((Path(__file__).parents[1] / "vectors" / "golden_partners.toml").read_text(encoding="utf-8"))
SHIPPED = catalog.load()
TODAY = date(2026, 11, 21)
DAYS = (date(2025, 7, 1), date(2026, 6, 15), date(2026, 10, 20), TODAY)
OPEN_OF_GOOGLE = ("gemma-3-27b-it", "gemma-4-26b-a4b-it-maas")
PARTNERS = [model.id for model in SHIPPED.models.values() if model.publisher != "google" or model.id in OPEN_OF_GOOGLE]
LIMITS = ("requests_per_minute", "tokens_per_minute", "input_tokens_per_minute", "output_tokens_per_minute")


def router(policy: dict[str, Any]) -> Router:
    return Router(Policy(**policy), catalog=SHIPPED)


def vectors(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", GOLDEN[kind], ids=lambda vector: vector["documentation"])


def admitted(policy: dict[str, Any], on: date) -> dict[str, list[str]]:
    """The partner and open models that a policy admits on a day, by location."""
    found = defaultdict(list)
    for plan in router(policy).models(on=on):
        for candidate in plan.candidates:
            if plan.model in PARTNERS:
                found[candidate.location].append(plan.model)
    return {location: sorted(models) for location, models in found.items()}


@vectors("named")
def test_each_id_finds_its_model(vector: dict[str, Any]) -> None:
    for model, ids in vector["expect"].items():
        assert {SHIPPED.model(name).id for name in ids} == {model}
        assert SHIPPED.models[model].publisher == vector["given"]["publisher"]


@vectors("admitted")
def test_a_policy_admits_these_models_at_these_locations_and_nothing_else(vector: dict[str, Any]) -> None:
    assert admitted(vector["given"]["policy"], vector["given"]["on"]) == vector["expect"]


@vectors("planned")
def test_a_model_may_go_to_these_locations_and_to_no_other(vector: dict[str, Any]) -> None:
    given, expect = vector["given"], vector["expect"]
    plan = router(given["policy"]).explain(given["model"], on=given["on"])
    assert {candidate.location for candidate in plan.candidates} == set(expect["allowed"])
    rules = {each.location: each.rule for each in plan.refused}
    assert rules.items() >= expect.get("refused", {}).items()
    assert list(plan.warnings) == expect.get("warnings", [])


@vectors("limited")
def test_use_is_limited_so(vector: dict[str, Any]) -> None:
    given, expect = vector["given"], vector.get("expect")
    for model in given["models"]:
        for location in given["locations"]:
            assert limits(SHIPPED.quota(model, location, given["on"])) == expect


def limits(quota: object) -> dict[str, Any] | None:
    """What a quota says, without its evidence."""
    if not isinstance(quota, Quota):
        return None
    said = {name: getattr(quota, name) for name in ("system", "bucket", *LIMITS)}
    return {name: value for name, value in said.items() if value}


@pytest.mark.parametrize("kind", GOLDEN)
def test_a_golden_vector_says_what_it_shows_and_where_it_was_read(kind: str) -> None:
    for vector in GOLDEN[kind]:
        assert {"documentation", "source", "given"} <= set(vector) <= {"documentation", "source", "given", "expect"}
        assert vector["source"].startswith("https://")


@pytest.mark.parametrize("on", DAYS)
def test_global_is_never_eligible_under_a_residency_however_wide(on: date) -> None:
    everywhere = SHIPPED.jurisdiction_names()
    found = admitted(
        {"residency": everywhere, "modes": MODES, "min_confidence": "low", "data_sharing_models": True}, on
    )
    assert "us-east5" in found
    assert "global" not in found


def test_no_partner_is_admitted_in_london_or_zurich_by_any_policy() -> None:
    for on in DAYS:
        found = admitted({"modes": MODES, "min_confidence": "low"}, on)
        assert not {"europe-west2", "europe-west6"} & set(found)


def test_a_model_is_admitted_only_where_a_claim_names_the_location() -> None:
    found = admitted({"min_confidence": "low"}, TODAY)
    named = {model: set(places(SHIPPED.models[model].availability)) for model in PARTNERS}
    assert found
    assert all(location in named[model] for location, models in found.items() for model in models)


def places(claims: Iterable[catalog.Availability]) -> Iterable[str]:
    for claim in claims:
        if claim.served == "yes":
            yield from claim.locations


def test_the_floors_that_come_soon_are_announced_as_floors() -> None:
    soon = [each for each in expiring(SHIPPED, TODAY, within_days=90) if each.model in PARTNERS]
    assert [(each.model, each.on, each.what) for each in soon if each.what != "price"] == [
        ("claude-opus-4-5", date(2026, 11, 24), "retirement floor"),
        ("deepseek-v4.1-flash-maas", date(2026, 11, 28), "retirement floor"),
        ("claude-sonnet-5", date(2026, 12, 24), "retirement floor"),
        ("claude-opus-5", date(2027, 1, 24), "retirement floor"),
        ("claude-opus-4-6", date(2027, 2, 5), "retirement floor"),
        ("claude-sonnet-4-6", date(2027, 2, 17), "retirement floor"),
    ]


def test_lineage_buckets_are_of_models_launched_after_they_came() -> None:
    """By the page on quotas: lineage buckets on global and multi-regions, for models launched after 2026-05-26."""
    for model in SHIPPED.models.values():
        if model.publisher == "anthropic" and model.task == "text" and model.quota:
            late = model.released is not None and model.released > date(2026, 5, 26)
            for quota in model.quota:
                shared = late and not any(SHIPPED.locations[place].kind == "region" for place in quota.locations)
                assert quota.system == ("lineage" if shared else "model"), (model.id, msgspec.to_builtins(quota))
                assert quota.bucket == (f"anthropic-{model.family}" if shared else quota.bucket)
