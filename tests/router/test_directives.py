"""Headers between caller and router: read, refused when wrong, and never sent."""

from __future__ import annotations

from types import ModuleType

import pytest

from router import Policy, RouterError, WrongHeader
from router.directives import NONE, directives
from tests.router.support import each_stack
from tests.world import Backend, gemini_url, make_router

TOKENS = "x-vertex-router-tokens"


def test_a_request_without_any_wishes_nothing() -> None:
    assert directives({"content-type": "application/json", "x-vertex-ai-llm-request-type": "shared"}) is NONE


def test_tokens_are_a_whole_number() -> None:
    assert directives({TOKENS: "12000"}).tokens == 12000
    assert directives({"X-Vertex-Router-Tokens": " 7 "}).tokens == 7


@pytest.mark.parametrize("value", ["", "many", "-1", "1.5", "1e3", "1, 2", "\u0661"])
def test_a_wrong_value_is_refused_with_what_was_expected(value: str) -> None:
    with pytest.raises(WrongHeader, match="expected a whole number") as error:
        directives({TOKENS: value})
    assert error.value.header == TOKENS
    assert repr(value) in str(error.value)


@pytest.mark.parametrize("name", ["x-vertex-router", "x-vertex-router-", "x-vertex-router-token", "x-vertex-routers"])
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(WrongHeader, match="there are: x-vertex-router-tokens"):
        directives({name: "1"})


def send(stack: ModuleType, policy: Policy, url: str, headers: dict[str, str]) -> Backend:
    backend = Backend(stack, {"europe-west1": 429})
    with stack.Client(transport=make_router(policy).transport(transport=backend.transport)) as client:
        client.post(url, json={}, headers=headers)
    return backend


@each_stack
@pytest.mark.parametrize("policy", [Policy(), Policy(residency="eu")])
def test_they_are_stripped_from_every_attempt(module: ModuleType, policy: Policy) -> None:
    backend = send(module, policy, gemini_url(), {"X-Vertex-Router-Tokens": "5", "x-other": "1"})
    assert len(backend.requests) == 2
    for request in backend.requests:
        assert not [name for name in request.headers if name.startswith("x-vertex-router")]
        assert request.headers["x-other"] == "1"


@each_stack
def test_they_are_stripped_from_what_is_sent_on_unrouted(module: ModuleType) -> None:
    backend = send(module, Policy(), "https://example.com/x", {TOKENS: "5"})
    assert TOKENS not in backend.requests[0].headers


@each_stack
@pytest.mark.parametrize("url", [gemini_url(), "https://example.com/x"])
def test_a_wrong_one_is_refused_under_every_policy_before_anything_is_sent(module: ModuleType, url: str) -> None:
    for policy in (Policy(), Policy(residency="eu")):
        with pytest.raises(WrongHeader, match="nothing was sent") as error:
            send(module, policy, url, {"x-vertex-router-deadlin": "5"})
        assert isinstance(error.value, RouterError)
