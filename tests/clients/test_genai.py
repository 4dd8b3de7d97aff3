"""google-genai, sync and async, whole and streamed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from router import NoRoute, Policy, RequestNotUnderstood, StreamBroken, trace_of
from router.emulator import StreamFault
from tests.clients.conftest import PROJECT, WAY, World

MODEL = "gemini-3.8-flash"


def client(world: World, location: str = "eu", policy: Policy | None = None, **options: Any) -> genai.Client:
    http_options = world.router(policy).genai_http_options(**options)
    return world.keep(genai.Client(vertexai=True, project=PROJECT, location=location, http_options=http_options))


def wrapped(world: World, **options: Any) -> genai.Client:
    given = world.keep(genai.Client(vertexai=True, project=PROJECT, location="eu", **options))
    return world.keep(world.router().wrap(given))


@pytest.mark.parametrize("make", [client, wrapped])
def test_sync(bad_day: World, make: Any) -> None:
    ours = make(bad_day)
    answer = ours.models.generate_content(model=MODEL, contents="hello")
    assert "europe-west4" in answer.text
    assert answer.sdk_http_response.headers["x-vertex-router"] == WAY == bad_day.way
    bad_day.check_hosts()


@pytest.mark.parametrize("make", [client, wrapped])
def test_sync_stream(bad_day: World, make: Any) -> None:
    ours = make(bad_day)
    chunks = list(ours.models.generate_content_stream(model=MODEL, contents="hello"))
    assert "europe-west4" in "".join(chunk.text or "" for chunk in chunks)
    assert bad_day.way == WAY
    bad_day.check_hosts()


@pytest.mark.parametrize("make", [client, wrapped])
def test_async(bad_day: World, make: Any) -> None:
    async def call() -> str:
        async with make(bad_day).aio as ours:
            return str((await ours.models.generate_content(model=MODEL, contents="hello")).text)

    assert "europe-west4" in asyncio.run(call())
    assert bad_day.way == WAY
    bad_day.check_hosts()


@pytest.mark.parametrize("make", [client, wrapped])
def test_async_stream(bad_day: World, make: Any) -> None:
    async def call() -> str:
        async with make(bad_day).aio as ours:
            stream = await ours.models.generate_content_stream(model=MODEL, contents="hello")
            return "".join([chunk.text or "" async for chunk in stream])

    assert "europe-west4" in asyncio.run(call())
    assert bad_day.way == WAY
    bad_day.check_hosts()


def test_one_async_client_lives_through_several_event_loops(world: World) -> None:
    ours = client(world)

    async def call() -> str:
        return str((await ours.aio.models.generate_content(model=MODEL, contents="hello")).text)

    assert all("eu" in asyncio.run(call()) for _ in range(3))


def test_counting_and_embedding_take_the_same_way(bad_day: World) -> None:
    ours = client(bad_day)
    assert ours.models.count_tokens(model=MODEL, contents="hello").total_tokens
    assert bad_day.way == WAY
    for model in ("text-embedding-005", "gemini-embedding-2"):
        assert ours.models.embed_content(model=model, contents="hello").embeddings
    bad_day.check_hosts()


def test_a_client_set_to_global_is_moved_inside_the_policy(world: World) -> None:
    ours = client(world, "global")
    assert "eu" in ours.models.generate_content(model=MODEL, contents="hello").text
    world.check_hosts()


def test_a_refusal_reaches_the_caller_as_it_is_and_nothing_was_sent(world: World) -> None:
    ours = client(world)
    with pytest.raises(RequestNotUnderstood, match="unknown model"):
        ours.models.generate_content(model="gemini-9", contents="hello")
    assert world.emulator.witness.hosts == ()


def test_no_route_is_no_route(world: World) -> None:
    ours = client(world, policy=Policy(residency="jp"))
    with pytest.raises(NoRoute, match="processing stays in eu, not within jp"):
        ours.models.generate_content(model=MODEL, contents="hello")
    assert world.emulator.witness.hosts == ()


def test_express_mode_is_refused_before_a_byte_leaves(world: World) -> None:
    """google-gemini/gemini-cli#27984: an API key makes the SDK leave the location out."""
    http_options = world.router().genai_http_options()
    ours = world.keep(genai.Client(vertexai=True, api_key="a-key", http_options=http_options))
    with pytest.raises(RequestNotUnderstood, match="express mode"):
        ours.models.generate_content(model=MODEL, contents="hello")
    assert world.emulator.witness.hosts == ()


