from __future__ import annotations

import pytest

import catalog
from router.capacity import Controller, Pacing
from router.flow import MOST_FAULTS, UNREACHABLE_HOSTS, Failover, Steps
from router.plan import Plan
from router.planner import Planner
from router.policy import Policy
from router.rules import Question
from router.signals import OK, Action, Scope, Signal
from router.trace import Attempt, Trace, Wait
from tests.world import EU_REGIONS, GEMINI, TODAY, Clock

BUSY = Signal(kind="exhausted", action=Action.NEXT, scope=Scope.POOL, status=429)
DOWN = Signal(kind="unavailable", action=Action.NEXT, scope=Scope.POOL, status=503)
SLOW = Signal(kind="timeout", action=Action.NEXT, scope=Scope.POOL)
UNREACHABLE = Signal(kind="connect", action=Action.NEXT, scope=Scope.HOST)
GONE = Signal(kind="not-servable", action=Action.NEXT, scope=Scope.POOL, status=400, not_served=True)
REJECTED = Signal(kind="rejected", action=Action.STOP, status=400)
PAGE = Signal(kind="html", action=Action.NEXT, scope=Scope.HOST, status=502)
EXPIRED = Signal(kind="unauthenticated", action=Action.REFRESH, scope=Scope.CREDENTIAL, status=401)


class Run:
    """Drives one request through scripted signals; the last one is repeated."""

    def __init__(self, *signals: Signal, model: str = GEMINI, took_s: float = 0.0, **fields: object) -> None:
        self.clock = Clock()
        self.policy = Policy.of({"residency": "eu", **fields})
        self.plan: Plan = Planner(catalog.load(), self.policy).plan(Question(model, ("standard",), TODAY))
        self.trace = Trace(model=model)
        self.health = Controller(random=lambda: 0.0)
        self.steps: list[Attempt | Wait] = []
        self._signals = list(signals)
        self._took_s = took_s

    def machine(self, attempts: int = 1000) -> Steps:
        parts = (self.plan, "p", self.policy, self.health, self.trace)
        return Failover(*parts, clock=self.clock, random=lambda: 0.0, attempts=attempts).steps()

    def go(self, attempts: int = 1000) -> Trace:
        machine, reply = self.machine(attempts), None
        try:
            while True:
                step = machine.send(reply)
                self.steps.append(step)
                reply = None
                if isinstance(step, Wait):
                    self.clock.sleep(step.delay_s)
                else:
                    self.clock.now += self._took_s
                    reply = self._signals.pop(0) if len(self._signals) > 1 else self._signals[0]
        except StopIteration:
            return self.trace

    @property
    def way(self) -> list[str]:
        return [each.attempt.candidate.location for each in self.trace.tried]


def test_the_first_answer_ends_it() -> None:
    run = Run(OK)
    assert run.go().outcome == "answered"
    assert run.way == [EU_REGIONS[0]]


def test_it_moves_on_at_once_while_another_location_is_free() -> None:
    """litellm#42450: five seconds of back-off before a fallback although another place was free."""
    run = Run(BUSY, DOWN, OK)
    assert run.go().header() == "europe-west1=429, europe-west4=503, europe-west8=200"
    assert run.clock.slept == []


def test_with_one_location_it_waits_and_stays() -> None:
    run = Run(BUSY, BUSY, OK, model="gemini-3.8-flash")
    assert run.go().outcome == "answered"
    assert run.way == ["eu"] * 3
    assert run.clock.slept == [1.0, 2.0]
    assert run.trace.waited_s == 3.0


def test_attempts_are_bounded_by_their_count() -> None:
    run = Run(BUSY, attempts=4)
    assert run.go().outcome == "attempts"
    assert len(run.trace.tried) == 4


def test_faults_have_a_bound_of_their_own_that_a_lack_of_capacity_does_not_touch() -> None:
    bounds = {"attempts": 9, "faults": 2, "deadline_s": 10_000}
    assert len(Run(DOWN, **bounds).go().tried) == 2
    assert len(Run(BUSY, BUSY, DOWN, BUSY, BUSY, DOWN, OK, **bounds).go().tried) == 6
    assert len(Run(BUSY, **bounds).go().tried) == 9


def test_a_page_in_place_of_an_answer_is_a_fault_and_draws_on_the_retry_budget() -> None:
    assert len(Run(PAGE, attempts=9, faults=2).go().tried) == 2
    run = Run(PAGE, OK)
    run.health = Controller(Pacing(retry_share=0.0, retries_per_s=0.05))
    assert run.go().outcome == "answered"
    assert run.trace.waited_s == pytest.approx(10.0), "half a retry was in hand"


