from __future__ import annotations

import threading

import pytest

from router.capacity import Controller
from router.capacity.breaker import FAULTS_TO_OPEN
from router.health import Ticket
from router.plan import Pool
from router.trace import Wait
from tests.router.capacity.conftest import BUSY, DOWN, PLACES, A, Desk

ONE, TWO, _ = PLACES


def test_of_many_threads_exactly_one_gets_through_half_open(desk: Desk) -> None:
    desk.where(ONE)
    desk.where(TWO)
    desk.tell(ONE, DOWN, times=FAULTS_TO_OPEN)
    taken: list[Pool] = []
    barrier = threading.Barrier(16)

    def take() -> None:
        ask = desk.ask(ONE, TWO, now=1.5)
        barrier.wait()
        got = desk.acquire(ask, 1.5)
        if isinstance(got, Ticket):
            taken.append(got.pool)

    desk.ask(ONE, TWO)
    threads = [threading.Thread(target=take) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken.count(A) == 1


def test_listeners_and_records_may_ask_the_controller_themselves() -> None:
    """No lock is held while they are called."""
    asked: list[int] = []
    desk = Desk(Controller(record=lambda _: asked.append(desk.controller.status(0.0).waiting), random=lambda: 0.5))
    desk.controller.listen(lambda _: asked.append(desk.controller.status(0.0).waiting))
    desk.tell(ONE, BUSY)
    assert asked == [0, 0]


def test_states_tell_people_why(desk: Desk) -> None:
    desk.tell(ONE, BUSY)
    (state,) = desk.controller.states([A], 0.0)
    assert state.closed_s > 0.0
    assert state.why == "429: full"


def test_retries_after_faults_are_paced_and_those_after_429s_are_not(desk: Desk) -> None:
    ask = desk.ask(ONE)
    desk.acquire(ask)
    for _ in range(100):
        desk.controller.retry(ask, BUSY, 0.0)
    assert ask.retry_at == 0.0
    for _ in range(100):
        desk.controller.retry(ask, DOWN, 0.0)
    assert ask.retry_at > 10.0
    got = desk.acquire(ask, 0.0)
    assert isinstance(got, Wait)
    assert got.delay_s == pytest.approx(ask.retry_at)
