"""The scenes of the demo: a policy, a bad day, and ordinary calls of real SDK clients in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from router.emulator import Failure, Latency, StreamFault
from router.errors import NoRoute, StreamBroken
from router.policy import Policy
from router.router import Router

PROJECT = "emulated-project"
PROMPT = "Say hello."
SLOW_S = 30.0


class BadDay(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong at one location: arguments of `Emulator.script`."""

    location: str
    errors: Sequence[int | str | Failure] = ()
    latency: Latency | None = None
    stream: StreamFault | None = None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call: how it is written, the day on which it is made, and the way that it must take."""

    how: str
    run: Callable[[Router], str]
    day: tuple[BadDay, ...]
    way: str


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """A policy and a model, and calls under it. A scene without calls' ways must be refused."""

    title: str
    model: str
    policy: Policy
    calls: tuple[Call, ...]


def busy(location: str, *errors: int | str | Failure) -> BadDay:
    """A location that answers with these errors first."""
    return BadDay(location=location, errors=errors)


# google-genai


def _genai(router: Router, location: str) -> Any:
    from google import genai  # noqa: PLC0415 - the demo's own extra

    options = router.genai_http_options()
    return genai.Client(vertexai=True, project=PROJECT, location=location, http_options=options)


def _text(answer: Any) -> str:
    parts = [part for each in answer.candidates or () for part in each.content.parts or ()]
    return "".join(part.text or "" for part in parts)


def genai_sync(router: Router, model: str, location: str) -> str:
    with _genai(router, location) as client:
        return _text(client.models.generate_content(model=model, contents=PROMPT))


def genai_async(router: Router, model: str, location: str) -> str:
    async def call() -> str:
        async with _genai(router, location).aio as client:
            return _text(await client.models.generate_content(model=model, contents=PROMPT))

    return asyncio.run(call())


def genai_stream(router: Router, model: str, location: str) -> str:
    with _genai(router, location) as client:
        return "".join(_text(chunk) for chunk in client.models.generate_content_stream(model=model, contents=PROMPT))


def genai_broken_stream(router: Router, model: str, location: str) -> str:
    """Reads a stream that breaks; gives what was received of it."""
    try:
        return genai_stream(router, model, location)
    except StreamBroken as broken:
        return f"{broken.text!r} received, then {type(broken).__name__}"


# anthropic


def _message(model: str) -> dict[str, Any]:
    return {"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": PROMPT}]}


def anthropic_sync(router: Router, model: str, location: str) -> str:
    from anthropic import AnthropicVertex  # noqa: PLC0415 - the demo's own extra

    with router.wrap(AnthropicVertex(project_id=PROJECT, region=location)) as client:
        return str(client.messages.create(**_message(model)).content[0].text)


def anthropic_stream(router: Router, model: str, location: str) -> str:
    from anthropic import AnthropicVertex  # noqa: PLC0415 - the demo's own extra

    client = router.wrap(AnthropicVertex(project_id=PROJECT, region=location))
    with client, client.messages.stream(**_message(model)) as stream:
        return "".join(stream.text_stream)


def anthropic_async(router: Router, model: str, location: str) -> str:
    from anthropic import AsyncAnthropicVertex  # noqa: PLC0415 - the demo's own extra

    async def call() -> str:
        async with router.wrap(AsyncAnthropicVertex(project_id=PROJECT, region=location)) as client:
            return str((await client.messages.create(**_message(model))).content[0].text)

    return asyncio.run(call())


# openai, on Vertex AI's OpenAI-compatible endpoint


def _openai_options(location: str) -> dict[str, Any]:
    base = f"https://aiplatform.googleapis.com/v1/projects/{PROJECT}/locations/{location}/endpoints/openapi"
    return {"base_url": base, "api_key": "an-access-token"}


def _chat(model: str) -> dict[str, Any]:
    return {"model": f"google/{model}", "messages": [{"role": "user", "content": PROMPT}]}


def openai_sync(router: Router, model: str, location: str) -> str:
    from openai import OpenAI  # noqa: PLC0415 - the demo's own extra

    with router.wrap(OpenAI(**_openai_options(location))) as client:
        return str(client.chat.completions.create(**_chat(model)).choices[0].message.content)


