from __future__ import annotations

import threading

import msgspec
import pytest

from router.capacity import Broken, Controller, Noticed, Pacing, Throttled
from router.capacity.breaker import FAULTS_TO_OPEN, FAULTS_TO_OPEN_UNPROVEN, HOST_COOLING_S
from router.capacity.controller import ZERO_QUOTA_AFTER_S, ZERO_QUOTA_S
from router.capacity.pace import FRESH_RATE
from router.capacity.sent import Sent
from router.health import Ask, Ticket
from router.plan import Limit, Pool
from router.signals import OK, Action, Scope, Signal
from router.status import PoolStatus
from router.trace import Wait
from tests.router.capacity.conftest import BUSY, DOWN, PLACES, QUOTA, REJECTED, UNREACHABLE, A, B, Desk, listen

ONE, TWO, THREE = PLACES
HINTED = msgspec.structs.replace(BUSY, retry_after_s=53.0)


def drained(desk: Desk, *places: str, now: float = 0.0) -> list[Ticket]:
    """Takes all that may be sent now, to places that have answered before."""
    for place in places:
        desk.where(place, now=now)
    tickets = []
    while isinstance(ticket := desk.acquire(ask := desk.ask(*places, now=now), now), Ticket):
        tickets.append(ticket)
    desk.controller.leave(ask, now)
    return tickets


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


# The queue


def queued(desk: Desk, count: int, **fields: int) -> list[Ask]:
    asks = [desk.ask(ONE, **fields) for _ in range(count)]
    assert all(isinstance(desk.acquire(ask), Wait) for ask in asks)
    return asks


def test_those_who_wait_go_in_the_order_of_their_arrival_whoever_asks(desk: Desk) -> None:
    drained(desk, ONE)
    first, second, third = queued(desk, 3)
    assert isinstance(desk.acquire(third, 0.15), Wait)
    got = desk.acquire(first, 0.15)
    assert isinstance(got, Ticket)
    assert isinstance(desk.acquire(second, 0.15), Wait)


def test_lower_priority_numbers_go_first(desk: Desk) -> None:
    drained(desk, ONE)
    (rows,) = queued(desk, 1, priority=1)
    (person,) = queued(desk, 1, priority=0)
    assert isinstance(desk.acquire(person, 0.15), Ticket)
    assert isinstance(desk.acquire(rows, 0.15), Wait)


def test_a_retry_keeps_the_place_of_its_first_arrival(desk: Desk) -> None:
    early = desk.ask(ONE)
    ticket = desk.acquire(early)
    assert isinstance(ticket, Ticket)
    drained(desk, ONE)
    late = desk.ask(ONE, now=1e-3)
    assert isinstance(desk.acquire(late, 1e-3), Wait)
    desk.controller.result(ticket, DOWN, 1e-3)
    assert isinstance(desk.acquire(early, 1e-3), Wait)
    got = [desk.acquire(each, 0.3) for each in (late, early)]
    assert [isinstance(each, Ticket) for each in got] == [True, True]
    assert got[1].mark < got[0].mark  # type: ignore[union-attr]  # both are tickets


def test_a_newcomer_does_not_overtake_those_who_wait(desk: Desk) -> None:
    drained(desk, ONE)
    (waiting,) = queued(desk, 1)
    assert isinstance(desk.acquire(desk.ask(ONE, now=0.15), 0.15), Wait)
    assert isinstance(desk.acquire(waiting, 0.15), Ticket)


def test_the_wait_is_when_its_turn_comes(desk: Desk) -> None:
    drained(desk, ONE)
    rate = desk.controller.status(0.0).pools[0].rate
    waits = [desk.acquire(desk.ask(ONE)) for _ in range(4)]
    assert [round(each.delay_s * rate) for each in waits if isinstance(each, Wait)] == [1, 2, 3, 4]


def test_whoever_is_given_leave_while_waiting_hears_its_bell(desk: Desk) -> None:
    drained(desk, ONE)
    asks, heard = queued(desk, 3), []
    for ask in asks:
        listen(ask, heard)
    assert isinstance(desk.acquire(asks[0], 0.35), Ticket)
    assert {id(ask) for ask in heard} >= {id(ask) for ask in asks[1:]}
    assert all(isinstance(desk.acquire(ask, 0.35), Ticket) for ask in asks[1:])


def test_the_first_in_the_queue_hears_when_a_pool_opens_early(desk: Desk) -> None:
    desk.tell(ONE, BUSY)
    probe = desk.ticket(ONE, now=10.0)
    ask, heard = desk.ask(ONE, now=10.0), []
    assert isinstance(desk.acquire(ask, 10.0), Wait)
    listen(ask, heard)
    desk.controller.result(probe, OK, 10.05)
    assert heard == [ask]
    assert isinstance(desk.acquire(ask, 10.05), Ticket)


def test_leaving_the_queue_leaves_no_trace(desk: Desk) -> None:
    drained(desk, ONE)
    first, second = queued(desk, 2)
    desk.controller.leave(first, 0.0)
    assert desk.controller.status(0.0).waiting == 1
    assert isinstance(desk.acquire(second, 0.15), Ticket)
    assert desk.controller.status(0.15).waiting == 0


