from __future__ import annotations

import msgspec
import pytest

from router.capacity import Broken, Controller, Noticed, Throttled
from router.capacity.breaker import FAULTS_TO_OPEN, FAULTS_TO_OPEN_UNPROVEN, HOST_COOLING_S
from router.capacity.learning import ZERO_QUOTA_AFTER_S, ZERO_QUOTA_S
from router.capacity.pace import FRESH_RATE
from router.health import Ticket
from router.plan import Limit, Pool
from router.signals import OK, Action, Scope, Signal
from router.status import PoolStatus
from router.trace import Wait
from tests.router.capacity.conftest import BUSY, DOWN, PLACES, QUOTA, REJECTED, UNREACHABLE, A, B, Desk

ONE, TWO, _ = PLACES
HINTED = msgspec.structs.replace(BUSY, retry_after_s=53.0)


# What a 429 closes


def test_a_429_opens_no_breaker_and_a_fault_slows_nothing_down(desk: Desk) -> None:
    def status() -> PoolStatus:
        return desk.controller.status(0.0).pools[0]

    desk.where(ONE)
    rate = status().rate
    desk.tell(ONE, DOWN, times=FAULTS_TO_OPEN - 1)
    assert status().rate >= rate
    rate = status().rate
    desk.tell(ONE, BUSY, now=10.0)
    assert status().rate < rate
    desk.tell(ONE, DOWN, times=FAULTS_TO_OPEN - 1, now=20.0)
    assert status().breaker == "closed", "the 429 was an answer, so it counted anew"


def test_the_servers_hint_sets_the_pause_of_its_pool_and_of_no_other() -> None:
    """python-genai#1875: RetryInfo of 53 s was ignored."""
    desk = Desk(Controller(random=lambda: 0.0))
    desk.tell(ONE, HINTED)
    assert desk.closed_s(A) == 53.0
    assert desk.where(ONE, TWO) == TWO
    assert desk.where(ONE, TWO, now=53.0) == ONE


def test_a_pool_of_another_project_or_model_is_not_touched(desk: Desk) -> None:
    desk.tell(ONE, BUSY, times=3)
    for other in (A._replace(project="q"), A._replace(model="n"), A._replace(mode="priority")):
        assert desk.closed_s(other) == 0.0
    assert desk.where(ONE, TWO, model="n") == ONE


LINEAGE = Limit(bucket="anthropic-claude-opus")


def test_a_quota_of_a_lineage_is_cooled_for_all_its_models_at_that_location_alone(desk: Desk) -> None:
    desk.where(ONE, TWO, model="opus-5", limit=LINEAGE)
    desk.tell(ONE, QUOTA, model="opus-4", limit=LINEAGE)
    assert desk.where(ONE, TWO, model="opus-5", limit=LINEAGE) == TWO
    assert desk.where(ONE, model="sonnet-5") == ONE


def test_a_429_of_capacity_cools_one_model_of_a_lineage_and_not_its_siblings(desk: Desk) -> None:
    desk.where(ONE, TWO, model="opus-5", limit=LINEAGE)
    desk.tell(ONE, BUSY, model="opus-4", limit=LINEAGE)
    assert desk.where(ONE, TWO, model="opus-5", limit=LINEAGE) == ONE
    assert desk.where(ONE, TWO, model="opus-4", limit=LINEAGE) == TWO


def test_a_quota_that_only_the_message_names_is_shared_from_then_on(desk: Desk) -> None:
    named = msgspec.structs.replace(QUOTA, quota="requests_per_base_model the-lineage")
    for model in ("m1", "m2"):
        desk.tell(ONE, named, model=model)
        desk.where(TWO, model=model)
    desk.tell(ONE, named, model="m1", now=100.0)
    assert {each.quota for each in desk.controller.status(100.0).pools if each.pool.location == ONE} == {"the-lineage"}
    assert desk.where(ONE, TWO, model="m2", now=100.0) == TWO


