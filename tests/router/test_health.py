from __future__ import annotations

import threading

import pytest

from router.health import (
    FAULTS_TO_OPEN,
    HOST_COOLING_S,
    LONGEST_COOLING_S,
    LONGEST_OPEN_S,
    Cooldowns,
    Ticket,
    backoff_s,
)
from router.plan import Pool
from router.signals import OK, Action, Scope, Signal
from router.trace import Wait

A, B, C = (Pool("p", "m", location, "standard") for location in ("europe-west1", "europe-west4", "europe-west8"))
BUSY = Signal(kind="exhausted", action=Action.NEXT, scope=Scope.POOL, status=429)
DOWN = Signal(kind="unavailable", action=Action.NEXT, scope=Scope.POOL, status=503)
UNREACHABLE = Signal(kind="connect", action=Action.NEXT, scope=Scope.HOST)
REJECTED = Signal(kind="rejected", action=Action.STOP, status=400)


@pytest.fixture
def health() -> Cooldowns:
    return Cooldowns(random=lambda: 0.0)


def acquire(health: Cooldowns, *pools: Pool, now: float = 0.0) -> Ticket:
    got = health.acquire(pools, {}, now)
    assert isinstance(got, Ticket)
    return got


def tell(health: Cooldowns, pool: Pool, signal: Signal, times: int = 1, now: float = 0.0) -> None:
    for _ in range(times):
        health.result(Ticket(pool, probe=False), signal, now)


def test_the_first_pool_of_the_plan_is_taken_while_it_is_well(health: Cooldowns) -> None:
    assert acquire(health, A, B).pool == A


def test_an_exhausted_pool_is_passed_over_without_waiting(health: Cooldowns) -> None:
    tell(health, A, BUSY)
    assert acquire(health, A, B).pool == B


def test_cooling_grows_with_each_429_in_a_row_and_ends_with_an_answer(health: Cooldowns) -> None:
    waits = []
    for _ in range(8):
        tell(health, A, BUSY)
        waits.append(health.states([A], 0.0)[0].closed_s)
    assert waits == [1, 2, 4, 8, 16, 32, LONGEST_COOLING_S, LONGEST_COOLING_S]
    tell(health, A, OK)
    assert acquire(health, A).pool == A


def test_the_servers_hint_sets_the_pause_of_its_pool_and_of_no_other(health: Cooldowns) -> None:
    """python-genai#1875: RetryInfo of 53 s was ignored."""
    hinted = Signal(kind="exhausted", action=Action.NEXT, scope=Scope.POOL, status=429, retry_after_s=53.0)
    tell(health, A, hinted)
    assert health.states([A, B], 0.0)[0].closed_s == 53.0
    assert acquire(health, A, B).pool == B
    assert acquire(health, A, B, now=53.0).pool == A


def test_a_429_opens_no_breaker_and_a_fault_cools_nothing(health: Cooldowns) -> None:
    tell(health, A, DOWN, times=FAULTS_TO_OPEN - 1)
    assert acquire(health, A, B).pool == A
    tell(health, A, BUSY)
    tell(health, A, DOWN, times=FAULTS_TO_OPEN - 1, now=1.0)
    assert acquire(health, A, B, now=1.0).pool == A


def test_the_breaker_opens_after_faults_in_a_row_and_lets_one_probe_through(health: Cooldowns) -> None:
    tell(health, A, DOWN, times=FAULTS_TO_OPEN)
    assert acquire(health, A, B).pool == B
    probe = acquire(health, A, B, now=1.0)
    assert probe == Ticket(A, probe=True)
    assert acquire(health, A, B, now=1.0).pool == B
    health.result(probe, OK, 1.5)
    assert acquire(health, A, B, now=1.5) == Ticket(A, probe=False)


def test_a_failed_probe_keeps_the_breaker_open_for_longer_up_to_a_limit(health: Cooldowns) -> None:
    tell(health, A, DOWN, times=FAULTS_TO_OPEN)
    now, opened = 0.0, []
    for _ in range(6):
        closed = health.states([A, B], now)[0].closed_s
        opened.append(closed)
        now += closed
        health.result(acquire(health, A, B, now=now), DOWN, now)
    assert opened == [1, 2, 4, 8, LONGEST_OPEN_S, LONGEST_OPEN_S]


def test_a_cancelled_probe_leaves_no_trace(health: Cooldowns) -> None:
    tell(health, A, DOWN, times=FAULTS_TO_OPEN)
    health.release(acquire(health, A, B, now=1.0), 1.0)
    assert acquire(health, A, B, now=1.0).pool == A


