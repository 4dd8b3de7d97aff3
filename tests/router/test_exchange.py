from __future__ import annotations

from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest
from google.auth.credentials import Credentials

from router import CredentialError, GoogleAuth, Policy, RequestNotUnderstood, Trace, trace_of
from router.errors import Exhausted
from tests.world import Backend, error_body, gemini_url, make_router

EU = Policy(residency="eu")


class Numbered(Credentials):
    """Credentials whose tokens are numbered."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched = 0

    def refresh(self, request: Any) -> None:
        self.fetched += 1
        self.token = f"token-{self.fetched}"


def accepting(*tokens: str) -> Any:
    """A location that answers 401 to any token but these."""

    def answer(stack: ModuleType, request: Any) -> Any:
        good = request.headers.get("authorization", "").removeprefix("Bearer ") in tokens
        return stack.Response(200 if good else 401, json={"candidates": []} if good else error_body(401))

    return answer


def send(colour: str, backend: Backend, auth: GoogleAuth, policy: Policy = EU, url: str | None = None) -> Any:
    transport = make_router(policy).transport(transport=backend.transport)
    if colour == "sync":
        with httpx.Client(transport=transport, auth=auth) as client:
            return client.post(url or gemini_url(), json={})

    async def call() -> Any:
        async with httpx.AsyncClient(transport=transport, auth=auth) as client:
            return await client.post(url or gemini_url(), json={})

    return anyio.run(call)


colours = pytest.mark.parametrize("colour", ["sync", "async"])


@colours
def test_requests_are_signed_for_each_attempt(colour: str) -> None:
    backend = Backend(httpx, {"europe-west1": 429})
    assert send(colour, backend, GoogleAuth(Numbered())).status_code == 200
    assert [each.headers["authorization"] for each in backend.requests] == ["Bearer token-1"] * 2


@colours
def test_a_rejected_token_is_renewed_once_and_replayed_at_the_same_location(colour: str) -> None:
    backend = Backend(httpx, {"europe-west1": accepting("token-2")})
    answer = send(colour, backend, GoogleAuth(Numbered()))
    assert answer.status_code == 200
    assert answer.headers["x-vertex-router"] == "europe-west1=401, europe-west1=200"


@colours
def test_a_second_rejection_is_final_and_counts_against_no_location(colour: str) -> None:
    backend = Backend(httpx, {"europe-west1": accepting()})
    answer = send(colour, backend, GoogleAuth(Numbered()))
    assert answer.status_code == 401
    assert answer.headers["x-should-retry"] == "false"
    assert backend.locations == ["europe-west1"] * 2


@colours
def test_a_token_goes_to_catalogued_hosts_only(colour: str) -> None:
    backend = Backend(httpx)
    for url in ("https://example.com/", "https://oauth2.googleapis.com/token", "https://api.anthropic.com/v1/messages"):
        with pytest.raises(RequestNotUnderstood, match="credential is not sent"):
            send(colour, backend, GoogleAuth(Numbered()), Policy(), url)
    assert backend.requests == []


@colours
def test_without_a_usable_credential_nothing_is_sent(colour: str) -> None:
    foreign = Numbered()
    foreign._universe_domain = "s3nsapis.fr"
    backend = Backend(httpx)
    with pytest.raises(CredentialError, match=r"s3nsapis\.fr"):
        send(colour, backend, GoogleAuth(foreign))
    assert backend.requests == []


def test_the_trace_is_found_in_responses_errors_and_causes() -> None:
    backend = Backend(httpx, {"europe-west1": 400})
    response = send("sync", backend, GoogleAuth(Numbered()))
    trace = trace_of(response)
    assert isinstance(trace, Trace)
    assert trace.header() == "europe-west1=400"
    error = httpx.HTTPStatusError("no", request=response.request, response=response)
    assert trace_of(error) is trace
    outer = RuntimeError("outer")
    outer.__cause__ = Exhausted(trace)
    assert trace_of(outer) is trace


@pytest.mark.parametrize("nothing", [None, object(), ValueError("x"), httpx.Response(200)])
def test_where_there_is_no_trace_none_is_found(nothing: Any) -> None:
    assert trace_of(nothing) is None


def test_a_cycle_of_causes_ends() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert trace_of(one) is None
