"""Crowds of requests through the real machine and controller, in simulated time: what they cost on bad days."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from random import Random

import pytest

from router.capacity import Controller, Pacing
from router.capacity.events import Event, Throttled
from router.flow import Failover, Steps
from router.policy import Policy
from router.signals import OK, Signal
from router.trace import Trace, Wait
from tests.router.capacity.conftest import BUSY, DOWN, plan

TURNS = 6
Reply = tuple[Signal, float]


class Storm:
    """So many calls, so many of them at a time, to places that answer by a rule.

    Args:
        replies: by place and time, what comes back and after how many seconds.
        turn_s: how long this process, which does one thing at a time, takes for each. A call is sent and its
            answer read in several, as an event loop does.
    """

    def __init__(
        self,
        places: Iterable[str],
        replies: Callable[[str, float], Reply],
        turn_s: float = 0.0,
        pacing: Pacing | None = None,
        **policy: float,
    ) -> None:
        self.now = 0.0
        self._turn_s = turn_s
        self.sent: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.controller = Controller(pacing, random=lambda: 0.5)
        self._plan = plan(*places)
        self._replies = replies
        self._policy = Policy(**{"deadline_s": 120.0, "attempts": 6, **policy})  # type: ignore[arg-type]  # floats do
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def go(self, calls: int, at_once: int) -> Storm:
        self._left = calls
        for _ in range(at_once):
            self._at(self.now, self._next)
        return self._run()

    def come(self, calls: int, every_s: float) -> Storm:
        """Calls that come one by one, however long those before them take."""
        self._left = 0
        for number in range(calls):
            self._at(number * every_s, self._begin)
        return self._run()

    def _run(self) -> Storm:
        while self._events:
            at, _, happen = heapq.heappop(self._events)
            self.now = max(self.now + self._turn_s, at)
            happen()
        return self

    def _next(self) -> None:
        if self._left:
            self._left -= 1
            self._begin()

    def _begin(self) -> None:
        trace = Trace(model="m")
        failover = Failover(
            self._plan,
            "p",
            self._policy,
            self.controller,
            trace,
            clock=lambda: self.now,
            random=lambda: 0.5,
            attempts=1000,
        )
        self._step(failover.steps(), trace, None)

    def _step(self, steps: Steps, trace: Trace, signal: Signal | None) -> None:
        try:
            step = steps.send(signal)
        except StopIteration:
            self.outcomes[trace.outcome] += 1
            self._at(self.now, self._next)
            return
        if isinstance(step, Wait):
            self._once(step, lambda: self._step(steps, trace, None))
            return
        place = step.candidate.location
        self.sent[place] += 1
        self._connect(lambda: self._sent(place, lambda reply: self._step(steps, trace, reply)), TURNS)

    def _connect(self, then: Callable[[], None], turns: int) -> None:
        if turns and self._turn_s:
            self._at(self.now, lambda: self._connect(then, turns - 1))
        else:
            then()

    def _sent(self, place: str, told: Callable[[Signal], None]) -> None:
        reply, took_s = self._replies(place, self.now)
        self._at(self.now + took_s, lambda: told(reply))

    def _once(self, wait: Wait, go_on: Callable[[], None]) -> None:
        waiting = [go_on]

        def happen() -> None:
            if waiting:
                waiting.pop()()

        self._at(self.now + wait.delay_s, happen)
        if wait.bell is not None:
            wait.bell.listen(lambda: self._at(self.now, happen))

    def _at(self, time: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (time, next(self._numbers), happen))


def sick(*places: str, signal: Signal = BUSY) -> Callable[[str, float], Reply]:
    """These places fail at once; the others answer in half a second."""
    return lambda place, _: (signal, 0.05) if place in places else (OK, 0.5)


@pytest.mark.parametrize("signal", [BUSY, DOWN], ids=["429", "503"])
def test_with_one_healthy_location_of_three_no_call_fails_and_the_sick_ones_are_left_alone(signal: Signal) -> None:
    storm = Storm(("a", "b", "c"), sick("a", "b", signal=signal)).go(calls=1200, at_once=60)
    assert storm.outcomes == {"answered": 1200}
    assert sum(storm.sent.values()) <= 1.2 * 1200


@pytest.mark.parametrize("rtt_s", [0.02, 0.1, 0.2])
def test_sixty_cold_calls_at_once_probe_the_sick_ones_and_do_not_flood_them(rtt_s: float) -> None:
    replies = {"a": (BUSY, rtt_s), "b": (BUSY, rtt_s), "c": (OK, 5.0 * rtt_s)}
    storm = Storm(replies, lambda place, _: replies[place]).go(calls=60, at_once=60)
    assert storm.outcomes == {"answered": 60}
    assert sum(storm.sent.values()) <= 1.2 * 60


def quotas(per_second: float) -> Callable[[str, float], Reply]:
    """Each place takes so many a second, two at once, and answers in half a second."""
    full_at: dict[str, float] = {}

    def reply(place: str, now: float) -> Reply:
        at = max(full_at.get(place, 0.0), now)
        if at - now > 1.0 / per_second:
            return BUSY, 0.05
        full_at[place] = at + 1.0 / per_second
        return OK, 0.5

    return reply


@pytest.mark.parametrize(("per_second", "most"), [(10.0, 1), (4.0, 2), (2.0, 4)])
def test_at_a_low_rate_no_more_pools_are_used_than_it_takes(per_second: float, most: int) -> None:
    """So that each is used enough for its limit to be known."""
    storm = Storm("abcdefghijkl", quotas(per_second)).come(calls=1500, every_s=0.2)
    assert storm.outcomes == {"answered": 1500}
    used = [place for place, sent in storm.sent.items() if sent > 0.01 * 1500]
    assert len(used) <= most, storm.sent
    assert sum(storm.sent.values()) <= 1.05 * 1500


def by_chance(share: float, seed: int, otherwise: Callable[[str, float], Reply]) -> Callable[[str, float], Reply]:
    """Rejects this share of all requests, however many or few there are."""
    chance = Random(seed)
    return lambda place, now: (BUSY, 0.1) if chance.random() < share else otherwise(place, now)


def slow(place: str, now: float) -> Reply:
    """Answers everything, in two seconds."""
    return OK, 2.0


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("share", [0.02, 0.05, 0.1, 0.2, 0.3, 0.4])
def test_a_share_that_is_rejected_at_random_is_found_out_and_hardly_slows_anything_down(
    share: float, seed: int
) -> None:
    """Slowing down does not make it smaller, so paces that heeded each rejection would end near nothing."""
    storm = Storm("abc", by_chance(share, seed, slow), deadline_s=300.0, attempts=1000).go(calls=2000, at_once=64)
    assert storm.outcomes == {"answered": 2000}
    assert storm.now <= 2.5 * 2000 * 2.0 / 64
    assert sum(storm.sent.values()) <= 1.05 * 2000 / (1.0 - share)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3])
def test_it_is_found_out_beside_a_limit_too(share: float) -> None:
    storm = Storm("ab", by_chance(share, 1, quotas(10.0)), deadline_s=1000.0, attempts=1000).go(2000, 64)
    assert storm.outcomes == {"answered": 2000}
    assert storm.now <= 4.0 * 2000 / 20.0
    assert sum(storm.sent.values()) <= 1.4 * 2000 / (1.0 - share)


def test_operators_are_told_of_a_share_that_is_rejected_at_random(caplog: pytest.LogCaptureFixture) -> None:
    storm = Storm("a", by_chance(0.2, 1, slow), deadline_s=300.0, attempts=1000).go(calls=1000, at_once=32)
    (pool,) = storm.controller.status(storm.now).pools
    assert pool.by_chance == pytest.approx(0.2, abs=0.08)
    assert f"{pool.by_chance:.0%} rejected by chance" in str(pool)
    assert pool.as_dict()["by_chance"] == round(pool.by_chance, 3)
    assert "rejected however little is sent" in caplog.text


def test_where_chance_is_known_what_another_process_counted_slows_nothing_down_but_its_shutting_does() -> None:
    storm = Storm("a", by_chance(0.2, 1, slow), deadline_s=300.0, attempts=1000).go(calls=1000, at_once=32)
    (before,) = storm.controller.status(storm.now).pools
    for _ in range(5):
        storm.now += 1.0
        storm.controller.apply(Throttled(pool=before.pool, sent_at=storm.now, at=storm.now), storm.now)
    (after,) = storm.controller.status(storm.now).pools
    assert (after.rate, after.closed_s) == (before.rate, 0.0)
    storm.controller.apply(Throttled(pool=before.pool, sent_at=storm.now, at=storm.now, shut_s=9.0), storm.now)
    (shut,) = storm.controller.status(storm.now).pools
    assert shut.closed_s == pytest.approx(9.0)


def test_what_slows_nothing_down_here_is_not_told_to_others() -> None:
    told: list[Event] = []
    storm = Storm("a", by_chance(0.2, 1, slow), pacing=Pacing(tolerated=0.4))
    storm.controller.listen(told.append)
    storm.go(calls=500, at_once=16)
    assert storm.sent["a"] > 550
    assert not [each for each in told if isinstance(each, Throttled)]


def test_a_share_that_is_tolerated_from_the_start_costs_no_time_to_find_out() -> None:
    storm = Storm("abc", by_chance(0.2, 1, slow), pacing=Pacing(tolerated=0.35)).go(calls=2000, at_once=64)
    assert storm.outcomes == {"answered": 2000}
    assert storm.now <= 1.1 * 2000 * 2.0 / 64


def test_where_there_is_a_limit_after_all_no_more_is_rejected_than_is_tolerated() -> None:
    storm = Storm("ab", quotas(10.0), pacing=Pacing(tolerated=0.35), deadline_s=1000.0, attempts=1000).go(2000, 64)
    assert storm.outcomes == {"answered": 2000}
    assert sum(storm.sent.values()) <= 2000 / (1.0 - 0.4)


@pytest.mark.parametrize("turn_s", [0.0005, 0.002, 0.01, 0.04])
def test_silence_means_nothing_while_the_process_is_too_busy_to_hear(turn_s: float) -> None:
    """Of sixty tasks that are begun in one turn of an event loop none hears an answer before all have begun."""
    storm = Storm(("a", "b", "c"), sick("a", "b"), turn_s=turn_s).go(calls=60, at_once=60)
    assert storm.outcomes == {"answered": 60}
    assert sum(storm.sent.values()) <= 1.2 * 60


def test_when_all_are_exhausted_calls_wait_instead_of_hammering() -> None:
    storm = Storm(("a", "b", "c"), sick("a", "b", "c"), deadline_s=60.0, attempts=50).go(calls=60, at_once=60)
    assert storm.outcomes == {"deadline": 60}
    assert sum(storm.sent.values()) <= 1.1 * 60


@pytest.mark.parametrize("signal", [BUSY, DOWN], ids=["429", "503"])
def test_one_dead_location_of_ten_costs_five_calls_of_a_thousand(signal: Signal) -> None:
    places = [f"place-{number}" for number in range(10)]
    dead = {places[0]}
    storm = Storm(places, lambda place, _: (signal, 0.01) if place in dead else (OK, 0.05)).go(calls=1000, at_once=8)
    assert storm.outcomes == {"answered": 1000}
    assert storm.sent[places[0]] <= 5


def test_when_all_come_back_everybody_who_waited_is_served() -> None:
    """Never fail fast while all are closed: wait for the earliest, up to the deadline."""

    def back_after_20_s(place: str, now: float) -> Reply:
        return (OK, 0.5) if now > 20.0 else (BUSY, 0.05)

    storm = Storm(("a", "b", "c"), back_after_20_s).go(calls=60, at_once=60)
    assert storm.outcomes == {"answered": 60}
    assert storm.now < 45.0


def test_without_any_429_a_crowd_is_hardly_held_up() -> None:
    sent_at: list[float] = []

    def answer(place: str, now: float) -> Reply:
        sent_at.append(now)
        return OK, 2.0

    storm = Storm(("a",), answer).go(calls=50, at_once=50)
    assert max(sent_at) < 1.5
    begin = storm.now
    storm.go(calls=50, at_once=50)
    assert max(sent_at) - begin < 0.5, "and less each time"
