"""A session of requests, whole and streamed, and google-auth's session, which is one of requests."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials

from router import Exhausted, NoRoute, Policy, RequestNotUnderstood, StreamBroken, trace_of
from router.emulator import StreamFault
from tests.clients.conftest import PROJECT, WAY, World

MODEL = "gemini-3.8-flash"
QUESTION = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}


def url(method: str = "generateContent", location: str = "eu", model: str = MODEL) -> str:
    host = f"{location}-aiplatform.googleapis.com"
    return f"https://{host}/v1/projects/{PROJECT}/locations/{location}/publishers/google/models/{model}:{method}"


STREAM = url("streamGenerateContent?alt=sse")


def session(world: World, policy: Policy | None = None, **options: Any) -> requests.Session:
    ours = world.keep(requests.Session())
    ours.headers["authorization"] = "Bearer a-token"
    ours.mount("https://", world.router(policy).requests_adapter(**options))
    return ours


def test_sync(bad_day: World) -> None:
    answer = session(bad_day).post(url(), json=QUESTION)
    assert type(answer) is requests.Response
    assert "europe-west4" in answer.json()["candidates"][0]["content"]["parts"][0]["text"]
    assert answer.headers["x-vertex-router"] == WAY == bad_day.way
    assert trace_of(answer) is bad_day.traces[-1]
    bad_day.check_hosts()


def test_sync_stream(bad_day: World) -> None:
    with session(bad_day).post(STREAM, json=QUESTION, stream=True) as answer:
        lines = [line for line in answer.iter_lines(decode_unicode=True) if line]
    assert all(line.startswith("data: ") for line in lines)
    assert "europe-west4" in "".join(lines)
    assert bad_day.way == WAY
    bad_day.check_hosts()


def test_each_event_comes_when_it_is_there(world: World) -> None:
    """Its last event never comes: what came before is in the caller's hands all the same."""
    world.emulator.script("eu", stream=StreamFault(stall_after=2))
    with session(world).post(STREAM, json=QUESTION, stream=True, timeout=5) as answer:
        assert b"This is" in next(answer.iter_content(1024))


def test_googles_own_session_is_one_of_requests(bad_day: World) -> None:
    ours = bad_day.keep(AuthorizedSession(Credentials("a-token")))
    ours.mount("https://", bad_day.router().requests_adapter())
    assert ours.post(url(), json=QUESTION).ok
    assert bad_day.way == WAY
    bad_day.check_hosts()


def test_a_refusal_is_a_refusal_and_nothing_was_sent(world: World) -> None:
    with pytest.raises(NoRoute, match="not within jp"):
        session(world, Policy(residency="jp")).post(url(), json=QUESTION)
    with pytest.raises(RequestNotUnderstood):
        session(world).get("https://example.org/")
    assert world.emulator.witness.hosts == ()


def test_an_exhausted_policy_is_the_services_last_answer(world: World) -> None:
    for location in ("eu", "europe-west1", "europe-west4"):
        world.emulator.script(location, errors=[429], repeat=True)
    answer = session(world, Policy(residency="eu", attempts=3)).post(url(), json=QUESTION)
    assert answer.status_code == 429
    assert answer.headers["x-vertex-router"] == "eu=429, europe-west1=429, europe-west4=429"
    with pytest.raises(requests.HTTPError) as failure:
        answer.raise_for_status()
    assert trace_of(failure.value) is world.traces[-1]
    assert len(world.emulator.requests) == 3


def test_unreachable_locations_are_requests_own_error(world: World) -> None:
    for location in ("eu", "europe-west1", "europe-west4"):
        world.emulator.script(location, outage="refused")
    with pytest.raises(requests.ConnectionError) as failure:
        session(world, Policy(residency="eu", attempts=3)).post(url(), json=QUESTION)
    assert isinstance(failure.value, Exhausted)
    assert trace_of(failure.value) is world.traces[-1]


def test_a_silent_location_is_left_when_the_sessions_time_is_up(world: World) -> None:
    world.emulator.script("eu", outage="silent")
    answer = session(world).post(url(), json=QUESTION, timeout=(3, 0.3))
    assert answer.headers["x-vertex-router"] == "eu=timeout, europe-west1=200"


def test_a_stream_that_breaks_late_keeps_what_came(world: World) -> None:
    world.emulator.script("eu", stream=StreamFault(cut_after=2))
    answer = session(world).post(STREAM, json=QUESTION, stream=True)
    with answer, pytest.raises(requests.exceptions.ChunkedEncodingError) as broken:
        list(answer.iter_content(64))
    assert isinstance(broken.value, StreamBroken)
    assert broken.value.text.startswith("This is")
    assert len(world.emulator.requests) == 1


def test_a_stream_that_fails_inside_its_200_fails_over(world: World) -> None:
    world.emulator.script("eu", stream=StreamFault(error_after=0))
    with session(world).post(STREAM, json=QUESTION, stream=True) as answer:
        assert b"europe-west1" in answer.content
    world.check_hosts()


def test_a_body_that_can_be_read_once_is_sent_once(world: World) -> None:
    world.emulator.script("eu", errors=[429])
    policy = Policy(residency="eu", allow_features="unread-body")
    answer = session(world, policy).post(url(), data=iter([b'{"contents": [{"parts": ', b'[{"text": "x"}]}]}']))
    assert answer.headers["x-vertex-router"] == "eu=429"


def test_the_sessions_certificates_are_the_ones_that_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.delenv("CURL_CA_BUNDLE")
    policy = Policy(residency="eu", attempts=1)
    with pytest.raises(requests.ConnectionError):
        session(world, policy).post(url(), json=QUESTION)
    assert session(world, policy).post(url(), json=QUESTION, verify=str(world.emulator.place.authority)).ok


def test_the_sessions_proxy_is_the_one_that_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name)
    ours = session(world)
    ours.proxies = {"https": world.emulator.place.proxy_url}
    assert ours.post(url(), json=QUESTION).ok
    world.check_hosts()


def test_an_adapter_outlives_the_sessions_that_share_it(world: World) -> None:
    adapter = world.router().requests_adapter()
    for _ in range(2):
        with requests.Session() as ours:
            ours.mount("https://", adapter)
            assert ours.post(url(), json=QUESTION, headers={"authorization": "Bearer t"}).ok


def test_retries_of_its_own_are_not_taken(world: World) -> None:
    with pytest.raises(TypeError, match="repeat"):
        world.router().requests_adapter(max_retries=3)
