"""The inner clients' lifetime: one for a stack (and an event loop), closed when no one uses it any more."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import anyio
import pytest

from router import Policy
from router.clients import Clients
from router.stack import Stack
from tests.router.support import STACKS, each_loop, each_stack
from tests.world import Backend, gemini_url, location_in, make_router

URL = "https://aiplatform.googleapis.com/"


def clients_of(module: ModuleType) -> tuple[Clients, Stack]:
    """Clients that answer every request themselves."""
    transport = module.MockTransport(lambda request: module.Response(200, text="hello"))
    return Clients({"transport": transport, "trust_env": False}), Stack(module)


# Sync


@each_stack
def test_all_requests_share_one_client(module: ModuleType) -> None:
    clients, stack = clients_of(module)
    one, other = clients.take(stack), clients.take(stack)
    assert one.client is other.client
    assert isinstance(one.client, module.Client)
    clients.done(one)
    assert clients.take(stack).client is other.client


def test_each_stack_has_a_client_of_its_own() -> None:
    clients = Clients({"trust_env": False})
    for module in STACKS:
        lease = clients.take(Stack(module))
        assert isinstance(lease.client, module.Client)
        clients.done(lease)
    clients.close()


@each_stack
def test_options_are_those_of_every_inner_client(module: ModuleType) -> None:
    clients = Clients({"headers": {"x-one": "1"}, "trust_env": False})
    lease = clients.take(Stack(module))
    assert lease.client.headers["x-one"] == "1"
    clients.done(lease)
    clients.close()
    assert lease.client.is_closed


@each_stack
def test_closing_waits_for_every_use(module: ModuleType) -> None:
    clients, stack = clients_of(module)
    one, other = clients.take(stack), clients.take(stack)
    clients.close()
    assert one.client.get(URL).text == "hello"
    clients.done(one)
    assert other.client.get(URL).text == "hello"
    clients.done(other)
    assert one.client.is_closed


@each_stack
def test_closing_closes_at_once_what_no_one_uses(module: ModuleType) -> None:
    clients, stack = clients_of(module)
    lease = clients.take(stack)
    clients.done(lease)
    assert not lease.client.is_closed
    clients.close()
    assert lease.client.is_closed


@each_stack
def test_after_closing_a_new_client_is_opened(module: ModuleType) -> None:
    clients, stack = clients_of(module)
    old = clients.take(stack)
    clients.close()
    new = clients.take(stack)
    assert new.client is not old.client
    clients.done(old)
    assert old.client.is_closed
    assert new.client.get(URL).text == "hello"
    clients.done(new)
    assert not new.client.is_closed


@each_stack
def test_closing_may_be_repeated(module: ModuleType) -> None:
    clients, stack = clients_of(module)
    clients.close()
    lease = clients.take(stack)
    clients.close()
    clients.close()
    clients.done(lease)
    clients.close()
    assert lease.client.is_closed


@each_stack
def test_no_thread_sees_a_closed_client_while_it_uses_one(module: ModuleType) -> None:
    clients, stack = clients_of(module)
    threads = 8
    start = threading.Barrier(threads)

    def work(number: int) -> list[Any]:
        start.wait()
        used = []
        for turn in range(25):
            lease = clients.take(stack)
            assert lease.client.get(URL).text == "hello"
            clients.done(lease)
            used.append(lease.client)
            if (number + turn) % threads == 0:
                clients.close()
        return used

    with ThreadPoolExecutor(threads) as pool:
        used = [client for result in pool.map(work, range(threads)) for client in result]
    clients.close()
    assert all(client.is_closed for client in used)


@each_stack
def test_a_client_that_has_lost_a_quarter_of_its_connections_is_retired(module: ModuleType) -> None:
    clients, stack = Clients({"limits": module.Limits(max_connections=8), "trust_env": False}), Stack(module)
    lease = clients.take(stack)
    clients.lost(lease)
    assert clients.take(stack) is lease
    clients.lost(lease)
    another = clients.take(stack)
    assert another is not lease
    clients.lost(lease)  # told once more, it is still closed by its last user alone
    clients.done(lease)
    assert not lease.client.is_closed
    clients.done(lease)
    assert lease.client.is_closed
    assert not another.client.is_closed
    clients.done(another)
    clients.close()


@each_stack
def test_no_third_client_is_opened_while_the_first_is_in_use(module: ModuleType) -> None:
    clients, stack = Clients({"limits": module.Limits(max_connections=1), "trust_env": False}), Stack(module)
    first = clients.take(stack)
    clients.lost(first)
    second = clients.take(stack)
    clients.lost(second)
    assert clients.take(stack) is second
    clients.done(first)
    clients.lost(second)
    third = clients.take(stack)
    assert third is not second
    for lease in (second, second, third):
        clients.done(lease)
    assert second.client.is_closed
    clients.close()
    assert third.client.is_closed


# Async


@each_stack
@each_loop
def test_an_event_loop_has_one_client_and_closing_waits_for_every_use(module: ModuleType, loop: str) -> None:
    clients, stack = clients_of(module)

    async def main() -> None:
        one, other = clients.atake(stack), clients.atake(stack)
        assert one.client is other.client
        assert isinstance(one.client, module.AsyncClient)
        await clients.aclose()
        assert (await one.client.get(URL)).text == "hello"
        await clients.adone(one)
        assert not other.client.is_closed
        await clients.adone(other)
        assert other.client.is_closed
        again = clients.atake(stack)
        assert (await again.client.get(URL)).text == "hello"
        await clients.adone(again)
        await clients.aclose()
        assert again.client.is_closed

    anyio.run(main, backend=loop)


@each_stack
def test_every_event_loop_has_a_client_of_its_own(module: ModuleType) -> None:
    """Three times asyncio.run, one after the other, as scripts do; a connection can't outlive its loop."""
    clients, stack = clients_of(module)

    async def main() -> Any:
        lease = clients.atake(stack)
        assert (await lease.client.get(URL)).text == "hello"
        await clients.adone(lease)
        return lease.client

    assert len({id(client) for client in [asyncio.run(main()) for _ in range(3)]}) == 3