def test_the_only_pool_is_never_shut_by_its_breaker(health: Cooldowns) -> None:
    """Portkey#1289: with every circuit open nothing was left to try."""
    tell(health, A, DOWN, times=3 * FAULTS_TO_OPEN)
    assert acquire(health, A).pool == A


def test_when_all_are_closed_the_wait_is_until_the_earliest(health: Cooldowns) -> None:
    tell(health, A, BUSY, times=3)
    tell(health, B, BUSY, times=2)
    assert health.acquire((A, B), {}, 0.0) == Wait(2.0)
    assert acquire(health, A, B, now=2.0).pool == B


def test_the_callers_own_errors_count_against_no_one(health: Cooldowns) -> None:
    """litellm#31876, #7823: a caller's 400 cooled the deployment."""
    tell(health, A, REJECTED, times=50)
    assert acquire(health, A, B).pool == A
    assert health.states([A], 0.0)[0].closed_s == 0.0


def test_a_host_that_cant_be_reached_cools_every_model_there(health: Cooldowns) -> None:
    other = Pool("p", "another", A.location, "standard")
    tell(health, A, UNREACHABLE)
    assert health.states([other], 0.0)[0].closed_s == HOST_COOLING_S
    assert acquire(health, other, B).pool == B


def test_a_pool_of_another_project_or_model_is_not_touched(health: Cooldowns) -> None:
    tell(health, A, BUSY, times=5)
    for other in (A._replace(project="q"), A._replace(model="n"), A._replace(mode="priority")):
        assert acquire(health, other, B).pool == other


def test_what_this_request_has_tried_comes_after_what_it_has_not(health: Cooldowns) -> None:
    assert health.acquire((A, B), {A: 0.0}, 10.0) == Ticket(B, probe=False)
    assert health.acquire((A, B), {A: 0.0, B: 0.0}, 10.0) == Ticket(A, probe=False)
    assert health.acquire((A, B), {A: 12.0, B: 13.0}, 10.0) == Wait(2.0)


def test_a_location_that_says_it_does_not_serve_is_tried_last_and_for_a_day(health: Cooldowns) -> None:
    gone = Signal(kind="not-servable", action=Action.NEXT, scope=Scope.POOL, status=400, not_served=True)
    tell(health, A, gone)
    assert acquire(health, A, B).pool == B
    assert acquire(health, A).pool == A
    assert acquire(health, A, B, now=25 * 3600.0).pool == A


def test_an_ambiguous_404_teaches_only_when_the_model_answers_elsewhere(health: Cooldowns) -> None:
    missing = Signal(kind="model-not-found", action=Action.NEXT, scope=Scope.POOL, status=404, not_served=True)
    tell(health, A, missing)
    assert acquire(health, A, B).pool == A
    tell(health, B, OK)
    tell(health, A, missing)
    assert acquire(health, A, B).pool == B


def test_an_error_that_names_another_location_teaches_nothing(health: Cooldowns) -> None:
    tell(health, A, Signal(kind="not-servable", action=Action.NEXT, scope=Scope.POOL, status=400))
    assert acquire(health, A, B).pool == A


def test_a_stream_that_broke_late_counts_as_one_fault(health: Cooldowns) -> None:
    tell(health, A, DOWN, times=FAULTS_TO_OPEN - 1)
    health.late_fault(A, Signal(kind="stream-cut", action=Action.NEXT, scope=Scope.POOL), 0.0)
    assert acquire(health, A, B).pool == B


def test_states_tell_people_why(health: Cooldowns) -> None:
    tell(health, A, Signal(kind="exhausted", action=Action.NEXT, scope=Scope.POOL, status=429, message="full"))
    (state,) = health.states([A], 0.0)
    assert (state.pool, state.closed_s, state.why) == (A, 1.0, "429: full")


def test_backoff_doubles_with_at_most_a_quarter_more() -> None:
    assert [backoff_s(n, lambda: 0.0) for n in (1, 2, 3, 40)] == [1, 2, 4, LONGEST_COOLING_S]
    assert backoff_s(1, lambda: 1.0) == 1.25


def test_half_open_lets_exactly_one_of_many_threads_through(health: Cooldowns) -> None:
    tell(health, A, DOWN, times=FAULTS_TO_OPEN)
    taken: list[Pool] = []
    barrier = threading.Barrier(16)

    def take() -> None:
        barrier.wait()
        taken.append(acquire(health, A, B, now=1.0).pool)

    threads = [threading.Thread(target=take) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken.count(A) == 1