def test_a_quota_that_never_admits_anything_is_said_to_be_zero_and_left_alone(desk: Desk) -> None:
    """dust-tt/dust#27623: the quota of the EU multi-region was 0, an endless 429."""
    desk.tell(ONE, QUOTA)
    assert not [each for each in desk.events if isinstance(each, Noticed)]
    desk.tell(ONE, QUOTA, now=ZERO_QUOTA_AFTER_S + 10.0)
    (noticed,) = [each for each in desk.events if isinstance(each, Noticed)]
    assert noticed.pool == A
    assert "probably 0" in noticed.what
    assert desk.closed_s(A, 100.0) >= ZERO_QUOTA_S - 60.0
    assert desk.where(ONE, TWO, now=200.0) == TWO
    assert desk.ticket(ONE, now=200.0).pool == A, "the last location is never locked out"


def test_a_quota_that_once_admitted_something_is_not_zero(desk: Desk) -> None:
    desk.where(ONE)
    for minute in range(10):
        desk.tell(ONE, QUOTA, now=60.0 * minute)
    assert not [each for each in desk.events if isinstance(each, Noticed)]


def test_a_daily_limit_closes_its_pool_but_one_of_logprobs_closes_nothing(desk: Desk) -> None:
    daily = Signal(kind="daily-limit", action=Action.STOP, scope=Scope.PROJECT, status=429, message="requests per day")
    desk.tell(ONE, msgspec.structs.replace(daily, message="logprobs per day"))
    assert desk.closed_s(A) == 0.0
    desk.tell(ONE, daily)
    assert desk.where(ONE, TWO) == TWO


# Faults


def test_the_breaker_opens_after_faults_in_a_row_and_lets_one_probe_through(desk: Desk) -> None:
    desk.where(ONE)
    desk.tell(ONE, DOWN, times=FAULTS_TO_OPEN)
    assert desk.where(ONE, TWO) == TWO
    opens_at = desk.closed_s(A)
    probe = desk.ticket(ONE, TWO, now=opens_at)
    assert probe.pool == A
    assert desk.where(ONE, TWO, now=opens_at) == TWO
    assert desk.controller.status(opens_at).pools[0].breaker == "trying"
    desk.controller.result(probe, OK, opens_at + 0.5)
    assert desk.where(ONE, TWO, now=opens_at + 0.5) == ONE


def test_a_cancelled_probe_leaves_no_trace(desk: Desk) -> None:
    desk.tell(ONE, DOWN, times=FAULTS_TO_OPEN)
    now = 100.0
    desk.controller.release(desk.ticket(ONE, TWO, now=now), now)
    assert desk.ticket(ONE, TWO, now=now).pool == A


def test_the_only_pool_is_never_shut_by_its_breaker(desk: Desk) -> None:
    """Portkey#1289: with every circuit open nothing was left to try."""
    desk.tell(ONE, DOWN, times=3 * FAULTS_TO_OPEN)
    assert desk.ticket(ONE, now=50.0).pool == A


def test_when_all_are_closed_the_wait_is_until_the_earliest(desk: Desk) -> None:
    desk.tell(ONE, HINTED)
    desk.tell(TWO, msgspec.structs.replace(BUSY, retry_after_s=20.0))
    ask = desk.ask(ONE, TWO)
    got = desk.acquire(ask)
    assert isinstance(got, Wait)
    assert got.delay_s == pytest.approx(desk.closed_s(B))
    leave = desk.acquire(ask, got.delay_s)
    assert isinstance(leave, Ticket)
    assert leave.pool == B


def test_the_callers_own_errors_count_against_no_one(desk: Desk) -> None:
    """litellm#31876, #7823: a caller's 400 cooled the deployment."""
    desk.tell(ONE, REJECTED, times=50)
    assert desk.where(ONE, TWO) == ONE
    assert desk.closed_s(A) == 0.0


def test_a_host_that_cant_be_reached_cools_every_model_there(desk: Desk) -> None:
    desk.tell(ONE, UNREACHABLE)
    assert desk.closed_s(Pool("p", "another", ONE, "standard")) == HOST_COOLING_S
    assert desk.where(ONE, TWO, model="another") == TWO
    assert desk.where(ONE, TWO, model="another", now=HOST_COOLING_S) == ONE


