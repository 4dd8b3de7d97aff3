from __future__ import annotations

from typing import Any

import pytest

from router import NoRoute, Policy, RequestNotUnderstood
from router.core import Call
from tests.router.support import admit
from tests.world import gemini_url

COUNT = "https://{0}-aiplatform.googleapis.com/v1/projects/p/locations/{0}/publishers/anthropic/models/count-tokens:rawPredict"
CHAT = "https://aiplatform.googleapis.com/v1/projects/p/locations/{0}/endpoints/openapi/chat/completions"


def ways(call: Call | None) -> list[str]:
    assert call is not None
    return [each.location for each in call.plan.candidates]


def test_tokens_of_claude_are_counted_where_counting_is_served() -> None:
    """A user of europe-west1 has to count at `eu` to stay in the EU: counting has its own, fewer locations."""
    call = admit(Policy(residency="eu"), COUNT.format("europe-west1"), {"model": "claude-opus-4-5"})
    assert ways(call) == ["eu"]


@pytest.mark.parametrize(
    ("body", "policy", "error", "words"),
    [
        (
            {"model": "claude-opus-4-7"},
            Policy(residency="eu", deny_models=["claude-opus-4-7"]),
            NoRoute,
            "model-denied",
        ),
        ({"model": "claude-fable-5"}, Policy(residency="eu"), NoRoute, "data-sharing"),
        ({"model": "claude-9"}, Policy(residency="eu"), RequestNotUnderstood, "unknown model 'claude-9'"),
        ({"model": "gemini-3.8-flash"}, Policy(residency="eu"), RequestNotUnderstood, "a model of google"),
        ({}, Policy(residency="eu"), RequestNotUnderstood, "not JSON with a `model`"),
    ],
)
def test_the_model_whose_tokens_are_counted_is_held_to_the_policy_too(
    body: Any, policy: Policy, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        admit(policy, COUNT.format("eu"), body)


def test_a_model_of_another_publisher_is_not_understood() -> None:
    with pytest.raises(RequestNotUnderstood, match="a model of google, not of anthropic"):
        admit(Policy(residency="eu"), CHAT.format("eu"), {"model": "anthropic/gemini-3.8-flash"})


def test_a_method_that_the_catalog_does_not_know_for_a_model_has_no_guarantee() -> None:
    chat = {"model": "google/gemini-2.5-flash-image"}
    with pytest.raises(NoRoute, match="method-unknown"):
        admit(Policy(residency="eu"), CHAT.format("europe-west1"), chat)
    assert ways(admit(Policy(), CHAT.format("europe-west1"), chat))[0] == "europe-west1"


@pytest.mark.parametrize("policy", [None, Policy(), Policy(deny_locations=["us-east1"]), Policy(kinds=["region"])])
def test_a_model_that_the_catalog_does_not_know_stays_where_the_client_is_set(policy: Policy | None) -> None:
    call = admit(policy, gemini_url("europe-west4", "gemini-9"))
    assert ways(call) == ["europe-west4"]
    assert call is not None
    assert call.plan.warnings == ("gemini-9 is not in the catalog",)


@pytest.mark.parametrize(
    ("policy", "rule"),
    [
        (Policy(deny_locations=["europe-west4"]), "location-denied"),
        (Policy(allow_locations=["eu"]), "location-not-allowed"),
        (Policy(kinds=["multi_region"]), "kind-not-allowed"),
        (Policy(allow_models=["gemini-3.8-flash"]), "model-not-allowed"),
    ],
)
def test_but_not_against_the_policy(policy: Policy, rule: str) -> None:
    with pytest.raises(NoRoute, match=rule):
        admit(policy, gemini_url("europe-west4", "gemini-9"))


def test_under_a_residency_a_model_that_the_catalog_does_not_know_is_not_understood() -> None:
    for policy in (Policy(residency="eu"), Policy(residency="eu", assurance="location", caller_location="wall")):
        with pytest.raises(RequestNotUnderstood, match="gemini-9"):
            admit(policy, gemini_url("europe-west4", "gemini-9"))


def test_priority_and_flex_headers_go_only_where_they_are_served() -> None:
    """Priority PayGo: global and, since 2026-09-09, us and eu. Flex PayGo: global alone."""
    eu = Policy(residency="eu", modes=["standard", "priority", "flex"])
    url = gemini_url("eu", "gemini-3.8-flash")
    header = "x-vertex-ai-llm-shared-request-type"
    assert ways(admit(eu, url, **{header: "priority"})) == ["eu"]
    with pytest.raises(NoRoute, match="Flex PayGo is for global only"):
        admit(eu, url, **{header: "flex"})
    with pytest.raises(NoRoute, match="mode-not-allowed"):
        admit(Policy(residency="eu"), url, **{header: "priority"})
