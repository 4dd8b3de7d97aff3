"""What every way of sending shares: catalog, policy, decisions, guard, health, clocks; and one request on its way."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Protocol

import msgspec

from catalog.query import Catalog
from router.affinity import Affinity, affinity_key
from router.contents import contents as contents_of
from router.counts import Counts
from router.decisions import Decided, Decisions, Denied, Other
from router.directives import Directives, directives
from router.endpoints import Address, address, body_for_model, for_model
from router.errors import GuardStop, NotSent, RequestNotUnderstood
from router.flow import Failover, Steps
from router.guard import Guard
from router.health import Health
from router.modes import BOUGHT, SHARED, headers_of
from router.plan import Plan, Pool
from router.policy import Policy
from router.rules import Question
from router.signals import Signal
from router.target import Incoming, NotUnderstood, Target, parse
from router.trace import TRAFFIC, Attempt, Trace, Wait

BYTES_PER_TOKEN = 4
"""About; what answers tell of their use corrects it."""


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
    return os.urandom(8).hex()


class Core(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a router. Nothing here sends; clocks, sleep and randomness are handed in."""

    catalog: Catalog
    policy: Policy
    decisions: Decisions
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
        body, stated = asked.body, wishes.tokens
        found = contents_of(target, body, asked.headers)
        call = self._call(target, self.decisions.of_request(target, found, body, stated, self.today()), body, priority)
        if stated is not None:
            call.stated = call.tokens = stated
        elif body:
            call.tokens = len(body) // BYTES_PER_TOKEN
        if self.affinity is not None and len(call.plan.allowed) > 1:
            call.conversation = affinity_key(call.plan.model, body, wishes.affinity)
        return call

    def call(self, target: Target, question: Question, *, priority: int = 0) -> Call:
        """The call for a target, of which all that matters stands in the question.

        Args:
            priority: lower goes first where requests wait.

        Raises:
            NoRoute, RequestNotUnderstood: as `admit`.
        """
        return self._call(target, self.decisions.of_question(target, question), b"", priority)

    def _call(self, target: Target, decided: Decided | Denied, body: bytes | None, priority: int) -> Call:
        if isinstance(decided, Denied):
            raise self.refusal(decided.error, decided.question)
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
        if not self.core.observers:
            return self
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
        model, location, _ = attempt.candidate
        target = self.target if model == self.plan.model else for_model(self.target, model)
        return address(target, self.core.catalog.locations[location])

    def body_of(self, attempt: Attempt) -> bytes | None:
        """What this attempt sends; None when it can be sent only once."""
        body, model = self.body, attempt.candidate.model
        return body if body is None or model == self.plan.model else body_for_model(self.target, body, model)

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
        if not self.others or model == self.plan.model:
            return self.question
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
        body: bytes | None,
    ) -> None:
        """The guard, for the request as it will be sent; a body that can be sent only once is None.

        Raises:
            GuardStop: it would leave the policy; nothing must be sent.
            NotSent: it can't be put on record, and the policy wants it to be.
        """
        model = attempt.candidate.model
        question = self._asked_of(model)
        try:
            self.core.guard.check(
                method=method,
                scheme=scheme,
                host=host,
                port=port,
                raw_path=raw_path,
                headers=headers,
                body=body,
                model="" if self.target.resource and not question.model else model,
                on=question.on,
                tokens=question.tokens,
                stated=self.stated,
                features=question.features,
            )
        except NotSent as error:
            raise self.core.refusal(error, question, self) from None
        if self.core.observers:
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
            plan = self.core.decisions.explain(self.question) if known else self.plan
            self.trace.advice = tuple(str(each) for each in plan.alternatives)
        for each in self.core.observers:
            each.ended(self)
        self.core.observe(self.trace)
