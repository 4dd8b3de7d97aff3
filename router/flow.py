"""The failover machine: a generator without I/O, used by every way of sending.

It yields what to do next (an `Attempt`, or a `Wait` when nothing has capacity) and is sent the
`Signal` of each attempt. What it decides stands in the trace. It ends by itself; closing it early
means that the caller cancelled, which counts against no location.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from catalog.schema import Mode
from router.health import Ask, Health, Ticket, backoff_s
from router.plan import Plan, Pool
from router.policy import Policy
from router.signals import Action, Signal
from router.trace import Attempt, Trace, Tried, Wait

Step = Attempt | Wait
Steps = Generator[Step, Signal | None, None]

MOST_FAULTS = 6
"""So many attempts may end in a fault, where the policy does not say; those that find no capacity, any number."""

UNREACHABLE_HOSTS = 3
"""After so many different hosts can't be reached, the fault is taken to be this side's network."""

FALLBACK_AFTER_S = 1.0
"""Where a policy names another model, capacity for the first that is further off is not waited for."""

# Of no use to this request any more: the location, or its address, is out of the question.
_DROPS = frozenset({"not-servable", "model-not-found", "org-policy-location", "html", "redirect"})


class Failover:
    """Tries a plan's candidates until one answers, nothing is left, or attempts or time run out.

    Args:
        plan: with at least one candidate.
        trace: filled as the request goes; its `outcome` is set at the end.
        clock: seconds, monotonic.
        random: uniform in [0, 1).
        attempts: the most requests sent; at most the policy's.
        fallbacks: plans of other models, each used when every candidate before it has failed.
        first: the pool that it would like best, while that has room.
        priority: lower goes first where requests wait.
        tokens: about how many the request will use, where that is known.
    """

    def __init__(
        self,
        plan: Plan,
        project: str,
        policy: Policy,
        health: Health,
        trace: Trace,
        *,
        clock: Callable[[], float],
        random: Callable[[], float],
        attempts: int,
        priority: int = 0,
        tokens: int | None = None,
        fallbacks: Sequence[Plan] = (),
        first: Pool | None = None,
    ) -> None:
        self._policy = policy
        self._health = health
        self._trace = trace
        self._clock = clock
        self._random = random
        self._attempts = min(attempts, policy.attempts)
        self._faults = policy.faults or MOST_FAULTS
        self._started = now = clock()
        self._until = until = now + policy.deadline_s
        self._ask = Ask(plan, project, arrived=now, until=until, priority=priority, tokens=tokens, first=first)
        self._fallbacks = list(fallbacks)
        self._times: dict[Pool, int] = {}
        self._unreachable: set[str] = set()
        self.mode: Mode | None = None
        """By which mode the last attempt goes."""
        self._ticket: Ticket | None = None

    def steps(self) -> Steps:
        """The machine itself. Each `Attempt` must be answered with its `Signal`, a `Wait` with None."""
        try:
            while not self._trace.outcome and self._may_go_on(now := self._clock()):
                leave = self._health.acquire(self._ask, now)
                if isinstance(leave, Ticket):
                    signal = yield from self._attempt(leave, now)
                    self._decide(leave.pool, signal)
                elif self._is_long(leave, now) and self._next_model():
                    continue
                elif self._can_wait(leave, now):
                    yield from self._wait(leave, now)
        finally:
            self._health.leave(self._ask, self._clock())

    def used(self, tokens: int) -> None:
        """How many tokens the answer used, where that is known only after the last signal: of a stream."""
        if self._ticket is not None:
            self._health.settle(self._ticket, tokens)

    def _may_go_on(self, now: float) -> bool:
        if len(self._trace.tried) >= self._attempts or self._faults <= 0:
            self._end("attempts")
        elif self._until <= now:
            self._end("deadline")
        return not self._trace.outcome

    def _is_long(self, wait: Wait, now: float) -> bool:
        """Whether capacity for this model is too far off to be waited for while there is another model."""
        return wait.delay_s >= min(FALLBACK_AFTER_S, self._until - now)

    def _next_model(self) -> bool:
        """Turns to the next model; whether there is one. The token of one that is renewed belongs to its place."""
        if not self._fallbacks or self._ask.only is not None:
            return False
        last = self._ask
        self._health.leave(last, self._clock())
        self._ask = Ask(
            self._fallbacks.pop(0),
            last.project,
            arrived=last.arrived,
            until=last.until,
            priority=last.priority,
            tokens=last.tokens,
            first=last.first,
        )
        return True

    def _can_wait(self, wait: Wait, now: float) -> bool:
        """Whether its turn comes in time; if not, the caller hears of it now and not at the deadline."""
        if wait.delay_s >= self._until - now:
            note = f" ({wait.note})" if wait.note else ""
            self._trace.eta_s = wait.delay_s
            self._end("deadline", f"no capacity for another {wait.delay_s:.1f} s{note}")
            return False
        return True

    def _wait(self, wait: Wait, began: float) -> Generator[Step, Signal | None, None]:
        try:
            yield wait
        except GeneratorExit:
            self._end("cancelled")
            raise
        finally:
            self._trace.waited_s += self._clock() - began

    def _attempt(self, ticket: Ticket, sent: float) -> Generator[Step, Signal | None, Signal]:
        attempt = Attempt(
            number=len(self._trace.tried) + 1,
            allowed=ticket.allowed,
            timeout_s=self._until - sent,
            refresh=self._ask.only is not None,
            weighed=ticket.tokens is not None,
        )
        self._ticket = ticket
        self.mode = ticket.pool.mode
        signal = None
        try:
            signal = yield attempt
        finally:
            if signal is None:
                self._health.release(ticket, self._clock())
                self._end("cancelled")
        if signal is None:
            raise TypeError("an Attempt must be answered with a Signal")
        now = self._clock()
        self._health.result(ticket, signal, now)
        record = Tried(attempt=attempt, signal=signal, at_s=sent - self._started, took_s=now - sent)
        self._trace.tried.append(record)
        return signal

    def _decide(self, pool: Pool, signal: Signal) -> None:
        """What this signal means for the request; what it means for the pool, health has decided."""
        replayed, self._ask.only = self._ask.only, None
        if signal.action is Action.DONE:
            self._end("answered")
        elif signal.action is Action.REFRESH and replayed is None:
            self._ask.only = pool
        elif signal.action is not Action.NEXT:
            self._end("stopped")
        elif signal.kind == "stale":
            pass  # it tells nothing: the same location comes first again
        elif signal.kind in _DROPS:
            self._drop(pool, signal)
        elif signal.kind == "timeout" and not self._may_repeat_after_timeout():
            self._end("stopped", "not sent again after a time-out: it may have been processed")
        else:
            self._again(pool, signal)

    def _may_repeat_after_timeout(self) -> bool:
        return self._policy.repeat_after_timeout and self._until - self._clock() >= self._policy.deadline_s / 2

    def _drop(self, pool: Pool, signal: Signal) -> None:
        self._draw(signal)
        self._ask.dropped.add(pool)
        if len(self._ask.dropped) == len(self._ask.plan.allowed) and not self._next_model():
            self._end("stopped", "no location is left: each one refused the model or its address")

    def _again(self, pool: Pool, signal: Signal) -> None:
        """The pool may be tried again, after a pause; the others at once."""
        now, times = self._clock(), self._times.get(pool, 0) + 1
        self._times[pool] = times
        self._draw(signal)
        self._ask.not_before[pool] = now + backoff_s(times, self._random)
        if len(self._ask.dropped | self._ask.not_before.keys()) == len(self._ask.plan.allowed):
            self._next_model()
        if signal.kind == "connect":
            self._unreachable.add(pool.location)
            if len(self._unreachable) >= UNREACHABLE_HOSTS:
                self._end("network", f"{len(self._unreachable)} different hosts can't be reached")

    def _draw(self, signal: Signal) -> None:
        """Another try after a fault draws on what this request may fail, and on the retries of all."""
        self._faults -= signal.failed
        self._health.retry(self._ask, signal, self._clock())

    def _end(self, outcome: str, note: str = "") -> None:
        self._trace.outcome, self._trace.note = outcome, note
