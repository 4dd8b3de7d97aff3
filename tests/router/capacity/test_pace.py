from __future__ import annotations

import pytest

from router.capacity.growth import DECREASE
from router.capacity.pace import FRESH_BURST, FRESH_RATE, Pace

RTT_S = 0.1


class Quota:
    """The other side: a bucket of `rate` a second, asked by one that sends as soon as its pace allows."""

    def __init__(self, rate: float, burst: float = 4.0, pace: Pace | None = None) -> None:
        self.rate = rate
        self.pace = pace or Pace(0.0)
        self.now = 0.0
        self.sent = self.rejected = 0
        self._burst = self._tokens = burst
        self._stamp = 0.0
        self._news: list[tuple[float, float, float]] = []  # rejections on their way back

    def run(self, until: float, most_per_s: float = 1e9) -> Quota:
        while True:
            at = max(self.pace.ready_at, self.now + 1.0 / most_per_s)
            if self._news and self._news[0][0] <= at:
                at, mark, sent_at = self._news.pop(0)
                self.pace.rejected(mark, 1.0, sent_at, at, lambda: 0.5)
                continue
            if at > until:
                self.now = until
                return self
            self.now = at
            mark = self.pace.take(1.0, at)
            self.sent += 1
            self._tokens = min(self._burst, self._tokens + (at - self._stamp) * self.rate)
            self._stamp = at
            if self._tokens < 1.0:
                self.rejected += 1
                self._news.append((at + RTT_S, mark, at))
            else:
                self._tokens -= 1.0

    def rates(self, until: float) -> tuple[float, float]:
        """Admitted and rejected per second, from now on."""
        sent, rejected, now = self.sent, self.rejected, self.now
        self.run(until)
        lost = self.rejected - rejected
        return (self.sent - sent - lost) / (until - now), lost / (until - now)


@pytest.mark.parametrize("rate", [0.5, 2.0, 8.0, 20.0, 100.0])
def test_it_finds_an_unknown_limit_and_uses_it_with_little_waste(rate: float) -> None:
    quota = Quota(rate, burst=max(1.0, rate)).run(60.0)
    admitted, rejected = quota.rates(180.0)
    assert admitted >= (0.95 if rate >= 2.0 else 0.75) * rate  # one that is seldom asked is slow to learn
    assert rejected <= 0.07 * admitted


@pytest.mark.parametrize("rate", [1.0, 2.0, 4.0])
def test_to_find_a_slow_limit_costs_a_dozen_rejections(rate: float) -> None:
    assert Quota(rate, burst=1.0).run(20.0).rejected <= 12


def test_rejections_far_apart_say_nothing_of_the_limit_while_less_is_asked_for() -> None:
    pace = Pace(0.0)
    for minute in range(61):
        mark = pace.take(1.0, 60.0 * minute)
        if minute in (0, 60):
            pace.rejected(mark, 1.0, 60.0 * minute, 60.0 * minute + RTT_S, lambda: 0.5)
        else:
            pace.admitted(1.0, 60.0 * minute, 60.0 * minute + 1.0)
    assert pace.rate >= DECREASE * DECREASE * FRESH_RATE


def test_it_measures_the_limit_between_rejections() -> None:
    assert Quota(20.0).run(60.0).pace.measured == pytest.approx(20.0, rel=0.05)


def test_what_is_admitted_while_less_is_asked_for_is_not_taken_for_the_limit() -> None:
    """A 429 in the middle of easy times, as when capacity is short for a moment."""
    pace, now = Pace(0.0), 0.0
    for number in range(1, 400):
        now += 0.5
        mark = pace.take(1.0, now)
        pace.admitted(1.0, now, now)
        if number % 40 == 0:
            pace.rejected(mark, 1.0, now, now + 0.1, lambda: 0.5)
    assert pace.measured == 0.0


@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_it_follows_a_limit_that_moves(factor: float) -> None:
    quota = Quota(20.0).run(60.0)
    quota.rate *= factor
    quota.run(90.0)
    admitted, rejected = quota.rates(120.0)
    assert admitted >= 0.9 * quota.rate
    assert rejected <= 0.1 * admitted


def test_a_pool_that_is_not_used_to_its_rate_never_grows() -> None:
    pace = Pace(0.0)
    for second in range(100):
        pace.take(1.0, float(second))
    assert pace.rate == FRESH_RATE


def test_before_the_first_429_the_first_burst_goes_out_at_once_and_the_rest_soon() -> None:
    pace, now = Pace(0.0), 0.0
    for _ in range(50):
        now = max(now, pace.ready_at)
        pace.take(1.0, now)
    assert now < 1.5


def test_what_is_answered_makes_room_so_calls_one_after_the_other_never_wait() -> None:
    pace = Pace(0.0)
    for _ in range(500):
        assert pace.ready_at <= 0.0
        pace.take(1.0, 0.0)
        pace.admitted(1.0, 0.0, 0.0)


