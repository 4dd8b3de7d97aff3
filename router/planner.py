"""Makes plans: every location judged by the rules, the admitted ones put in order, readers warned."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
from cachetools import LRUCache

from catalog.query import Catalog
from catalog.schema import KINDS, MODES, Model
from router.plan import Allowed, Plan, Refused
from router.policy import COST, Policy
from router.rules import Question, Rules

if TYPE_CHECKING:
    from router.thrift import Thrift

_CACHED_PLANS = 1024
_WISHES = 6
"""So many parts of a rank are wishes; the rest only make the order certain."""


class Planner:
    """Plans requests for one policy over one catalog. Safe to share between threads."""

    def __init__(self, catalog: Catalog, policy: Policy) -> None:
        self._catalog = catalog
        self._policy = policy
        self._rules = Rules(catalog, policy)
        self._order = {name: rank for rank, name in enumerate(catalog.locations)}
        self._thrift = _thrift(catalog) if COST in policy.prefer else None
        self._cache: LRUCache[Question, Plan] = LRUCache(_CACHED_PLANS)
        self._lock = threading.Lock()

    def plan(self, question: Question) -> Plan:
        """Where this request may go, best first, and why not elsewhere.

        Raises:
            UnknownModel: with the nearest ids.
        """
        with self._lock:
            known = self._cache.get(question)
        if known is None:
            known = self._make(question)
            with self._lock:
                self._cache[question] = known
        return known

    def _make(self, question: Question) -> Plan:
        model = self._catalog.model(question.model)
        allowed: list[Allowed] = []
        refused: list[Refused] = []
        for place in self._catalog.locations.values():
            judged = [self._rules.judge(model, place, mode, question) for mode in question.modes]
            admitted = [each for each in judged if isinstance(each, Allowed)]
            allowed += admitted
            if not admitted:
                refused.append(next(each for each in judged if isinstance(each, Refused)))
        allowed = self._ordered(allowed, question)
        warnings = [*self._warnings(model, allowed, question), *(self._exceptional(question) if allowed else ())]
        return self._plan(model.id, question, allowed, refused, warnings)

    def allowed(self, question: Question) -> list[Allowed]:
        """What `plan` allows, best first. To say of each other location why not is most of the work of a plan.

        Raises:
            UnknownModel: with the nearest ids.
        """
        model = self._catalog.model(question.model)
        places = self._catalog.locations.values()
        judged = (self._rules.admits(model, place, mode, question) for place in places for mode in question.modes)
        return self._ordered(filter(None, judged), question)

    def plan_for_stranger(self, question: Question) -> Plan:
        """For a model that the catalog does not know: it stays where the client is set, if the policy lets it."""
        judged = self._rules.judge_stranger(self._catalog.locations[question.caller], question)
        warnings = [f"{question.model} is not in the catalog"]
        if isinstance(judged, Allowed):
            return self._plan(question.model, question, [judged], [], warnings)
        return self._plan(question.model, question, [], [judged], warnings)

    def plan_for_resource(self, question: Question) -> Plan:
        """For a request about a resource, which stays where it is, if the policy lets it."""
        judged = self._rules.judge_resource(self._catalog.locations[question.caller], question)
        if isinstance(judged, Allowed):
            return self._plan(question.resource, question, [judged], [], self._exceptional(question))
        return self._plan(question.resource, question, [], [judged], [])

    def _exceptional(self, question: Question) -> Iterator[str]:
        return (self._rules.why_exceptional(name, question) for name in self._rules.exceptions(question))

    def _plan(
        self,
        model: str,
        question: Question,
        allowed: Iterable[Allowed],
        refused: Iterable[Refused],
        warnings: Iterable[str],
    ) -> Plan:
        allowed = tuple(allowed)
        return Plan(
            model=model,
            modes=question.modes,
            on=question.on,
            policy=self._policy.as_dict(),
            summary=self._policy.summary,
            allowed=allowed,
            refused=tuple(refused),
            warnings=tuple(warnings),
            exceptions=self._rules.exceptions(question) if allowed else (),
        )

    def _ordered(self, allowed: Iterable[Allowed], question: Question) -> list[Allowed]:
        """Best first; those between which only the catalog's order decides are of one tier."""
        ranked = sorted((self._rank(each, question), each) for each in allowed)
        tiers = {rank: tier for tier, rank in enumerate(dict.fromkeys(rank[:_WISHES] for rank, _ in ranked))}
        return [msgspec.structs.replace(each, tier=tiers[rank[:_WISHES]]) for rank, each in ranked]

    def _rank(self, allowed: Allowed, question: Question) -> tuple[int | Decimal, ...]:
        """What is reserved first, then the policy's wish, the client's own location, global, multi-regions, regions.

        Where it wishes for a low cost, that decides between those that its earlier wishes leave equal.
        """
        location = allowed.candidate.location
        earlier, later = self._policy.wishes
        own = self._policy.caller_location != "ignore" and location == question.caller
        return (
            0 if self._catalog.reserved(*allowed.candidate, question.on) else 1,
            _wished(earlier, allowed),
            self._thrift.usd(allowed.candidate, question.on) if self._thrift else 0,
            _wished(later, allowed),
            0 if own else 1,
            KINDS.index(allowed.kind),
            self._order[location],
            question.modes.index(allowed.candidate.mode),
        )

    def _warnings(self, model: Model, allowed: list[Allowed], question: Question) -> Iterator[str]:
        if not allowed and self._policy.residency is not None and self._served_at(model, question) == {"global"}:
            yield f"{model.id} is served on global only: no residency is possible for it"
        if ending := self._catalog.warning(model.id, question.on):
            yield ending

    def _served_at(self, model: Model, question: Question) -> set[str]:
        places = self._catalog.locations.values()
        return {place.id for place in places for mode in MODES if self._rules.serves(model, place, mode, question.on)}


def _wished(names: tuple[str, ...], allowed: Allowed) -> int:
    """How far down a list of locations and kinds this one stands; unnamed ones stand below it."""
    found = [names.index(name) for name in (allowed.candidate.location, allowed.kind) if name in names]
    return min(found, default=len(names))


def _thrift(catalog: Catalog) -> Thrift:
    from router.thrift import Thrift  # noqa: PLC0415 - only a wish for a low cost needs prices

    return Thrift(catalog)
