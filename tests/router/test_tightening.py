"""A stricter policy made of another: field by field, what tightens and what would loosen."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import catalog
from router import Policy, PolicyError
from router.tightening import tightened

CATALOG = catalog.load()

# (the policy, what is asked) for each field: first what tightens it, then what would loosen it.
TIGHTER: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"residency": "us"}),
    ({"residency": "eea"}, {"residency": "eu"}),
    ({"residency": "eu"}, {"residency": ["de", "nl"]}),
    ({"residency": ["eu", "us"]}, {"residency": "us"}),
    ({"assurance": "location"}, {"assurance": "processing"}),
    ({}, {"min_confidence": "high"}),
    ({}, {"max_evidence_age_days": 10}),
    ({"max_evidence_age_days": 10}, {"max_evidence_age_days": 9}),
    ({}, {"kinds": ["region"]}),
    ({"modes": ["standard", "flex"]}, {"modes": ["flex"]}),
    ({}, {"allow_locations": ["eu"]}),
    ({"allow_locations": ["eu", "us"]}, {"allow_locations": ["us"]}),
    ({"deny_locations": ["us"]}, {"deny_locations": ["eu"]}),
    ({}, {"allow_models": ["gemini-3.8-flash"]}),
    ({"deny_models": ["gemini-3.8-flash"]}, {"deny_models": ["gemini-3.5-flash"]}),
    ({}, {"prefer": ["eu"]}),
    ({"allow_features": ["google-search", "rag"]}, {"allow_features": ["rag"]}),
    ({"caller_location": "ignore"}, {"caller_location": "prefer"}),
    ({"caller_location": "prefer"}, {"caller_location": "wall"}),
    ({}, {"preview_models": False}),
    ({}, {"preview_models": True}),
    ({"residency": "eu", "data_sharing_models": True}, {"data_sharing_models": False}),
    ({}, {"after_retirement": "refuse"}),
    ({}, {"deadline_s": 20}),
    ({}, {"attempts": 2}),
    ({}, {"faults": 2}),
    ({}, {"reservations": "only"}),
    ({}, {"model_fallback": ["gemini-3.5-flash"]}),
    ({}, {"affinity_ttl_s": 0}),
    ({}, {"connect_timeout_s": 1}),
    ({"attempt_timeout_s": 60}, {"attempt_timeout_s": 50}),
    ({}, {"repeat_after_timeout": False}),
    ({"scopes": "tighten"}, {"scopes": "tighten"}),
    ({"audit": "a.jsonl"}, {"audit": "a.jsonl"}),
]
LOOSER: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"residency": "eu"}, {"residency": "us"}),
    ({"residency": "eu"}, {"residency": "eea"}),
    ({"residency": "eu"}, {"residency": ["eu", "gb"]}),
    ({"residency": "eu"}, {"residency": None}),
    ({}, {"assurance": "location"}),
    ({}, {"min_confidence": "low"}),
    ({"max_evidence_age_days": 10}, {"max_evidence_age_days": 11}),
    ({"max_evidence_age_days": 10}, {"max_evidence_age_days": None}),
    ({"kinds": ["region"]}, {"kinds": ["region", "global"]}),
    ({}, {"modes": ["flex"]}),
    ({"allow_locations": ["eu"]}, {"allow_locations": ["eu", "us"]}),
    ({"allow_locations": ["eu"]}, {"allow_locations": None}),
    ({"allow_models": ["gemini-3.8-flash"]}, {"allow_models": ["gemini-3.5-flash"]}),
    ({"caller_location": "wall"}, {"caller_location": "prefer"}),
    ({"allow_features": ["rag"]}, {"allow_features": ["rag", "google-search"]}),
    ({"residency": "eu"}, {"preview_models": True}),
    ({"preview_models": False}, {"preview_models": True}),
    ({"residency": "eu"}, {"data_sharing_models": True}),
    ({"after_retirement": "refuse"}, {"after_retirement": "warn"}),
    ({"deadline_s": 20}, {"deadline_s": 21}),
    ({"attempts": 2}, {"attempts": 3}),
    ({"faults": 2}, {"faults": None}),
    ({"connect_timeout_s": 1}, {"connect_timeout_s": None}),
    ({"attempt_timeout_s": 50}, {"attempt_timeout_s": 60}),
    ({"repeat_after_timeout": False}, {"repeat_after_timeout": True}),
    ({}, {"scopes": "any"}),
]
ONLY_EVER_ADDED_OR_WISHED = {
    *("deny_locations", "deny_models", "prefer"),
    *("reservations", "model_fallback", "affinity_ttl_s"),
}


def test_each_field_is_tried_both_ways() -> None:
    fields = {each.name for each in dataclasses.fields(Policy)}
    assert {name for _, asked in TIGHTER for name in asked} == fields
    assert {name for _, asked in LOOSER for name in asked} == fields - ONLY_EVER_ADDED_OR_WISHED - {"audit"}


@pytest.mark.parametrize(("policy", "asked"), TIGHTER, ids=str)
def test_a_policy_can_be_tightened(policy: dict[str, Any], asked: dict[str, Any]) -> None:
    made = tightened(Policy(**policy), asked, CATALOG)
    for name in asked.keys() - {"deny_locations", "deny_models"}:
        assert getattr(made, name) == getattr(Policy(**asked), name)


@pytest.mark.parametrize(("policy", "asked"), LOOSER, ids=str)
def test_but_not_loosened(policy: dict[str, Any], asked: dict[str, Any]) -> None:
    (name,) = asked
    with pytest.raises(PolicyError, match=f"`{name}` = .* would loosen the policy") as caught:
        tightened(Policy(**policy), asked, CATALOG)
    assert caught.value.fields == (name,)


@pytest.mark.parametrize(("policy", "asked"), LOOSER[:-1], ids=str)
def test_a_policy_may_leave_its_scopes_free(policy: dict[str, Any], asked: dict[str, Any]) -> None:
    made = tightened(Policy(**policy, scopes="any"), asked, CATALOG)
    for name in asked:
        assert getattr(made, name) == getattr(Policy(**asked), name)


@pytest.mark.parametrize("scopes", ["tighten", "any"])
@pytest.mark.parametrize("asked", [None, "elsewhere.jsonl", {"file": "a.jsonl", "on_failure": "continue"}])
def test_no_scope_moves_the_audit(scopes: Any, asked: Any) -> None:
    with pytest.raises(PolicyError, match="`audit` is the router's own") as caught:
        tightened(Policy(audit="a.jsonl", scopes=scopes), {"audit": asked}, CATALOG)
    assert caught.value.fields == ("audit",)


def test_what_is_denied_is_added() -> None:
    made = tightened(Policy(deny_locations=["us"], deny_models=["gemini-3.8-flash"]), {"deny_locations": "eu"}, CATALOG)
    assert (made.deny_locations, made.deny_models) == (("us", "eu"), ("gemini-3.8-flash",))


def test_wishes_and_times_that_become_impossible_give_way() -> None:
    policy = Policy(prefer=["global", "eu"], attempt_timeout_s=60, connect_timeout_s=30)
    made = tightened(policy, {"residency": "eu", "deadline_s": 10}, CATALOG)
    assert (made.prefer, made.attempt_timeout_s, made.connect_timeout_s) == (("eu",), 10, 10)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"resid": "eu"}, "unknown field `resid`; nearest: residency"),
        ({"residency": "uk"}, "Great Britain is 'gb'"),
        ({"deadline_s": -1}, "must be a number of seconds above 0"),
        ({"allow_locations": "moon"}, "moon"),
    ],
)
def test_what_is_wrong_is_said_as_for_every_policy(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(PolicyError, match=words):
        tightened(Policy(), asked, CATALOG)
