"""What a ticket takes of its pool, and of a quota that the pool shares; and what of that is given back."""

from __future__ import annotations

from router.capacity.lanes import Group, Lane
from router.capacity.pools import State
from router.capacity.registry import Registry
from router.health import Ask, Ticket

_BIAS_WEIGHT = 0.05


def take(ask: Ask, lane: Lane, state: State, pools: Registry, now: float) -> Ticket:
    """Sends a request to a pool."""
    group = lane.group
    ticket = Ticket(state.pool, lane.allowed[state], now, lane, state)
    if group.in_tokens and ask.tokens:
        ticket.tokens = ask.tokens
        ticket.cost = _cost(ask.tokens, group, pools)
    if not ask.sent:
        group.budget.sent()
    ask.sent += 1
    pressed = group.waiting > 0
    pace = state.pace or pools.pace(state, now, group.unit)
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


def settle(ticket: Ticket, tokens: int) -> None:
    """The request has used so many tokens, which were estimated before."""
    if ticket.tokens is None:
        return
    group: Group = ticket.lane.group
    more = tokens / group.unit - ticket.cost
    group.bias += _BIAS_WEIGHT * (min(20.0, max(0.05, tokens / ticket.tokens)) - group.bias)
    ticket.state.pace.settle(more)
    if ticket.quota is not None:
        ticket.quota.pace.settle(more)


def unpace(ticket: Ticket) -> None:
    """The request told nothing of capacity."""
    if ticket.state.pace is not None:
        ticket.state.pace.withdrawn(ticket.sent_at)
    if ticket.quota is not None:
        ticket.quota.pace.withdrawn(ticket.sent_at)


def withdraw(ticket: Ticket) -> None:
    """The request told nothing at all."""
    unpace(ticket)
    if ticket.state.breaker is not None:
        ticket.state.breaker.withdrawn(ticket.sent_at)


def release(ticket: Ticket) -> None:
    """The request was cancelled. It may have been admitted: its token stays spent."""
    ticket.state.in_flight -= 1
    withdraw(ticket)
    ticket.state.changed()


def undo(ticket: Ticket) -> None:
    """As if the ticket had never been given."""
    for pace in (ticket.state.pace, ticket.quota.pace if ticket.quota else None):
        if pace is not None:
            pace.settle(-ticket.cost)
    release(ticket)


def _cost(tokens: int, group: Group, pools: Registry) -> float:
    """The cost of a request in units of a mean one."""
    expected = max(1.0, tokens * group.bias)
    group.weigh(expected)
    if not group.unit:
        group.unit = group.mean
    elif not 0.5 < group.mean / group.unit < 2.0:
        pools.rescale(group)
    return expected / group.unit
