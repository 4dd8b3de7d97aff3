"""A request's tokens are bounded by its bytes where that is true, and by nothing where it is not."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from catalog import Processing
from router import NoRoute, Policy
from router.contents import contents
from router.sizes import at_most, limits
from router.target import Target
from tests.router.test_target import ask
from tests.world import Backend, claim, make_router, model_at, roomy_catalog

URL = (
    "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/"
    "publishers/google/models/robin:generateContent"
)
SMALL, LARGE = 1_000, 5_000
ROBIN = model_at({"europe-west4": "", "eu": ""}, "robin")
CLAIMS = tuple(
    Processing(**claim(locations=(place,), boundary="eu", max_context_tokens=limit))
    for place, limit in (("europe-west4", SMALL), ("eu", LARGE))
)
ROBIN = type(ROBIN)(**{**{name: getattr(ROBIN, name) for name in ROBIN.__struct_fields__}, "processing": CLAIMS})


def text(size: int) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": "x" * size}]}]}


def bound(body: Any, stated: int | None = None, url: str = URL) -> int | None:
    raw = json.dumps(body).encode()
    target = ask(url, body=raw)
    assert isinstance(target, Target)
    return at_most(limits(ROBIN), target, raw, contents(target, raw, {}), stated)


@pytest.mark.parametrize(("size", "limit"), [(10, SMALL), (900, SMALL), (1_100, LARGE), (4_900, LARGE), (6_000, None)])
def test_the_bytes_of_a_text_bound_its_tokens(size: int, limit: int | None) -> None:
    assert bound(text(size)) == limit


def test_only_sizes_that_claims_name_are_answered() -> None:
    """So that the plans of all requests together are few."""
    assert {bound(text(size)) for size in range(0, 6_000, 70)} == {SMALL, LARGE, None}
    assert at_most(limits(model_at({"eu": "eu"}, "wren")), *_parts(text(10))) is None


def _parts(body: Any) -> Any:
    raw = json.dumps(body).encode()
    target = ask(URL, body=raw)
    assert isinstance(target, Target)
    return target, raw, contents(target, raw, {})


@pytest.mark.parametrize(
    "body",
    [
        {"contents": [{"parts": [{"inlineData": {"data": "eA=="}}]}]},
        {"contents": [{"parts": [{"inline_data": {"data": "eA=="}}]}]},
        {"contents": [{"parts": [{"fileData": {"fileUri": "gs://b/f"}}]}]},
        {"contents": [{"parts": [{"text": "a"}, {"novelty": 1}]}]},
        {"contents": [{"parts": [{"functionResponse": {"name": "f", "parts": [{"inlineData": {}}]}}]}]},
        {"contents": [{"parts": "a"}]},
        {"contents": [3]},
        {"contents": {}},
        {"contents": [], "systemInstruction": {"parts": [{"fileData": {}}]}},
        {"contents": [], "cachedContent": "c"},
        {"contents": [], "tools": [{"googleSearch": {}}]},
        {"contents": [], "novelty": 1},
    ],
)
def test_what_is_not_text_in_the_body_is_unbounded(body: Any) -> None:
    assert bound(body) is None


@pytest.mark.parametrize(
    "body",
    [
        {"contents": []},
        {"contents": [{"parts": [{"functionCall": {"name": "f", "args": {"inlineData": 1}}}]}]},
        {"contents": [{"parts": [{"function_response": {"name": "f", "response": {}}}]}]},
        {"contents": [], "system_instruction": {"parts": [{"text": "be kind"}]}, "generationConfig": {}},
        {"contents": [], "tools": [{"functionDeclarations": []}], "labels": {}, "safetySettings": []},
    ],
)
def test_calls_of_functions_and_instructions_are_text(body: Any) -> None:
    assert bound(body) == SMALL


def test_another_language_than_geminis_is_unbounded() -> None:
    chat = URL.replace("publishers/google/models/robin:generateContent", "endpoints/openapi/chat/completions")
    assert bound({"model": "google/robin", "messages": []}, url=chat) is None


def test_the_callers_word_is_taken_for_any_body() -> None:
    picture = {"contents": [{"parts": [{"inlineData": {"data": "eA=="}}]}]}
    assert bound(picture, stated=400) == SMALL
    assert bound(picture, stated=SMALL + 1) == LARGE
    assert bound(picture, stated=LARGE + 1) is None
    assert bound(text(10), stated=LARGE) == LARGE, "also when it says more than the bytes do"


# As a user sees it

EU = Policy(residency="eu")


def places(body: Any, policy: Policy = EU, **headers: str) -> list[str]:
    backend = Backend(httpx, {"europe-west4": 429})
    router = make_router(policy, catalog=roomy_catalog(ROBIN))
    with httpx.Client(transport=router.transport(transport=backend.transport)) as client:
        client.post(URL, json=body, headers=headers)
    return backend.locations


def test_above_the_size_of_a_guarantee_only_the_larger_one_is_used() -> None:
    assert places(text(100)) == ["europe-west4", "eu"]
    assert places(text(2_000)) == ["eu"]
    with pytest.raises(NoRoute, match="guaranteed only up to 5,000 context tokens; the request is of unknown size"):
        places(text(6_000))


def test_a_stated_size_is_a_header_for_the_router() -> None:
    picture = {"contents": [{"parts": [{"inlineData": {"data": "eA=="}}]}]}
    with pytest.raises(NoRoute):
        places(picture)
    assert places(picture, **{"x-vertex-router-tokens": "900"}) == ["europe-west4", "eu"]
    assert places(picture, **{"x-vertex-router-tokens": "1100"}) == ["eu"]
