"""Which pool a request goes to, asked of a controller, whose answers it is."""

from __future__ import annotations

from router.capacity.pace import FRESH_BURST
from router.capacity.pools import FRESH_WINDOW
from router.health import Ticket
from router.signals import OK
from router.trace import Wait
from tests.router.capacity.conftest import BUSY, DOWN, PLACES, A, B, Desk

ONE, TWO, THREE = PLACES


def test_the_first_pool_of_the_plan_is_taken_while_it_is_well(desk: Desk) -> None:
    assert [desk.where() for _ in range(20)] == [ONE] * 20


def test_an_exhausted_pool_is_passed_over_without_waiting(desk: Desk) -> None:
    desk.tell(ONE, BUSY)
    assert desk.where() == TWO


def test_a_lower_tier_is_used_only_when_the_higher_one_has_no_room(desk: Desk) -> None:
    desk.where(ONE, TWO, tiers=(0, 1))
    places = [ticket.pool.location for ticket in drained_of(desk, tiers=(0, 1))]
    assert places[: places.index(TWO)] == [ONE] * places.index(TWO)
    assert places.index(TWO) >= FRESH_BURST


def drained_of(desk: Desk, tiers: tuple[int, int]) -> list[Ticket]:
    tickets = []
    while isinstance(ticket := desk.acquire(desk.ask(ONE, TWO, tiers=tiers)), Ticket):
        tickets.append(ticket)
    return tickets


def test_pools_that_never_answered_share_the_first_requests_among_equals(desk: Desk) -> None:
    """So a dead one gets few of them before it is known to be dead."""
    assert [desk.ticket().pool.location for _ in range(9)] == [ONE] * 3 + [TWO] * 3 + [THREE] * 3


def test_of_equals_one_that_is_much_slower_comes_last(desk: Desk) -> None:
    for place, took_s in ((ONE, 5.0), (TWO, 1.0), (THREE, 1.0)):
        desk.controller.result(desk.ticket(place), OK, took_s)
    assert desk.where(now=10.0) == TWO


def test_the_pool_that_a_request_would_like_best_is_taken_while_it_has_room(desk: Desk) -> None:
    """For conversations whose prompt cache is somewhere."""
    assert desk.where(ONE, TWO, first=B) == TWO
    desk.tell(TWO, BUSY)
    assert desk.where(ONE, TWO, first=B) == ONE
    assert desk.where(ONE, first=B) == ONE, "one that the plan does not allow is not an option"


def test_what_this_request_has_tried_comes_after_what_it_has_not(desk: Desk) -> None:
    for place in (ONE, TWO):
        desk.where(place)
    ask = desk.ask(ONE, TWO)
    desk.controller.result(desk.acquire(ask), DOWN, 0.0)  # type: ignore[arg-type]  # a Ticket, while there is room
    ask.not_before[A] = 5.0
    got = desk.acquire(ask)
    assert isinstance(got, Ticket)
    assert got.pool == B


def test_a_pool_that_goes_silent_with_many_in_flight_is_left_alone_but_for_a_trickle(desk: Desk) -> None:
    """A black hole costs each request its time-out."""
    for place in (ONE, TWO):
        for _ in range(20):
            desk.where(place)
    held = [desk.ticket(ONE, now=1.0) for _ in range(10)]
    assert desk.ticket(ONE, TWO, now=3.0).pool == A
    assert desk.controller.status(3.0).pools[0].silent_s == 0.0
    assert desk.ticket(ONE, TWO, now=30.0).pool == B
    silent, *others = desk.controller.status(30.0).pools
    assert (silent.pool, silent.silent_s, [each.silent_s for each in others]) == (A, 29.0, [0.0])
    assert "silent for 29 s and avoided" in str(silent)
    assert desk.ticket(ONE, now=30.0).pool == A, "there is nowhere else"
    assert isinstance(desk.acquire(desk.ask(ONE, now=30.5), 30.5), Wait), "but only one a second"
    desk.controller.result(held.pop(), OK, 31.0)
    assert desk.ticket(ONE, TWO, now=32.0).pool == A


def test_to_a_pool_that_was_never_heard_of_one_more_goes_each_time_that_one_who_waits_looks_again(desk: Desk) -> None:
    for _ in range(FRESH_WINDOW):
        desk.ticket(ONE)
    first, second = desk.ask(ONE), desk.ask(ONE)
    wait = desk.acquire(first)
    assert isinstance(wait, Wait)
    assert isinstance(desk.acquire(second), Wait)
    assert isinstance(desk.acquire(first, wait.delay_s), Ticket)
    assert isinstance(desk.acquire(second, wait.delay_s), Wait)


def test_one_who_looks_again_much_later_than_was_meant_has_heard_nothing_yet(desk: Desk) -> None:
    """The process is busy: answers wait to be read, just as this request did."""
    held = [desk.ticket(ONE) for _ in range(FRESH_WINDOW)]
    ask = desk.ask(ONE)
    assert isinstance(desk.acquire(ask), Wait)
    again = desk.acquire(ask, 2.0)
    assert isinstance(again, Wait)
    assert again.delay_s > 2.0
    desk.controller.result(held.pop(), OK, 2.1)
    assert isinstance(desk.acquire(ask, 2.1), Ticket), "something was heard"
