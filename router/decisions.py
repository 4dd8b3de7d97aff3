"""What is decided of a request before it is sent: what is asked of the catalog, its plan, and who else may take it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

import msgspec

from catalog.errors import UnknownModel
from catalog.query import Catalog
from catalog.schema import Mode, Model
from router.alternatives import Alternatives
from router.contents import NOTHING, Contents
from router.errors import NoRoute, NotSent, PinnedLocation, RequestNotUnderstood
from router.modes import BOUGHT
from router.pins import Pin
from router.plan import Plan
from router.planner import Planner
from router.policy import Policy
from router.rules import Question
from router.sizes import at_most, least, limits
from router.target import Target

_REMEMBERED = 1024
"""Targets; the same few come again and again."""


class Other(NamedTuple):
    """Another model that may take a request: what was asked of it, and its plan."""

    question: Question
    plan: Plan


class Decided(NamedTuple):
    """A request that may be sent: what was asked of the catalog, the plan, what binds it, and the other models that
    may take it."""

    question: Question
    plan: Plan
    pins: tuple[Pin, ...]
    others: tuple[Other, ...]


class Denied(NamedTuple):
    """A request that may not be sent: what was asked of the catalog, and why it is refused."""

    question: Question
    error: NotSent


class _Usual(msgspec.Struct):
    """What is decided of requests for a target on a day, whose bodies say nothing.

    It depends on nothing else but their size, and on that only as far as it is above or below these `limits`.
    """

    limits: tuple[int, ...]
    by_size: dict[int | None, Decided] = {}


class Decisions:
    """Decides by one policy over one catalog. Remembers what it decided of usual requests; safe to share."""

    def __init__(self, catalog: Catalog, policy: Policy) -> None:
        self.planner = Planner(catalog, policy)
        self._catalog = catalog
        self._policy = policy
        self._alternatives = Alternatives(catalog, policy)
        self._usual: dict[tuple[Target, date], _Usual] = {}

    def modes(self, model: str, mode: Mode) -> tuple[Mode, ...]:
        """The modes by which a request may go that asks for one: what the project has reserved comes first.

        Raises:
            UnknownModel: with the nearest ids.
        """
        use = self._policy.reservations
        if mode != "standard" or use == "ignore" or not self._catalog.own.reservations:
            return (mode,)
        known = self._catalog.model(model).id
        held = {each.mode for each in self._catalog.own.reservations if each.model == known}
        bought = tuple(each for each in BOUGHT if each in held)
        return bought if bought and use == "only" else (*bought, mode)

    def explain(self, question: Question) -> Plan:
        """The plan for a question, with what else the policy admits.

        Raises:
            UnknownModel: with the nearest ids.
        """
        return self._alternatives.added(self.planner.plan(question), question)

    def of_request(
        self, target: Target, found: Contents, body: bytes | None, stated: int | None, day: date
    ) -> Decided | Denied:
        """What is decided of a request on a day. Remembered where its body says nothing.

        Args:
            found: what its body says.
            stated: the tokens of its context, as the caller states them.
        """
        if found is not NOTHING:
            size = at_most(self._limits(target, found), target, body, found, stated)
            decided = self._decide(target, self._question(target, found, day, size), found, size)
            return decided if body is not None or isinstance(decided, Denied) else decided._replace(others=())
        usual = self._usual_of(target, day)
        size = at_most(usual.limits, target, body, found, stated)
        if (known := usual.by_size.get(size)) is not None:
            return known
        decided = self._decide(target, self._question(target, found, day, size), found, size)
        if isinstance(decided, Decided):
            usual.by_size[size] = decided
        return decided

    def of_question(self, target: Target, question: Question) -> Decided | Denied:
        """What is decided of a request of which all that matters stands in the question."""
        return self._decide(target, question, NOTHING, None)

    def _usual_of(self, target: Target, day: date) -> _Usual:
        key = target, day
        usual = self._usual.get(key)
        if usual is None:
            if len(self._usual) >= _REMEMBERED:
                self._usual.clear()
            usual = self._usual[key] = _Usual(self._limits(target, NOTHING))
        return usual

    def _limits(self, target: Target, found: Contents) -> tuple[int, ...]:
        """The sizes on which a request's plan, and those of the models that it may turn to, can depend."""
        asked = self._catalog.find(target.counted or target.model or found.model[1])
        return limits(asked, *(self._fallbacks(target, asked) if asked else ()))

    def _decide(self, target: Target, question: Question, found: Contents, size: int | None) -> Decided | Denied:
        pins = sorted({*found.pins, *_of_resource(target)})
        try:
            plan = self._plan(question, target, found.model[0], pins)
        except NotSent as error:
            return Denied(question, error)
        return Decided(question, plan, tuple(pins), tuple(self._others(target, question, size)))

    def _question(self, target: Target, found: Contents, day: date, size: int | None) -> Question:
        model = target.model or found.model[1]
        places = {pin.location for pin in (*found.pins, *_of_resource(target))}
        return Question(
            model=model,
            modes=("batch",) if self._made_in_batch(target, model) else self._modes_of(target, model),
            on=day,
            method=target.method,
            tokens=least(limits(self._catalog.find(target.counted or model)), size),
            caller=target.location,
            pins=frozenset(places),
            counted=target.counted,
            features=found.features | {target.asks} - {""},
            read=found.read,
            mtls=target.mtls,
            resource=target.resource,
            host=target.own_host,
        )

    def _modes_of(self, target: Target, model: str) -> tuple[Mode, ...]:
        known = target.resource or self._catalog.find(model) is None
        return (target.mode,) if known else self.modes(model, target.mode)

    def _made_in_batch(self, target: Target, model: str) -> bool:
        """Whether it is for the claims to say if a batch job may be made; without a residency no one asks them."""
        return bool(model) and target.asks == "batch-job" and self._policy.residency is not None

    def _others(self, target: Target, question: Question, size: int | None) -> Iterator[Other]:
        """The models that the policy turns to when every location of this one has failed, each planned as it is."""
        asked = self._catalog.find(question.model)
        if asked is None or target.resource or target.counted:
            return
        for model in self._fallbacks(target, asked):
            if question.method in ("", *model.methods):
                tokens = least(limits(model), size)
                other = question._replace(model=model.id, modes=self.modes(model.id, target.mode), tokens=tokens)
                if (plan := self.planner.plan(other)).allowed:
                    yield Other(other, plan)

    def _fallbacks(self, target: Target, asked: Model) -> Iterator[Model]:
        """The other models that the policy names for this one, of its publisher: requests are written for one."""
        for name in self._policy.fallbacks(target.model, asked.id, *asked.aliases):
            model = self._catalog.model(name)
            if model.publisher == asked.publisher and model.id != asked.id:
                yield model

    def _plan(self, question: Question, target: Target, made_for: str, pins: Sequence[Pin]) -> Plan:
        names = [name for name in (question.model, question.counted) if name]
        publisher = target.publisher or made_for
        strange = next((why for name in names if (why := self._strange(name, publisher))), "")
        if strange and self._policy.residency is not None:
            raise RequestNotUnderstood(strange, self._policy.summary)
        if target.resource and (not question.model or self._policy.residency is None):
            plan = self.planner.plan_for_resource(question)
        elif strange:
            plan = self.planner.plan_for_stranger(question)
        else:
            plan = self.planner.plan(question)
            if not plan.allowed:
                plan = self._alternatives.added(plan, question)
        if plan.allowed:
            return plan
        raise _refusal(plan, pins)

    def _strange(self, name: str, publisher: str) -> str:
        """Why the catalog can't speak of this model of this publisher; empty if it can."""
        try:
            model = self._catalog.model(name)
        except UnknownModel as error:
            return str(error)
        return "" if model.publisher == publisher else f"{model.id} is a model of {model.publisher}, not of {publisher}"


def _refusal(plan: Plan, pins: Sequence[Pin]) -> NoRoute:
    """The error for an empty plan: what binds the request is named, unless it could go nowhere without that either."""
    bound = {pin.location for pin in pins}
    elsewhere = any(each.location in bound and not each.rule.startswith("feature-") for each in plan.refused)
    return PinnedLocation(plan, pins) if bound and (elsewhere or len(bound) > 1) else NoRoute(plan)


def _of_resource(target: Target) -> Iterator[Pin]:
    """What binds a request that is about a resource: the resource itself."""
    if target.resource:
        path = f"{target.before}{target.location}{target.after}".partition("?")[0]
        yield Pin(path.removeprefix("/v1beta1").removeprefix("/v1").removeprefix("/"), target.location)
