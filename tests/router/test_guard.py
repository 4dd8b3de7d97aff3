from __future__ import annotations

from datetime import date
from typing import Any

import pytest

import catalog
from router import GuardStop, Policy
from router.guard import Guard
from tests.world import GEMINI, TODAY

CATALOG = catalog.load()
EU = Policy(residency="eu")


def path(location: str, model: str = GEMINI, method: str = "generateContent") -> str:
    return f"/v1/projects/p/locations/{location}/publishers/google/models/{model}:{method}"


def check(policy: Policy = EU, **change: Any) -> None:
    given: dict[str, Any] = {
        "scheme": "https",
        "host": "europe-west4-aiplatform.googleapis.com",
        "port": None,
        "raw_path": path("europe-west4"),
        "headers": {},
        "model": GEMINI,
        "on": TODAY,
        **change,
    }
    Guard(CATALOG, policy).check(**given)


def at(location: str, model: str = GEMINI, **change: Any) -> dict[str, Any]:
    return {"host": CATALOG.locations[location].host, "raw_path": path(location, model), "model": model, **change}


def test_an_address_inside_the_policy_passes() -> None:
    assert check() is None
    assert check(Policy(), **at("global")) is None


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"scheme": "http"}, "not an address"),
        ({"port": 8443}, "not an address"),
        ({"host": "europe-west1-aiplatform.googleapis.com"}, "do not belong together"),
        ({"host": "aiplatform.googleapis.com"}, "do not belong together"),
        ({"host": "europe-west4-aiplatform.googleapis.com.evil.example"}, "do not belong together"),
        ({"raw_path": path("us-central1")}, "do not belong together"),
        ({"raw_path": path("nowhere")}, "do not belong together"),
        ({"raw_path": "/v1/publishers/google/models/m:generateContent"}, "not an address"),
        ({"raw_path": path("europe-west4") + "#x"}, "not an address"),
        ({"raw_path": path("europe-west4", "a/../../us")}, "not an address"),
        (at("us-central1"), "no claim that processing stays inside"),
        (at("europe-west2"), "no claim that processing stays inside"),
        (at("europe-west6"), "no claim that processing stays inside"),
        (at("global"), "no jurisdiction"),
        ({"model": "gemini-2.5-flash"}, "another model"),
        (at("eu", "gemini-9"), "not in the catalog"),
        ({"headers": {"x-vertex-ai-llm-shared-request-type": "flex"}}, "flex is not known"),
        ({"headers": {"x-vertex-ai-llm-shared-request-type": "priority"}}, "priority is not known"),
        (
            at("eu", "gemini-3.5-transcribe", headers={"x-vertex-ai-llm-request-type": "dedicated"}),
            "provisioned is not known",
        ),
        ({"on": date(2025, 1, 1)}, "no claim that processing stays inside"),
    ],
)
def test_anything_outside_is_stopped(change: dict[str, Any], word: str) -> None:
    with pytest.raises(GuardStop, match=word) as stop:
        check(**change)
    assert "nothing was sent" in str(stop.value)


@pytest.mark.parametrize(
    "policy",
    [
        Policy(deny_locations=["europe-west4"]),
        Policy(allow_locations=["europe-west1"]),
        Policy(kinds=["global", "multi_region"]),
    ],
)
def test_lists_and_kinds_hold_without_a_residency_too(policy: Policy) -> None:
    with pytest.raises(GuardStop, match="not allowed"):
        check(policy)


def test_evidence_of_low_confidence_does_not_pass() -> None:
    with pytest.raises(GuardStop):
        check(Policy(residency="eu", min_confidence="high"), **at("europe-west4", "gemini-2.5-pro"))


def test_a_guarantee_for_small_contexts_does_not_cover_large_or_unknown_ones() -> None:
    german = Policy(residency="de", modes=["single_zone_provisioned"])
    there = at("europe-west3", "gemini-2.5-flash")
    assert check(german, **there, tokens=100_000) is None
    for tokens in (200_000, None):
        with pytest.raises(GuardStop):
            check(german, **there, tokens=tokens)


def test_by_location_the_endpoints_own_place_is_enough() -> None:
    by_location = Policy(residency="gb", assurance="location")
    assert check(by_location, **at("europe-west2", "text-embedding-005")) is None
    with pytest.raises(GuardStop, match="outside the residency"):
        check(by_location, **at("europe-west4", "text-embedding-005"))


def test_what_was_not_understood_passes_only_without_a_residency() -> None:
    assert Guard(CATALOG, Policy()).check_unrouted("example.com") is None
    with pytest.raises(GuardStop):
        Guard(CATALOG, EU).check_unrouted("example.com")
