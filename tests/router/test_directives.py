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


def test_the_others_are_fields_of_the_policy_or_a_key() -> None:
    wishes = directives(
        {
            "x-vertex-router-residency": "de, nl",
            "x-vertex-router-deadline-s": "2.5",
            "x-vertex-router-model-fallback": "gemini-3.5-flash",
            "x-vertex-router-affinity": "session 7",
        }
    )
    assert wishes.policy == {"residency": ("de", "nl"), "deadline_s": 2.5, "model_fallback": ("gemini-3.5-flash",)}
    assert (wishes.affinity, wishes.tokens) == ("session 7", None)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("residency", "", "expected a name"),
        ("residency", "de,,nl", "expected a name"),
        ("deadline-s", "soon", "expected a number of seconds above 0"),
        ("deadline-s", "inf", "expected a number of seconds above 0"),
        ("deadline-s", "0", "expected a number of seconds above 0"),
        ("affinity", " ", "expected a text"),
    ],
)
def test_each_says_what_it_expects(name: str, value: str, words: str) -> None:
    with pytest.raises(WrongHeader, match=words):
        directives({f"x-vertex-router-{name}": value})


@each_stack
def test_a_request_can_tighten_its_own_policy(module: ModuleType) -> None:
    backend = send(module, Policy(), gemini_url("us-central1"), {"X-Vertex-Router-Residency": "eu"})
    assert {request.url.host for request in backend.requests} == {
        "europe-west1-aiplatform.googleapis.com",
        "europe-west4-aiplatform.googleapis.com",
    }


@each_stack
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("Residency", "us", "would loosen the policy"),
        ("Residency", "uk", "Great Britain is 'gb'"),
        ("Deadline-S", "9999", "would loosen the policy"),
        ("Model-Fallback", "gemini-9", "unknown model"),
    ],
)
def test_but_not_loosen_it_nor_name_what_is_not_there(module: ModuleType, name: str, value: str, words: str) -> None:
    with pytest.raises(WrongHeader, match=words) as error:
        send(module, Policy(residency="eu"), gemini_url(), {f"X-Vertex-Router-{name}": value})
    assert error.value.header == f"x-vertex-router-{name.lower()}"


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
