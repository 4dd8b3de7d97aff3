from __future__ import annotations

import pytest

from router.capacity.tally import MEASURABLE, Tally


def begun() -> Tally:
    """One whose first request was rejected a second from the start."""
    tally = Tally()
    tally.sent = tally.rejected = 1.0
    tally.count(1.0, 1.0)
    tally.begin(1.0, 1.0)
    return tally


def reject(tally: Tally, sent: float) -> float:
    """Sends so many more, the last of which is rejected; gives its mark."""
    tally.sent += sent
    tally.rejected += 1.0
    return tally.sent


def test_what_is_admitted_between_two_rejections_over_the_time_is_the_limit() -> None:
    tally = begun()
    assert tally.end(reject(tally, 21.0), 1.0, 5.0) == pytest.approx(20.0 / 4.0)
    assert tally.limit == pytest.approx(5.0)


def test_a_measurement_begins_where_the_last_one_ended() -> None:
    tally = begun()
    tally.end(reject(tally, 21.0), 1.0, 5.0)
    assert tally.end(reject(tally, 11.0), 1.0, 6.0) == pytest.approx(10.0)
    assert tally.limit == pytest.approx((5.0 + 10.0) / 2.0)


def test_the_best_limit_is_remembered_when_it_falls() -> None:
    tally = begun()
    tally.end(reject(tally, 41.0), 1.0, 5.0)
    tally.end(reject(tally, 11.0), 1.0, 15.0)
    assert (tally.limit, tally.best) == (pytest.approx(5.5), pytest.approx(10.0))


def test_a_few_requests_make_no_measurement_but_show_what_the_limit_is_not_far_above() -> None:
    tally = begun()
    mark = reject(tally, MEASURABLE - 1.0)
    assert tally.end(mark, 1.0, 5.0) == 0.0
    assert tally.at_most(mark, 5.0) == pytest.approx((MEASURABLE - 2.0 + 1.0) / 4.0)
    assert tally.limit == 0.0


def test_nothing_is_measured_while_less_is_asked_for_than_could_be() -> None:
    tally = begun()
    tally.unused += 20.0
    assert tally.end(reject(tally, 21.0), 1.0, 5.0) == 0.0
    assert tally.end(reject(tally, 21.0), 1.0, 9.0) == pytest.approx(5.0), "from there on it is"


@pytest.mark.parametrize(("unused", "found"), [(5.0, 10.0), (7.0, 0.0)])
def test_what_might_have_been_sent_counts_the_same_in_another_unit(unused: float, found: float) -> None:
    tally = begun()
    tally.unused += unused
    mark = reject(tally, 21.0)
    tally.rescale(2.0)
    assert tally.end(2.0 * mark, 2.0, 5.0) == pytest.approx(found)


def test_nothing_is_measured_while_it_is_stopped() -> None:
    tally = begun()
    tally.stop()
    mark = reject(tally, 21.0)
    assert tally.at_most(mark, 5.0) == float("inf")
    assert tally.end(mark, 1.0, 5.0) == 0.0


def test_rejections_in_a_row_are_those_with_nothing_admitted_between_them() -> None:
    tally = begun()
    assert tally.count(reject(tally, 1.0), 1.0) == (0.0, 1.0)
    assert tally.row == 2
    assert tally.count(reject(tally, 3.0), 1.0) == (2.0, 1.0)
    assert tally.row == 1


def test_it_goes_on_in_another_unit() -> None:
    tally = begun()
    tally.rescale(10.0)
    tally.sent += 210.0
    tally.rejected += 10.0
    assert tally.end(tally.sent, 10.0, 5.0) == pytest.approx(50.0)
    tally.rescale(0.1)
    assert tally.limit == pytest.approx(5.0)