def test_one_decrease_for_each_round_trip() -> None:
    pace = Pace(0.0)
    marks = [pace.take(1.0, 0.0) for _ in range(int(FRESH_BURST))]
    pace.admitted(1.0, 0.0, 0.1)
    first, *rest = [pace.rejected(mark, 1.0, 0.0, 0.2, lambda: 0.5) for mark in marks[1:]]
    assert first
    assert rest
    assert not any(rest)
    assert pace.rate == pytest.approx(FRESH_RATE * DECREASE)


def test_one_that_never_admitted_anything_is_shut_at_its_first_rejection_and_asked_more_and_more_seldom() -> None:
    quota = Quota(0.0, burst=0.0).run(60.0)
    assert quota.sent <= FRESH_BURST + 10
    assert quota.pace.shut_until > 0.0


def test_rejections_that_overtake_one_another_are_no_sign_that_anything_was_admitted() -> None:
    pace = Pace(0.0)
    first, second = pace.take(1.0, 0.0), pace.take(1.0, 0.1)
    assert pace.rejected(second, 1.0, 0.1, 0.2, lambda: 0.5)
    assert not pace.shut_until, "the first seems to have been admitted"
    assert not pace.rejected(first, 1.0, 0.0, 0.3, lambda: 0.5), "one decrease is enough"
    assert pace.shut_until == pytest.approx(1.3)


def test_shut_it_is_tried_by_one_request_and_its_silence_reopens_it() -> None:
    pace = Pace(0.0)
    pace.rejected(pace.take(1.0, 0.0), 1.0, 0.0, 0.1, lambda: 0.5)
    opens_at = pace.ready_at
    assert opens_at == pytest.approx(1.1)
    pace.take(1.0, opens_at)
    assert pace.probing
    assert pace.ready_at > opens_at + 2 * RTT_S
    pace.take(1.0, pace.ready_at)
    assert not pace.probing
    assert pace.shut_until == 0.0


def test_an_answer_to_the_one_request_reopens_it_at_once() -> None:
    pace = Pace(0.0)
    pace.rejected(pace.take(1.0, 0.0), 1.0, 0.0, 0.1, lambda: 0.5)
    sent_at = pace.ready_at
    pace.take(1.0, sent_at)
    pace.admitted(1.0, sent_at, sent_at + 0.01)
    assert pace.ready_at <= sent_at + 0.01


def test_the_one_request_withdrawn_leaves_room_for_another() -> None:
    pace = Pace(0.0)
    pace.rejected(pace.take(1.0, 0.0), 1.0, 0.0, 0.1, lambda: 0.5)
    sent_at = pace.ready_at
    pace.take(1.0, sent_at)
    pace.withdrawn(sent_at)
    assert pace.ready_at == sent_at


def test_it_comes_back_to_what_it_had_after_the_limit_was_gone_for_a_while() -> None:
    quota = Quota(20.0).run(60.0)
    quota.rate = 0.0
    quota.run(120.0)
    quota.rate = 20.0
    quota.run(130.0)
    admitted, _ = quota.rates(140.0)
    assert admitted >= 0.9 * quota.rate


def test_a_hint_shuts_it_for_as_long_as_the_server_says() -> None:
    pace = Pace(0.0)
    pace.hint(53.0, 1.0, lambda: 0.0)
    assert pace.ready_at == 54.0
    pace.hint(5.0, 1.0, lambda: 0.0)
    assert pace.ready_at == 54.0


def test_a_decrease_counted_elsewhere_is_made_once() -> None:
    pace = Pace(0.0)
    pace.take(1.0, 0.0)
    assert pace.decrease(0.0, 0.1, 0.0)
    assert not pace.decrease(0.05, 0.2, 0.0)
    assert pace.rate == pytest.approx(FRESH_RATE * DECREASE)
    assert pace.decrease(0.3, 0.4, 5.0)
    assert pace.ready_at == 5.4


def test_a_known_limit_is_where_it_starts() -> None:
    assert Pace(0.0, known=1.5).rate == 1.5


def test_costs_are_counted_and_settled() -> None:
    pace = Pace(0.0)
    pace.take(FRESH_BURST, 0.0)
    waits = pace.ready_at
    pace.settle(5.0)
    assert pace.ready_at == pytest.approx(waits + 5.0 / pace.rate)
    pace.settle(-10.0)
    assert pace.ready_at == 0.0


def test_a_pace_stays_the_same_in_another_unit() -> None:
    one, other = Pace(0.0, known=10.0), Pace(0.0, known=10.0)
    for pace in (one, other):
        for _ in range(int(FRESH_BURST)):
            pace.take(1.0, 0.0)
    other.rescale(0.1)
    assert other.rate == pytest.approx(one.rate * 0.1)
    assert other.ready_at > one.ready_at


def test_less_waste_is_allowed_to_those_who_want_less() -> None:
    waste = {}
    for knob in (0.01, 0.05):
        quota = Quota(2.0, burst=2.0, pace=Pace(0.0, max_waste=knob)).run(120.0)
        admitted, rejected = quota.rates(1200.0)
        waste[knob] = rejected / admitted
    assert waste[0.01] < 0.5 * waste[0.05]
