"""Requests of one conversation go back to where its prompt cache is."""

from __future__ import annotations

from typing import Any

import httpx

from router import Policy, Router
from tests.world import EU_REGIONS, Backend, Clock, gemini_url, make_router

SYSTEM = "x" * 5000


def turn(router: Router, backend: Backend, *texts: str, **headers: str) -> Any:
    contents = [{"role": "user", "parts": [{"text": text}]} for text in texts]
    with httpx.Client(transport=router.transport(transport=backend.transport)) as client:
        return client.post(gemini_url(), json={"contents": contents}, headers=headers)


def test_a_conversation_stays_where_it_was_answered_while_that_place_is_healthy() -> None:
    """hindsight#3271: failing over lost the caches, and moving back lost them again."""
    clock = Clock()
    router, backend = make_router(Policy(residency="eu"), clock=clock), Backend(httpx, {EU_REGIONS[0]: [429]})
    turn(router, backend, SYSTEM)
    clock.now += 60  # the first region is well again
    turn(router, backend, SYSTEM, "and then?")
    turn(router, backend, "short")
    assert backend.locations == [EU_REGIONS[0], EU_REGIONS[1], EU_REGIONS[1], EU_REGIONS[0]]


def test_it_moves_when_its_place_has_no_capacity_and_stays_there() -> None:
    clock = Clock()
    router = make_router(Policy(residency="eu"), clock=clock)
    backend = Backend(httpx, {EU_REGIONS[0]: [200, 429]})
    for number in range(4):
        turn(router, backend, SYSTEM, *["more"] * number)
        clock.now += 30
    assert backend.locations == [EU_REGIONS[0], EU_REGIONS[0], *[EU_REGIONS[1]] * 3]


def test_the_callers_own_key_makes_a_conversation() -> None:
    clock = Clock()
    router, backend = make_router(Policy(residency="eu"), clock=clock), Backend(httpx, {EU_REGIONS[0]: [429]})
    key = {"x-vertex-router-affinity": "session-7"}
    turn(router, backend, "short", **key)
    clock.now += 60
    turn(router, backend, "other", **key)
    turn(router, backend, "other", **{"x-vertex-router-affinity": "session-8"})
    assert backend.locations == [EU_REGIONS[0], EU_REGIONS[1], EU_REGIONS[1], EU_REGIONS[0]]


def test_it_is_forgotten_after_a_while_and_can_be_switched_off() -> None:
    for policy, wait_s in ((Policy(residency="eu"), 301), (Policy(residency="eu", affinity_ttl_s=0), 60)):
        clock = Clock()
        router, backend = make_router(policy, clock=clock), Backend(httpx, {EU_REGIONS[0]: [429]})
        turn(router, backend, SYSTEM)
        clock.now += wait_s
        turn(router, backend, SYSTEM, "more")
        assert backend.locations[-1] == EU_REGIONS[0]


def test_it_never_leaves_the_policy() -> None:
    router, backend = make_router(Policy()), Backend(httpx)
    key = {"x-vertex-router-affinity": "session-7"}
    with router.scope(allow_locations=["us-east5"]):
        turn(router, backend, "a", **key)
    with router.scope(residency="eu"):
        turn(router, backend, "b", **key)
    assert backend.locations == ["us-east5", EU_REGIONS[0]]
