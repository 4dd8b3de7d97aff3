from __future__ import annotations

from router.capacity.breaker import (
    FAULTS_TO_OPEN,
    FAULTS_TO_OPEN_UNPROVEN,
    FOREVER,
    HOST_COOLING_S,
    LONGEST_HOST_COOLING_S,
    LONGEST_OPEN_S,
    WRONG_HOST_S,
    Breaker,
    Host,
)


def fail(breaker: Breaker, times: int = 1, *, sent_at: float = 0.0, now: float = 0.0, proven: bool = True) -> bool:
    opened = [breaker.failed(sent_at, now, lambda: 0.5, proven=proven) for _ in range(times)]
    return opened[-1]


def test_it_opens_after_faults_in_a_row() -> None:
    breaker = Breaker()
    assert not fail(breaker, FAULTS_TO_OPEN - 1)
    assert not breaker.is_open
    assert fail(breaker)
    assert breaker.ready_at == 1.0


def test_it_opens_sooner_for_a_pool_that_never_answered() -> None:
    breaker = Breaker()
    assert not fail(breaker, FAULTS_TO_OPEN_UNPROVEN - 1, proven=False)
    assert fail(breaker, proven=False)


def test_an_answer_of_any_kind_starts_the_count_anew_and_closes_it() -> None:
    breaker = Breaker()
    fail(breaker, FAULTS_TO_OPEN - 1)
    assert not breaker.answered()
    fail(breaker, FAULTS_TO_OPEN - 1)
    assert not breaker.is_open
    fail(breaker)
    assert breaker.answered()
    assert (breaker.is_open, breaker.ready_at, breaker.share) == (False, 0.0, 0.0)


def test_it_opens_when_most_of_many_fail_without_ever_so_many_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(40):
        fail(breaker, 6)
        if breaker.is_open:
            break
        breaker.answered()
    assert breaker.is_open


def test_half_open_lets_one_request_through_and_stays_open_for_longer_if_it_fails() -> None:
    breaker, now, opened = Breaker(), 0.0, []
    fail(breaker, FAULTS_TO_OPEN)
    for _ in range(6):
        opened.append(breaker.ready_at - now)
        now = breaker.ready_at
        breaker.probe(now)
        assert breaker.ready_at == FOREVER
        fail(breaker, sent_at=now, now=now)
    assert opened == [1, 2, 4, 8, LONGEST_OPEN_S, LONGEST_OPEN_S]


def test_failures_of_requests_sent_before_it_opened_change_nothing() -> None:
    breaker = Breaker()
    fail(breaker, FAULTS_TO_OPEN, sent_at=1.0, now=2.0)
    ready_at = breaker.ready_at
    assert not fail(breaker, 20, sent_at=1.5, now=2.5)
    breaker.probe(ready_at)
    assert not fail(breaker, 20, sent_at=1.5, now=ready_at)
    assert breaker.ready_at == FOREVER


def test_a_probe_that_is_withdrawn_leaves_room_for_another() -> None:
    breaker = Breaker()
    fail(breaker, FAULTS_TO_OPEN)
    breaker.probe(1.0)
    breaker.withdrawn(1.0)
    assert breaker.ready_at == 1.0


def test_a_host_cools_for_longer_each_time_and_a_wrong_one_for_a_minute() -> None:
    host, cooled = Host(), []
    for _ in range(4):
        host.failed(0.0, "connect", wrong=False)
        cooled.append(host.ready_at)
    assert cooled == [HOST_COOLING_S, 10.0, 20.0, LONGEST_HOST_COOLING_S]
    assert host.answered()
    assert not host.answered()
    host.failed(0.0, "html", wrong=True)
    assert host.ready_at == WRONG_HOST_S