def test_leave_given_to_one_who_has_gone_passes_to_the_next(desk: Desk) -> None:
    drained(desk, ONE)
    first, second = queued(desk, 2)
    desk.controller.release(desk.acquire(desk.ask(TWO)), 0.12)  # type: ignore[arg-type]  # a Ticket: TWO is fresh
    assert isinstance(desk.acquire(second, 0.12), Wait), "first has been given it"
    in_flight = desk.controller.status(0.12).pools[0].in_flight
    desk.controller.leave(first, 0.12)
    assert isinstance(desk.acquire(second, 0.12), Ticket)
    assert desk.controller.status(0.12).pools[0].in_flight == in_flight


def test_the_queue_is_bounded_but_takes_back_who_was_in_it() -> None:
    desk = Desk(Controller(Pacing(most_waiting=2), random=lambda: 0.5))
    retrying = desk.ask(ONE)
    ticket = desk.acquire(retrying)
    assert isinstance(ticket, Ticket)
    drained(desk, ONE)
    queued(desk, 2)
    refused = desk.acquire(desk.ask(ONE, until=20.0))
    assert isinstance(refused, Wait)
    assert refused.delay_s == 20.0
    assert "2 requests are waiting already" in refused.note
    desk.controller.result(ticket, DOWN, 0.0)
    again = desk.acquire(retrying)
    assert isinstance(again, Wait)
    assert again.delay_s < 10.0


def test_requests_of_other_plans_for_the_same_pools_stand_in_one_queue(desk: Desk) -> None:
    drained(desk, ONE)
    drained(desk, TWO)
    both, one = desk.ask(ONE, TWO), desk.ask(ONE)
    assert isinstance(desk.acquire(both), Wait)
    assert isinstance(desk.acquire(one), Wait)
    assert isinstance(desk.acquire(one, 0.12), Wait), "who asks first is not who came first"
    assert isinstance(desk.acquire(both, 0.12), Ticket)
    assert isinstance(desk.acquire(one, 0.25), Ticket)


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


# Costs


TOKENS = Limit(in_tokens=True)


def test_where_the_limit_is_in_tokens_a_large_request_costs_more(desk: Desk) -> None:
    small = [desk.ticket(ONE, limit=TOKENS, tokens=100).cost for _ in range(2)]
    assert small == [1.0, 1.0]
    assert desk.ticket(ONE, limit=TOKENS, tokens=1000).cost > 2.0
    assert desk.ticket(ONE, model="other", tokens=1000).cost == 1.0


def test_estimates_are_settled_by_what_the_answer_used(desk: Desk) -> None:
    ticket = desk.ticket(ONE, limit=TOKENS, tokens=100)
    desk.controller.result(ticket, msgspec.structs.replace(OK, tokens=2000), 1.0)
    assert isinstance(desk.acquire(desk.ask(ONE, limit=TOKENS, tokens=100), 1.0), Wait)


def test_estimates_that_are_always_too_low_are_corrected(desk: Desk) -> None:
    for second in range(200):
        ticket = desk.ticket(ONE, limit=TOKENS, tokens=100, now=100.0 * second)
        desk.controller.result(ticket, msgspec.structs.replace(OK, tokens=300), 100.0 * second + 1)
    assert ticket.cost * ticket.lane.group.unit == pytest.approx(300, rel=0.1)


def test_a_known_limit_in_tokens_is_kept_when_requests_become_larger(desk: Desk) -> None:
    known = Limit(in_tokens=True, per_second=1000.0)

    def tokens_per_s() -> float:
        return desk.controller.status(0.0).pools[0].rate * ticket.lane.group.unit

    ticket = desk.ticket(ONE, limit=known, tokens=100)
    assert tokens_per_s() == pytest.approx(1000.0)
    rates = []
    for hour in range(1, 200):
        ticket = desk.ticket(ONE, limit=known, tokens=10_000, now=3600.0 * hour)
        rates.append(tokens_per_s())
    assert ticket.lane.group.unit > 4_000
    assert max(rates) < 2_000.0


def test_a_429_that_names_tokens_has_costs_counted_in_tokens_from_then_on(desk: Desk) -> None:
    named = msgspec.structs.replace(QUOTA, quota="online_prediction_input_tokens_per_minute_per_base_model m")
    desk.where(ONE, tokens=100)
    desk.tell(ONE, named)
    desk.ticket(ONE, tokens=100, now=100.0)
    assert desk.ticket(ONE, tokens=1000, now=200.0).cost > 1.5


# What others hear, and what is kept


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


def test_events_are_plain_values_that_travel() -> None:
    event = Throttled(pool=A, sent_at=1.0, at=1.5, shut_s=2.0, why="429: full")
    sent = msgspec.json.decode(msgspec.json.encode(event), type=Throttled)
    assert sent == event


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


def test_every_request_that_ended_is_recorded() -> None:
    sent: list[Sent] = []
    desk = Desk(Controller(record=sent.append, random=lambda: 0.5))
    for signal in (OK, BUSY):
        desk.controller.result(desk.ticket(ONE, now=1.0), signal, 1.25)
    desk.controller.release(desk.ticket(TWO, now=2.0), 3.0)
    assert [(each.pool, each.outcome, each.rtt_s) for each in sent] == [
        (A, "200", 0.25),
        (A, "429", 0.25),
        (B, "cancelled", 1.0),
    ]


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
