"""What others are to be told, kept until the lock is free: bells to ring, events, records of requests that ended."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from router.bell import Bell
from router.capacity.events import Event, Noticed
from router.capacity.sent import Sent
from router.health import Ticket

_logger = logging.getLogger("router")


class Outbox:
    """Collects calls; whoever empties it makes them.

    Args:
        record: called with every request that has ended; None where nobody keeps a record.
    """

    __slots__ = ("_calls", "_listeners", "record")

    def __init__(self, record: Callable[[Sent], object] | None) -> None:
        self.record = record
        self._listeners: list[Callable[[Event], object]] = [_warn]
        self._calls: list[Callable[[], object]] = []

    def listen(self, listener: Callable[[Event], object]) -> None:
        """From now on every event is for `listener` too."""
        self._listeners.append(listener)

    def ring(self, bell: Bell) -> None:
        """A request that waits is to look again."""
        self._calls.append(bell.ring)

    def tell(self, event: Event) -> None:
        """Something happened that others may want to know."""
        self._calls += [lambda each=each: each(event) for each in self._listeners]  # type: ignore[misc]

    def note(self, ticket: Ticket, outcome: str, now: float) -> None:
        """A request ended."""
        record = self.record
        if record is not None:
            sent = Sent(ticket.sent_at, ticket.pool, ticket.cost, outcome, now - ticket.sent_at)
            self._calls.append(lambda: record(sent))

    def emptied(self) -> Iterable[Callable[[], object]]:
        """The calls that are to be made once the lock is free, in their order."""
        if not self._calls:
            return ()
        calls, self._calls = self._calls, []
        return calls


def _warn(event: Event) -> None:
    if isinstance(event, Noticed):
        project, model, location, mode = event.pool
        _logger.warning("%s %s %s (%s): %s", project, model, location, mode, event.what)
