"""What results teach.

A 429 moves the pace of what it speaks of and breaks nothing; a fault counts for the breaker or the host and slows
nothing down. Any answer shows that the location is there. What is wrong with a request itself teaches nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from router.capacity.breaker import Breaker
from router.capacity.events import Broken, Event, Noticed, Throttled
from router.capacity.outbox import Outbox
from router.capacity.pace import NEVER, Pace
from router.capacity.pools import Shared, State
from router.capacity.registry import Registry
from router.capacity.tickets import settle, unpace, withdraw
from router.health import Ticket
from router.plan import Pool
from router.signals import Scope, Signal

UNSERVED_S = {"not-servable": 24 * 3600.0, "org-policy-location": 24 * 3600.0, "model-not-found": 3600.0}
ZERO_QUOTA_AFTER_S, ZERO_QUOTA_S = 60.0, 3600.0
DAILY_LIMIT_S = 900.0
LONGEST_HINT_S, LONGEST_QUOTA_HINT_S = 60.0, 900.0


class Learning:
    """Takes results, and what others have learnt, into what is known of pools.

    Args:
        random: uniform in [0, 1).
    """

    def __init__(self, pools: Registry, outbox: Outbox, random: Callable[[], float]) -> None:
        self._pools = pools
        self._outbox = outbox
        self._random = random
        self._answered: set[tuple[str, str]] = set()

    def result(self, ticket: Ticket, signal: Signal, now: float) -> None:
        """What came of a request."""
        state: State = ticket.state
        state.in_flight -= 1
        if signal.status is not None or signal.failed:
            state.heard()
        if signal.throttled:
            self._throttled(ticket, signal, now)
        elif signal.failed:
            self._failed(ticket, signal, now)
        elif signal.status is None:
            withdraw(ticket)
        else:
            self._answered_by(ticket, signal, now)
        state.changed()

    def late_fault(self, pool: Pool, signal: Signal, now: float) -> None:
        """A stream broke after its result had been given."""
        state = self._pools.states.get(pool)
        if state is None:
            return
        state.why = _why(signal)
        if signal.throttled:
            if self._pools.pace(state, now).decrease(now, now, 0.0):
                self._outbox.tell(Throttled(pool=pool, sent_at=now, at=now, why=state.why))
        elif signal.failed:
            self._break(state, now, now)
        state.changed()

    def apply(self, event: Event, now: float) -> None:
        """What another process has learnt."""
        state, shared = self._pools.states.get(event.pool), self._pools.shared.get(event.pool)
        if isinstance(event, Throttled):
            pace = shared.pace if shared else self._pools.pace(state or self._pools.state(event.pool), now)
            pace.decrease(event.sent_at, now, max(0.0, event.at + event.shut_s - now) if event.shut_s else 0.0)
        elif isinstance(event, Broken):
            state = state or self._pools.state(event.pool)
            state.breaker = state.breaker or Breaker()
            if event.open_s:
                state.breaker.open(event.at + event.open_s)
            else:
                state.breaker.answered()
        for each in shared.members if shared else [state or self._pools.state(event.pool)]:
            each.why = each.why if isinstance(event, Noticed) else event.why
            each.refresh()

    def _throttled(self, ticket: Ticket, signal: Signal, now: float) -> None:
        """A 429 speaks of a model's capacity at a location, or of the project's quota there: only that is cooled."""
        state: State = ticket.state
        self._heard(state, now)
        shared = self._quota_of(ticket, signal, now)
        random, why = self._random, _why(signal)
        pace, mark = (shared.pace, ticket.quota_mark) if shared else (self._pools.pace(state, now), ticket.mark)
        pool = shared.pool if shared else state.pool
        believed = pace.by_chance
        counted = pace.rejected(mark, ticket.cost, ticket.sent_at, now, random)
        if pace.by_chance and not believed:
            what = f"about {pace.by_chance:.0%} is rejected however little is sent; that slows nothing down any more"
            self._outbox.tell(Noticed(pool=pool, at=now, what=what))
        if signal.retry_after_s:
            most = LONGEST_QUOTA_HINT_S if signal.scope is Scope.QUOTA else LONGEST_HINT_S
            pace.hint(min(signal.retry_after_s, most), now, random)
        for each in shared.members if shared else (state,):
            each.why = why
        if counted or signal.retry_after_s:
            shut_s = max(0.0, pace.shut_until - now)
            self._outbox.tell(Throttled(pool=pool, sent_at=ticket.sent_at, at=now, shut_s=shut_s, why=why))
        if signal.scope is Scope.QUOTA:
            ticket.lane.group.in_tokens |= "tokens" in signal.quota
            self._suspect_zero(shared or state, pace, now, why)

    def _quota_of(self, ticket: Ticket, signal: Signal, now: float) -> Shared | None:
        """The shared quota that a 429 speaks of; None if it is of the pool itself."""
        if signal.scope is not Scope.QUOTA:
            return None
        state: State = ticket.state
        if state.quota is not None:
            return state.quota if ticket.quota is not None else None
        base = signal.quota.rpartition(" ")[2] if " " in signal.quota else ""
        if base and base != state.pool.model and not base.endswith(state.pool.model):
            # The message names a quota that the catalog does not know of: from now on it is shared.
            self._pools.share(state, base, 0.0, now)
        return None

    def _suspect_zero(self, where: Shared | State, pace: Pace, now: float, why: str) -> None:
        """A quota that has never admitted anything, for a minute, is probably not there at all."""
        if pace.admitted_at > NEVER:
            return
        if where.zero_since == NEVER:
            where.zero_since = now
        members = where.members if isinstance(where, Shared) else [where]
        if now - where.zero_since >= ZERO_QUOTA_AFTER_S and not any(each.avoid_until > now for each in members):
            said = f"the quota is probably 0 here, it has never admitted anything; {why}"
            for each in members:
                each.avoid_until = now + ZERO_QUOTA_S * (1.0 + 0.1 * self._random())
                each.why = said
            self._outbox.tell(Noticed(pool=where.pool, at=now, what=said))

    def _failed(self, ticket: Ticket, signal: Signal, now: float) -> None:
        state: State = ticket.state
        state.why = _why(signal)
        unpace(ticket)
        if signal.scope is Scope.HOST and signal.kind != "reset":
            if state.breaker is not None:
                state.breaker.withdrawn(ticket.sent_at)
            state.host.failed(now, state.why, wrong=signal.kind != "connect")
            self._pools.host_changed(state.host)
            return
        if signal.retry_after_s:
            state.held_until = max(state.held_until, now + min(signal.retry_after_s, LONGEST_HINT_S))
        if signal.kind != "timeout":
            state.heard_at = now
        self._break(state, ticket.sent_at, now)

    def _break(self, state: State, sent_at: float, now: float) -> None:
        if state.breaker is None:
            state.breaker = Breaker()
        if state.breaker.failed(sent_at, now, self._random, proven=state.proven):
            open_s = state.breaker.ready_at - now
            self._outbox.tell(Broken(pool=state.pool, at=now, open_s=open_s, why=state.why))

    def _answered_by(self, ticket: Ticket, signal: Signal, now: float) -> None:
        """An answer that is neither a 429 nor a fault; what is wrong with it, if anything, is the caller's own."""
        state: State = ticket.state
        self._heard(state, now)
        if signal.kind in UNSERVED_S:
            unpace(ticket)
            self._unserving(state, signal, now)
            return
        if signal.kind == "daily-limit":
            unpace(ticket)
            if "logprobs" not in signal.message.lower():  # which binds only requests that ask for them
                state.avoid_until = now + min(signal.retry_after_s or DAILY_LIMIT_S, DAILY_LIMIT_S)
                state.why = _why(signal)
            return
        state.proven = True
        pace = state.pace or self._pools.pace(state, now)
        pace.admitted(ticket.cost, ticket.sent_at, now)
        if ticket.quota is not None:
            ticket.quota.pace.admitted(ticket.cost, ticket.sent_at, now)
        if signal.kind == "ok":
            state.took(now - ticket.sent_at)
            self._answered.add((state.pool.project, state.pool.model))
            state.unserved_until = state.avoid_until = state.held_until = 0.0
            if signal.tokens is not None:
                settle(ticket, signal.tokens)

    def _heard(self, state: State, now: float) -> None:
        """The location answers: what kept it shut as broken does so no longer."""
        state.heard_at = now
        if state.breaker is not None and state.breaker.answered():
            self._outbox.tell(Broken(pool=state.pool, at=now, why=f"{state.pool.location} answers again"))
        if state.host.answered():
            self._pools.host_changed(state.host)

    def _unserving(self, state: State, signal: Signal, now: float) -> None:
        """Only evidence teaches: the location named itself and, where the words are ambiguous, the
        same model answers this project elsewhere."""
        certain = signal.kind != "model-not-found" or (state.pool.project, state.pool.model) in self._answered
        if (signal.not_served or signal.kind == "org-policy-location") and certain:
            state.unserved_until = now + UNSERVED_S[signal.kind] * (1.0 + 0.1 * self._random())
            state.why = _why(signal)
            self._pools.served_changed()


def _why(signal: Signal) -> str:
    return f"{signal.label}: {signal.message}" if signal.message else signal.label
