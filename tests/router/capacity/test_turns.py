from __future__ import annotations

from router.capacity import Controller, Pacing
from router.health import Ask, Ticket
from router.signals import OK
from router.trace import Wait
from tests.router.capacity.conftest import BUSY, DOWN, PLACES, Desk, listen

ONE, TWO, _ = PLACES


def drained(desk: Desk, *places: str, now: float = 0.0) -> list[Ticket]:
    """Takes all that may be sent now, to places that have answered before."""
    for place in places:
        desk.where(place, now=now)
    tickets = []
    while isinstance(ticket := desk.acquire(ask := desk.ask(*places, now=now), now), Ticket):
        tickets.append(ticket)
    desk.controller.leave(ask, now)
    return tickets


def queued(desk: Desk, count: int, **fields: int) -> list[Ask]:
    asks = [desk.ask(ONE, **fields) for _ in range(count)]
    assert all(isinstance(desk.acquire(ask), Wait) for ask in asks)
    return asks


def test_those_who_wait_go_in_the_order_of_their_arrival_whoever_asks(desk: Desk) -> None:
    drained(desk, ONE)
    first, second, third = queued(desk, 3)
    assert isinstance(desk.acquire(third, 0.15), Wait)
    got = desk.acquire(first, 0.15)
    assert isinstance(got, Ticket)
    assert isinstance(desk.acquire(second, 0.15), Wait)


def test_lower_priority_numbers_go_first(desk: Desk) -> None:
    drained(desk, ONE)
    (rows,) = queued(desk, 1, priority=1)
    (person,) = queued(desk, 1, priority=0)
    assert isinstance(desk.acquire(person, 0.15), Ticket)
    assert isinstance(desk.acquire(rows, 0.15), Wait)


def test_a_retry_keeps_the_place_of_its_first_arrival(desk: Desk) -> None:
    early = desk.ask(ONE)
    ticket = desk.acquire(early)
    assert isinstance(ticket, Ticket)
    drained(desk, ONE)
    late = desk.ask(ONE, now=1e-3)
    assert isinstance(desk.acquire(late, 1e-3), Wait)
    desk.controller.result(ticket, DOWN, 1e-3)
    assert isinstance(desk.acquire(early, 1e-3), Wait)
    got = [desk.acquire(each, 0.3) for each in (late, early)]
    assert [isinstance(each, Ticket) for each in got] == [True, True]
    assert got[1].mark < got[0].mark  # type: ignore[union-attr]  # both are tickets


def test_a_newcomer_does_not_overtake_those_who_wait(desk: Desk) -> None:
    drained(desk, ONE)
    (waiting,) = queued(desk, 1)
    assert isinstance(desk.acquire(desk.ask(ONE, now=0.15), 0.15), Wait)
    assert isinstance(desk.acquire(waiting, 0.15), Ticket)


def test_the_wait_is_when_its_turn_comes(desk: Desk) -> None:
    drained(desk, ONE)
    rate = desk.controller.status(0.0).pools[0].rate
    waits = [desk.acquire(desk.ask(ONE)) for _ in range(4)]
    assert [round(each.delay_s * rate) for each in waits if isinstance(each, Wait)] == [1, 2, 3, 4]


def test_whoever_is_given_leave_while_waiting_hears_its_bell(desk: Desk) -> None:
    drained(desk, ONE)
    asks, heard = queued(desk, 3), []
    for ask in asks:
        listen(ask, heard)
    assert isinstance(desk.acquire(asks[0], 0.35), Ticket)
    assert {id(ask) for ask in heard} >= {id(ask) for ask in asks[1:]}
    assert all(isinstance(desk.acquire(ask, 0.35), Ticket) for ask in asks[1:])


def test_the_first_in_the_queue_hears_when_a_pool_opens_early(desk: Desk) -> None:
    desk.tell(ONE, BUSY)
    probe = desk.ticket(ONE, now=10.0)
    ask, heard = desk.ask(ONE, now=10.0), []
    assert isinstance(desk.acquire(ask, 10.0), Wait)
    listen(ask, heard)
    desk.controller.result(probe, OK, 10.05)
    assert heard == [ask]
    assert isinstance(desk.acquire(ask, 10.05), Ticket)


def test_leaving_the_queue_leaves_no_trace(desk: Desk) -> None:
    drained(desk, ONE)
    first, second = queued(desk, 2)
    desk.controller.leave(first, 0.0)
    assert desk.controller.status(0.0).waiting == 1
    assert isinstance(desk.acquire(second, 0.15), Ticket)
    assert desk.controller.status(0.15).waiting == 0


def test_leave_given_to_one_who_has_gone_passes_to_the_next(desk: Desk) -> None:
    drained(desk, ONE)
    first, second = queued(desk, 2)
    desk.controller.release(desk.acquire(desk.ask(TWO)), 0.12)  # type: ignore[arg-type]  # a Ticket: TWO is fresh
    assert isinstance(desk.acquire(second, 0.12), Wait), "first has been given it"
    in_flight = desk.controller.status(0.12).pools[0].in_flight
    desk.controller.leave(first, 0.12)
    assert isinstance(desk.acquire(second, 0.12), Ticket)
    assert desk.controller.status(0.12).pools[0].in_flight == in_flight


def test_the_queue_is_bounded_but_takes_back_who_was_in_it() -> None:
    desk = Desk(Controller(Pacing(most_waiting=2), random=lambda: 0.5))
    retrying = desk.ask(ONE)
    ticket = desk.acquire(retrying)
    assert isinstance(ticket, Ticket)
    drained(desk, ONE)
    queued(desk, 2)
    refused = desk.acquire(desk.ask(ONE, until=20.0))
    assert isinstance(refused, Wait)
    assert refused.delay_s == 20.0
    assert "2 requests are waiting already" in refused.note
    desk.controller.result(ticket, DOWN, 0.0)
    again = desk.acquire(retrying)
    assert isinstance(again, Wait)
    assert again.delay_s < 10.0


def test_requests_of_other_plans_for_the_same_pools_stand_in_one_queue(desk: Desk) -> None:
    drained(desk, ONE)
    drained(desk, TWO)
    both, one = desk.ask(ONE, TWO), desk.ask(ONE)
    assert isinstance(desk.acquire(both), Wait)
    assert isinstance(desk.acquire(one), Wait)
    assert isinstance(desk.acquire(one, 0.12), Wait), "who asks first is not who came first"
    assert isinstance(desk.acquire(both, 0.12), Ticket)
    assert isinstance(desk.acquire(one, 0.25), Ticket)