@each_stack
def test_asyncio_and_trio_may_take_turns(module: ModuleType) -> None:
    clients, stack = clients_of(module)

    async def main() -> None:
        lease = clients.atake(stack)
        assert (await lease.client.get(URL)).text == "hello"
        await clients.adone(lease)
        await clients.aclose()
        assert lease.client.is_closed

    for loop in ("asyncio", "trio", "asyncio", "trio"):
        anyio.run(main, backend=loop)


@each_stack
def test_closing_in_one_event_loop_leaves_the_others_alone(module: ModuleType) -> None:
    clients, stack = clients_of(module)
    opened, closed = threading.Event(), threading.Event()

    async def elsewhere() -> None:
        lease = clients.atake(stack)
        opened.set()
        await asyncio.to_thread(closed.wait, 10)
        assert not lease.client.is_closed
        await clients.adone(lease)
        assert not lease.client.is_closed
        assert clients.atake(stack).client is lease.client

    async def here() -> None:
        await asyncio.to_thread(opened.wait, 10)
        lease = clients.atake(stack)
        await clients.adone(lease)
        await clients.aclose()
        assert lease.client.is_closed
        closed.set()

    with ThreadPoolExecutor(2) as pool:
        for run in [pool.submit(asyncio.run, each) for each in (elsewhere(), here())]:
            run.result()


@each_stack
def test_sync_and_async_clients_are_closed_apart(module: ModuleType) -> None:
    clients, stack = clients_of(module)
    sync = clients.take(stack)
    clients.done(sync)

    async def main() -> None:
        lease = clients.atake(stack)
        await clients.adone(lease)
        clients.close()
        assert not lease.client.is_closed
        await clients.aclose()
        assert lease.client.is_closed

    asyncio.run(main())
    assert sync.client.is_closed


def test_outside_an_event_loop_there_is_no_async_client() -> None:
    clients, stack = clients_of(STACKS[0])
    with pytest.raises(RuntimeError):
        clients.atake(stack)


# What a client would have done, it does or is done for it


@each_stack
def test_each_attempt_is_logged_where_clients_log(module: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    backend = Backend(module, {"europe-west1": 429})
    with caplog.at_level(logging.INFO, module.__name__):
        ask(module, transport=backend.transport)
    inner = [record.getMessage() for record in caplog.records if record.name == module.__name__][:2]
    assert [location_in(line) for line in inner] == backend.locations == ["europe-west1", "europe-west4"]
    caplog.clear()
    ask(module, transport=backend.transport)
    assert not caplog.records


@each_stack
def test_hooks_of_the_inner_client_are_called(module: ModuleType) -> None:
    seen: list[Any] = []
    backend = Backend(module)
    ask(module, transport=backend.transport, event_hooks={"request": [seen.append], "response": [seen.append]})
    assert [type(each) for each in seen] == [module.Request, module.Response]


@each_stack
def test_a_host_with_a_way_of_its_own_is_reached_by_it(module: ModuleType) -> None:
    """As behind a proxy, which a client has for all hosts but some."""
    usual, own = Backend(module, {"europe-west1": 429}), Backend(module)
    ask(module, transport=usual.transport, mounts={"https://europe-west4-aiplatform.googleapis.com": own.transport})
    assert (usual.locations, own.locations) == (["europe-west1"], ["europe-west4"])


def ask(module: ModuleType, **options: Any) -> None:
    with module.Client(transport=make_router(Policy(residency="eu")).transport(**options)) as client:
        assert client.post(gemini_url(), json={}).status_code == 200
