"""OpenAI and AsyncOpenAI on Vertex AI's OpenAI-compatible endpoint, whole and streamed."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from router import NoRoute, Policy, RequestNotUnderstood, StreamBroken, trace_of
from router.emulator import StreamFault
from tests.clients.conftest import PROJECT, WAY, World

MODEL = "google/gemini-3.8-flash"
QUESTION: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}]}
CHAT = {"model": MODEL, **QUESTION}


def options(location: str = "eu", version: str = "v1") -> dict[str, Any]:
    # The host is the wrong one that clients are known to build; the router sets it right.
    host = f"{location}-aiplatform.googleapis.com"
    base = f"https://{host}/{version}/projects/{PROJECT}/locations/{location}/endpoints/openapi"
    return {"base_url": base, "api_key": "an-access-token"}


def client(world: World, policy: Policy | None = None, **more: Any) -> OpenAI:
    return world.keep(world.router(policy).wrap(world.keep(OpenAI(**options(**more)))))


def aclient(world: World) -> AsyncOpenAI:
    return world.router().wrap(AsyncOpenAI(**options()))


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_sync(bad_day: World, version: str) -> None:
    answer = client(bad_day, version=version).chat.completions.with_raw_response.create(**CHAT)
    assert "europe-west4" in answer.parse().choices[0].message.content
    assert answer.headers["x-vertex-router"] == WAY == bad_day.way
    bad_day.check_hosts()


def test_sync_stream(bad_day: World) -> None:
    chunks = list(client(bad_day).chat.completions.create(stream=True, **CHAT))
    assert "europe-west4" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert bad_day.way == WAY
    bad_day.check_hosts()


def test_async(bad_day: World) -> None:
    async def call() -> str:
        async with aclient(bad_day) as ours:
            return str((await ours.chat.completions.create(**CHAT)).choices[0].message.content)

    assert "europe-west4" in asyncio.run(call())
    assert bad_day.way == WAY
    bad_day.check_hosts()


def test_async_stream(bad_day: World) -> None:
    async def call() -> str:
        async with aclient(bad_day) as ours:
            stream = await ours.chat.completions.create(stream=True, **CHAT)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

    assert "europe-west4" in asyncio.run(call())
    assert bad_day.way == WAY
    bad_day.check_hosts()


def test_a_refusal_reaches_the_caller_as_it_is_and_nothing_was_sent(world: World) -> None:
    with pytest.raises(NoRoute, match="not within jp"):
        client(world, Policy(residency="jp")).chat.completions.create(**CHAT)
    with pytest.raises(RequestNotUnderstood, match="publisher/model"):
        client(world).chat.completions.create(model="gpt-9", **QUESTION)
    assert world.emulator.witness.hosts == ()


def test_an_exhausted_policy_is_the_sdks_own_error_and_is_not_tried_again(world: World) -> None:
    for location in ("eu", "europe-west1", "europe-west4"):
        world.emulator.script(location, errors=[429], repeat=True)
    with pytest.raises(openai.RateLimitError) as failure:
        client(world, Policy(residency="eu", attempts=3)).chat.completions.create(**CHAT)
    trace = trace_of(failure.value)
    assert trace is not None
    assert trace.header() == "eu=429, europe-west1=429, europe-west4=429"
    assert len(world.emulator.requests) == 3


def test_a_stream_that_breaks_late_keeps_what_came(world: World) -> None:
    world.emulator.script("eu", stream=StreamFault(cut_after=3))
    with pytest.raises((StreamBroken, openai.APIConnectionError)) as failure:
        list(client(world).chat.completions.create(stream=True, **CHAT))
    broken = failure.value if isinstance(failure.value, StreamBroken) else failure.value.__cause__
    assert isinstance(broken, StreamBroken)
    assert broken.text.startswith("This is")
    assert len(world.emulator.requests) == 1


def test_clients_of_other_services_are_not_wrapped(world: World) -> None:
    with pytest.raises(TypeError, match="base_url must be"):
        world.router().wrap(world.keep(OpenAI(api_key="a-key")))
