"""Which pool may be used now: cool-downs for exhausted capacity, a breaker for faults.

Pure bookkeeping: the time is an argument, randomness is handed in, nothing waits or sends, so a
simulation can drive it. A 429 moves the cool-down, a fault moves the breaker, and neither moves the
other: a place that is busy is not broken.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from router.plan import Pool
from router.signals import Scope, Signal
from router.trace import Wait


class Ticket(NamedTuple):
    """Leave to send one request to a pool; given back with its result, or unused."""

    pool: Pool
    probe: bool


class PoolState(NamedTuple):
    """How a pool stands, for people: `closed_s` seconds from now until it may be tried, and why."""

    pool: Pool
    closed_s: float
    why: str


class Health(Protocol):
    """What the failover machine asks of capacity control."""

    def acquire(self, pools: Sequence[Pool], not_before: Mapping[Pool, float], now: float) -> Ticket | Wait:
        """Leave for the first pool that may be used now, or how long to wait before asking again.

        Args:
            pools: best first.
            not_before: for pools that this request has tried, when it may try them again.
        """

    def result(self, ticket: Ticket, signal: Signal, now: float) -> None:
        """What came of the request that was sent with this ticket."""

    def release(self, ticket: Ticket, now: float) -> None:
        """The request was cancelled: as if it had never been sent."""

    def late_fault(self, pool: Pool, signal: Signal, now: float) -> None:
        """A stream broke after its result had been given."""

    def states(self, pools: Sequence[Pool], now: float) -> tuple[PoolState, ...]:
        """How these pools stand."""


SHORTEST_S = 1.0
LONGEST_COOLING_S = 60.0
LONGEST_OPEN_S = 10.0
FAULTS_TO_OPEN = 5
HOST_COOLING_S = 5.0
LONGEST_HOST_COOLING_S = 30.0
WRONG_HOST_S = 60.0
UNSERVED_S = {"not-servable": 24 * 3600.0, "org-policy-location": 24 * 3600.0, "model-not-found": 3600.0}
_BEHIND_PROBE_S = 0.25


def backoff_s(times: int, random: Callable[[], float], longest_s: float = LONGEST_COOLING_S) -> float:
    """1, 2, 4 ... seconds, with up to a quarter more so that many callers do not return as one."""
    return min(SHORTEST_S * 2.0 ** min(times - 1, 16), longest_s) * (1.0 + 0.25 * random())


class _State(msgspec.Struct):
    closed_until: float = 0.0
    why: str = ""
    throttles: int = 0
    faults: int = 0
    opened: int = 0
    open_until: float = 0.0
    probing: bool = False
    unserved_until: float = 0.0


class Cooldowns:
    """A cool-down and a breaker for each pool, a cool-down for each host."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._lock = threading.Lock()
        self._pools: dict[Pool, _State] = {}
        self._hosts: dict[str, _State] = {}
        self._answered: set[tuple[str, str]] = set()

    def acquire(self, pools: Sequence[Pool], not_before: Mapping[Pool, float], now: float) -> Ticket | Wait:
        """See `Health.acquire`. What has not failed this request yet comes before what has."""
        with self._lock:
            ready = {pool: max(self._ready_at(pool, pools), not_before.get(pool, 0.0)) for pool in pools}
            free = [pool for pool in pools if ready[pool] <= now and not self._behind_probe(pool, pools)]
            if free:
                pool = min(free, key=lambda each: (self._unserved(each, now), each in not_before))
                return self._ticket(pool, pools)
            return Wait(max(min(ready.values()) - now, _BEHIND_PROBE_S))

    def result(self, ticket: Ticket, signal: Signal, now: float) -> None:
        """See `Health.result`."""
        with self._lock:
            state = self._state(ticket.pool)
            state.probing = state.probing and not ticket.probe
            if signal.throttled:
                self._throttled(state, signal, now)
            elif signal.failed:
                self._failed(ticket.pool, state, signal, now)
            elif signal.kind in UNSERVED_S:
                self._unserving(ticket.pool, state, signal, now)
            elif signal.kind == "ok":
                self._answered.add((ticket.pool.project, ticket.pool.model))
                self._pools[ticket.pool] = _State()
                self._hosts.pop(ticket.pool.location, None)

    def release(self, ticket: Ticket, now: float) -> None:
        """See `Health.release`."""
        del now
        with self._lock:
            state = self._state(ticket.pool)
            state.probing = state.probing and not ticket.probe

    def late_fault(self, pool: Pool, signal: Signal, now: float) -> None:
        """See `Health.late_fault`."""
        with self._lock:
            if signal.throttled:
                self._throttled(self._state(pool), signal, now)
            elif signal.failed:
                self._failed(pool, self._state(pool), signal, now)

    def states(self, pools: Sequence[Pool], now: float) -> tuple[PoolState, ...]:
        """See `Health.states`."""
        with self._lock:
            return tuple(
                PoolState(pool, max(0.0, self._ready_at(pool, pools) - now), self._why(pool)) for pool in pools
            )

    def _state(self, pool: Pool) -> _State:
        return self._pools.setdefault(pool, _State())

    def _why(self, pool: Pool) -> str:
        host = self._hosts.get(pool.location)
        return self._state(pool).why or (host.why if host else "")

    def _ready_at(self, pool: Pool, pools: Sequence[Pool]) -> float:
        state, host = self._state(pool), self._hosts.get(pool.location)
        ready = max(state.closed_until, host.closed_until if host else 0.0)
        # The breaker never shuts the only pool there is: its caller has nowhere else to go.
        return max(ready, state.open_until) if len(pools) > 1 else ready

    def _behind_probe(self, pool: Pool, pools: Sequence[Pool]) -> bool:
        return self._state(pool).probing and len(pools) > 1

    def _unserved(self, pool: Pool, now: float) -> bool:
        """Learnt to be not served here: tried last, never locked out."""
        return self._state(pool).unserved_until > now

    def _ticket(self, pool: Pool, pools: Sequence[Pool]) -> Ticket:
        state = self._state(pool)
        probe = state.open_until > 0.0 and len(pools) > 1
        state.probing = state.probing or probe
        return Ticket(pool, probe)

    def _throttled(self, state: _State, signal: Signal, now: float) -> None:
        state.throttles += 1
        cooling = max(backoff_s(state.throttles, self._random), signal.retry_after_s or 0.0)
        state.closed_until = max(state.closed_until, now + cooling)
        state.why = f"{signal.label}: {signal.message}"
        state.faults, state.opened, state.open_until = 0, 0, 0.0  # it answers: busy, not broken

    def _failed(self, pool: Pool, state: _State, signal: Signal, now: float) -> None:
        state.why = f"{signal.label}: {signal.message}"
        if signal.scope is Scope.HOST and signal.kind != "reset":
            host = self._hosts.setdefault(pool.location, _State())
            host.faults += 1
            longest = min(HOST_COOLING_S * 2.0 ** (host.faults - 1), LONGEST_HOST_COOLING_S)
            host.closed_until = now + (longest if signal.kind == "connect" else WRONG_HOST_S)
            host.why = state.why
            return
        state.faults += 1
        if signal.retry_after_s:
            state.closed_until = max(state.closed_until, now + signal.retry_after_s)
        if state.faults >= FAULTS_TO_OPEN:
            state.opened += 1
            state.open_until = now + backoff_s(state.opened, self._random, LONGEST_OPEN_S)

    def _unserving(self, pool: Pool, state: _State, signal: Signal, now: float) -> None:
        """Only evidence teaches: the location named itself and, where the words are ambiguous, the
        same model answers this project elsewhere."""
        certain = signal.kind != "model-not-found" or (pool.project, pool.model) in self._answered
        if (signal.not_served or signal.kind == "org-policy-location") and certain:
            state.unserved_until = now + UNSERVED_S[signal.kind] * (1.0 + 0.1 * self._random())
            state.why = f"{signal.label}: {signal.message}"
