"""Other models, when every location of the one that was asked for has failed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from router import NoRoute, Policy, PolicyError, Router, trace_of
from tests.world import EU_PLACES, Backend, Clock, error_body, gemini_url, make_router, model_at, roomy_catalog

FAST, SLOW = "gemini-fast", "gemini-slow"
CATALOG = roomy_catalog(
    model_at(EU_PLACES, FAST, aliases=("gemini-fast-001",)),
    model_at({"eu": "eu", "us": "us"}, SLOW),
    model_at({"us": "us"}, "gemini-abroad"),
    model_at(EU_PLACES, "claude-opus-4-7", "anthropic"),
    model_at({"eu": "eu"}, "qwen-a", "qwen"),
    model_at({"eu": "eu"}, "qwen-b", "qwen"),
)
EU = {"residency": "eu"}


def routed(**fields: Any) -> Router:
    return make_router(Policy(**{**EU, **fields}), catalog=CATALOG, clock=Clock())


def ask(router: Router, backend: Backend, model: str = FAST, body: Any = None, url: str = "") -> Any:
    with httpx.Client(transport=router.transport(transport=backend.transport)) as client:
        return client.post(url or gemini_url("eu", model), json=body or {})


def models(backend: Backend) -> list[tuple[str, str]]:
    """The model and location of each request, by its path."""
    paths = [request.url.path for request in backend.requests]
    return [(path.rpartition("/")[2].partition(":")[0], path.split("/locations/")[1].split("/")[0]) for path in paths]


def test_every_location_of_the_first_model_comes_before_the_second() -> None:
    """BerriAI/litellm#6400: wanted, all locations of model A before model B."""
    backend = Backend(httpx, {"eu": [429], "europe-west1": 503, "europe-west4": 429})
    response = ask(routed(model_fallback=[SLOW]), backend)
    assert models(backend) == [(FAST, "eu"), (FAST, "europe-west1"), (FAST, "europe-west4"), (SLOW, "eu")]
    assert response.status_code == 200
    assert response.headers["x-vertex-router"] == "eu=429, europe-west1=503, europe-west4=429, gemini-slow@eu=200"
    assert str(trace_of(response)).splitlines()[4].endswith("gemini-slow@eu (standard)  200")


def test_without_a_fallback_the_model_stays() -> None:
    backend = Backend(httpx, {"eu": [429], "europe-west1": 503, "europe-west4": 429})
    ask(routed(), backend)
    assert {model for model, _ in models(backend)} == {FAST}


def test_a_table_names_them_by_model_also_by_an_alias() -> None:
    backend = Backend(httpx, {"eu": [429], "europe-west1": 429, "europe-west4": 429})
    ask(routed(model_fallback={"gemini-fast-001": [SLOW], "claude-opus-4-7": [FAST]}), backend, "gemini-fast-001")
    assert models(backend)[-1] == (SLOW, "eu")


def test_it_stays_inside_the_policy() -> None:
    backend = Backend(httpx, dict.fromkeys(("eu", "europe-west1", "europe-west4"), 429))
    ask(routed(model_fallback=["gemini-abroad", SLOW], attempts=5), backend)
    assert {place for _, place in models(backend)} <= {"eu", "europe-west1", "europe-west4"}
    assert {model for model, _ in models(backend)} == {FAST, SLOW}


@pytest.mark.parametrize("status", [400, 403, 404, 413])
def test_never_for_an_error_of_the_callers_own(status: int) -> None:
    backend = Backend(httpx, {"eu": status})
    assert ask(routed(model_fallback=[SLOW]), backend).status_code == status
    assert models(backend) == [(FAST, "eu")]


def test_never_for_a_block_by_a_filter() -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}}
    backend = Backend(httpx, {"eu": lambda stack, request: stack.Response(200, json=blocked)})
    assert ask(routed(model_fallback=[SLOW]), backend).json() == blocked
    assert models(backend) == [(FAST, "eu")]


def test_a_model_that_is_served_nowhere_under_the_policy_is_refused_all_the_same() -> None:
    backend = Backend(httpx)
    with pytest.raises(NoRoute):
        ask(routed(model_fallback=[SLOW]), backend, "gemini-abroad")
    assert backend.requests == []


def test_only_models_that_the_request_is_written_for() -> None:
    backend = Backend(httpx, {"eu": [429], "europe-west1": 429, "europe-west4": 429})
    ask(routed(model_fallback=["claude-opus-4-7"], attempts=4), backend)
    assert {model for model, _ in models(backend)} == {FAST}


def test_a_body_that_names_the_model_names_the_other_one() -> None:
    backend = Backend(httpx, {"eu": [429, 200]})
    url = "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/endpoints/openapi/chat/completions"
    body = {"messages": [{"role": "user", "content": "x"}], "model": "qwen/qwen-a", "seed": 7}
    assert ask(routed(model_fallback=["qwen-b"]), backend, body=body, url=url).status_code == 200
    first, second = (json.loads(request.content) for request in backend.requests)
    assert first == body
    assert second == {**body, "model": "qwen/qwen-b"}


def test_capacity_that_is_far_off_is_not_waited_for_while_there_is_another_model() -> None:
    router = routed(model_fallback=[SLOW], allow_locations=["eu"])
    hint = {"retry-after": "30"}

    def busy(stack: Any, request: Any) -> Any:
        status = 429 if FAST in request.url.path else 200
        return stack.Response(status, json=error_body(429) if status == 429 else {}, headers=hint)

    backend = Backend(httpx, {"eu": busy})
    ask(router, backend)
    ask(router, backend)
    assert models(backend) == [(FAST, "eu"), (SLOW, "eu"), (SLOW, "eu")]


def test_a_function_is_told_which_model() -> None:
    class Refusal(Exception):
        status_code = 429

    def call(to: Any) -> str:
        if to.model == FAST:
            raise Refusal
        return f"{to.model} at {to.location}"

    assert routed(model_fallback=[SLOW]).call(call, model=FAST) == "gemini-slow at eu"


def test_a_scope_may_name_them_too() -> None:
    router = routed()
    backend = Backend(httpx, {"eu": [429], "europe-west1": 429, "europe-west4": 429})
    with router.scope(model_fallback=[SLOW]):
        ask(router, backend)
    assert models(backend)[-1] == (SLOW, "eu")


def test_an_unknown_model_is_an_error_of_the_policy() -> None:
    with pytest.raises(PolicyError, match=r"`model_fallback`: unknown model 'gemini-slw'; nearest: gemini-slow"):
        routed(model_fallback=["gemini-slw"])