def test_an_exhausted_policy_is_the_sdks_own_error_with_the_trace(world: World) -> None:
    for location in ("eu", "europe-west1", "europe-west4"):
        world.emulator.script(location, errors=[429], repeat=True)
    ours = client(world, policy=Policy(residency="eu", attempts=3))
    with pytest.raises(errors.ClientError) as failure:
        ours.models.generate_content(model=MODEL, contents="hello")
    trace = trace_of(failure.value)
    assert failure.value.code == 429
    assert trace is not None
    assert trace.header() == "eu=429, europe-west1=429, europe-west4=429"
    assert len(world.emulator.requests) == 3


def test_a_stream_that_breaks_late_keeps_what_came(world: World) -> None:
    world.emulator.script("eu", stream=StreamFault(cut_after=2))
    ours = client(world)
    with pytest.raises(StreamBroken) as broken:
        list(ours.models.generate_content_stream(model=MODEL, contents="hello"))
    assert broken.value.text.startswith("This is")
    assert len(world.emulator.requests) == 1


def test_the_clients_options_stay(world: World) -> None:
    options = types.HttpOptions(api_version="v1", headers={"x-mine": "1"}, timeout=20_000)
    ours = wrapped(world, http_options=options)
    ours.models.generate_content(model=MODEL, contents="hello")
    (received,) = world.emulator.requests
    assert received.path.startswith("/v1/")
    assert received.headers["x-mine"] == "1"


def test_the_clients_own_retries_are_switched_off(world: World) -> None:
    world.emulator.script("eu", errors=[400])
    retrying = types.HttpOptions(retry_options=types.HttpRetryOptions(attempts=5, http_status_codes=[400]))
    ours = wrapped(world, http_options=retrying)
    with pytest.raises(errors.ClientError):
        ours.models.generate_content(model=MODEL, contents="hello")
    assert len(world.emulator.requests) == 1


def test_what_would_bypass_the_router_is_refused(world: World) -> None:
    with pytest.raises(TypeError, match="bypass"):
        world.router().genai_http_options(httpx_client=object())
    with pytest.raises(TypeError, match="vertexai=True"):
        world.router().wrap(world.keep(genai.Client(api_key="a-key")))


def test_a_live_session_of_a_client_set_to_the_routers_place_names_it_in_host_and_model(
    bad_day: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `Router.live` rests on: the client makes both of its own location."""
    opened: list[str] = []

    class Opened(Exception):
        """Far enough: the address and the first message are made."""

    class Connection:
        async def __aenter__(self) -> Connection:
            return self

        async def __aexit__(self, *_: object) -> None:
            pass

        async def send(self, message: str) -> None:
            opened.append(json.loads(message)["setup"]["model"])
            raise Opened

    def connect(uri: str, **_: Any) -> Connection:
        opened.append(uri)
        return Connection()

    monkeypatch.setattr("google.genai.live.ws_connect", connect)
    to = bad_day.router(Policy(residency="eu", allow_features="live")).live(MODEL, project=PROJECT)
    ours = client(bad_day, to.location)

    async def talk() -> None:
        async with ours.aio.live.connect(model=MODEL):
            pass

    with pytest.raises(Opened):
        asyncio.run(talk())
    uri, model = opened
    assert uri.startswith(f"wss://{to.host}/")
    assert model == to.model_name