def test_while_all_are_exhausted_a_call_waits_for_them_and_does_not_count_itself_out() -> None:
    trace = Run(*[BUSY] * 30, OK).go()
    assert trace.outcome == "answered"
    assert trace.waited_s < Policy().deadline_s
    everywhere = Run(BUSY, residency=None)
    assert len(everywhere.plan.allowed) > 10
    assert everywhere.go().outcome == "deadline"
    assert len(Run(DOWN).go().tried) == MOST_FAULTS, "a fault is another matter"


def test_a_body_that_can_be_sent_once_is_sent_once() -> None:
    run = Run(BUSY)
    assert run.go(attempts=1).outcome == "attempts"
    assert len(run.trace.tried) == 1


def test_a_wait_that_would_pass_the_deadline_ends_it_now() -> None:
    run = Run(BUSY, model="gemini-3.8-flash", deadline_s=10, attempts=100)
    trace = run.go()
    assert trace.outcome == "deadline"
    assert "no capacity for another 8.0 s" in trace.note
    assert run.clock.slept == [1.0, 2.0, 4.0]


def test_no_attempt_starts_after_the_deadline() -> None:
    run = Run(DOWN, took_s=4.0, deadline_s=10, attempts=100)
    assert run.go().outcome == "deadline"
    assert len(run.trace.tried) == 3


def test_each_attempt_knows_what_is_left_of_the_deadline() -> None:
    run = Run(DOWN, DOWN, OK, took_s=4.0, deadline_s=60)
    run.go()
    assert [step.timeout_s for step in run.steps if isinstance(step, Attempt)] == [60.0, 56.0, 52.0]


def test_the_callers_own_error_ends_it_without_a_second_try() -> None:
    run = Run(REJECTED)
    assert run.go().outcome == "stopped"
    assert len(run.trace.tried) == 1


def test_a_location_that_does_not_serve_is_not_asked_again_by_this_request() -> None:
    run = Run(GONE)
    trace = run.go()
    assert trace.outcome == "stopped"
    assert "no location is left" in trace.note
    assert sorted(run.way) == sorted(EU_REGIONS)


def test_a_rejected_credential_is_renewed_once_and_replayed_at_the_same_location() -> None:
    run = Run(EXPIRED, OK)
    run.go()
    attempts = [step for step in run.steps if isinstance(step, Attempt)]
    assert [(each.candidate.location, each.refresh) for each in attempts] == [
        ("europe-west1", False),
        ("europe-west1", True),
    ]


def test_a_credential_rejected_twice_ends_it() -> None:
    run = Run(EXPIRED)
    assert run.go().outcome == "stopped"
    assert run.way == ["europe-west1", "europe-west1"]


def test_several_unreachable_hosts_mean_that_the_network_here_is_down() -> None:
    run = Run(UNREACHABLE)
    assert run.go().outcome == "network"
    assert len(run.trace.tried) == UNREACHABLE_HOSTS


def test_a_timeout_is_repeated_only_with_half_of_the_deadline_left() -> None:
    run = Run(SLOW, took_s=40.0, deadline_s=100)
    trace = run.go()
    assert trace.outcome == "stopped"
    assert "may have been processed" in trace.note
    assert len(trace.tried) == 2


def test_a_timeout_is_never_repeated_when_the_policy_says_so() -> None:
    run = Run(SLOW, repeat_after_timeout=False)
    assert run.go().outcome == "stopped"
    assert len(run.trace.tried) == 1


def test_the_servers_hint_is_waited_for_where_there_is_nowhere_else_to_go() -> None:
    hinted = Signal(kind="exhausted", action=Action.NEXT, scope=Scope.POOL, status=429, retry_after_s=53.0)
    run = Run(hinted, OK, model="gemini-3.8-flash")
    run.go()
    assert run.clock.slept == [53.0]


def test_closing_it_counts_against_no_location() -> None:
    run = Run(OK)
    machine = run.machine()
    next(machine)
    machine.close()
    assert run.trace.outcome == "cancelled"
    assert run.trace.tried == []
    assert all(state.closed_s == 0.0 for state in run.health.states([], run.clock.now))
    assert Run(OK).go().outcome == "answered"


def test_an_attempt_must_be_answered_with_a_signal() -> None:
    run = Run(OK)
    machine = run.machine()
    next(machine)
    with pytest.raises(TypeError, match="Signal"):
        machine.send(None)
