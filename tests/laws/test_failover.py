"""What must hold for every policy, request and bad day."""

from __future__ import annotations

from datetime import date
from types import ModuleType
from typing import Any

import anyio
import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.schema import CONFIDENCES
from router import NotSent, Policy, StreamBroken
from tests.laws.strategies import CATALOG, bad_days, policies, urls
from tests.world import ANSWER, TODAY, Backend, Clock, error_body, location_in, make_router

EVERYWHERE = set(CATALOG.locations)
BODY = {"model": "claude-opus-4-7"}  # which token counting reads; other methods don't
JURISDICTIONS = {each.id: set(each.countries) for each in CATALOG.jurisdictions.values()}


class Cancelled(BaseException):
    """A cancellation in the middle of sending."""


class World:
    """One request through one bad day, by one colour."""

    def __init__(self, policy: Policy, day: list[tuple[Any, float]], cancel_at: int = 0) -> None:
        self.clock = Clock()
        self.router = make_router(policy, clock=self.clock)
        self.backend = Backend(httpx)
        self.backend._answer = self._answer  # type: ignore[method-assign]
        self.backend.transport = httpx.MockTransport(self._answer)
        self.times: list[float] = []
        self.error: BaseException | None = None
        self.body = b""
        self._day = list(day)
        self._cancel_at = cancel_at

    def _answer(self, request: Any) -> Any:
        self.backend.requests.append(request)
        self.times.append(self.clock.now)
        if len(self.times) == self._cancel_at:
            raise Cancelled
        reply, took_s = self._day.pop(0) if len(self._day) > 1 else self._day[0]
        self.clock.now += took_s
        return as_response(httpx, reply)

    def go(self, colour: str, url: str) -> World:
        try:
            self.body = self._sync(url) if colour == "sync" else anyio.run(self._async, url)
        except (Exception, Cancelled) as error:
            self.error = error
        return self

    def _sync(self, url: str) -> bytes:
        transport = self.router.transport(transport=self.backend.transport)
        with httpx.Client(transport=transport) as client, client.stream("POST", url, json=BODY) as response:
            return response.read()

    async def _async(self, url: str) -> bytes:
        transport = self.router.transport(transport=self.backend.transport)
        async with httpx.AsyncClient(transport=transport) as client, client.stream("POST", url, json=BODY) as response:
            return await response.aread()


def as_response(stack: ModuleType, reply: Any) -> Any:
    if isinstance(reply, str):
        raise getattr(stack, reply)(f"made up {reply}")
    if isinstance(reply, bytes):
        kind = "text/html" if reply.startswith(b"<") else "text/event-stream"
        return stack.Response(200, headers={"content-type": kind}, content=reply)
    return stack.Response(reply, json=ANSWER if reply == 200 else error_body(reply))


def eligible(policy: Policy, model_name: str, on: date) -> set[str]:
    """The rule of residency, written once more from the claims, without the router's code."""
    if policy.residency is None:
        return EVERYWHERE
    within = set().union(*(JURISDICTIONS.get(name, {name}) for name in policy.residency))
    model = CATALOG.model(model_name)
    good = CONFIDENCES[CONFIDENCES.index(policy.min_confidence) :]
    found = set()
    for location in CATALOG.locations.values():
        if location.kind == "global":
            continue
        stands = JURISDICTIONS.get(location.jurisdiction or "", {location.jurisdiction})
        if policy.assurance == "location":
            if stands <= within:
                found.add(location.id)
            continue
        said = [
            claim.boundary
            for claim in model.processing
            if location.id in claim.locations
            and claim.since <= on
            and (claim.until is None or claim.until > on)
            and claim.confidence in good
            and claim.max_context_tokens is None
        ]
        if said and all(JURISDICTIONS.get(name, {name}) <= within for name in said):
            found.add(location.id)
    return found


def model_in(url: str) -> str:
    return url.rpartition("/")[2].partition(":")[0]


colours = st.sampled_from(["sync", "async"])


@given(policies(), urls(), bad_days, st.integers(0, 4), colours)
@settings(max_examples=500)
def test_no_attempt_leaves_the_residency_set(
    policy: Policy, url: str, day: list[tuple[Any, float]], cancel_at: int, colour: str
) -> None:
    world = World(policy, day, cancel_at).go(colour, url)
    allowed = eligible(policy, model_in(url), TODAY)
    for host, location in world.backend.sent:
        assert location in allowed
        assert host == CATALOG.locations[location].host
        assert location not in policy.deny_locations
        assert CATALOG.locations[location].kind in policy.kinds
        assert policy.allow_locations is None or location in policy.allow_locations


@given(policies(), urls(), bad_days, st.integers(0, 4))
def test_both_drivers_make_the_same_attempts(
    policy: Policy, url: str, day: list[tuple[Any, float]], cancel_at: int
) -> None:
    one, other = (World(policy, day, cancel_at).go(colour, url) for colour in ("sync", "async"))
    assert one.backend.sent == other.backend.sent
    assert one.times == other.times
    assert one.clock.slept == other.clock.slept
    assert one.body == other.body
    assert type(one.error) is type(other.error)


@given(policies(), urls(), bad_days, colours)
def test_attempts_are_bounded_by_count_and_by_deadline(
    policy: Policy, url: str, day: list[tuple[Any, float]], colour: str
) -> None:
    world = World(policy, day).go(colour, url)
    assert len(world.times) <= policy.attempts
    assert all(time < 1000.0 + policy.deadline_s for time in world.times)
    assert sum(world.clock.slept) <= policy.deadline_s


@given(policies(residency=st.just(["ch"])), urls(), bad_days, colours)
def test_a_refused_plan_sends_nothing(policy: Policy, url: str, day: list[tuple[Any, float]], colour: str) -> None:
    """No model's processing is guaranteed to stay in Switzerland; by location, Zurich alone qualifies."""
    world = World(policy, day).go(colour, url)
    assert policy.assurance == "location" or isinstance(world.error, NotSent)
    if isinstance(world.error, NotSent):
        assert world.backend.sent == []
    else:
        assert {location for _, location in world.backend.sent} <= {"europe-west6"}


@given(policies(), urls(), bad_days, colours)
def test_the_caller_gets_an_answer_or_one_error_and_the_last_word_of_the_trace_is_true(
    policy: Policy, url: str, day: list[tuple[Any, float]], colour: str
) -> None:
    world = World(policy, day).go(colour, url)
    if isinstance(world.error, StreamBroken):
        assert world.error.trace.location == location_in(str(world.backend.requests[-1].url))
        assert "/google/" not in url or world.error.text == "a"
    if world.error is None:
        assert world.backend.sent