def openai_stream(router: Router, model: str, location: str) -> str:
    from openai import OpenAI  # noqa: PLC0415 - the demo's own extra

    with router.wrap(OpenAI(**_openai_options(location))) as client:
        chunks = client.chat.completions.create(stream=True, **_chat(model))
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def openai_async(router: Router, model: str, location: str) -> str:
    from openai import AsyncOpenAI  # noqa: PLC0415 - the demo's own extra

    async def call() -> str:
        async with router.wrap(AsyncOpenAI(**_openai_options(location))) as client:
            return str((await client.chat.completions.create(**_chat(model))).choices[0].message.content)

    return asyncio.run(call())


def refused(router: Router, model: str, location: str) -> str:
    """Makes a call that the policy refuses; gives the refusal."""
    try:
        return genai_sync(router, model, location)
    except NoRoute as refusal:
        return f"{type(refusal).__name__}: {str(refusal).splitlines()[0]}"


def _with(call: Callable[[Router, str, str], str], model: str, location: str) -> Callable[[Router], str]:
    return lambda router: call(router, model, location)


IMAGE, FLASH, OPUS, GLOBAL_ONLY = (
    "gemini-2.5-flash-image",
    "gemini-3.8-flash",
    "claude-opus-4-7",
    "gemini-3.1-pro-preview",
)

SCENES = (
    Scene(
        title="EU only, a model of several EU regions",
        model=IMAGE,
        policy=Policy(residency="eu", attempt_timeout_s=1.0),
        calls=(
            Call(
                how="google-genai, sync: one region is busy, the next is down",
                run=_with(genai_sync, IMAGE, "europe-west1"),
                day=(busy("europe-west1", 429), busy("europe-west4", 503)),
                way="europe-west1=429, europe-west4=503, europe-west8=200",
            ),
            Call(
                how="google-genai, async: the first region is silent",
                run=_with(genai_async, IMAGE, "europe-west1"),
                day=(BadDay(location="europe-west1", latency=Latency(first_byte_s=SLOW_S)),),
                way="europe-west1=timeout, europe-west4=200",
            ),
            Call(
                how="google-genai, stream: cut before its first word",
                run=_with(genai_stream, IMAGE, "europe-west1"),
                day=(BadDay(location="europe-west1", stream=StreamFault(cut_after=0)),),
                way="europe-west1=reset, europe-west4=200",
            ),
            Call(
                how="google-genai, stream: cut in the middle, so nothing is repeated behind your back",
                run=_with(genai_broken_stream, IMAGE, "europe-west1"),
                day=(BadDay(location="europe-west1", stream=StreamFault(cut_after=2)),),
                way="europe-west1=reset",
            ),
        ),
    ),
    Scene(
        title="EU only, a model of one EU location: it waits and never leaves",
        model=OPUS,
        policy=Policy(residency="eu"),
        calls=(
            Call(
                how="anthropic, sync",
                run=_with(anthropic_sync, OPUS, "eu"),
                day=(busy("eu", 429),),
                way="eu=429, eu=200",
            ),
            Call(
                how="anthropic, stream",
                run=_with(anthropic_stream, OPUS, "eu"),
                day=(busy("eu", "overloaded"),),
                way="eu=529, eu=200",
            ),
        ),
    ),
    Scene(
        title="EU or US",
        model=OPUS,
        policy=Policy(residency=["eu", "us"]),
        calls=(
            Call(
                how="anthropic, async",
                run=_with(anthropic_async, OPUS, "eu"),
                day=(busy("eu", 429),),
                way="eu=429, us=200",
            ),
        ),
    ),
    Scene(
        title="No residency: global first, then us",
        model=FLASH,
        policy=Policy(),
        calls=(
            Call(
                how="openai, sync",
                run=_with(openai_sync, FLASH, "global"),
                day=(busy("global", 429),),
                way="global=429, us=200",
            ),
            Call(
                how="openai, async",
                run=_with(openai_async, FLASH, "global"),
                day=(busy("global", 503),),
                way="global=503, us=200",
            ),
            Call(
                how="openai, stream: a 429 inside a stream that began with 200",
                run=_with(openai_stream, FLASH, "global"),
                day=(BadDay(location="global", stream=StreamFault(error_after=0)),),
                way="global=429-in-stream, us=200",
            ),
        ),
    ),
    Scene(
        title="EU only, a model that lives on global alone: refused, nothing is sent",
        model=GLOBAL_ONLY,
        policy=Policy(residency="eu"),
        calls=(Call(how="google-genai, sync", run=_with(refused, GLOBAL_ONLY, "global"), day=(), way=""),),
    ),
)
