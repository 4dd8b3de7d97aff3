from __future__ import annotations

import msgspec
import pytest

from router.plan import Limit
from router.signals import OK
from router.trace import Wait
from tests.router.capacity.conftest import PLACES, QUOTA, Desk

(ONE, *_) = PLACES
TOKENS = Limit(in_tokens=True)


def test_where_the_limit_is_in_tokens_a_large_request_costs_more(desk: Desk) -> None:
    small = [desk.ticket(ONE, limit=TOKENS, tokens=100).cost for _ in range(2)]
    assert small == [1.0, 1.0]
    assert desk.ticket(ONE, limit=TOKENS, tokens=1000).cost > 2.0
    assert desk.ticket(ONE, model="other", tokens=1000).cost == 1.0


def test_estimates_are_settled_by_what_the_answer_used(desk: Desk) -> None:
    ticket = desk.ticket(ONE, limit=TOKENS, tokens=100)
    desk.controller.result(ticket, msgspec.structs.replace(OK, tokens=2000), 1.0)
    assert isinstance(desk.acquire(desk.ask(ONE, limit=TOKENS, tokens=100), 1.0), Wait)


def test_estimates_that_are_always_too_low_are_corrected(desk: Desk) -> None:
    for second in range(200):
        ticket = desk.ticket(ONE, limit=TOKENS, tokens=100, now=100.0 * second)
        desk.controller.result(ticket, msgspec.structs.replace(OK, tokens=300), 100.0 * second + 1)
    assert ticket.cost * ticket.lane.group.unit == pytest.approx(300, rel=0.1)


def test_a_known_limit_in_tokens_is_kept_when_requests_become_larger(desk: Desk) -> None:
    known = Limit(in_tokens=True, per_second=1000.0)

    def tokens_per_s() -> float:
        return desk.controller.status(0.0).pools[0].rate * ticket.lane.group.unit

    ticket = desk.ticket(ONE, limit=known, tokens=100)
    assert tokens_per_s() == pytest.approx(1000.0)
    rates = []
    for hour in range(1, 200):
        ticket = desk.ticket(ONE, limit=known, tokens=10_000, now=3600.0 * hour)
        rates.append(tokens_per_s())
    assert ticket.lane.group.unit > 4_000
    assert max(rates) < 2_000.0


def test_a_429_that_names_tokens_has_costs_counted_in_tokens_from_then_on(desk: Desk) -> None:
    named = msgspec.structs.replace(QUOTA, quota="online_prediction_input_tokens_per_minute_per_base_model m")
    desk.where(ONE, tokens=100)
    desk.tell(ONE, named)
    desk.ticket(ONE, tokens=100, now=100.0)
    assert desk.ticket(ONE, tokens=1000, now=200.0).cost > 1.5
