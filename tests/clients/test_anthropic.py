"""AnthropicVertex and AsyncAnthropicVertex, whole and streamed."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import pytest
from anthropic import AnthropicVertex, AsyncAnthropicVertex

from router import NoRoute, Policy, RequestNotUnderstood, StreamBroken, trace_of
from router.emulator import StreamFault
from tests.clients.conftest import PROJECT, WAY, World

MODEL = "claude-opus-4-7"
QUESTION: dict[str, Any] = {"max_tokens": 64, "messages": [{"role": "user", "content": "hello"}]}
MESSAGE = {"model": MODEL, **QUESTION}


def client(world: World, policy: Policy | None = None, **options: Any) -> AnthropicVertex:
    settings = {"project_id": PROJECT, "region": "eu", **options}
    return world.keep(world.router(policy).wrap(world.keep(AnthropicVertex(**settings))))


def aclient(world: World) -> AsyncAnthropicVertex:
    return world.router().wrap(AsyncAnthropicVertex(project_id=PROJECT, region="eu"))


def test_sync(bad_day: World) -> None:
    answer = client(bad_day).messages.with_raw_response.create(**MESSAGE)
    assert "europe-west4" in answer.parse().content[0].text
    assert answer.headers["x-vertex-router"] == WAY == bad_day.way
    bad_day.check_hosts()


def test_sync_stream(bad_day: World) -> None:
    with client(bad_day).messages.stream(**MESSAGE) as stream:
        assert "europe-west4" in "".join(stream.text_stream)
    assert bad_day.way == WAY
    bad_day.check_hosts()


def test_async(bad_day: World) -> None:
    async def call() -> str:
        async with aclient(bad_day) as ours:
            return str((await ours.messages.create(**MESSAGE)).content[0].text)

    assert "europe-west4" in asyncio.run(call())
    assert bad_day.way == WAY
    bad_day.check_hosts()


def test_async_stream(bad_day: World) -> None:
    async def call() -> str:
        async with aclient(bad_day) as ours, ours.messages.stream(**MESSAGE) as stream:
            return "".join([text async for text in stream.text_stream])

    assert "europe-west4" in asyncio.run(call())
    assert bad_day.way == WAY
    bad_day.check_hosts()


def test_tokens_are_counted_inside_the_policy(bad_day: World) -> None:
    count = client(bad_day).messages.count_tokens(model=MODEL, messages=MESSAGE["messages"])
    assert count.input_tokens
    assert bad_day.way == WAY
    bad_day.check_hosts()


def test_the_twin_is_of_the_same_type_and_the_given_one_is_as_before(world: World) -> None:
    given = world.keep(AnthropicVertex(project_id=PROJECT, region="us", max_retries=5, timeout=30.0))
    twin = world.keep(world.router().wrap(given))
    assert type(twin) is type(given)
    assert twin is not given
    assert (given.max_retries, twin.max_retries) == (5, 0)
    assert twin.timeout == given.timeout
    assert given.messages.create(**MESSAGE).content
    assert world.emulator.witness.hosts == ("aiplatform.us.rep.googleapis.com",)


def test_a_refusal_reaches_the_caller_as_it_is_and_nothing_was_sent(world: World) -> None:
    with pytest.raises(NoRoute, match="not within jp"):
        client(world, Policy(residency="jp")).messages.create(**MESSAGE)
    with pytest.raises(RequestNotUnderstood, match="unknown model"):
        client(world).messages.create(model="claude-9", **QUESTION)
    assert world.emulator.witness.hosts == ()


def test_an_async_refusal_reaches_the_caller_as_it_is(world: World) -> None:
    async def call() -> None:
        await aclient(world).messages.create(model="claude-9", **QUESTION)

    with pytest.raises(RequestNotUnderstood, match="unknown model"):
        asyncio.run(call())
    assert world.emulator.witness.hosts == ()


def test_an_exhausted_policy_is_the_sdks_own_error_and_is_not_tried_again(world: World) -> None:
    """caura#859: an SDK's retries multiplied the router's."""
    for location in ("eu", "europe-west1", "europe-west4"):
        world.emulator.script(location, errors=[429], repeat=True)
    with pytest.raises(anthropic.RateLimitError) as failure:
        client(world, Policy(residency="eu", attempts=3)).messages.create(**MESSAGE)
    trace = trace_of(failure.value)
    assert trace is not None
    assert trace.header() == "eu=429, europe-west1=429, europe-west4=429"
    assert len(world.emulator.requests) == 3


def test_a_plain_transport_stops_the_sdks_retries_too(world: World) -> None:
    for location in ("eu", "europe-west1", "europe-west4"):
        world.emulator.script(location, errors=[503], repeat=True)
    transport = world.router(Policy(residency="eu", attempts=3)).transport()
    http_client = anthropic.DefaultHttpxClient(transport=transport)
    settings: dict[str, Any] = {"project_id": PROJECT, "region": "eu", "max_retries": 2}
    ours = world.keep(AnthropicVertex(**settings, http_client=http_client))
    with pytest.raises(anthropic.APIStatusError) as failure:
        ours.messages.create(**MESSAGE)
    assert failure.value.status_code == 503
    assert len(world.emulator.requests) == 3


@pytest.mark.parametrize("fault", [StreamFault(cut_after=5), StreamFault(error_after=5, error="overloaded")])
def test_a_stream_that_breaks_late_keeps_what_came(world: World, fault: StreamFault) -> None:
    world.emulator.script("eu", stream=fault)
    with pytest.raises(StreamBroken) as broken, client(world).messages.stream(**MESSAGE) as stream:
        list(stream.text_stream)
    assert broken.value.text.startswith("This is")
    assert len(world.emulator.requests) == 1


@pytest.mark.parametrize("fault", [StreamFault(cut_after=2), StreamFault(error_after=2, error="overloaded")])
def test_a_stream_that_breaks_before_its_first_word_fails_over(world: World, fault: StreamFault) -> None:
    """Claude opens every stream with `message_start`; that is not content yet."""
    world.emulator.script("eu", stream=fault)
    with client(world).messages.stream(**MESSAGE) as stream:
        assert "europe-west1" in "".join(stream.text_stream)
    world.check_hosts()


def test_clients_of_other_services_are_not_wrapped(world: World) -> None:
    with pytest.raises(TypeError, match="only AnthropicVertex"):
        world.router().wrap(world.keep(anthropic.Anthropic(api_key="a-key")))
