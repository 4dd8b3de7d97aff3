from __future__ import annotations

from types import ModuleType
from typing import Any

import anyio
import pytest

from router import Exhausted, Policy, Router, Trace, trace_of
from router.deadline import Deadline
from tests.router.network import AsyncNetwork, Network, Pieces, transport_over
from tests.router.support import each_stack
from tests.world import Clock, gemini_url, make_router, piece, sse

BUSY = b"HTTP/1.1 503 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
BEGIN, END = sse(piece("a")), sse(piece("b", last=True))
URL = gemini_url(method="streamGenerateContent") + "?alt=sse"
POLICY = Policy(residency="eu", deadline_s=60, attempt_timeout_s=59)


def answered(network: Network, router: Router, module: ModuleType) -> bytes:
    transport = router.transport(transport=transport_over(network, module))
    with module.Client(transport=transport, timeout=None) as client:
        body: bytes = client.post(URL, json={}).content
    return body


def test_it_is_told_what_is_left_and_when_nothing_is() -> None:
    clock = Clock()
    deadline = Deadline(clock, 2.0)
    clock.now += 1.5
    assert deadline.left_s() == 0.5
    clock.now += 0.5
    with pytest.raises(TimeoutError, match="longer than the request's deadline"):
        deadline.left_s()


@each_stack
def test_a_head_that_drips_does_not_outlast_the_deadline_of_a_thread(module: ModuleType) -> None:
    clock = Clock()
    drip = [(HEAD[at : at + 1], 5.0) for at in range(len(HEAD))]
    network = Network(clock, drip, drip)
    with pytest.raises(Exhausted) as caught:
        answered(network, make_router(POLICY, clock=clock), module)
    assert caught.value.trace.tried[0].signal.kind == "timeout"
    assert clock.now - 1000.0 <= 60.0


@each_stack
def test_silence_before_the_first_content_does_not_either(module: ModuleType) -> None:
    clock = Clock()
    network = Network(clock, [(BUSY, 58.0)], [(HEAD, 1.0), (BEGIN + END, 20.0)])
    with pytest.raises(Exhausted) as caught:
        answered(network, make_router(POLICY, clock=clock), module)
    assert [each.signal.kind for each in caught.value.trace.tried] == ["unavailable", "timeout"]
    assert clock.now - 1000.0 <= 60.0


@each_stack
def test_a_stream_begun_late_may_be_as_silent_as_any_once_it_is_handed_over(module: ModuleType) -> None:
    clock = Clock()
    network = Network(clock, [(BUSY, 58.0)], [(HEAD + BEGIN, 1.0), (END, 20.0)])
    assert answered(network, make_router(POLICY, clock=clock), module) == BEGIN + END
    assert network.waits[1] == [2.0, 59.0, 59.0]


@each_stack
def test_an_async_one_as_well(module: ModuleType) -> None:
    clock = Clock()
    network = AsyncNetwork(clock, [(BUSY, 58.0)], [(HEAD + BEGIN, 1.0), (END, 20.0)])
    transport = make_router(POLICY, clock=clock).transport(transport=transport_over(network, module))

    async def main() -> bytes:
        async with module.AsyncClient(transport=transport, timeout=None) as client:
            body: bytes = (await client.post(URL, json={})).content
        return body

    assert anyio.run(main) == BEGIN + END


@each_stack
def test_the_callers_own_limit_of_silence_stays(module: ModuleType) -> None:
    clock = Clock()
    network = Network(clock, [(HEAD + BEGIN, 1.0), (END, 2.0)])
    transport = make_router(POLICY, clock=clock).transport(transport=transport_over(network, module))
    with module.Client(transport=transport, timeout=7.0) as client:
        assert client.post(URL, json={}).content == BEGIN + END
    assert network.waits == [[7.0, 7.0, 7.0]]


@each_stack
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_an_answer_that_comes_as_a_whole_comes_too_late_all_the_same(module: ModuleType, is_async: bool) -> None:
    """As the transport of a test gives it: there is nothing left to read of it."""
    clock = Clock()

    def late(_: Any) -> Any:
        clock.now += 61.0
        return module.Response(200, json={})

    transport = make_router(POLICY, clock=clock).transport(transport=module.MockTransport(late))

    def call() -> None:
        with module.Client(transport=transport) as client:
            client.post(gemini_url(), json={})

    async def acall() -> None:
        async with module.AsyncClient(transport=transport) as client:
            await client.post(gemini_url(), json={})

    with pytest.raises(Exhausted) as caught:
        anyio.run(acall) if is_async else call()
    assert [each.signal.kind for each in caught.value.trace.tried] == ["timeout"]


# Kept connections

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
    assert not Deadline(Clock(), 1.0).on_kept_connection
