"""Which model is served where, and what is said where it isn't."""

from __future__ import annotations

import pytest

from router.emulator import Behaviour, Serving

DEDICATED = {"x-vertex-ai-llm-request-type": "dedicated"}
SHARED_TYPE = "x-vertex-ai-llm-shared-request-type"


def test_a_served_model_answers(service):
    assert service().gemini("eu").status == 200
    assert service().claude("eu").status == 200


def test_a_model_of_googles_that_is_not_served_here_is_not_found(service):
    answer = service().gemini("europe-west1")
    assert answer.status == 404
    assert answer.error["code"] == 404
    assert answer.error["status"] == "NOT_FOUND"
    assert answer.error["message"].startswith(
        "Publisher Model `projects/p/locations/europe-west1/publishers/google/models/gemini-3.8-flash` "
        "was not found or your project does not have access to it. "
    )


def test_a_partners_model_that_is_not_served_here_is_not_servable(service):
    answer = service().claude("europe-west1")
    assert answer.status == 400
    assert answer.error == {
        "code": 400,
        "message": "Publisher Model `projects/p/locations/europe-west1/publishers/anthropic/models/claude-sonnet-5` "
        "is not servable in region europe-west1.",
        "status": "FAILED_PRECONDITION",
    }


@pytest.mark.parametrize("publisher", ["google", "anthropic", "nobody"])
def test_a_model_that_nobody_knows_is_not_found(service, publisher):
    method = "generateContent" if publisher == "google" else "rawPredict"
    body = {
        "contents": [{"parts": [{"text": "x"}]}],
        "anthropic_version": "v",
        "max_tokens": 1,
        "model": "x",
        "messages": [{"role": "user", "content": "x"}],
    }
    answer = service().send("eu", f"publishers/{publisher}/models/made-up:{method}", body)
    assert (answer.status, answer.error["status"]) == (404, "NOT_FOUND")


def test_a_model_under_anothers_name_is_not_found(service):
    assert service().gemini("eu", "claude-sonnet-5").status == 404


def test_an_alias_stands_for_its_model(service):
    assert service().claude("europe-west1", "claude-sonnet-4-5@20250929").status == 200


def test_a_method_that_the_model_does_not_have_is_an_invalid_argument(service):
    body = {"instances": [{"content": "x"}]}
    answer = service().send("eu", "publishers/google/models/gemini-3.8-flash:predict", body)
    assert answer.status == 400
    assert answer.error["message"] == "gemini-3.8-flash is not supported in the predict API."


@pytest.mark.parametrize(
    ("location", "headers", "traffic"),
    [
        ("eu", {}, "ON_DEMAND"),
        ("eu", {"x-vertex-ai-llm-request-type": "shared"}, "ON_DEMAND"),
        ("global", {SHARED_TYPE: "flex"}, "ON_DEMAND_FLEX"),
        ("global", {SHARED_TYPE: "priority"}, "ON_DEMAND_PRIORITY"),
        ("eu", {SHARED_TYPE: "priority"}, "ON_DEMAND"),
        ("europe-west3", DEDICATED, "PROVISIONED_THROUGHPUT"),
    ],
)
def test_usage_says_by_which_capacity_a_request_was_served(service, location, headers, traffic):
    answer = service().gemini(location, headers=headers)
    assert answer.json()["usageMetadata"]["trafficType"] == traffic


def test_reserved_capacity_that_is_not_there_is_exceeded(service):
    answer = service().gemini("eu", headers=DEDICATED)
    assert answer.status == 429
    assert answer.error["message"] == "Too many requests. Exceeded the Provisioned Throughput."


def test_reserved_capacity_serves_nobody_else(service):
    assert service().gemini("europe-west3").status == 404


def test_a_scenario_may_depart_from_the_catalog_both_ways(service):
    ours = service(
        serving=(
            Serving(model="gemini-3.8-flash", publisher="google", locations=("eu",), served=False),
            Serving(model="gemini-3.8-flash", publisher="google", locations=("europe-west1",)),
            Serving(model="made-up-1", publisher="made-up", locations=("eu",)),
        )
    )
    assert ours.gemini("eu").status == 404
    assert ours.gemini("europe-west1").status == 200
    assert ours.gemini("us").status == 200
    body = {"model": "made-up-1", "messages": [{"role": "user", "content": "x"}]}
    assert ours.send("eu", "publishers/made-up/models/made-up-1:rawPredict", body).status == 200
    assert ours.send("us", "publishers/made-up/models/made-up-1:rawPredict", body).status == 400


@pytest.mark.parametrize(
    ("location", "model", "base_model"),
    [
        ("eu", "claude-sonnet-5", "anthropic-claude-sonnet"),
        ("europe-west1", "claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("global", "claude-sonnet-4-5", "claude-sonnet-4-5"),
    ],
)
def test_quota_is_counted_by_lineage_for_new_models_only(service, location, model, base_model):
    ours = service()
    ours.script.set(Behaviour(location=location, errors=(429,)))
    assert f"with base model: {base_model}. " in ours.claude(location, model).error["message"]
