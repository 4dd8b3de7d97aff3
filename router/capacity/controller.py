"""The controller: one lock around who goes next (`turns`) and what results teach (`learning`).

The lock is never held while anything waits, sends, writes or calls back: bells are rung, events told and records
written after it. Every time is an argument.
"""

from __future__ import annotations

import random as _random
import threading
from collections.abc import Callable, Sequence

from router.capacity.events import Event
from router.capacity.knobs import Pacing
from router.capacity.lanes import Place
from router.capacity.learning import Learning
from router.capacity.outbox import Outbox
from router.capacity.registry import Registry
from router.capacity.sent import Sent
from router.capacity.tickets import release, settle
from router.capacity.turns import Turns
from router.health import Ask, PoolState, Ticket
from router.plan import Pool
from router.signals import Signal
from router.status import Status
from router.trace import Wait


class Controller:
    """Capacity control for any number of routers, threads and event loops.

    Args:
        pacing: see `Pacing`.
        record: called with every request that has ended, e.g. a `Recorder`.
        random: uniform in [0, 1).

    Raises:
        TypeError: `pacing` is something else.
    """

    def __init__(
        self,
        pacing: Pacing | None = None,
        *,
        record: Callable[[Sent], object] | None = None,
        random: Callable[[], float] = _random.random,
    ) -> None:
        if not isinstance(pacing, Pacing | None):
            raise TypeError(f"`pacing` must be a Pacing, such as Pacing(max_waste=0.02), not {pacing!r}")
        pacing = pacing or Pacing()
        self._lock = threading.Lock()
        self._pools = Registry(pacing)
        self._outbox = Outbox(record)
        self._turns = Turns(self._pools, self._outbox, pacing.most_waiting)
        self._learning = Learning(self._pools, self._outbox, random)

    # What the failover machine asks

    def acquire(self, ask: Ask, now: float) -> Ticket | Wait:
        """See `Health.acquire`."""
        with self._lock:
            found = self._turns.ask(ask, now)
            calls = self._outbox.emptied()
        for call in calls:
            call()
        return found

    def leave(self, ask: Ask, now: float) -> None:
        """See `Health.leave`."""
        place: Place | None = ask.place
        ask.place = None  # which holds the ask in turn
        if place is None or not (place.waiting or place.ticket):
            return
        with self._lock:
            self._turns.leave(place, now)
            calls = self._outbox.emptied()
        for call in calls:
            call()

    def result(self, ticket: Ticket, signal: Signal, now: float) -> None:
        """See `Health.result`."""
        with self._lock:
            self._learning.result(ticket, signal, now)
            if ticket.lane.group.waiting:
                self._turns.dispatch(ticket.lane.group, now)
            if self._outbox.record is not None:
                self._outbox.note(ticket, signal.label, now)
            calls = self._outbox.emptied()
        for call in calls:
            call()

    def release(self, ticket: Ticket, now: float) -> None:
        """See `Health.release`."""
        with self._lock:
            release(ticket)
            self._turns.dispatch(ticket.lane.group, now)
            self._outbox.note(ticket, "cancelled", now)
            calls = self._outbox.emptied()
        for call in calls:
            call()

    def retry(self, ask: Ask, signal: Signal, now: float) -> None:
        """See `Health.retry`. A 429 costs no credit: the pace bounds it."""
        if signal.failed:
            with self._lock:
                ask.retry_at = ask.place.lane.group.budget.retry_at(now)

    def settle(self, ticket: Ticket, tokens: int) -> None:
        """What a request has used, known after its result: of a stream, at its end."""
        with self._lock:
            settle(ticket, tokens)
            ticket.state.changed()

    def late_fault(self, pool: Pool, signal: Signal, now: float) -> None:
        """See `Health.late_fault`."""
        with self._lock:
            self._learning.late_fault(pool, signal, now)
            calls = self._outbox.emptied()
        for call in calls:
            call()

    def states(self, pools: Sequence[Pool], now: float) -> tuple[PoolState, ...]:
        """See `Health.states`."""
        with self._lock:
            return tuple(self._pools.stands(pool, now) for pool in pools)

    # What people and other processes ask

    def status(self, now: float) -> Status:
        """How every pool stands that has been used."""
        with self._lock:
            waiting = sum(group.waiting for group in self._pools.groups.values())
            return Status(pools=self._pools.status(now), waiting=waiting)

    def listen(self, listener: Callable[[Event], object]) -> None:
        """Has every event of this controller told to `listener`, outside of any lock."""
        self._outbox.listen(listener)

    def apply(self, event: Event, now: float) -> None:
        """Takes over what another process has learnt; tells nobody."""
        with self._lock:
            self._learning.apply(event, now)
            self._turns.dispatch_all(now)
            calls = self._outbox.emptied()
        for call in calls:
            call()
