"""Which call is evidence for a model."""

from __future__ import annotations

import json

import pytest

import catalog
from router.probe import Call, NoCall, call_for
from router.target import Incoming, Target, parse
from tests.world import model_at

CATALOG = catalog.load()


def called(call: Call) -> Target:
    """The call as the router reads it."""
    path = f"/v1/projects/p/locations/eu/{call.path}"
    target = parse(Incoming("POST", "https", "aiplatform.eu.rep.googleapis.com", None, path, {}, call.body))
    assert isinstance(target, Target), target
    return target


@pytest.mark.parametrize("name", sorted(CATALOG.models))
def test_every_call_reaches_the_model_itself_by_a_method_that_it_has(name: str) -> None:
    model = CATALOG.models[name]
    call = call_for(model, counted="claude-opus-4-7")
    if isinstance(call, NoCall):
        assert call.reason
        return
    target = called(call)
    assert (target.model, target.publisher) == (model.id, model.publisher)
    assert target.method in model.methods or model.task == "count"
    assert call.costs == (call.method not in ("countTokens", "count-tokens:rawPredict"))


@pytest.mark.parametrize(
    ("publisher", "task", "method"),
    [
        ("google", "text", "countTokens"),
        ("google", "image", "countTokens"),
        ("google", "speech", "countTokens"),
        ("google", "embedding", "predict"),
        ("anthropic", "text", "rawPredict"),
        ("mistralai", "code", "rawPredict"),
        ("openai", "text", "chat/completions"),
    ],
)
def test_the_cheapest_call_that_is_evidence_is_taken(publisher: str, task: str, method: str) -> None:
    call = call_for(model_at({"eu": "eu"}, "m", publisher, task=task))
    assert isinstance(call, Call)
    assert call.method == method


@pytest.mark.parametrize("task", ["live", "video"])
def test_counting_tokens_is_no_evidence_for_some_tasks(task: str) -> None:
    assert isinstance(call_for(model_at({"eu": "eu"}, "m", task=task)), NoCall)


def test_counting_for_claude_is_evidence_for_the_counter_alone() -> None:
    counter = model_at({"eu": "eu"}, "count-tokens", "anthropic", task="count")
    call = call_for(counter, counted="claude-opus-4-7")
    assert isinstance(call, Call)
    assert (called(call).model, called(call).counted) == ("count-tokens", "claude-opus-4-7")
    assert call_for(counter) == NoCall("no Claude model whose tokens it could count")


def test_a_call_that_costs_asks_for_one_token() -> None:
    for publisher in ("anthropic", "mistralai", "openai"):
        call = call_for(model_at({"eu": "eu"}, "m", publisher))
        assert isinstance(call, Call)
        assert json.loads(call.body)["max_tokens"] == 1
