"""What every way of sending shares: catalog, policy, plans, guard, health, and the clocks."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple, Protocol

import msgspec

from catalog.errors import UnknownModel
from catalog.query import Catalog
from catalog.schema import Mode, Model
from router.affinity import Affinity, affinity_key
from router.alternatives import Alternatives
from router.contents import NOTHING, Contents
from router.contents import contents as contents_of
from router.counts import Counts
from router.directives import Directives, directives
from router.endpoints import Address, address, body_for_model, for_model
from router.errors import GuardStop, NoRoute, NotSent, PinnedLocation, RequestNotUnderstood
from router.flow import Failover, Steps
from router.guard import Guard
from router.health import Health
from router.modes import BOUGHT, SHARED, headers_of
from router.pins import Pin
from router.plan import Plan, Pool
from router.planner import Planner
from router.policy import Policy
from router.rules import Question
from router.signals import Signal
from router.sizes import at_most, least, limits
from router.target import Incoming, NotUnderstood, Target, parse
from router.trace import TRAFFIC, Attempt, Trace, Wait

BYTES_PER_TOKEN = 4
"""About; what answers tell of their use corrects it."""

_REMEMBERED = 1024
"""Targets; the same few come again and again."""


class Observer(Protocol):
    """Is told of every request as it goes. What `began` and `passed` raise (`NotSent`) stops the request."""

    def began(self, call: Call) -> None:
        """A request may be sent: its plan is made, nothing has left."""

    def refused(self, core: Core, error: NotSent, question: Question | None, call: Call | None) -> None:
        """A request, or the next attempt of one that had begun, is refused.

        Args:
            question: what was asked of the catalog, if it came to that.
            call: the request whose attempt the guard, or an observer, stopped.
        """

    def unrouted(self, core: Core, host: str) -> None:
        """A request that could not be read is sent on as it is, which no policy with limits allows."""

    def passed(self, call: Call, attempt: Attempt, host: str) -> None:
        """The guard has passed an attempt: its bytes leave now."""

    def ended(self, call: Call) -> None:
        """The request has ended; its trace says how."""

    def broke(self, call: Call, signal: Signal) -> None:
        """A stream broke after its first content had reached the caller."""

    def finished(self, call: Call) -> None:
        """A stream has come to its end, after it `ended` for the router: what it told last is in the trace."""


def _new_id() -> str:
    return secrets.token_hex(8)


class Core(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a router. Nothing here sends; clocks, sleep and randomness are handed in."""

    catalog: Catalog
    policy: Policy
    planner: Planner
    alternatives: Alternatives
    guard: Guard
    health: Health
    clock: Callable[[], float]
    today: Callable[[], date]
    random: Callable[[], float]
    sleep: Callable[[Wait], object]
    async_sleep: Callable[[Wait], Awaitable[object]]
    observe: Callable[[Trace], object]
    observers: tuple[Observer, ...] = ()
    new_id: Callable[[], str] = _new_id
    affinity: Affinity | None = None
    counts: Counts = msgspec.field(default_factory=Counts)
    usual: dict[tuple[Planner, Target, date], _Usual] = msgspec.field(default_factory=dict)
    """Shared between the cores of one router: a planner stands for its policy and catalog."""

    def modes(self, model: str, mode: Mode) -> tuple[Mode, ...]:
        """The modes by which a request may go that asks for one: what the project has reserved comes first.

        Raises:
            UnknownModel: with the nearest ids.
        """
        use = self.policy.reservations
        if mode != "standard" or use == "ignore" or not self.catalog.own.reservations:
            return (mode,)
        known = self.catalog.model(model).id
        held = {each.mode for each in self.catalog.own.reservations if each.model == known}
        bought = tuple(each for each in BOUGHT if each in held)
        return bought if bought and use == "only" else (*bought, mode)

    def explain(self, question: Question) -> Plan:
        """The plan for a question, with what else the policy admits.

        Raises:
            UnknownModel: with the nearest ids.
        """
        return self.alternatives.added(self.planner.plan(question), question)

    def admit(self, asked: Incoming, wishes: Directives | None = None, priority: int = 0) -> Call | None:
        """The call for a request; None for one that is to be sent on unchanged, unrouted.

        Raises:
            NoRoute: no location may serve it under the policy; `PinnedLocation` when it is bound to one.
            RequestNotUnderstood: it can't be told where it would be processed, and the policy wants to know.
            WrongHeader: a header for the router is unknown or wrong.
        """
        wishes = directives(asked.headers) if wishes is None else wishes
        target = parse(asked, self.catalog.private_hosts)
        if isinstance(target, NotUnderstood):
            if self.policy.limits_locations or self.catalog.own.denied:
                raise self.refusal(RequestNotUnderstood(target.reason, self.policy.summary))
            return None
        if target.location not in self.catalog.locations:
            reason = f"{target.location!r} is not a location of the catalog"
            raise self.refusal(RequestNotUnderstood(reason, self.policy.summary))
        found = contents_of(target, asked.body, asked.headers)
        decided = self._decided(target, found, asked.body, wishes.tokens)
        call = self._call(target, decided, asked.body, priority)
        call.stated = wishes.tokens
        if self.affinity is not None and len(call.plan.allowed) > 1:
            call.conversation = affinity_key(call.plan.model, asked.body, wishes.affinity)
        if wishes.tokens is not None:
            call.tokens = wishes.tokens
        elif asked.body:
            call.tokens = len(asked.body) // BYTES_PER_TOKEN
        return call

    def call(self, target: Target, question: Question, *, priority: int = 0) -> Call:
        """The call for a target, of which all that matters stands in the question.

        Args:
            priority: lower goes first where requests wait.

        Raises:
            NoRoute, RequestNotUnderstood: as `admit`.
        """
        return self._call(target, self._decide(target, question, NOTHING, None), b"", priority)

    def _call(self, target: Target, decided: Decided, body: bytes | None, priority: int) -> Call:
        question, plan, pins, others = decided
        return Call(
            core=self,
            target=target,
            question=question,
            plan=plan,
            others=others,
            trace=Trace(model=plan.model, pins=pins, exceptions=plan.exceptions),
            body=body,
            priority=priority,
            tokens=question.tokens,
        )

    def unrouted(self, host: str, signs: object) -> None:
        """Passes a request that could not be read, to be sent on as it is.

        Args:
            signs: the router's credential, if the request is to be signed with it: it never is.

        Raises:
            NotSent: the policy rules out any location, or the request is to be signed.
        """
        try:
            self.guard.check_unrouted(host)
        except GuardStop as error:
            raise self.refusal(error) from None
        if signs is not None:
            reason = f"the router's credential is not sent to {host} with a request that is not understood"
            raise self.refusal(RequestNotUnderstood(reason, self.policy.summary))
        for each in self.observers:
            each.unrouted(self, host)

    def refusal(self, error: NotSent, question: Question | None = None, call: Call | None = None) -> NotSent:
        """The error, of which the observers have been told."""
        for each in self.observers:
            each.refused(self, error, question, call)
        return error

    def _decided(self, target: Target, found: Contents, body: bytes | None, stated: int | None) -> Decided:
        """What is decided of a request. Remembered where its body says nothing: see `_Usual`."""
        day = self.today()
        if found is not NOTHING:
            size = at_most(self._limits(target, found), target, body, found, stated)
            decided = self._decide(target, self._question(target, found, day, size), found, size)
            return decided if body is not None else decided._replace(others=())
        usual = self._usual(target, day)
        size = at_most(usual.limits, target, body, found, stated)
        if (known := usual.by_size.get(size)) is None:
            known = self._decide(target, self._question(target, found, day, size), found, size)
            usual.by_size[size] = known
        return known

    def _usual(self, target: Target, day: date) -> _Usual:
        key = self.planner, target, day
        usual = self.usual.get(key)
        if usual is None:
            if len(self.usual) >= _REMEMBERED:
                self.usual.clear()
            usual = self.usual[key] = _Usual(self._limits(target, NOTHING))
        return usual

    def _limits(self, target: Target, found: Contents) -> tuple[int, ...]:
        """The sizes on which a request's plan, and those of the models that it may turn to, can depend."""
        asked = self.catalog.find(target.counted or target.model or found.model[1])
        return limits(asked, *(self._fallbacks(target, asked) if asked else ()))

    def _decide(self, target: Target, question: Question, found: Contents, size: int | None) -> Decided:
        pins = sorted({*found.pins, *_of_resource(target)})
        try:
            plan = self._plan(question, target, found.model[0], pins)
        except NotSent as error:
            raise self.refusal(error, question) from None
        return Decided(question, plan, tuple(pins), tuple(self._others(target, question, size)))

    def _question(self, target: Target, found: Contents, day: date, size: int | None) -> Question:
        model = target.model or found.model[1]
        places = {pin.location for pin in (*found.pins, *_of_resource(target))}
        return Question(
            model=model,
            modes=("batch",) if self._made_in_batch(target, model) else self._modes_of(target, model),
            on=day,
            method=target.method,
            tokens=least(limits(self.catalog.find(target.counted or model)), size),
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
        known = target.resource or self.catalog.find(model) is None
        return (target.mode,) if known else self.modes(model, target.mode)

    def _others(self, target: Target, question: Question, size: int | None) -> Iterator[Other]:
        """The models that the policy turns to when every location of this one has failed, each planned as it is."""
        asked = self.catalog.find(question.model)
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
        for name in self.policy.fallbacks(target.model, asked.id, *asked.aliases):
            model = self.catalog.model(name)
            if model.publisher == asked.publisher and model.id != asked.id:
                yield model

    def _made_in_batch(self, target: Target, model: str) -> bool:
        """Whether it is for the claims to say if a batch job may be made; without a residency no one asks them."""
        return bool(model) and target.asks == "batch-job" and self.policy.residency is not None

    def _plan(self, question: Question, target: Target, made_for: str, pins: Sequence[Pin]) -> Plan:
        names = [name for name in (question.model, question.counted) if name]
        publisher = target.publisher or made_for
        strange = next((why for name in names if (why := self._strange(name, publisher))), "")
        if strange and self.policy.residency is not None:
            raise RequestNotUnderstood(strange, self.policy.summary)
        if target.resource and (not question.model or self.policy.residency is None):
            plan = self.planner.plan_for_resource(question)
        elif strange:
            plan = self.planner.plan_for_stranger(question)
        else:
            plan = self.planner.plan(question)
            if not plan.allowed:
                plan = self.alternatives.added(plan, question)
        if plan.allowed:
            return plan
        raise _refusal(plan, pins)

    def _strange(self, name: str, publisher: str) -> str:
        """Why the catalog can't speak of this model of this publisher; empty if it can."""
        try:
            model = self.catalog.model(name)
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


class Other(NamedTuple):
    """Another model that may take a request: what was asked of it, and its plan."""

    question: Question
    plan: Plan


class Decided(NamedTuple):
    """What is decided of a request before it is sent: what was asked of the catalog, the plan, what binds it, and the
    other models that may take it."""

    question: Question
    plan: Plan
    pins: tuple[Pin, ...]
    others: tuple[Other, ...]


class _Usual(msgspec.Struct):
    """What is decided of requests for a target on a day, whose bodies say nothing, by one policy over one catalog.

    It depends on nothing else but their size, and on that only as far as it is above or below these `limits`.
    """

    limits: tuple[int, ...]
    by_size: dict[int | None, Decided] = {}


class Call(msgspec.Struct, kw_only=True):
    """One logical request: its target, its plan, and its trace as it goes.

    `others` are the models to turn to when every candidate of the plan has failed; `conversation` is what
    it has in common with others that would find its prompt cache. `body` is None when it can be sent only
    once; `stated` is its size in tokens as the caller states it, `tokens` about how large it is.
    """

    core: Core
    target: Target
    question: Question
    plan: Plan
    trace: Trace
    body: bytes | None
    stated: int | None = None
    priority: int = 0
    tokens: int | None = None
    others: tuple[Other, ...] = ()
    conversation: str = ""
    failover: Failover | None = None

    def begin(self) -> Call:
        """Itself, on record: called once, before the first step.

        Raises:
            NotSent: it can't be put on record, and the policy wants it to be.
        """
        if self.core.observers:
            self.trace.id = self.core.new_id()
        try:
            for each in self.core.observers:
                each.began(self)
        except NotSent as error:
            raise self.core.refusal(error, self.question) from None
        return self

    def steps(self) -> Steps:
        """The failover machine for this request. A body that can be sent only once gets one attempt."""
        core = self.core
        policy = core.policy
        failover = Failover(
            self.plan,
            self.target.project,
            policy,
            core.health,
            self.trace,
            clock=core.clock,
            random=core.random,
            attempts=policy.attempts if self.body is not None else 1,
            priority=self.priority,
            tokens=self.tokens,
            fallbacks=[other.plan for other in self.others],
            first=core.affinity.pool(self.conversation) if core.affinity and self.conversation else None,
        )
        self.failover = failover
        return failover.steps()

    def bought(self, traffic: str) -> None:
        """How the service says that it bought the capacity for the answer that is being given."""
        self.trace.traffic = traffic
        if traffic and self.failover is not None and (mode := self.failover.mode) is not None:
            expected = TRAFFIC.get(mode, ())
            if expected and traffic not in expected:
                self.trace.mismatch = f"{mode} was asked for, and {traffic} was had"
                self.core.counts.add("traffic-mismatch")

    def finished(self, traffic: str) -> None:
        """A stream has come to its end, where it told how its capacity was bought: the observers are told."""
        self.bought(traffic)
        for each in self.core.observers:
            each.finished(self)

    def used(self, tokens: int) -> None:
        """How many tokens a streamed answer used."""
        if self.failover is not None:
            self.failover.used(tokens)

    def address(self, attempt: Attempt) -> Address:
        """Where this attempt's bytes go."""
        target, model = self.target, attempt.candidate.model
        if model != self.plan.model:
            target = for_model(target, model)
        return address(target, self.core.catalog.locations[attempt.candidate.location])

    def body_of(self, attempt: Attempt) -> bytes | None:
        """What this attempt sends; None when it can be sent only once."""
        model = attempt.candidate.model
        if self.body is None or model == self.plan.model:
            return self.body
        return body_for_model(self.target, self.body, model)

    def headers(self, attempt: Attempt) -> dict[str, str]:
        """What this attempt says of the capacity that it is to be served with, besides what the client said."""
        model, location, mode = attempt.candidate
        core, use = self.core, self.core.policy.reservations
        if mode in BOUGHT and self.target.mode not in BOUGHT:
            return {} if use == "service" else headers_of(mode)
        if mode != "standard" or not core.catalog.own.reservations:
            return {}
        held = any(core.catalog.reserved(model, location, each, self.question.on) for each in BOUGHT)
        return dict(SHARED) if held else {}

    def _asked_of(self, model: str) -> Question:
        """The question that this attempt's place was an answer to."""
        return next((other.question for other in self.others if other.question.model == model), self.question)

    def check(
        self,
        attempt: Attempt,
        *,
        method: str,
        scheme: str,
        host: str,
        port: int | None,
        raw_path: str,
        headers: Mapping[str, str],
    ) -> None:
        """The guard, for the request as it will be sent.

        Raises:
            GuardStop: it would leave the policy; nothing must be sent.
            NotSent: it can't be put on record, and the policy wants it to be.
        """
        question = self._asked_of(attempt.candidate.model)
        try:
            self.core.guard.check(
                method=method,
                scheme=scheme,
                host=host,
                port=port,
                raw_path=raw_path,
                headers=headers,
                body=self.body_of(attempt),
                model="" if self.target.resource and not question.model else attempt.candidate.model,
                on=question.on,
                tokens=question.tokens,
                stated=self.stated,
                features=question.features,
            )
        except NotSent as error:
            raise self.core.refusal(error, question, self) from None
        self.passed(attempt, host)

    def passed(self, attempt: Attempt, host: str) -> None:
        """The guard has passed an attempt, which leaves now: the observers are told.

        Raises:
            NotSent: it can't be put on record, and the policy wants it to be.
        """
        try:
            for each in self.core.observers:
                each.passed(self, attempt, host)
        except NotSent as error:
            raise self.core.refusal(error, self._asked_of(attempt.candidate.model), self) from None

    def broke(self, attempt: Attempt, signal: Signal) -> None:
        """A stream broke after its first content had reached the caller."""
        pool = Pool(self.target.project, *attempt.candidate)
        self.core.health.late_fault(pool, signal, self.core.clock())
        self.trace.broke(signal)
        for each in self.core.observers:
            each.broke(self, signal)
        self.core.observe(self.trace)

    def end(self) -> None:
        """The request has ended: its failure gets the advice what else the policy admits, its observer is told."""
        if self.trace.outcome == "answered" and self.core.affinity and self.conversation:
            pool = Pool(self.target.project, *self.trace.tried[-1].attempt.candidate)
            self.core.affinity.answered(self.conversation, pool)
        if self.trace.outcome in ("attempts", "deadline", "network"):
            known = self.plan.refused and self.question.model
            plan = self.core.explain(self.question) if known else self.plan
            self.trace.advice = tuple(str(each) for each in plan.alternatives)
        for each in self.core.observers:
            each.ended(self)
        self.core.observe(self.trace)
