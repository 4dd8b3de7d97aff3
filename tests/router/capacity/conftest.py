"""A controller, and a bench of helpers to ask it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from router.bell import Bell
from router.capacity import Controller, Event
from router.health import Ask, Ticket
from router.plan import Allowed, Candidate, Limit, Plan, Pool
from router.signals import OK, Action, Scope, Signal
from router.trace import Wait

PLACES = ("europe-west1", "europe-west4", "europe-west8")
A, B, C = (Pool("p", "m", location, "standard") for location in PLACES)
BUSY = Signal(kind="exhausted", action=Action.NEXT, scope=Scope.POOL, status=429, message="full")
QUOTA = Signal(kind="quota", action=Action.NEXT, scope=Scope.QUOTA, status=429, message="Quota exceeded", quota="r m")
DOWN = Signal(kind="unavailable", action=Action.NEXT, scope=Scope.POOL, status=503)
UNREACHABLE = Signal(kind="connect", action=Action.NEXT, scope=Scope.HOST)
REJECTED = Signal(kind="rejected", action=Action.STOP, status=400)


def plan(*places: str, model: str = "m", tiers: Sequence[int] = (), limit: Limit | None = None) -> Plan:
    """A plan over some places, all equally wanted unless `tiers` says otherwise."""
    places = places or PLACES
    allowed = tuple(
        Allowed(
            candidate=Candidate(model, place, "standard"),
            kind="region",
            host=place,
            boundary="eu",
            source="",
            checked=None,
            why="",
            tier=tier,
            limit=limit or Limit(),
        )
        for place, tier in zip(places, tiers or [0] * len(places), strict=True)
    )
    return Plan(
        model=model, modes=("standard",), on=date(2026, 1, 1), policy={}, summary="", allowed=allowed, refused=()
    )


class Desk:
    """Asks a controller; times are those it is told."""

    def __init__(self, controller: Controller | None = None) -> None:
        self.controller = controller or Controller(random=lambda: 0.5)
        self.events: list[Event] = []
        self.controller.listen(self.events.append)
        self._plans: dict[tuple[Any, ...], Plan] = {}

    def ask(self, *places: str, now: float = 0.0, until: float = 1e9, **fields: Any) -> Ask:
        made = {name: fields.pop(name) for name in ("model", "tiers", "limit") if name in fields}
        key = (places, *sorted(made.items(), key=str))
        self._plans.setdefault(key, plan(*places, **made))
        return Ask(self._plans[key], "p", arrived=now, until=until, **fields)

    def acquire(self, ask: Ask, now: float = 0.0) -> Ticket | Wait:
        return self.controller.acquire(ask, now)

    def ticket(self, *places: str, now: float = 0.0, **fields: Any) -> Ticket:
        """Leave for a new request, which must be given."""
        got = self.acquire(self.ask(*places, now=now, **fields), now)
        assert isinstance(got, Ticket)
        return got

    def where(self, *places: str, now: float = 0.0, **fields: Any) -> str:
        """Where a new request goes; it is answered at once."""
        ticket = self.ticket(*places, now=now, **fields)
        self.controller.result(ticket, OK, now)
        return ticket.pool.location

    def tell(self, place: str, signal: Signal, times: int = 1, now: float = 0.0, **fields: Any) -> None:
        """Has requests to one place end with a signal, one after the other, each as soon as may be."""
        for _ in range(times):
            ask = self.ask(place, now=now, **fields)
            while isinstance(got := self.acquire(ask, now), Wait):
                now += got.delay_s
            self.controller.result(got, signal, now)

    def closed_s(self, pool: Pool, now: float = 0.0) -> float:
        (state,) = self.controller.states([pool], now)
        return state.closed_s


def listen(ask: Ask, heard: list[Ask]) -> Bell:
    """Notes when a waiting request's bell rings."""
    ask.bell.listen(lambda: heard.append(ask))
    return ask.bell


@pytest.fixture
def desk() -> Desk:
    return Desk()
