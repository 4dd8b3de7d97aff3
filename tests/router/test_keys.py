"""API keys: taken out of addresses before anything is sent or logged, and never in what a person may read."""

from __future__ import annotations

import logging
from types import ModuleType
from typing import Any

import anyio
import pytest
import requests

from router import Policy, RequestNotUnderstood, Router, trace_of
from router.emulator import Emulator
from router.keys import HEADER, WrongKey, hide
from tests.router.support import each_stack
from tests.world import TODAY

SECRET = "AIzaVery-Secret_1"
HOST = "https://europe-west1-aiplatform.googleapis.com"
PATH = "/v1/projects/p/locations/europe-west1/publishers/google/models/gemini-2.5-flash:generateContent"
BODY = {"contents": [{"role": "user", "parts": [{"text": "Good morning"}]}]}


@pytest.fixture
def router() -> Router:
    return Router(Policy(residency="eu"), today=lambda: TODAY)


def hidden(module: ModuleType, url: str, headers: dict[str, str] | None = None, **more: Any) -> tuple[str, str | None]:
    """Address and key of a request after it was hidden."""
    request = module.Request("POST", url, headers=headers or {}, content=b"{}")
    hide(request, **more)
    return str(request.url), request.headers.get(HEADER)


# Moving


@each_stack
@pytest.mark.parametrize(
    ("query", "rest"),
    [
        (f"?key={SECRET}", ""),
        (f"?$key={SECRET}", ""),
        (f"?%6Bey={SECRET}", ""),
        (f"?alt=sse&key={SECRET}", "?alt=sse"),
        (f"?key={SECRET}&alt=sse&x=a%2Fb", "?alt=sse&x=a%2Fb"),
        (f"?key={SECRET}&key={SECRET}", ""),
    ],
)
def test_a_key_moves_from_the_address_to_the_headers(module: ModuleType, query: str, rest: str) -> None:
    assert hidden(module, f"{HOST}{PATH}{query}") == (f"{HOST}{PATH}{rest}", SECRET)
    assert hidden(module, f"{HOST}{PATH}{query}", {HEADER: SECRET}) == (f"{HOST}{PATH}{rest}", SECRET)


@each_stack
@pytest.mark.parametrize("query", ["", "?alt=sse", "?monkey=1&keys=2", "?"])
def test_an_address_without_a_key_stays_as_it_is(module: ModuleType, query: str) -> None:
    assert hidden(module, f"{HOST}{PATH}{query}") == (str(module.URL(f"{HOST}{PATH}{query}")), None)


@each_stack
def test_only_where_google_answers_is_a_key_an_api_key(module: ModuleType) -> None:
    own = "https://gateway.example/v1/x"
    assert hidden(module, f"{own}?key=1") == (f"{own}?key=1", None)
    assert hidden(module, f"{own}?key=1", private_hosts=["gateway.example"]) == (own, "1")
    assert hidden(module, "https://googleapis.com.example/?key=1")[1] is None


@each_stack
@pytest.mark.parametrize("url", [f"?key={SECRET}&key=other", "?key=", f"?key={SECRET}%0D%0Ax:y", f"?key={SECRET}%20"])
def test_what_cannot_be_moved_is_refused_without_naming_it(module: ModuleType, url: str) -> None:
    with pytest.raises(WrongKey, match=HEADER) as caught:
        hidden(module, f"{HOST}{PATH}{url}")
    assert SECRET not in str(caught.value)


@each_stack
def test_two_keys_that_differ_are_refused_under_any_policy(module: ModuleType) -> None:
    transport = Router(Policy()).transport(transport=module.MockTransport(lambda _: module.Response(200)))
    with (
        module.Client(transport=transport, headers={HEADER: "another"}) as client,
        pytest.raises(RequestNotUnderstood, match="different API keys") as caught,
    ):
        client.post(f"{HOST}{PATH}?key={SECRET}", json=BODY)
    assert SECRET not in str(caught.value)


