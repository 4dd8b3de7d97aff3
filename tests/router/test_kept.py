from __future__ import annotations

from types import ModuleType
from typing import Any

import anyio
import pytest

from router import Policy, Router, Trace, trace_of
from router.kept import Kept
from tests.router.network import AsyncNetwork, Network, Pieces, transport_over
from tests.router.support import each_stack
from tests.world import Clock, gemini_url, make_router

WELL = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
KEPT: Pieces = [(WELL, 0.1)]
"""Answers once, and is gone when it is asked again."""

each_colour = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


def ways(router: Router, network: Network, module: ModuleType, calls: int, *, method: str, **options: Any) -> list[str]:
    """How so many calls went, one after another through one client."""
    transport = router.transport(transport=transport_over(network, module))
    url = gemini_url(method=method)

    async def main() -> list[Any]:
        async with module.AsyncClient(transport=transport) as client:
            return [await client.post(url, json={}, **options) for _ in range(calls)]

    if isinstance(network, AsyncNetwork):
        answers = anyio.run(main)
    else:
        with module.Client(transport=transport) as client:
            answers = [client.post(url, json={}, **options) for _ in range(calls)]
    traces = [trace_of(answer) for answer in answers]
    return [trace.header() for trace in traces if isinstance(trace, Trace)]


def world(is_async: bool, *connections: Pieces) -> tuple[Router, Network]:
    clock = Clock()
    network = (AsyncNetwork if is_async else Network)(clock, *connections)
    return make_router(Policy(residency="eu"), clock=clock), network


@each_stack
@each_colour
def test_a_kept_connection_that_is_gone_is_not_held_against_the_location(module: ModuleType, is_async: bool) -> None:
    router, network = world(is_async, KEPT, KEPT)
    found = ways(router, network, module, 2, method="generateContent")
    assert found == ["europe-west1=200", "europe-west1=stale, europe-west1=200"]
    assert [pool.closed_s for pool in router.status().pools] == [0.0]
    assert router.status().pools[0].why == ""


@each_stack
@each_colour
def test_a_fresh_connection_that_ends_is(module: ModuleType, is_async: bool) -> None:
    router, network = world(is_async, [], KEPT)
    assert ways(router, network, module, 1, method="generateContent") == ["europe-west1=reset, europe-west4=200"]


@each_stack
@each_colour
def test_so_is_one_that_ends_in_the_fresh_try(module: ModuleType, is_async: bool) -> None:
    router, network = world(is_async, KEPT, [], KEPT)
    found = ways(router, network, module, 2, method="generateContent")
    assert found[1] == "europe-west1=stale, europe-west1=reset, europe-west4=200"


@each_stack
@each_colour
def test_the_callers_own_listener_is_told_as_before(module: ModuleType, is_async: bool) -> None:
    heard: list[str] = []

    def told(event: str, _: Any) -> None:
        heard.append(event)

    async def atold(event: str, _: Any) -> None:
        heard.append(event)

    router, network = world(is_async, KEPT)
    extensions = {"trace": atold if is_async else told}
    ways(router, network, module, 1, method="generateContent", extensions=extensions)
    assert "connection.connect_tcp.started" in heard
    assert heard.index("http11.send_request_headers.started") > 0


def test_what_tells_nothing_of_its_connections_was_not_kept() -> None:
    assert not Kept()
