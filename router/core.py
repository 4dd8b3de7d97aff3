"""What every way of sending shares: catalog, policy, plans, guard, health, and the clocks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date

import msgspec

from catalog.errors import UnknownModel
from catalog.query import Catalog
from router.alternatives import Alternatives
from router.endpoints import Address, address
from router.errors import NoRoute, RequestNotUnderstood
from router.flow import Failover, Steps
from router.guard import Guard
from router.health import Health
from router.pins import pinned_locations
from router.plan import Plan, Pool
from router.planner import Planner
from router.policy import Policy
from router.rules import Question
from router.signals import Signal
from router.target import Incoming, NotUnderstood, Target, parse
from router.trace import Attempt, Trace, Wait

BYTES_PER_TOKEN = 4
"""About; what answers tell of their use corrects it."""


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

    def explain(self, question: Question) -> Plan:
        """The plan for a question, with what else the policy admits.

        Raises:
            UnknownModel: with the nearest ids.
        """
        return self.alternatives.added(self.planner.plan(question), question)

    def admit(self, asked: Incoming, priority: int = 0) -> Call | None:
        """The call for a request; None for one that is to be sent on unchanged, unrouted.

        Raises:
            NoRoute: no location may serve it under the policy.
            RequestNotUnderstood: it can't be told where it would be processed, and the policy wants to know.
        """
        target = parse(asked, self.catalog.private_hosts)
        if isinstance(target, NotUnderstood):
            if self.policy.limits_locations or self.catalog.own.denied:
                raise RequestNotUnderstood(target.reason, self.policy.summary)
            return None
        if target.location not in self.catalog.locations:
            raise RequestNotUnderstood(f"{target.location!r} is not a location of the catalog", self.policy.summary)
        question = Question(
            model=target.model,
            modes=(target.mode,),
            on=self.today(),
            method=target.method,
            caller=target.location,
            pins=pinned_locations(target, asked.body),
            counted=target.counted,
        )
        call = self.call(target, question, replayable=asked.body is not None, priority=priority)
        if asked.body:
            call.tokens = len(asked.body) // BYTES_PER_TOKEN
        return call

    def call(self, target: Target, question: Question, *, replayable: bool = True, priority: int = 0) -> Call:
        """The call for a target.

        Args:
            replayable: may it be sent more than once?
            priority: lower goes first where requests wait.

        Raises:
            NoRoute, RequestNotUnderstood: as `admit`.
        """
        plan = self._plan(question, target.publisher)
        return Call(
            core=self,
            target=target,
            question=question,
            plan=plan,
            trace=Trace(model=plan.model),
            replayable=replayable,
            priority=priority,
            tokens=question.tokens,
        )

    def _plan(self, question: Question, publisher: str) -> Plan:
        names = [name for name in (question.model, question.counted) if name]
        strange = next((why for name in names if (why := self._strange(name, publisher))), "")
        if strange:
            if self.policy.residency is not None:
                raise RequestNotUnderstood(strange, self.policy.summary)
            plan = self.planner.plan_for_stranger(question)
        else:
            plan = self.planner.plan(question)
        if not plan.allowed:
            raise NoRoute(plan if strange else self.alternatives.added(plan, question))
        return plan

    def _strange(self, name: str, publisher: str) -> str:
        """Why the catalog can't speak of this model of this publisher; empty if it can."""
        try:
            model = self.catalog.model(name)
        except UnknownModel as error:
            return str(error)
        return "" if model.publisher == publisher else f"{model.id} is a model of {model.publisher}, not of {publisher}"


class Call(msgspec.Struct, kw_only=True):
    """One logical request: its target, its plan, and its trace as it goes."""

    core: Core
    target: Target
    question: Question
    plan: Plan
    replayable: bool
    trace: Trace
    priority: int = 0
    tokens: int | None = None
    failover: Failover | None = None

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
            attempts=policy.attempts if self.replayable else 1,
            priority=self.priority,
            tokens=self.tokens,
        )
        self.failover = failover
        return failover.steps()

    def used(self, tokens: int) -> None:
        """How many tokens a streamed answer used."""
        if self.failover is not None:
            self.failover.used(tokens)

    def address(self, attempt: Attempt) -> Address:
        """Where this attempt's bytes go."""
        return address(self.target, self.core.catalog.locations[attempt.candidate.location])

    def check(
        self, attempt: Attempt, *, scheme: str, host: str, port: int | None, raw_path: str, headers: Mapping[str, str]
    ) -> None:
        """The guard, for the request as it will be sent.

        Raises:
            GuardStop: it would leave the policy; nothing must be sent.
        """
        self.core.guard.check(
            scheme=scheme,
            host=host,
            port=port,
            raw_path=raw_path,
            headers=headers,
            model=attempt.candidate.model,
            on=self.question.on,
            tokens=self.question.tokens,
        )

    def broke(self, attempt: Attempt, signal: Signal) -> None:
        """A stream broke after its first content had reached the caller."""
        pool = Pool(self.target.project, *attempt.candidate)
        self.core.health.late_fault(pool, signal, self.core.clock())
        self.trace.broke(signal)
        self.core.observe(self.trace)

    def end(self) -> None:
        """The request has ended: its failure gets the advice what else the policy admits, its observer is told."""
        if self.trace.outcome in ("attempts", "deadline", "network"):
            plan = self.core.explain(self.question) if self.plan.refused else self.plan
            self.trace.advice = tuple(str(each) for each in plan.alternatives)
        self.core.observe(self.trace)
