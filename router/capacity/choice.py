"""Which pool a request goes to now, or when one will be ready for it. Nothing here changes anything."""

from __future__ import annotations

from router.capacity.lanes import Lane, Place
from router.capacity.pools import TRICKLE_S, State
from router.health import Ask

FOREVER = float("inf")
"""Not before the one request that tries it has ended: nobody can say when that is."""

_UNPROVEN_IN_FLIGHT = 3
_LAST_RESORT_S = 30.0


def choose(ask: Ask, lane: Lane, favourite: State | None, now: float) -> State | None:
    """The pool that a request may be sent to now; None if there is none.

    Args:
        favourite: the pool that it would like best.
    """
    if ask.sent:
        return _again(ask, lane, now)
    return favourite if favourite is not None and _welcomes(favourite, lane, now) else _first(lane, now)


def earliest(place: Place, now: float) -> float:
    """When a pool is ready for this request, as things stand; it may be past."""
    ask, states = place.ask, place.lane.states
    if ask.sent or ask.retry_at:
        left = [state for state in states if state.pool not in ask.dropped]
        states = [state for state in left if state.pool == ask.only] if ask.only else left
    alone = len(states) == 1
    at = min(_ready(state, ask, now, last=alone) for state in states)
    if not alone and now + _LAST_RESORT_S < at < FOREVER:
        at = min(at, *(_ready(state, ask, now, last=True) for state in states))
    return max(at, ask.retry_at)


def _welcomes(state: State, lane: Lane, now: float) -> bool:
    return state in lane.allowed and state.ready_at <= now and not state.full and not state.suspect(now)


def _first(lane: Lane, now: float) -> State | None:
    """The first pool that is ready. One that has never answered gets few requests while its peers have room."""
    held: State | None = None
    for state in lane.order:
        if state.ready_at > now:
            continue
        if state.in_flight >= _UNPROVEN_IN_FLIGHT:
            if held is not None and lane.tiers[state] != lane.tiers[held]:
                return held
            if state.full:
                continue
            if not state.proven:
                held = held or state
                continue
            if state.suspect(now):
                if now >= state.sent_at + TRICKLE_S and held is None:
                    held = state
                continue
        if held is not None and lane.tiers[state] != lane.tiers[held] and not held.suspect(now):
            return held
        return state
    return held or _last_resort(lane, now)


def _again(ask: Ask, lane: Lane, now: float) -> State | None:
    """The same for a request that has been sent before: what has not failed it comes first."""
    again: State | None = None
    alone = ask.only is not None or len(lane.states) - len(ask.dropped) == 1
    for state in lane.order:
        pool = state.pool
        if pool in ask.dropped or (ask.only is not None and pool != ask.only):
            continue
        if (state.last_at if alone else state.ready_at) > now or ask.not_before.get(pool, 0.0) > now:
            continue
        if state.full or (state.suspect(now) and now < state.sent_at + TRICKLE_S):
            continue
        if pool not in ask.not_before:
            return state
        again = again or state
    return again


def _last_resort(lane: Lane, now: float) -> State | None:
    """Where there is nowhere else to go, neither a breaker nor a long avoidance stands in the way."""
    if len(lane.states) > 1 and min(state.ready_at for state in lane.states) <= now + _LAST_RESORT_S:
        return None
    free = (state for state in lane.order if state.last_at <= now and not state.full)
    return next((state for state in free if not _trickling(state, now)), None)


def _ready(state: State, ask: Ask, now: float, *, last: bool) -> float:
    ready = max(state.last_at if last else state.ready_at, ask.not_before.get(state.pool, 0.0))
    return max(ready, state.sent_at + TRICKLE_S) if state.suspect(now) else ready


def _trickling(state: State, now: float) -> bool:
    return state.suspect(now) and now < state.sent_at + TRICKLE_S
