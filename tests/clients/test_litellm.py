"""litellm: what goes past the router, and that `verify` says so."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from router import UnroutedClient
from tests.clients.conftest import World
from tests.clients.matrix.frameworks import LiteLLM

pytest.importorskip("litellm")
pytestmark = pytest.mark.filterwarnings("ignore")  # litellm warns of itself


def test_its_global_client_session_is_not_heeded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    router = world.router()
    ours = LiteLLM(router)
    monkeypatch.setattr(ours.litellm, "client_session", httpx.Client(transport=router.transport()))
    with pytest.raises(UnroutedClient, match="does not heed"):
        router.verify(ours.litellm)
    assert ours.litellm.completion(**ours.question).choices[0].message.content
    assert world.traces == [], "that is the by-pass"


def test_a_handler_that_makes_its_own_client_is_unrouted(world: World) -> None:
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler, HTTPHandler  # noqa: PLC0415 - needs its driver

    router = world.router()
    handlers: list[Any] = [HTTPHandler(), AsyncHTTPHandler()]
    for handler in handlers:
        with pytest.raises(UnroutedClient, match=r"it makes its own HTTP client"):
            router.verify(handler)
    handlers[0].client._transport = router.transport()
    with pytest.raises(UnroutedClient, match="it makes its own HTTP client"):
        router.verify(handlers[0])
    given = HTTPHandler(client=httpx.Client(transport=router.transport(), mounts={"https://": httpx.HTTPTransport()}))
    with pytest.raises(UnroutedClient, match="for https://"):
        router.verify(given)


def test_its_router_makes_clients_of_its_own(world: World) -> None:
    balancer = LiteLLM(world.router()).litellm.Router(model_list=[])
    with pytest.raises(UnroutedClient, match="makes a client for each call"):
        world.router().verify(balancer)
