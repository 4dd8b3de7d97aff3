"""`Audit`: puts every decision and every attempt of a router on record.

No prompt, no answer, no credential is ever in it: only names of the catalog, and of the request its id.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version

import msgspec
from cachetools import LRUCache

from catalog.query import Catalog
from router.audit.digests import catalog_digest, plan_digest, policy_digest, policy_fields
from router.audit.evidence import encoded_options, encoded_question, encoded_refusals, options
from router.audit.lines import Broken, CatalogLine, Decision, Ended, Event, Late, Option, PlanLine, PolicyLine, Tried
from router.audit.log import Log
from router.audit.writer import Entry, Notice, Writer
from router.auditing import Auditing
from router.core import Call, Core
from router.errors import NoRoute, NotSent
from router.plan import Candidate, Plan
from router.policy import Policy
from router.rules import Question
from router.signals import Action, Signal
from router.trace import Attempt

_CACHED = 1024
_CATALOGS = 8


def _now() -> datetime:
    return datetime.now(UTC)


def _at(now: Callable[[], datetime]) -> str:
    return now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class _Known(msgspec.Struct, frozen=True):
    """What is the same for every request of one question under one policy."""

    notices: tuple[Notice, Notice, Notice]
    options: dict[Candidate, Option]


class _Open(msgspec.Struct):
    """A request under way: where its attempts may go and went, and how many of them are on record."""

    plans: list[_Known]
    hosts: dict[int, tuple[Candidate, str]] = {}
    written: int = 0

    def option(self, candidate: Candidate, host: str) -> Option:
        """The candidate as it was allowed; without a rule if it was not, which an audit is to bring to light."""
        for plan in self.plans:
            if candidate in plan.options:
                return plan.options[candidate]
        model, location, mode = candidate
        return Option(model=model, location=location, mode=mode, host=host, rule="")


class Audit:
    """Writes what a router decides and does to a file; see docs/audit.md.

    Made by a router whose policy names a file. Flushed and closed when the program ends, or when nothing
    holds it any more.

    Args:
        auditing: where to, and what happens when it can't be written.
        policy: the policy of the router.
        now: the time in UTC; handed in by tests.
        open_log: opens the file; for tests.
    """

    def __init__(
        self,
        auditing: Auditing,
        policy: Policy,
        *,
        now: Callable[[], datetime] = _now,
        open_log: Callable[..., Log] = Log,
    ) -> None:
        self._at = at = partial(_at, now)  # not a method: the writer's thread must not hold this object
        refuse = auditing.on_failure == "refuse" or (auditing.on_failure is None and policy.residency is not None)
        self._writer = Writer(
            auditing.file,
            auditing.rotate_bytes,
            refuse=refuse,
            now=at,
            version=version("vertex-router"),
            open_log=open_log,
        )
        self._lock = threading.Lock()
        self._known: LRUCache[tuple[str, str, Question], _Known] = LRUCache(_CACHED)
        self._notices: LRUCache[Policy, Notice] = LRUCache(_CACHED)
        self._catalogs: LRUCache[int, tuple[Catalog, Notice]] = LRUCache(_CATALOGS)
        self._open: dict[str, _Open] = {}
        self._end = weakref.finalize(self, self._writer.close)

    @property
    def lost(self) -> int:
        """Lines that could not be written and were given up, under a policy that goes on."""
        return self._writer.lost

    @property
    def refused_requests(self) -> int:
        """Requests that were refused because they could not be put on record."""
        return self._writer.refused

    def open(self) -> None:
        """Opens the file, so that what is wrong with it is known before the first request.

        Raises:
            AuditFailed: it can't be written, and the policy refuses requests without it.
        """
        self._writer.open()

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Waits until everything so far is written; whether it is."""
        return self._writer.flush(timeout_s)

    def close(self) -> None:
        """Writes everything so far and the closing line. A later request opens the file again."""
        self._writer.close()

    # What a router tells

    def began(self, call: Call) -> None:
        """See `Observer`."""
        known = self._about(call.core, call.question, call.plan)
        others = [self._about(call.core, other.question, other.plan) for other in call.others]
        policy, catalog, plan = known.notices
        decision = Decision(
            at=self._at(),
            request=call.trace.id,
            outcome="allowed",
            policy=policy.digest,
            catalog=catalog.digest,
            plan=plan.digest,
            others=tuple(other.notices[2].digest for other in others),
            model=call.plan.model,
            exceptions=call.trace.exceptions,
        )
        notices = (*known.notices, *(other.notices[2] for other in others))
        self._writer.put(Entry(decision, notices))
        self._open[call.trace.id] = _Open([known, *others])

    def refused(self, core: Core, error: NotSent, question: Question | None, call: Call | None) -> None:
        """See `Observer`."""
        notices: tuple[Notice, ...] = self._named(core)
        if question is not None and isinstance(error, NoRoute):
            notices = self._about(core, question, error.plan).notices
        policy, catalog, *plan = notices
        decision = Decision(
            at=self._at(),
            request=call.trace.id if call else "",
            outcome="refused",
            policy=policy.digest,
            catalog=catalog.digest,
            plan=plan[0].digest if plan else "",
            model=question.model if question else "",
            error=type(error).__name__,
        )
        self._writer.put(
            Entry(decision, notices), after=True, keep=False
        )  # nothing is sent, so there is nothing to refuse

    def unrouted(self, core: Core, host: str) -> None:
        """See `Observer`."""
        policy, catalog = self._named(core)
        decision = Decision(at=self._at(), outcome="unrouted", policy=policy.digest, catalog=catalog.digest, host=host)
        self._put(core, decision)

    def passed(self, call: Call, attempt: Attempt, host: str) -> None:
        """See `Observer`."""
        request = self._open.get(call.trace.id)
        if request is None:
            return
        self._catch_up(call, request)
        self._writer.check()
        request.hosts[attempt.number] = (attempt.candidate, host)

    def ended(self, call: Call) -> None:
        """See `Observer`."""
        request = self._open.pop(call.trace.id, None)
        if request is None:
            return
        outcome = call.trace.outcome or "not-sent"
        if not request.hosts:
            self._put(call.core, Ended(at=self._at(), request=call.trace.id, outcome=outcome), after=True)
        self._catch_up(call, request, outcome)

    def broke(self, call: Call, signal: Signal) -> None:
        """See `Observer`."""
        location = call.trace.location
        event = Broken(at=self._at(), request=call.trace.id, location=location, outcome=signal.kind)
        self._put(call.core, event, after=True)

    def finished(self, call: Call) -> None:
        """See `Observer`."""
        trace = call.trace
        if trace.traffic:
            model = trace.tried[-1].attempt.candidate.model
            event = Late(at=self._at(), request=trace.id, model=model, location=trace.location, traffic=trace.traffic)
            self._put(call.core, event, after=True)

    def _catch_up(self, call: Call, request: _Open, ended: str = "") -> None:
        """Puts on record what came of the attempts that were made."""
        heard = {each.attempt.number: each for each in call.trace.tried}
        for number in sorted(request.hosts)[request.written :]:
            candidate, host = request.hosts[number]
            option, tried = request.option(candidate, host), heard.get(number)
            signal = tried.signal if tried else None
            policy, catalog = self._named(call.core)
            request.written += 1
            event = Tried(
                at=self._at(),
                request=call.trace.id,
                number=number,
                model=option.model,
                location=option.location,
                mode=option.mode,
                host=host,
                rule=option.rule,
                claims=option.claims,
                policy=policy.digest,
                catalog=catalog.digest,
                outcome=signal.kind if signal else "cancelled",
                status=signal.status if signal else None,
                traffic=call.trace.traffic if signal and signal.action is Action.DONE else "",
                took_s=round(tried.took_s, 3) if tried else 0.0,
                ended=ended if request.written == len(request.hosts) else "",
            )
            self._put(call.core, event, after=True)

    def _about(self, core: Core, question: Question, plan: Plan) -> _Known:
        policy, catalog = self._named(core)
        key = (policy.digest, catalog.digest, question)
        with self._lock:
            known = self._known.get(key)
        if known is None:
            found = options(core.catalog, core.policy, question, plan)
            asked, allowed = encoded_question(question), encoded_options(found)
            line = PlanLine(
                at=self._at(),
                plan=plan_digest(policy.digest, catalog.digest, bytes(asked), bytes(allowed)),
                policy=policy.digest,
                catalog=catalog.digest,
                question=asked,
                allowed=allowed,
                refused=encoded_refusals(plan),
            )
            known = _Known((policy, catalog, Notice(line.plan, line)), found)
            with self._lock:
                self._known[key] = known
        return known

    def _named(self, core: Core) -> tuple[Notice, Notice]:
        """The policy and the catalog of a decision, by their digests."""
        with self._lock:
            policy = self._notices.get(core.policy)
            if policy is None:
                digest = policy_digest(core.policy)
                event = PolicyLine(at=self._at(), policy=digest, fields=policy_fields(core.policy))
                policy = self._notices[core.policy] = Notice(digest, event)
            known = self._catalogs.get(id(core.catalog))  # which lives as long as it stands here
            if known is None:
                digest = catalog_digest(core.catalog)
                own = tuple(sorted(core.catalog.own.sources))
                line = CatalogLine(at=self._at(), catalog=digest, own_sources=own)
                known = self._catalogs[id(core.catalog)] = (core.catalog, Notice(digest, line))
            return policy, known[1]

    def _put(self, core: Core, event: Event, *, after: bool = False) -> None:
        self._writer.put(Entry(event, self._named(core)), after=after)
