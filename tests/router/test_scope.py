"""`Router.scope`: a stricter policy for a part of a program."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import httpx
import pytest

from router import NoRoute, Policy, PolicyError, Router, trace_of
from tests.world import Backend, gemini_url, make_router

MODEL = "gemini-3.8-flash"


def ask(router: Router, backend: Backend, location: str = "global") -> Any:
    with httpx.Client(transport=router.transport(transport=backend.transport)) as client:
        return client.post(gemini_url(location, MODEL), json={})


def test_requests_inside_a_scope_are_decided_by_it_and_those_after_are_not() -> None:
    router, backend = make_router(Policy()), Backend(httpx)
    with router.scope(residency="eu") as policy:
        assert router.policy is policy
        ask(router, backend)
    ask(router, backend)
    assert backend.locations == ["eu", "global"]
    assert router.policy.residency is None


def test_it_holds_for_plans_and_for_functions_too() -> None:
    router = make_router(Policy())
    with router.scope(residency="us"):
        assert [each.location for each in router.explain(MODEL).candidates] == ["us"]
        assert router.call(lambda to: to.location, model=MODEL) == "us"
    assert router.explain(MODEL).candidates[0].location == "global"


def test_scopes_nest_and_each_is_left_by_itself() -> None:
    router = make_router(Policy(residency=["eu", "us"]))
    with router.scope(residency="eu"):
        with router.scope(deny_locations="eu"), pytest.raises(NoRoute):
            router.call(lambda to: to.location, model=MODEL)
        with pytest.raises(PolicyError, match="would loosen"), router.scope(residency="us"):
            pass
        assert router.policy.residency == ("eu",)


def test_the_scope_of_one_router_is_none_of_another() -> None:
    one, other = make_router(Policy()), make_router(Policy())
    with one.scope(residency="eu"):
        assert (one.policy.residency, other.policy.residency) == (("eu",), None)


def test_it_is_seen_by_async_clients_and_not_by_the_tasks_beside_it() -> None:
    router, backend = make_router(Policy()), Backend(httpx)

    async def inside(entered: anyio.Event, leave: anyio.Event) -> None:
        with router.scope(residency="eu"):
            entered.set()
            await leave.wait()
            transport = router.transport(transport=backend.transport)
            async with httpx.AsyncClient(transport=transport) as client:
                await client.post(gemini_url("global", MODEL), json={})

    async def go() -> None:
        entered, leave = anyio.Event(), anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(inside, entered, leave)
            await entered.wait()
            assert router.policy.residency is None
            leave.set()

    anyio.run(go)
    assert backend.locations == ["eu"]


def test_a_thread_of_its_own_is_outside() -> None:
    router = make_router(Policy())
    seen: list[Any] = []
    with router.scope(residency="eu"):
        thread = threading.Thread(target=lambda: seen.append(router.policy.residency))
        thread.start()
        thread.join()
    assert seen == [None]


def test_a_stream_goes_on_by_the_scope_that_it_began_in() -> None:
    router = make_router(Policy())
    body = b'data: {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]}\r\n\r\n'
    backend = Backend(httpx, {"eu": body})
    with httpx.Client(transport=router.transport(transport=backend.transport)) as client:
        with router.scope(residency="eu"):
            request = client.build_request("POST", gemini_url("global", MODEL, "streamGenerateContent") + "?alt=sse")
            response = client.send(request, stream=True)
        assert response.read() == body
    assert trace_of(response).location == "eu"  # type: ignore[union-attr]


def test_what_a_scope_learns_of_a_location_is_known_outside_it() -> None:
    router, backend = make_router(Policy()), Backend(httpx, {"us": [429]})
    with router.scope(allow_locations=["us", "eu"]):
        ask(router, backend, "us")
    assert backend.locations == ["us", "eu"]
    ask(router, backend, "us")
    assert backend.locations[2:] == ["global"]
