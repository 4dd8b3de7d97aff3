"""Parts that are broken on purpose, and what went out nevertheless."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
import pytest

from catalog import Catalog
from router import core
from router.endpoints import Address
from router.guard import Guard
from router.plan import Allowed, Candidate, Plan
from router.planner import Planner
from router.rules import Question

Choice = Callable[[], list[str]]


def break_planner(monkeypatch: pytest.MonkeyPatch, catalog: Catalog, choose: Choice) -> None:
    """Has every plan admit the locations that `choose` gives, in that order, whatever the policy says."""
    whole = Planner.plan

    def admitted(question: Question, location: str) -> Allowed:
        place = catalog.locations[location]
        return Allowed(
            candidate=Candidate(catalog.model(question.model).id, location, question.modes[0]),
            kind=place.kind,
            host=place.endpoint,
            boundary="eu",
            source="",
            checked=None,
            why="broken on purpose",
        )

    def plan(self: Planner, question: Question) -> Plan:
        found = tuple(admitted(question, location) for location in choose())
        return msgspec.structs.replace(whole(self, question), allowed=found, refused=())

    monkeypatch.setattr(Planner, "plan", plan)


def break_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the guard pass whatever it is shown."""
    monkeypatch.setattr(Guard, "check", lambda *_, **__: None)
    monkeypatch.setattr(Guard, "check_unrouted", lambda *_, **__: None)


def break_address(monkeypatch: pytest.MonkeyPatch, addresses: Callable[[str, str], Address]) -> None:
    """Has each attempt sent where `addresses` says, given the host and path that would be right."""
    right = core.address

    def wrong(*arguments: object) -> Address:
        return addresses(*right(*arguments))  # type: ignore[arg-type]

    monkeypatch.setattr(core, "address", wrong)


def only(location: str) -> Choice:
    """Chooses one location, always."""
    return lambda: [location]


def at_random(catalog: Catalog, seed: int, first: list[str], most: int = 6) -> Choice:
    """Chooses any locations, in any order, after one of those given as the first."""
    chance = random.Random(seed)
    return lambda: [chance.choice(first), *chance.sample(sorted(catalog.locations), most)]
