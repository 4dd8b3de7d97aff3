"""What else a policy admits when a plan is empty or exhausted, so that its reader is not left alone."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from itertools import chain, islice

import msgspec
from cachetools import LRUCache

from catalog.query import Catalog
from catalog.schema import MODES, Mode
from router.plan import Allowed, Alternative, Plan
from router.planner import Planner
from router.policy import Policy
from router.rules import Question

_MOST = 6
_CACHED = 256
_NEEDS: dict[Mode, str] = {
    "standard": "on demand",
    "provisioned": "needs a reservation",
    "single_zone_provisioned": "needs a single-zone reservation",
    "batch": "as a batch job",
}


class Alternatives:
    """Finds what else a policy admits, and remembers it. Safe to share between threads."""

    def __init__(self, catalog: Catalog, policy: Policy) -> None:
        self._catalog = catalog
        self._policy = policy
        self._planner = Planner(catalog, policy)
        self._cache: LRUCache[Question, tuple[Alternative, ...]] = LRUCache(_CACHED)
        self._lock = threading.Lock()

    def added(self, plan: Plan, question: Question) -> Plan:
        """The plan, and what else the same residency admits: this model in other modes, then models like it."""
        with self._lock:
            known = self._cache.get(question)
        if known is None:
            known = tuple(islice(chain(self._other_modes(question), self._other_models(question)), _MOST))
            with self._lock:
                self._cache[question] = known
        return msgspec.structs.replace(plan, alternatives=known)

    def _other_modes(self, question: Question) -> Iterator[Alternative]:
        model = self._catalog.model(question.model)
        for mode in MODES:
            if mode not in question.modes:
                planner = Planner(self._catalog, replace(self._policy, modes=(mode,)))
                if allowed := planner.allowed(question._replace(modes=(mode,))):
                    why = _NEEDS.get(mode, f"asked for by {mode} headers")
                    yield Alternative(model=model.id, mode=mode, locations=_places(allowed), why=why)

    def _other_models(self, question: Question) -> Iterator[Alternative]:
        """Models for the same task: the nearest family first, within it the newest."""
        asked = self._catalog.model(question.model)
        alike = [each for each in self._catalog.models.values() if each.task == asked.task and each is not asked]
        alike.sort(key=lambda each: each.released or date.min, reverse=True)
        alike.sort(key=lambda each: (each.family != asked.family, each.publisher != asked.publisher))
        for model in alike:
            other = question._replace(model=model.id, method="", pins=frozenset(), counted="")
            allowed = self._planner.allowed(other)
            if allowed and not self._planner.plan(other).warnings:
                why = "of the same family" if model.family == asked.family else f"another model for {asked.task}"
                mode = allowed[0].candidate.mode
                yield Alternative(model=model.id, mode=mode, locations=_places(allowed), why=why)


def _places(allowed: Iterable[Allowed]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.candidate.location for each in allowed))
