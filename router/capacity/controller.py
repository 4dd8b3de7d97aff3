"""The controller: which request may go where, when; and what is learnt from what comes of it.

All of it under one lock that is never held while anything waits, sends, writes or calls back: bells
are rung, events told and records written after it. Every time is an argument.
"""

from __future__ import annotations

import itertools
import logging
import random as _random
import threading
from collections.abc import Callable, Iterable, Sequence

from cachetools import LRUCache

from router.capacity.breaker import Breaker
from router.capacity.budget import Budget
from router.capacity.choice import FOREVER, choose, earliest
from router.capacity.events import Broken, Event, Noticed, Throttled
from router.capacity.knobs import Pacing
from router.capacity.lanes import Group, Lane, Place
from router.capacity.pace import NEVER, Pace
from router.capacity.pools import Shared, State
from router.capacity.registry import Registry
from router.capacity.sent import Sent
from router.health import Ask, PoolState, Ticket
from router.plan import Plan, Pool
from router.signals import Scope, Signal
from router.status import Status
from router.trace import Wait

_logger = logging.getLogger("router")

UNSERVED_S = {"not-servable": 24 * 3600.0, "org-policy-location": 24 * 3600.0, "model-not-found": 3600.0}
ZERO_QUOTA_AFTER_S, ZERO_QUOTA_S = 60.0, 3600.0
DAILY_LIMIT_S = 900.0
LONGEST_HINT_S, LONGEST_QUOTA_HINT_S = 60.0, 900.0
CACHED_LANES = 4096

_TOLERANCE_S = 0.01
_LEAST_WAIT_S = 0.001
_BEHIND_PROBE_S = 1.0
_LONGEST_UNKNOWN_S = 10.0
_BIAS_WEIGHT = 0.05