# Never logged


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def told(answer: Any) -> str:
    """What a person may come to read of an answer."""
    with pytest.raises(Exception, match=r"(?i)client error") as caught:
        answer.raise_for_status()
    trace = trace_of(answer)
    return f"{caught.value} {caught.value!r} {answer.url} {answer.headers} {trace} {trace!r}"


@each_stack
@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("given", ["address", "header"])
def test_no_log_trace_or_error_has_the_key(
    router: Router, module: ModuleType, colour: str, given: str, everything: pytest.LogCaptureFixture
) -> None:
    """Neither the log of the client that asks, nor of the one that sends, at any level."""
    url = f"{HOST}{PATH}?key={SECRET}" if given == "address" else f"{HOST}{PATH}"
    headers = {} if given == "address" else {HEADER: SECRET}
    with Emulator(on=TODAY) as emulator, emulator.activated():
        emulator.script("*", errors=[429, 400], repeat=True)
        bearer = {"authorization": "Bearer t", **headers}
        if colour == "sync":
            with module.Client(transport=router.transport(), timeout=30) as client:
                words = told(client.post(url, json=BODY, headers=bearer))
        else:

            async def main() -> str:
                async with module.AsyncClient(transport=router.transport(), timeout=30) as client:
                    return told(await client.post(url, json=BODY, headers=bearer))

            words = anyio.run(main)
        assert {HEADER in request.headers for request in emulator.requests} == {True}
    assert len([record for record in everything.records if "HTTP Request: POST" in record.getMessage()]) >= 2
    assert SECRET not in words
    assert SECRET not in everything.text


def test_nor_has_a_session_of_requests(router: Router, everything: pytest.LogCaptureFixture) -> None:
    with Emulator(on=TODAY) as emulator, emulator.activated(), requests.Session() as session:
        emulator.script("*", errors=[400], repeat=True)
        session.mount("https://", router.requests_adapter())
        answer = session.post(f"{HOST}{PATH}?key={SECRET}", json=BODY, headers={"authorization": "Bearer t"})
        assert HEADER in emulator.requests[0].headers
        words = told(answer)
    assert "urllib3" in {record.name.partition(".")[0] for record in everything.records}
    assert SECRET not in words
    assert SECRET not in everything.text


@each_stack
def test_nor_has_the_error_when_nobody_answers(
    router: Router, module: ModuleType, everything: pytest.LogCaptureFixture
) -> None:
    def refuse(request: Any) -> Any:
        raise module.ConnectError(f"made up: {request.url}")

    transport = router.transport(transport=module.MockTransport(refuse))
    with module.Client(transport=transport) as client, pytest.raises(module.ConnectError) as caught:
        client.post(f"{HOST}{PATH}?key={SECRET}", json=BODY)
    assert SECRET not in f"{caught.value} {caught.value!r} {caught.value.__cause__}"
    assert SECRET not in everything.text


@each_stack
def test_a_request_that_is_sent_on_unrouted_carries_its_key_as_a_header(
    module: ModuleType, everything: pytest.LogCaptureFixture
) -> None:
    seen = []

    def answer(request: Any) -> Any:
        seen.append((str(request.url), request.headers.get(HEADER)))
        return module.Response(200)

    express = "https://aiplatform.googleapis.com/v1/publishers/google/models/m:generateContent"
    with module.Client(transport=Router(Policy()).transport(transport=module.MockTransport(answer))) as client:
        assert str(client.post(f"{express}?key={SECRET}", json=BODY).url) == express
    assert seen == [(express, SECRET)]
    assert SECRET not in everything.text


def test_a_session_sends_on_unrouted_what_it_was_given_also_where_it_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = []

    class Stopped(Exception):
        pass

    def send(_: Any, request: Any, **__: Any) -> Any:
        sent.append(request.url)
        raise Stopped

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    address = f"https://gateway.example/v1/x?token={SECRET}&key=1"
    with requests.Session() as session:
        session.mount("https://", Router(Policy()).requests_adapter())
        with pytest.raises(Stopped):
            session.post(address)
    assert sent == [address]
