from __future__ import annotations

import pytest

from router.capacity.growth import DECREASE, Growth

RTT_S = 0.1


def at_its_limit(rate: float, max_waste: float = 0.05) -> Growth:
    """One whose rate was rejected at 0."""
    growth = Growth(0.0, max_waste, known=False)
    assert growth.slow_down(rate, 0.0) == DECREASE * rate
    return growth


def step(growth: Growth, rate: float, limit: float, now: float = 0.5, *, pressed: bool = True) -> float:
    return growth.step(rate, limit, now, RTT_S, pressed=pressed)


def test_while_no_limit_is_known_a_rate_more_than_doubles_in_a_second() -> None:
    assert step(Growth(0.0, 0.05, known=False), 10.0, 0.0, 0.5) > 0.5


def test_one_that_is_documented_grows_less_from_the_start() -> None:
    assert step(Growth(0.0, 0.05, known=True), 10.0, 0.0) < step(Growth(0.0, 0.05, known=False), 10.0, 0.0)


def test_it_does_not_grow_before_the_next_rejection_could_be_back() -> None:
    growth = at_its_limit(10.0)
    assert step(growth, 7.0, 10.0, 2.0 * RTT_S) == 0.0
    assert step(growth, 7.0, 10.0, 2.0 * RTT_S + 0.1) > 0.0


def test_most_of_what_it_had_is_taken_up_again_sooner_than_the_rest() -> None:
    assert step(at_its_limit(10.0), 7.0, 10.0) > 3.0 * step(at_its_limit(10.0), 9.0, 10.0)


def test_after_it_was_shut_more_of_it_is() -> None:
    growth = at_its_limit(10.0)
    growth.reopen(0.0)
    assert step(growth, 8.5, 10.0) > 3.0 * step(at_its_limit(10.0), 8.5, 10.0)


def test_a_rejection_that_is_no_matter_of_rate_leaves_what_it_had() -> None:
    growth = at_its_limit(10.0)
    growth.shut(7.0, 1.0)
    assert growth.last == 10.0


def test_slow_ones_grow_more_slowly() -> None:
    assert step(at_its_limit(1.0), 1.0, 1.0) < 0.5 * step(at_its_limit(10.0), 10.0, 10.0)


def test_so_do_those_for_whom_nobody_waits_and_who_want_less_waste() -> None:
    usual = step(at_its_limit(2.0), 2.0, 2.0)
    assert step(at_its_limit(2.0), 2.0, 2.0, pressed=False) == pytest.approx(0.25 * usual)
    assert step(at_its_limit(2.0, max_waste=0.01), 2.0, 2.0) < 0.25 * usual


def test_a_long_time_unused_makes_no_large_step() -> None:
    assert step(at_its_limit(10.0), 7.0, 10.0, 3600.0) <= 0.2


def test_what_is_resumed_is_taken_up_soon_whatever_was_rejected_last() -> None:
    growth = at_its_limit(1.0)
    growth.resume(10.0)
    assert step(growth, 1.0, 10.0) > 3.0 * step(at_its_limit(10.0), 9.5, 10.0)
