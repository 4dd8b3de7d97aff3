from __future__ import annotations

from collections.abc import Iterator
from itertools import count, takewhile
from random import Random

import pytest

from router.capacity.chance import Chance


def at_random(share: float, seed: int, most: int = 4000) -> Iterator[float]:
    """The marks of what is rejected."""
    chance = Random(seed)
    return (float(mark) for mark in range(1, most) if chance.random() < share)


def meet(chance: Chance, rejected: Iterator[float], *, early: bool = False) -> Iterator[float]:
    """Tells of rejections one by one; begins a trial when one is due. Gives the marks at which chance was believed."""
    for mark in rejected:
        if chance.met(mark, mark, early=early):
            yield mark
        elif chance.suspected:
            chance.try_it()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.15, 0.2, 0.3, 0.4])
def test_what_is_rejected_at_random_is_believed_within_some_hundred_requests(share: float, seed: int) -> None:
    chance = Chance()
    believed = next(meet(chance, at_random(share, seed)))
    assert believed < 1000
    assert 0.5 * share < chance.share < 1.8 * share
    assert chance.tolerated > chance.share


@pytest.mark.parametrize("every", [15, 20, 40, 100])
def test_a_limit_that_is_followed_is_never_even_suspected(every: int) -> None:
    chance = Chance()
    marks = (float(mark) for mark in range(every, 100_000, every))
    assert not list(meet(chance, marks))
    assert not chance.suspected
    assert not chance.share


def test_a_few_rejections_early_on_the_way_back_are_suspicious_too() -> None:
    """One of twenty leaves most fives without one, but a limit would not have rejected again so soon."""
    chance = Chance()
    believed = next(meet(chance, (float(20 * n) for n in count(1)), early=True))
    assert believed <= 20 * 15
    assert chance.share == pytest.approx(0.05, rel=0.25)


def test_they_are_suspicious_whatever_was_before() -> None:
    chance = Chance()
    believed = next(meet(chance, (10_000.0 + 20 * n for n in count(1)), early=True))
    assert believed <= 10_000 + 20 * 15
    assert chance.share == pytest.approx(0.05, rel=0.25)


def test_so_few_that_they_cost_next_to_nothing_are_not_tried() -> None:
    assert not list(meet(Chance(), (float(50 * n) for n in range(1, 500)), early=True))


def suspected() -> tuple[Chance, float]:
    """Each third is rejected, so far; with the mark of the last one."""
    chance = Chance()
    for mark in (3.0 * n for n in count(1)):
        assert not chance.met(mark, mark, early=False)
        if chance.suspected:
            chance.try_it()
            return chance, mark
    raise AssertionError


@pytest.mark.parametrize("during", [0, 1])
def test_a_trial_in_which_next_to_nothing_is_rejected_shows_a_limit(during: int) -> None:
    chance, mark = suspected()
    for n in range(during):
        assert not chance.met(mark + 5.0 + n, mark + 5.0 + n, early=False)
    assert chance.on_trial
    assert not chance.met(mark + 30.0, mark + 30.0, early=False)
    assert (chance.on_trial, chance.share, chance.tolerated) == (False, 0.0, 0.0)


def test_a_trial_in_which_all_is_rejected_shows_that_the_limit_has_fallen() -> None:
    chance, mark = suspected()
    assert not any(chance.met(mark + n, mark + n, early=False) for n in range(1, 5))
    assert (chance.on_trial, chance.share) == (False, 0.0)


def test_a_trial_is_over_as_soon_as_enough_was_rejected() -> None:
    chance, mark = suspected()
    told = [chance.met(mark + 3.0 * n, mark + 3.0 * n, early=False) for n in range(1, 5)]
    assert told == [False, False, False, True]
    assert chance.share == pytest.approx(1 / 3, rel=0.2)


def test_each_wrong_suspicion_makes_the_next_one_slower() -> None:
    chance, mark = suspected()
    took = []
    for _ in range(3):
        begin = mark = mark + 100.0
        chance.met(mark, mark, early=False)  # nothing was rejected during the trial
        while not chance.suspected:
            mark += 3.0
            assert not chance.met(mark, mark, early=False)
        took.append(mark - begin)
        chance.try_it()
    assert took[1] > 1.5 * took[0]
    assert took[2] > 1.5 * took[1]


def test_the_rate_is_held_for_as_long_as_a_trial_takes() -> None:
    chance, mark = suspected()
    held = list(takewhile(chance.holds, (mark + n for n in count())))
    assert 12 <= len(held) <= 25, "six rejections of one in three"


def test_what_was_under_way_tells_nothing() -> None:
    """Ten that were sent too fast for a limit, and are all rejected, are one piece of news."""
    chance = Chance()
    for n in range(1, 400):
        mark = 40.0 * n
        assert not chance.met(mark, mark + 10.0, early=False)
        assert not chance.suspected


@pytest.mark.parametrize("every", [2.0, 4.0])
def test_a_believed_share_follows_what_later_trials_see(every: float) -> None:
    chance, mark = suspected()
    for _ in range(20):
        while chance.on_trial:
            mark += every
            chance.met(mark, mark, early=False)
        assert chance.share
        chance.try_it()
    assert chance.share == pytest.approx(1.0 / every, rel=0.1)


def test_in_another_unit_a_trial_is_as_long_as_it_was() -> None:
    chance, mark = suspected()
    length = len(list(takewhile(chance.holds, (mark + n for n in count()))))
    chance.rescale(2.0)
    assert len(list(takewhile(chance.holds, (2.0 * mark + n for n in count())))) == length
