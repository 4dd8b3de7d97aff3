"""Parts that are broken on purpose, and a witness of what went out nevertheless."""

from __future__ import annotations

import random
from collections.abc import Callable
from types import ModuleType
from typing import Any

import msgspec
import pytest

from catalog import Catalog
from router.core import Core
from router.plan import Allowed, Candidate, Plan
from router.planner import Planner
from router.rules import Question
from router.target import Target
from tests.world import Backend


def admitted_anyway(catalog: Catalog, question: Question, location: str) -> Allowed:
    """What a planner says that admits a location without asking."""
    return Allowed(
        candidate=Candidate(question.model, location, question.modes[0]),
        kind=catalog.locations[location].kind,
        host=catalog.locations[location].endpoint,
        boundary="eu",
        source="",
        checked=None,
        why="broken on purpose",
    )


def break_planner(
    monkeypatch: pytest.MonkeyPatch, catalog: Catalog, choose: Callable[[], list[str]], allowed: str = "allowed"
) -> None:
    """Has every plan admit the locations that `choose` gives, whatever the policy says."""
    whole = Planner.plan

    def plan(self: Planner, question: Question) -> Plan:
        model = catalog.model(question.model).id
        found = [admitted_anyway(catalog, question._replace(model=model), location) for location in choose()]
        return msgspec.structs.replace(whole(self, question), **{allowed: tuple(found)}, refused=())

    monkeypatch.setattr(Planner, "plan", plan)


def at_random(catalog: Catalog, seed: int, most: int = 6) -> Callable[[], list[str]]:
    """Chooses any locations, in any order."""
    chance = random.Random(seed)
    return lambda: chance.sample(sorted(catalog.locations), most)
