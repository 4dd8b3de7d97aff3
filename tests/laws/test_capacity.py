"""What must hold for the controller whatever is asked, answered, cancelled, and in which order."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from router.capacity import Controller, Pacing
from router.health import Ask, Ticket
from router.signals import OK, Signal
from router.trace import Wait
from tests.router.capacity.conftest import BUSY, DOWN, PLACES, QUOTA, REJECTED, UNREACHABLE, plan

SILENT = Signal(kind="busy", action=DOWN.action)
PLANS = (plan(*PLACES), plan(*PLACES, tiers=(0, 1, 1)), plan(PLACES[0]), plan(PLACES[2], PLACES[1]))
MOST_WAITING = 6


class Crowd(RuleBasedStateMachine):
    """Requests that come, wait, are sent, are answered or give up, at any time and in any order."""

    @initialize(seed=st.floats(0.0, 0.99))
    def begin(self, seed: float) -> None:
        self.now = 100.0
        self.controller = Controller(Pacing(most_waiting=MOST_WAITING), random=lambda: seed)
        self.waiting: list[Ask] = []
        self.sent: list[tuple[Ask, Ticket]] = []

    def ask(self, ask: Ask) -> None:
        got = self.controller.acquire(ask, self.now)
        if isinstance(got, Ticket):
            assert got.allowed.candidate.location == got.pool.location
            assert got.pool not in ask.dropped
            assert ask.not_before.get(got.pool, 0.0) <= self.now
            self.sent.append((ask, got))
        elif got.bell is not None:
            self.waiting.append(ask)

    @rule(which=st.sampled_from(PLANS), priority=st.integers(0, 2))
    def come(self, which: Any, priority: int) -> None:
        self.ask(Ask(which, "p", arrived=self.now, until=self.now + 1e6, priority=priority))

    @rule(seconds=st.floats(0.001, 20.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(data=st.data())
    def look_again(self, data: st.DataObject) -> None:
        if self.waiting:
            self.ask(self.waiting.pop(data.draw(st.integers(0, len(self.waiting) - 1))))

    @rule(data=st.data())
    def give_up_waiting(self, data: st.DataObject) -> None:
        if self.waiting:
            ask = self.waiting.pop(data.draw(st.integers(0, len(self.waiting) - 1)))
            self.controller.leave(ask, self.now)

    @rule(data=st.data(), signal=st.sampled_from([OK, OK, BUSY, BUSY, DOWN, QUOTA, REJECTED, UNREACHABLE, SILENT]))
    def answered(self, data: st.DataObject, signal: Signal) -> None:
        if self.sent:
            ask, ticket = self.sent.pop(data.draw(st.integers(0, len(self.sent) - 1)))
            self.controller.result(ticket, signal, self.now)
            if signal.throttled or signal.failed:
                ask.not_before[ticket.pool] = self.now + 1.0
                self.controller.retry(ask, signal, self.now)
                self.ask(ask)
            else:
                self.controller.leave(ask, self.now)

    @rule(data=st.data())
    def cancelled_under_way(self, data: st.DataObject) -> None:
        if self.sent:
            ask, ticket = self.sent.pop(data.draw(st.integers(0, len(self.sent) - 1)))
            self.controller.release(ticket, self.now)
            self.controller.leave(ask, self.now)

    @invariant()
    def nothing_is_lost_and_nothing_is_held_twice(self) -> None:
        if not hasattr(self, "now"):
            return
        given = sum(ask.place.ticket is not None for ask in self.waiting)
        status = self.controller.status(self.now)
        assert status.waiting + given == len(self.waiting)
        assert sum(each.in_flight for each in status.pools) == len(self.sent) + given
        assert all(each.rate > 0.0 for each in status.pools)

    @invariant()
    def whoever_waits_gets_leave_in_the_end(self) -> None:
        """No pool stays closed for good, and nobody is forgotten: asked at the time it is told, each is served."""
        if hasattr(self, "now") and len(self.waiting) == 1 and not self.sent:
            ask, now = self.waiting[0], self.now
            for _ in range(50):
                got = self.controller.acquire(ask, now)
                if isinstance(got, Ticket):
                    break
                now += got.delay_s
            assert isinstance(got, Ticket)
            self.waiting.clear()
            self.now = now
            self.sent.append((ask, got))

    def teardown(self) -> None:
        if not hasattr(self, "now"):
            return
        for ask in self.waiting:
            self.controller.leave(ask, self.now)
        for ask, ticket in self.sent:
            self.controller.leave(ask, self.now)
            self.controller.release(ticket, self.now)
        status = self.controller.status(self.now)
        assert status.waiting == 0
        assert all(each.in_flight == 0 for each in status.pools)


Crowd.TestCase.settings = settings(max_examples=150, stateful_step_count=60)
TestCrowd = Crowd.TestCase


def test_the_order_of_the_queue_is_by_priority_and_arrival() -> None:
    """With one pool and no fault, leave is given in exactly this order, whoever asks when."""
    controller, one = Controller(random=lambda: 0.5), PLANS[2]
    while isinstance(controller.acquire(last := Ask(one, "p", arrived=0.0, until=1e6), 0.0), Ticket):
        pass
    controller.leave(last, 0.0)
    asks = [Ask(one, "p", arrived=0.001 * number, until=1e6, priority=(number * 7) % 3) for number in range(30)]
    for ask in asks:
        assert isinstance(controller.acquire(ask, ask.arrived), Wait)
    order, now = [], 0.1
    while len(order) < len(asks):
        now += 0.01
        for ask in reversed(asks):
            if ask not in order and isinstance(controller.acquire(ask, now), Ticket):
                order.append(ask)
    marks = sorted(asks, key=lambda ask: (ask.priority, ask.arrived))
    assert [ask.priority for ask in order] == sorted(ask.priority for ask in asks)
    assert {id(ask) for ask in order[:10]} == {id(ask) for ask in marks[:10]}
