"""What the failover machine asks of capacity control, and in which words.

Pure bookkeeping stands behind it (`router.capacity`): the time is an argument, nothing waits or
sends, so that a simulation can drive it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from router.bell import Bell
from router.plan import Allowed, Plan, Pool
from router.signals import Signal
from router.status import Status
from router.trace import Wait


class Ask(msgspec.Struct, eq=False):
    """One request's wish to send, from its first attempt to its last.

    The machine fills in what the request has learnt (`not_before`, `dropped`, `only`, `retry_at`);
    what capacity control keeps about it is in `place`.

    Args:
        plan: where it may go.
        arrived: when the request came; a retry keeps its place by it.
        until: when its time is over.
        priority: lower goes first; among equals the earlier.
        tokens: an estimate of what it will use; None if it is not known.
        first: the pool that it would like best, while that has room.
    """

    plan: Plan
    project: str
    arrived: float
    until: float
    priority: int = 0
    tokens: int | None = None
    first: Pool | None = None
    sent: int = 0
    not_before: dict[Pool, float] = {}
    """For pools that have failed this request, when it may try them again."""
    dropped: set[Pool] = msgspec.field(default_factory=set)
    """Pools that are of no use to this request any more."""
    only: Pool | None = None
    """The one pool that it wants now."""
    retry_at: float = 0.0
    """Before this it may not be sent at all."""
    bell: Bell = msgspec.field(default_factory=Bell)
    place: Any = None


class Ticket(msgspec.Struct, eq=False):
    """Leave to send one request to a pool; given back with its result, or unused."""

    pool: Pool
    allowed: Allowed
    sent_at: float
    lane: Any = None
    state: Any = None
    quota: Any = None
    mark: float = 0.0
    quota_mark: float = 0.0
    cost: float = 1.0
    tokens: int | None = None

    def __repr__(self) -> str:
        return f"Ticket({self.pool})"


class PoolState(NamedTuple):
    """How a pool stands, for people: `closed_s` seconds from now until it may be tried, and why."""

    pool: Pool
    closed_s: float
    why: str


class Health(Protocol):
    """What the failover machine asks of capacity control."""

    def acquire(self, ask: Ask, now: float) -> Ticket | Wait:
        """Leave to send, or how long to wait before asking again.

        The wait is the time at which its turn will come as things stand; its bell is rung when that
        changes. A request that has waited and asks again keeps its place.
        """

    def leave(self, ask: Ask, now: float) -> None:
        """The request has ended; also while it waits: then as if it had never come."""

    def result(self, ticket: Ticket, signal: Signal, now: float) -> None:
        """What came of the request that was sent with this ticket."""

    def release(self, ticket: Ticket, now: float) -> None:
        """The request was cancelled; it counts neither for nor against its pool."""

    def retry(self, ask: Ask, signal: Signal, now: float) -> None:
        """The request will be sent again after this signal; sets its `retry_at`."""

    def settle(self, ticket: Ticket, tokens: int) -> None:
        """How many tokens a request used, when that is known only after its result."""

    def late_fault(self, pool: Pool, signal: Signal, now: float) -> None:
        """A stream broke after its result had been given."""

    def states(self, pools: Sequence[Pool], now: float) -> tuple[PoolState, ...]:
        """How these pools stand."""

    def status(self, now: float) -> Status:
        """How every pool stands that has been used."""


SHORTEST_S = 1.0
LONGEST_BACKOFF_S = 60.0


def backoff_s(times: int, random: Callable[[], float], longest_s: float = LONGEST_BACKOFF_S) -> float:
    """1, 2, 4 ... seconds, with up to a quarter more so that many callers do not return as one."""
    return min(SHORTEST_S * 2.0 ** min(times - 1, 16), longest_s) * (1.0 + 0.25 * random())
