"""Who goes next: leave for those whose turn it is, a time and a bell for the others.

Whoever comes hands out what capacity there is to those who wait, in their order. So nobody polls: a request looks again
when its time is up, or when its bell rings, because it was given leave or a pool has opened earlier than was thought.
"""

from __future__ import annotations

import itertools

from router.capacity.choice import FOREVER, choose, earliest
from router.capacity.lanes import Group, Lane, Place
from router.capacity.outbox import Outbox
from router.capacity.registry import Registry
from router.capacity.tickets import take, undo
from router.health import Ask, Ticket
from router.trace import Wait

_TOLERANCE_S = 0.01
_LEAST_WAIT_S = 0.001
_BEHIND_PROBE_S = 1.0
_LONGEST_UNKNOWN_S = 10.0


class Turns:
    """The queues.

    Args:
        most_waiting: see `Pacing`.
    """

    def __init__(self, pools: Registry, outbox: Outbox, most_waiting: int) -> None:
        self._pools = pools
        self._outbox = outbox
        self._most_waiting = most_waiting
        self._numbers = itertools.count()

    def ask(self, ask: Ask, now: float) -> Ticket | Wait:
        """Leave to send, or how long to wait before asking again."""
        place: Place | None = ask.place
        if place is None:
            lane = self._pools.lane(ask.plan, ask.project, now)
            place = ask.place = Place(ask, lane, next(self._numbers))
        if place.ticket is None:
            group = place.lane.group
            if place.waiting:
                place.lane.still_silent(now - place.wakes_at, now)
                self.dispatch(group, now)
            elif not group.waiting and (ticket := self._try(place, now)) is not None:
                return ticket
            else:
                if group.waiting >= self._most_waiting and not ask.sent:
                    eta_s = max(ask.until - now, group.waiting / place.lane.rate(now))
                    return Wait(eta_s, note=f"{group.waiting} requests are waiting already")
                place.lane.put(place)
                self.dispatch(group, now)
        if place.ticket is not None:
            ticket, place.ticket = place.ticket, None
            return ticket
        ask.bell.reset()
        return self._wait(place, now)

    def leave(self, place: Place, now: float) -> None:
        """A request goes as if it had never come; a ticket that it was given is for the next one."""
        if place.waiting:
            place.lane.remove(place)
        if place.ticket is not None:
            undo(place.ticket)
            place.ticket = None
        self.dispatch(place.lane.group, now)

    def dispatch(self, group: Group, now: float) -> None:
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
                self._outbox.ring(head.ask.bell)

    def dispatch_all(self, now: float) -> None:
        """The same for every queue."""
        for group in self._pools.groups.values():
            self.dispatch(group, now)

    def _wait(self, place: Place, now: float) -> Wait:
        at, ahead = earliest(place, now), place.lane.group.ahead_of(place)
        if at == FOREVER:  # everything hangs on one request that tries
            at = now + min(_LONGEST_UNKNOWN_S, _BEHIND_PROBE_S * (1.0 + 0.1 * ahead))
        elif ahead:
            at += ahead / place.lane.rate(now)
        place.wakes_at = at
        return Wait(max(at - now, _LEAST_WAIT_S), place.ask.bell, f"{ahead} before it" if ahead else "")

    def _grant(self, lane: Lane, now: float) -> bool:
        for place in lane.queue:
            ticket = self._try(place, now)
            if ticket is not None:
                lane.remove(place)
                place.ticket = ticket
                self._outbox.ring(place.ask.bell)
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
        return None if state is None else take(ask, lane, state, self._pools, now)
