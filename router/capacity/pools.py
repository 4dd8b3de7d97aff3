"""What is known of one pool, put together: its pace, its breaker, its host, and quotas that it shares."""

from __future__ import annotations

from router.capacity.breaker import Breaker, Host
from router.capacity.pace import NEVER, Pace
from router.plan import NO_LIMIT, Limit, Pool

SUSPECT_IN_FLIGHT = 8
SUSPECT_S = 5.0
TRICKLE_S = 1.0
FRESH_WINDOW = 3
"""How many requests may be under way to a pool from which nothing has come back yet."""

_TURNS_TO_ANSWER = 8.0  # of an event loop: connect, shake hands, write, read, at a connection's first request
_LONGEST_HOLD_S = 5.0
_LATENCY_WEIGHT = 0.05
_UNHEARD = 4.0


class Shared:
    """A quota that several pools draw on, such as one bucket for all versions of a lineage."""

    __slots__ = ("members", "pace", "pool", "why", "zero_since")

    def __init__(self, pool: Pool, pace: Pace) -> None:
        self.pool = pool
        self.pace = pace
        self.members: list[State] = []
        self.zero_since = NEVER
        self.why = ""

    def refresh(self) -> None:
        """Carries a change on to the pools."""
        for each in self.members:
            each.refresh()


class State:
    """One pool.

    `ready_at` is when it may be used next, all things together; `last_at` the same for a request
    that has nowhere else to go, which neither a breaker nor a long avoidance keeps from it.
    """

    __slots__ = (
        "avoid_until",
        "breaker",
        "fresh",
        "heard_at",
        "held_until",
        "host",
        "in_flight",
        "last_at",
        "latency_s",
        "limit",
        "pace",
        "pool",
        "proven",
        "quota",
        "ready_at",
        "sent_at",
        "unserved_until",
        "why",
        "window",
        "zero_since",
    )

    def __init__(self, pool: Pool, host: Host, limit: Limit = NO_LIMIT) -> None:
        self.pool = pool
        self.host = host
        self.limit = limit
        self.pace: Pace | None = None
        self.quota: Shared | None = None
        self.breaker: Breaker | None = None
        self.ready_at = self.last_at = 0.0
        self.held_until = 0.0
        self.avoid_until = 0.0
        self.unserved_until = 0.0
        self.in_flight = 0
        self.sent_at = self.heard_at = 0.0
        self.latency_s = 0.0
        self.proven = False
        self.fresh = not limit.per_second
        self.window = FRESH_WINDOW
        self.zero_since = NEVER
        self.why = ""

    def refresh(self) -> None:
        """Works out anew when it is ready."""
        held, host = self.held_until, self.host.ready_at
        ready = host if host > held else held
        if self.pace is not None and self.pace.ready_at > ready:
            ready = self.pace.ready_at
        if self.quota is not None and self.quota.pace.ready_at > ready:
            ready = self.quota.pace.ready_at
        self.last_at = ready
        if self.breaker is not None and self.breaker.ready_at > ready:
            ready = self.breaker.ready_at
        self.ready_at = ready if ready > self.avoid_until else self.avoid_until

    def changed(self) -> None:
        """Its pace has changed, or that of a quota which it shares with others."""
        if self.quota is not None:
            self.quota.refresh()
        else:
            self.refresh()

    def suspect(self, now: float) -> bool:
        """Whether requests go in and nothing comes out: a black hole, or as good as one."""
        if self.in_flight < SUSPECT_IN_FLIGHT:
            return False
        return now - self.heard_at > max(SUSPECT_S, _UNHEARD * self.latency_s)

    @property
    def full(self) -> bool:
        """Whether nothing has come back from it yet, and enough is under way to see what does."""
        return self.fresh and self.in_flight >= self.window

    def still_silent(self, late_s: float, now: float) -> None:
        """While nothing has come back from it, one more may go each time that one who waits looks again.

        Who looks again `late_s` later than was meant lives in a busy process: there answers are late as well,
        and silence means nothing yet.
        """
        self.window = max(self.window, self.in_flight + 1)
        if self.in_flight and late_s > 0.0:
            self.held_until = max(self.held_until, now + min(_TURNS_TO_ANSWER * late_s, _LONGEST_HOLD_S))
            self.refresh()

    def heard(self) -> None:
        """Something has come back: it is fresh no longer."""
        if self.fresh:
            self.fresh, self.held_until = False, 0.0

    def sending(self, now: float) -> None:
        """A request goes out."""
        if not self.in_flight:
            self.heard_at = now
        self.in_flight += 1
        self.sent_at = now

    def took(self, seconds: float) -> None:
        """A request was answered after so long."""
        weight = _LATENCY_WEIGHT if self.latency_s else 1.0
        self.latency_s += weight * (seconds - self.latency_s)

    @property
    def score(self) -> float:
        """The lower the better: how long an answer takes, and how often there is none."""
        return self.latency_s * (1.0 + 4.0 * (self.breaker.share if self.breaker else 0.0))

    @property
    def tightest(self) -> Pace | None:
        """Of its own pace and its shared quota, the one that holds it back."""
        if self.quota is None or (self.pace is not None and self.pace.rate <= self.quota.pace.rate):
            return self.pace
        return self.quota.pace