def test_a_hint_with_a_fault_holds_its_pool_too(desk: Desk) -> None:
    desk.tell(ONE, msgspec.structs.replace(DOWN, retry_after_s=7.0))
    assert desk.closed_s(A) == 7.0


def test_a_stream_that_broke_late_counts_as_one_fault(desk: Desk) -> None:
    desk.tell(ONE, DOWN, times=FAULTS_TO_OPEN_UNPROVEN - 1)
    desk.controller.late_fault(A, Signal(kind="stream-cut", action=Action.NEXT, scope=Scope.POOL), 0.0)
    assert desk.where(ONE, TWO) == TWO


def test_a_429_late_in_a_stream_slows_its_pool_down(desk: Desk) -> None:
    desk.where(ONE)
    desk.controller.late_fault(A, BUSY, 1.0)
    assert desk.controller.status(1.0).pools[0].rate < FRESH_RATE


# What is learnt of not being served


def test_a_location_that_says_it_does_not_serve_is_tried_last_and_for_a_day(desk: Desk) -> None:
    gone = Signal(kind="not-servable", action=Action.NEXT, scope=Scope.POOL, status=400, not_served=True)
    desk.tell(ONE, gone)
    assert desk.where(ONE, TWO) == TWO
    assert desk.where(ONE) == ONE
    assert desk.where(ONE, TWO, now=28 * 3600.0) == ONE


def test_an_ambiguous_404_teaches_only_when_the_model_answers_elsewhere(desk: Desk) -> None:
    missing = Signal(kind="model-not-found", action=Action.NEXT, scope=Scope.POOL, status=404, not_served=True)
    desk.tell(ONE, missing)
    assert desk.where(ONE, TWO) == ONE
    desk.where(TWO)
    desk.tell(ONE, missing)
    assert desk.where(ONE, TWO) == TWO


def test_an_error_that_names_another_location_teaches_nothing(desk: Desk) -> None:
    desk.tell(ONE, Signal(kind="not-servable", action=Action.NEXT, scope=Scope.POOL, status=400))
    assert desk.where(ONE, TWO) == ONE


# What others have learnt


def test_events_tell_of_what_counted_and_have_the_same_effect_elsewhere(desk: Desk) -> None:
    desk.where(ONE)
    held = [desk.ticket(ONE) for _ in range(3)]
    for ticket in held:
        desk.controller.result(ticket, BUSY, 0.1)
    desk.tell(TWO, DOWN, times=FAULTS_TO_OPEN_UNPROVEN)
    throttled, broken = desk.events
    assert isinstance(throttled, Throttled)
    assert isinstance(broken, Broken)
    other = Desk()
    for place in (ONE, TWO):
        other.where(place)
    for event in desk.events * 2:
        other.controller.apply(event, 0.1)
    assert other.events == []
    ours, theirs = ({each.pool: each for each in one.controller.status(0.2).pools} for one in (desk, other))
    assert theirs[A].rate == ours[A].rate
    assert theirs[B].breaker == ours[B].breaker == "open"
    other.controller.apply(Broken(pool=B, at=0.3), 0.3)
    assert {each.pool: each.breaker for each in other.controller.status(0.3).pools}[B] == "closed"


def test_a_quota_that_several_models_share_travels_under_its_own_name(desk: Desk) -> None:
    desk.where(ONE, model="opus-4", limit=LINEAGE)
    desk.tell(ONE, QUOTA, model="opus-4", limit=LINEAGE)
    (event,) = desk.events
    assert event.pool == Pool("p", "anthropic-claude-opus", ONE, "standard")
    other = Desk()
    other.where(ONE, TWO, model="opus-5", limit=LINEAGE)
    other.controller.apply(event, 0.0)
    assert other.where(ONE, TWO, model="opus-5", limit=LINEAGE) == TWO


def test_an_event_of_a_pool_not_seen_yet_is_kept_for_when_it_is(desk: Desk) -> None:
    desk.controller.apply(Throttled(pool=A, sent_at=0.0, at=0.0, shut_s=60.0, why="429"), 0.0)
    assert desk.where(ONE, TWO, now=1.0) == TWO
