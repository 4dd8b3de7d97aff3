"""Many calls at once over many days, in any order: what holds at every moment, and at the end.

A machine of Hypothesis asks, answers, cancels, lets time pass, puts the clock back and changes the day. Calls
are tasks of one event loop, in which time passes only when the machine says so; the backend holds each request
until it is answered. What the backend noted is compared with what the policy allows and what the traces tell.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from contextvars import ContextVar
from datetime import date
from typing import Any, NamedTuple

import httpx
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from catalog import Denied, Own
from catalog.own import OwnQuota
from catalog.query import Catalog
from router import Controller, Pacing, Policy, Router, Trace
from router.capacity.budget import CREDIT_S
from router.trace import Tried
from tests.laws.strategies import CATALOG, locations, policies, replies
from tests.laws.test_failover import as_response
from tests.proof import rule as naive
from tests.world import ERROR_EVENT, TODAY, gemini_url, location_in, sse

MODELS = {
    "gemini-2.5-flash-image": "google",
    "gemini-3.5-flash": "google",
    "text-embedding-005": "google",
    "claude-sonnet-4-5": "anthropic",
    "claude-opus-4-7": "anthropic",
}
LONG_S = 7200.0
"""Longer than any cool-down, breaker or server's hint that can come up here."""


class World:
    """An event loop whose time is set by hand, and a clock that tells it, rightly or not.

    The loop's own timers never run out: a slow machine would end an attempt that the backend still holds.
    """

    def __init__(self) -> None:
        self.passed_s = 0.0
        self.clock_at_start = 1000.0
        self.today = TODAY
        self.loop = asyncio.new_event_loop()
        self.loop.time = lambda: 0.0  # type: ignore[method-assign]
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    @property
    def now(self) -> float:
        """What the clock says."""
        return self.clock_at_start + self.passed_s

    async def sleep(self, seconds: float) -> None:
        woken = self.loop.create_future()
        self._sleepers.append((self.passed_s + seconds, woken))
        await woken

    def settle(self) -> None:
        """Lets every task run until it waits for time or for the backend."""

        async def turns() -> None:
            for _ in range(60):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turns())

    def run(self, awaitable: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(awaitable)

    def pass_time(self, seconds: float) -> None:
        """Time passes, from one sleeper's end to the next one's."""
        until = self.passed_s + seconds
        while due := sorted(((at, each) for at, each in self._sleepers if at <= until), key=lambda pair: pair[0]):
            at, woken = due[0]
            self._sleepers.remove((at, woken))
            self.passed_s = max(self.passed_s, at)
            if not woken.done():
                woken.set_result(None)
            self.settle()
        self.passed_s = until
        self.settle()


class Sent(NamedTuple):
    """A request that came to the backend: what the clock said, how much time had passed, and where it came."""

    at: float
    passed_s: float
    host: str
    location: str


class Asked:
    """One call of the caller: when, under which policy, its task, and what the backend got of it."""

    def __init__(self, number: int, model: str, policy: Policy, world: World) -> None:
        self.number = number
        self.model = model
        self.policy = policy
        self.at = world.now
        self.passed_s = world.passed_s
        self.on = world.today
        self.task: asyncio.Task[Any]
        self.sent: list[Sent] = []
        self.replies: list[Any] = []
        self.traces: list[Trace] = []


_asking: ContextVar[Asked] = ContextVar("asking")


def _noted(trace: Trace) -> None:
    _asking.get().traces.append(trace)


class Held:
    """A request at the backend that waits for its answer."""

    def __init__(self, asked: Asked, request: Any, answer: asyncio.Future[Any]) -> None:
        self.asked = asked
        self.request = request
        self.answer = answer


def eligible(policy: Policy, model: str, location: str, on: date, denied: set[str]) -> bool:
    """The rule, written once more: by the naive rule of residency and the policy's own lists."""
    place = naive.LOCATIONS[location]
    listed = policy.allow_locations is None or location in policy.allow_locations
    if location in denied or location in policy.deny_locations or not listed or place["kind"] not in policy.kinds:
        return False
    if policy.residency is None:
        return True
    within = frozenset[str]().union(*(naive.countries(name) for name in policy.residency))
    if location == "global":
        return False
    if policy.assurance == "location":
        return naive.countries(place["jurisdiction"]) <= within
    home = naive.stays(model, location, policy.min_confidence, on, None)
    return home is not None and home <= within


def overlaid(denied: set[str], quotas: dict[str, int]) -> Catalog:
    """The shipped catalog with an overlay that denies these locations, and limits these models everywhere."""
    parts: dict[str, Any] = {key: value for key, value in vars(CATALOG).items() if not key.startswith("_")}
    kept = ("sources", "jurisdictions", "locations", "models", "features")
    given = {name: parts[name].values() for name in kept if name in parts}
    own = Own(
        denied=(Denied(locations=tuple(sorted(denied)), reason="a law"),) if denied else (),
        quotas=tuple(
            OwnQuota(model=model, locations=tuple(sorted(CATALOG.locations)), requests_per_minute=most)
            for model, most in quotas.items()
        ),
    )
    return Catalog(**given, own=own)


models = st.sampled_from(sorted(MODELS))
wide_policies = st.builds(
    Policy,
    residency=st.sampled_from([None, "eu", ("eu", "us")]),
    attempts=st.integers(1, 8),
    deadline_s=st.floats(1.0, 200.0),
    repeat_after_timeout=st.booleans(),
)
"""Under any policy, every second time nothing can be sent."""

budgets = st.builds(Pacing, retry_share=st.sampled_from([0.0, 0.2]), retries_per_s=st.sampled_from([0.02, 0.1, 3.0]))
"""Small ones, too, since few calls fit into one example."""


class Calls(RuleBasedStateMachine):
    """One router, its callers and its backend."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.asked: list[Asked] = []
        self.under_way: list[Held] = []
        self.everything_answers = False

    @initialize(
        policy=wide_policies | policies(),
        pacing=budgets,
        denied=st.sets(locations, max_size=3),
        quotas=st.dictionaries(models, st.sampled_from([1, 60, 6000]), max_size=2),
    )
    def begin(self, policy: Policy, pacing: Pacing, denied: set[str], quotas: dict[str, int]) -> None:
        self.policy = policy
        self.pacing = pacing
        self.denied = denied
        self.router = Router(
            policy,
            catalog=overlaid(denied, quotas),
            health=Controller(pacing, random=lambda: 0.5),
            clock=lambda: self.world.now,
            today=lambda: self.world.today,
            random=lambda: 0.5,
            async_sleep=self.world.sleep,
            observe=_noted,
        )
        transport = self.router.transport(transport=httpx.MockTransport(self._backend))
        self.client = httpx.AsyncClient(transport=transport)

    async def _backend(self, request: Any) -> Any:
        asked = self.asked[int(request.headers["x-number"])]
        asked.sent.append(Sent(self.world.now, self.world.passed_s, request.url.host, location_in(str(request.url))))
        if self.everything_answers:
            reply = 200
        else:
            held = Held(asked, request, self.world.loop.create_future())
            self.under_way.append(held)
            reply = await held.answer
        asked.replies.append(reply)
        return as_response(httpx, reply)

    # What can happen

    @rule(model=models, location=locations, times=st.integers(1, 3))
    def ask(self, model: str, location: str, times: int) -> None:
        for _ in range(times):
            self._ask(model, location, self.policy)

    @rule(model=models, location=locations, denied=locations)
    def ask_in_a_stricter_scope(self, model: str, location: str, denied: str) -> None:
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(ValueError):  # it contradicts the policy, which then holds as it is
                stack.enter_context(self.router.scope(deny_locations=[denied]))
            self._ask(model, location, self.router.policy)

    def _ask(self, model: str, location: str, policy: Policy) -> Asked:
        asked = Asked(len(self.asked), model, policy, self.world)
        self.asked.append(asked)
        method = "streamGenerateContent" if MODELS[model] == "google" else "rawPredict"
        url = gemini_url(location, model, "predict" if "embedding" in model else method)
        url = url.replace("publishers/google", f"publishers/{MODELS[model]}")
        asked.task = self.world.loop.create_task(self._call(asked, url))
        self.world.settle()
        return asked

    async def _call(self, asked: Asked, url: str) -> Any:
        _asking.set(asked)
        async with self.client.stream("POST", url, json={}, headers={"x-number": str(asked.number)}) as response:
            await response.aread()
            return response

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), reply=replies)
    def answer(self, data: st.DataObject, reply: Any) -> None:
        self._answer(self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1))), reply)

    @precondition(lambda self: self.under_way)
    @rule(reply=replies)
    def answer_all_alike(self, reply: Any) -> None:
        answered, self.under_way = self.under_way, []
        for held in answered:
            self._answer(held, reply)

    def _answer(self, held: Held, reply: Any) -> None:
        if not held.answer.done():  # its call was not cancelled
            held.answer.set_result(reply)
        self.world.settle()

    @precondition(lambda self: not all(asked.task.done() for asked in self.asked))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        running = [asked for asked in self.asked if not asked.task.done()]
        data.draw(st.sampled_from(running)).task.cancel()
        self.world.settle()

    @rule(seconds=st.floats(0.0, 120.0))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(seconds=st.floats(0.0, 120.0))
    def clock_jumps_back(self, seconds: float) -> None:
        self.world.clock_at_start -= seconds

    @rule(day=st.dates(date(2026, 5, 1), date(2027, 5, 1)))
    def another_day_comes(self, day: date) -> None:
        self.world.today = day

    # What holds at every moment

    @invariant()
    def nothing_is_outside(self) -> None:
        for asked in self.asked:
            for sent in asked.sent:
                within = eligible(asked.policy, asked.model, sent.location, asked.on, self.denied)
                assert within, (asked.policy, asked.on, sent)
                assert sent.host == CATALOG.locations[sent.location].host

    @invariant()
    def attempts_and_deadline_are_bounded(self) -> None:
        for asked in self.asked:
            assert len(asked.sent) <= asked.policy.attempts
            assert all(sent.at <= asked.at + asked.policy.deadline_s for sent in asked.sent)

    @invariant()
    def the_retry_budget_is_kept(self) -> None:
        """By the backend's count: of each model, no more came again after a fault than had credit by then."""
        for model in MODELS:
            calls = [asked for asked in self.asked if asked.model == model and asked.sent]
            firsts = [asked.sent[0].passed_s for asked in calls]
            again = sorted(sent.passed_s for asked in calls for sent in _after_faults(asked))
            for count, at in enumerate(again, 1):
                seconds = CREDIT_S + at - calls[0].passed_s
                sent = sum(first <= at for first in firsts)
                credit = seconds * self.pacing.retries_per_s + sent * self.pacing.retry_share
                assert count <= credit + 1e-6, (model, count, credit)

    # What holds at the end

    def teardown(self) -> None:
        try:
            if hasattr(self, "router"):
                self._finish()
        finally:
            self._close()

    def _finish(self) -> None:
        self.everything_answers = True
        for held in self.under_way:
            self._answer(held, 200)
        self.world.pass_time(LONG_S)
        assert all(asked.task.done() for asked in self.asked), "a call waits for ever"
        self._traces_tell_the_truth()
        self._no_location_is_locked()

    def _traces_tell_the_truth(self) -> None:
        """The one trace of each call tells the attempts that the backend got, in their order, and their answers."""
        for asked in self.asked:
            assert len({id(trace) for trace in asked.traces}) == bool(asked.traces)
            assert asked.traces or not asked.sent, "a call that was sent has no trace"
            if asked.traces:
                tried = asked.traces[0].tried
                way = [sent.location for sent in asked.sent]
                told = [each.attempt.candidate.location for each in tried]
                assert told == way[: len(asked.replies)], (str(asked.traces[0]), asked.sent, asked.replies)
                assert all(map(_agree, tried, asked.replies)), (tried, asked.replies)

    def _no_location_is_locked(self) -> None:
        """However bad the days were, once they are over a call is answered, if the policy admits any place."""
        for model in MODELS:
            plan = self.router.explain(model)
            if not plan.allowed:
                continue
            asked = self._ask(model, plan.allowed[0].candidate.location, self.policy)
            self.world.pass_time(self.policy.deadline_s + 1)
            assert asked.task.done()
            assert asked.task.exception() is None, (model, asked.task.exception())
            assert asked.task.result().status_code == 200

    def _close(self) -> None:
        for asked in self.asked:
            asked.task.cancel()
            with contextlib.suppress(BaseException):
                self.world.run(asked.task)
        if hasattr(self, "client"):
            self.world.run(self.client.aclose())
        self.world.loop.close()


_BORDER_S = 1e-6
"""So near to its end an attempt may be in time or not: it is a matter of rounding."""


def _agree(tried: Tried, reply: Any) -> bool:
    """Whether an attempt's record says what the backend answered, or that it answered too late."""
    if isinstance(reply, str) or reply == b"":  # no byte came by which it could be seen how late it is
        return tried.signal.status is None
    late_s = tried.took_s - tried.attempt.timeout_s
    if abs(late_s) < _BORDER_S:
        return True
    if late_s > 0:
        return tried.signal.kind == "timeout"
    return tried.signal.status == reply if isinstance(reply, int) else True


def _after_faults(asked: Asked) -> list[Sent]:
    """What was sent again because the location had failed; 429 and 529 are no faults, and bounded by the pace."""
    return [again for reply, again in zip(asked.replies, asked.sent[1:], strict=False) if _is_fault(reply)]


def _is_fault(reply: Any) -> bool:
    if isinstance(reply, int):
        return reply in {408, 500, 502, 503, 504} or 300 <= reply < 400
    return reply not in ("PoolTimeout", sse(ERROR_EVENT))


TestCalls = Calls.TestCase
TestCalls.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