class Controller:
    """Capacity control for any number of routers, threads and event loops.

    Args:
        pacing: see `Pacing`.
        record: called with every request that has ended, e.g. a `Recorder`.
        random: uniform in [0, 1).
    """

    def __init__(
        self,
        pacing: Pacing | None = None,
        *,
        record: Callable[[Sent], object] | None = None,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self._pacing = pacing or Pacing()
        self._record = record
        self._random = random
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._lanes: LRUCache[tuple[int, str], Lane] = LRUCache(CACHED_LANES)
        self._groups: dict[tuple[str, str], Group] = {}
        self._pools = Registry(self._pacing.max_waste, self._pacing.tolerated)
        self._answered: set[tuple[str, str]] = set()
        self._listeners: list[Callable[[Event], object]] = [_warn]
        self._later: list[Callable[[], object]] = []

    # What the failover machine asks

    def acquire(self, ask: Ask, now: float) -> Ticket | Wait:
        """See `Health.acquire`."""
        with self._lock:
            place = ask.place or self._enter(ask, now)
            found = self._leave_or_wait(place, now)
            later = self._taken_later()
        _call(later)
        return found

    def leave(self, ask: Ask, now: float) -> None:
        """See `Health.leave`."""
        place: Place | None = ask.place
        ask.place = None  # which holds the ask in turn
        if place is None or not (place.waiting or place.ticket):
            return
        with self._lock:
            if place.waiting:
                place.lane.remove(place)
            if place.ticket is not None:
                self._undo(place.ticket)
                place.ticket = None
            self._dispatch(place.lane.group, now)
            later = self._taken_later()
        _call(later)

    def result(self, ticket: Ticket, signal: Signal, now: float) -> None:
        """See `Health.result`."""
        state: State = ticket.state
        with self._lock:
            state.in_flight -= 1
            if signal.status is not None or signal.failed:
                state.heard()
            if signal.throttled:
                self._throttled(ticket, signal, now)
            elif signal.failed:
                self._failed(ticket, signal, now)
            elif signal.status is None:
                self._withdrawn(ticket)
            else:
                self._answered_by(ticket, signal, now)
            state.changed()
            if ticket.lane.group.waiting:
                self._dispatch(ticket.lane.group, now)
            if self._record is not None:
                self._note(ticket, signal.label, now)
            later = self._taken_later()
        _call(later)

    def release(self, ticket: Ticket, now: float) -> None:
        """See `Health.release`. What was sent may have been admitted: its token stays spent."""
        with self._lock:
            ticket.state.in_flight -= 1
            self._withdrawn(ticket)
            ticket.state.changed()
            self._dispatch(ticket.lane.group, now)
            if self._record is not None:
                self._note(ticket, "cancelled", now)
            later = self._taken_later()
        _call(later)

    def retry(self, ask: Ask, signal: Signal, now: float) -> None:
        """See `Health.retry`. A 429 costs no credit: the pace bounds it."""
        if signal.failed:
            with self._lock:
                ask.retry_at = ask.place.lane.group.budget.retry_at(now)

    def settle(self, ticket: Ticket, tokens: int) -> None:
        """What a request has used, known after its result: of a stream, at its end."""
        with self._lock:
            self._settle(ticket, tokens)
            ticket.state.changed()

    def late_fault(self, pool: Pool, signal: Signal, now: float) -> None:
        """See `Health.late_fault`."""
        with self._lock:
            state = self._pools.states.get(pool)
            if state is None:
                return
            state.why = _why(signal)
            if signal.throttled:
                if self._pools.pace(state, now).decrease(now, now, 0.0):
                    self._tell(Throttled(pool=pool, sent_at=now, at=now, why=state.why))
            elif signal.failed:
                self._break(state, now, now)
            state.changed()
            later = self._taken_later()
        _call(later)

    def states(self, pools: Sequence[Pool], now: float) -> tuple[PoolState, ...]:
        """See `Health.states`."""
        with self._lock:
            return tuple(self._pools.stands(pool, now) for pool in pools)

    # What people and other processes ask

    def status(self, now: float) -> Status:
        """How every pool stands that has been used."""
        with self._lock:
            waiting = sum(group.waiting for group in self._groups.values())
            return Status(pools=self._pools.status(now), waiting=waiting)

    def listen(self, listener: Callable[[Event], object]) -> None:
        """Has every event of this controller told to `listener`, outside of any lock."""
        self._listeners.append(listener)

    def apply(self, event: Event, now: float) -> None:
        """Takes over what another process has learnt; tells nobody."""
        with self._lock:
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
            self._dispatch_all(now)
            later = self._taken_later()
        _call(later)

    # Who goes next

    def _leave_or_wait(self, place: Place, now: float) -> Ticket | Wait:
        if place.ticket is None:
            group = place.lane.group
            if place.waiting:
                place.lane.still_silent(now - place.wakes_at, now)
                self._dispatch(group, now)
            elif not group.waiting and (ticket := self._try(place, now)) is not None:
                return ticket
            else:
                if group.waiting >= self._pacing.most_waiting and not place.ask.sent:
                    eta_s = max(place.ask.until - now, group.waiting / place.lane.rate(now))
                    return Wait(eta_s, note=f"{group.waiting} requests are waiting already")
                place.lane.put(place)
                self._dispatch(group, now)
        if place.ticket is not None:
            ticket, place.ticket = place.ticket, None
            return ticket
        place.ask.bell.reset()
        return self._wait(place, now)

    def _wait(self, place: Place, now: float) -> Wait:
        at, ahead = earliest(place, now), place.lane.group.ahead_of(place)
        if at == FOREVER:  # everything hangs on one request that tries
            at = now + min(_LONGEST_UNKNOWN_S, _BEHIND_PROBE_S * (1.0 + 0.1 * ahead))
        elif ahead:
            at += ahead / place.lane.rate(now)
        place.wakes_at = at
        return Wait(max(at - now, _LEAST_WAIT_S), place.ask.bell, f"{ahead} before it" if ahead else "")

    def _dispatch(self, group: Group, now: float) -> None:
        """Gives what capacity there is to those who wait, in their order; wakes the next one if need be."""
        if not group.waiting:
            return
        lanes = group.lanes.copy()
        while lanes:
            lane = lanes[0] if len(lanes) == 1 else min(lanes, key=lambda each: each.queue[0])
            if not self._grant(lane, now) or not lane.queue:
                lanes.remove(lane)
        head = group.head()
        if head is not None and head.wakes_at > now + _TOLERANCE_S:
            at = earliest(head, now)
            if at + _TOLERANCE_S < head.wakes_at:
                head.wakes_at = max(at, now)
                self._later.append(head.ask.bell.ring)

    def _dispatch_all(self, now: float) -> None:
        for group in self._groups.values():
            self._dispatch(group, now)

    def _grant(self, lane: Lane, now: float) -> bool:
        for place in lane.queue:
            ticket = self._try(place, now)
            if ticket is not None:
                lane.remove(place)
                place.ticket = ticket
                self._later.append(place.ask.bell.ring)
                return True
            if not place.ask.sent:  # it has no wishes of its own, so the lane has nothing for the others either
                return False
        return False

    def _try(self, place: Place, now: float) -> Ticket | None:
        ask, lane = place.ask, place.lane
        if ask.retry_at > now:
            return None
        if now >= lane.sort_at:
            lane.sort(now)
        favourite = self._pools.states.get(ask.first) if ask.first else None
        state = choose(ask, lane, favourite, now)
        return None if state is None else self._take(ask, lane, state, now)

    def _take(self, ask: Ask, lane: Lane, state: State, now: float) -> Ticket:
        group = lane.group
        ticket = Ticket(state.pool, lane.allowed[state], now, lane, state)
        if group.in_tokens and ask.tokens:
            ticket.tokens = ask.tokens
            ticket.cost = self._cost(group, ask.tokens)
        if not ask.sent:
            group.budget.sent()
        ask.sent += 1
        pressed = group.waiting > 0
        pace = state.pace or self._pools.pace(state, now, group.unit)
        ticket.mark = pace.take(ticket.cost, now, pressed=pressed)
        state.sending(now)
        if state.breaker is not None and state.breaker.is_open and state.breaker.ready_at <= now:
            state.breaker.probe(now)
        if state.quota is None:
            state.refresh()
        else:
            ticket.quota = state.quota
            ticket.quota_mark = state.quota.pace.take(ticket.cost, now, pressed=pressed)
            state.quota.refresh()
        return ticket

    # What is learnt

    def _throttled(self, ticket: Ticket, signal: Signal, now: float) -> None:
        """A 429 speaks of a model's capacity at a location, or of the project's quota there: only that is cooled."""
        state: State = ticket.state
        self._heard(state, now)
        shared = self._quota_of(ticket, signal, now)
        random, why = self._random, _why(signal)
        pace, mark = (shared.pace, ticket.quota_mark) if shared else (self._pools.pace(state, now), ticket.mark)
        believed = pace.by_chance
        counted = pace.rejected(mark, ticket.cost, ticket.sent_at, now, random)
        if pace.by_chance and not believed:
            what = f"about {pace.by_chance:.0%} is rejected however little is sent; that slows nothing down any more"
            self._tell(Noticed(pool=shared.pool if shared else state.pool, at=now, what=what))
        if signal.retry_after_s:
            most = LONGEST_QUOTA_HINT_S if signal.scope is Scope.QUOTA else LONGEST_HINT_S
            pace.hint(min(signal.retry_after_s, most), now, random)
        for each in shared.members if shared else (state,):
            each.why = why
        if counted or signal.retry_after_s:
            pool = shared.pool if shared else state.pool
            shut_s = max(0.0, pace.shut_until - now)
            self._tell(Throttled(pool=pool, sent_at=ticket.sent_at, at=now, shut_s=shut_s, why=why))
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
            self._tell(Noticed(pool=where.pool, at=now, what=said))

    def _failed(self, ticket: Ticket, signal: Signal, now: float) -> None:
        state: State = ticket.state
        state.why = _why(signal)
        self._unpace(ticket)
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
            self._tell(Broken(pool=state.pool, at=now, open_s=open_s, why=state.why))

    def _answered_by(self, ticket: Ticket, signal: Signal, now: float) -> None:
        """An answer that is neither a 429 nor a fault; what is wrong with it, if anything, is the caller's own."""
        state: State = ticket.state
        self._heard(state, now)
        if signal.kind in UNSERVED_S:
            self._unpace(ticket)
            self._unserving(state, signal, now)
            return
        if signal.kind == "daily-limit":
            self._unpace(ticket)
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
                self._settle(ticket, signal.tokens)

    def _heard(self, state: State, now: float) -> None:
        """The location answers: what kept it shut as broken does so no longer."""
        state.heard_at = now
        if state.breaker is not None and state.breaker.answered():
            self._tell(Broken(pool=state.pool, at=now, why=f"{state.pool.location} answers again"))
        if state.host.answered():
            self._pools.host_changed(state.host)

    def _withdrawn(self, ticket: Ticket) -> None:
        self._unpace(ticket)
        if ticket.state.breaker is not None:
            ticket.state.breaker.withdrawn(ticket.sent_at)

    def _unpace(self, ticket: Ticket) -> None:
        """The request told nothing of capacity."""
        if ticket.state.pace is not None:
            ticket.state.pace.withdrawn(ticket.sent_at)
        if ticket.quota is not None:
            ticket.quota.pace.withdrawn(ticket.sent_at)

    def _undo(self, ticket: Ticket) -> None:
        """As if the ticket had never been given."""
        ticket.state.in_flight -= 1
        self._withdrawn(ticket)
        for pace in (ticket.state.pace, ticket.quota.pace if ticket.quota else None):
            if pace is not None:
                pace.settle(-ticket.cost)
        ticket.state.changed()

    def _unserving(self, state: State, signal: Signal, now: float) -> None:
        """Only evidence teaches: the location named itself and, where the words are ambiguous, the
        same model answers this project elsewhere."""
        certain = signal.kind != "model-not-found" or (state.pool.project, state.pool.model) in self._answered
        if (signal.not_served or signal.kind == "org-policy-location") and certain:
            state.unserved_until = now + UNSERVED_S[signal.kind] * (1.0 + 0.1 * self._random())
            state.why = _why(signal)
            for lane in self._lanes.values():
                lane.sort_at = 0.0

    # Costs

    def _cost(self, group: Group, tokens: int) -> float:
        """The cost of a request in units of a mean one."""
        expected = max(1.0, tokens * group.bias)
        group.weigh(expected)
        if not group.unit:
            group.unit = group.mean
        elif not 0.5 < group.mean / group.unit < 2.0:
            self._rescale(group)
        return expected / group.unit

    def _rescale(self, group: Group) -> None:
        """Another unit, now that the mean request is quite another one; the paces stay the same in tokens."""
        factor, group.unit = group.unit / group.mean, group.mean
        states = {state for lane in self._lanes.values() if lane.group is group for state in lane.states}
        paces = [state.pace for state in states] + [each.pace for each in {state.quota for state in states} if each]
        for pace in paces:
            if pace is not None:
                pace.rescale(factor)
        for state in states:
            state.changed()

    def _settle(self, ticket: Ticket, tokens: int) -> None:
        if ticket.tokens is None:
            return
        group: Group = ticket.lane.group
        more = tokens / group.unit - ticket.cost
        group.bias += _BIAS_WEIGHT * (min(20.0, max(0.05, tokens / ticket.tokens)) - group.bias)
        ticket.state.pace.settle(more)
        if ticket.quota is not None:
            ticket.quota.pace.settle(more)

    # The parts of it

    def _enter(self, ask: Ask, now: float) -> Place:
        key = id(ask.plan), ask.project
        try:
            lane = self._lanes[key]
        except KeyError:
            lane = self._lanes[key] = self._lane(ask.plan, ask.project, now)
        place = Place(ask, lane, next(self._numbers))
        ask.place = place
        return place

    def _lane(self, plan: Plan, project: str, now: float) -> Lane:
        states = [self._pools.state(Pool(project, *each.candidate), each) for each in plan.allowed]
        for state, allowed in zip(states, plan.allowed, strict=True):
            if allowed.limit.bucket and state.quota is None:
                self._pools.share(state, allowed.limit.bucket, allowed.limit.requests_per_s, now)
        name = next((each.limit.bucket for each in plan.allowed if each.limit.bucket), plan.model)
        group = self._groups.get((project, name))
        if group is None:
            group = self._groups[project, name] = Group(name, Budget(self._pacing, now))
        group.in_tokens = group.in_tokens or any(each.limit.in_tokens for each in plan.allowed)
        return Lane(plan, group, states)

    # What is called when the lock is free again

    def _tell(self, event: Event) -> None:
        self._later += [lambda each=each: each(event) for each in self._listeners]  # type: ignore[misc]

    def _note(self, ticket: Ticket, outcome: str, now: float) -> None:
        record = self._record
        if record is not None:
            sent = Sent(ticket.sent_at, ticket.pool, ticket.cost, outcome, now - ticket.sent_at)
            self._later.append(lambda: record(sent))

    def _taken_later(self) -> Iterable[Callable[[], object]]:
        if not self._later:
            return ()
        later, self._later = self._later, []
        return later


def _warn(event: Event) -> None:
    if isinstance(event, Noticed):
        project, model, location, mode = event.pool
        _logger.warning("%s %s %s (%s): %s", project, model, location, mode, event.what)


def _call(later: Iterable[Callable[[], object]]) -> None:
    for each in later:
        each()


def _why(signal: Signal) -> str:
    return f"{signal.label}: {signal.message}" if signal.message else signal.label
