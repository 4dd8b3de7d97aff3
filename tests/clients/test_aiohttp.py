"""Where aiohttp is installed: what sends through it without being asked to."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google import genai

from router import UnroutedClient
from tests.clients.conftest import PROJECT, World

aiohttp = pytest.importorskip("aiohttp")


def test_a_session_of_aiohttp_is_never_routed(world: World) -> None:
    async def look() -> None:
        async with aiohttp.ClientSession() as session:
            world.router().verify(session)

    with pytest.raises(UnroutedClient, match=r"async: aiohttp\.client\.ClientSession .*\n.*router\.transport\(\)"):
        asyncio.run(look())


@pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")  # aiohttp, of google-genai
def test_google_genai_half_wrapped_sends_its_async_side_past_the_router(world: World) -> None:
    """googleapis/python-genai#1565, #2090: and `verify` says so before it has happened."""
    router = world.router()
    half: Any = {"client_args": {"transport": router.transport()}}
    client = world.keep(genai.Client(vertexai=True, project=PROJECT, location="us", http_options=half))
    with pytest.raises(UnroutedClient, match="async: it sends through aiohttp, since that is installed"):
        router.verify(client, unused=["live"])

    async def call() -> str:
        async with client.aio as ours:
            return str((await ours.models.generate_content(model="gemini-3.8-flash", contents="hello")).text)

    assert "us" in asyncio.run(call())
    assert world.emulator.witness.hosts == ("aiplatform.us.rep.googleapis.com",), "that is the by-pass"
    assert world.traces == []


def test_google_genai_with_the_options_of_a_router_does_not(world: World) -> None:
    router = world.router()
    options = router.genai_http_options()
    client = world.keep(genai.Client(vertexai=True, project=PROJECT, location="us", http_options=options))
    assert router.verify(client) == ("sync", "async", "live")
