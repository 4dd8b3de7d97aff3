from __future__ import annotations

from typing import Any

import httpx
import pytest

from router import GuardStop, NotSent, Policy, RequestNotUnderstood
from router.core import Call, Core
from router.rules import Question
from router.signals import Signal
from router.trace import Attempt
from tests.router.support import admit
from tests.world import Backend, gemini_url, make_router, piece, sse


@pytest.mark.parametrize(
    "policy",
    [
        Policy(residency="eu"),
        Policy(allow_locations=["eu"]),
        Policy(deny_locations=["eu"]),
        Policy(kinds=["region"]),
    ],
)
def test_a_policy_that_rules_any_location_out_wants_every_request_understood(policy: Policy) -> None:
    with pytest.raises(RequestNotUnderstood, match="none of the known"):
        admit(policy, "https://aiplatform.googleapis.com/v1/projects/p/locations/us/..")
    assert (
        admit(Policy(preview_models=False), "https://aiplatform.googleapis.com/v1/projects/p/locations/us/..") is None
    )


class Noted:
    """An observer that notes what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.ids: set[str] = set()
        self.stops = ""

    def began(self, call: Call) -> None:
        self._note(f"began {call.plan.model}", call)
        if self.stops == "began":
            raise NotSent("not on record")

    def refused(self, core: Core, error: NotSent, question: Question | None, call: Call | None) -> None:
        asked = question.model if question else "?"
        self._note(f"refused {asked} {type(error).__name__} under {core.policy.summary}", call)

    def unrouted(self, core: Core, host: str) -> None:
        self._note(f"unrouted {host}")

    def passed(self, call: Call, attempt: Attempt, host: str) -> None:
        self._note(f"passed {attempt.number} {host}", call)
        if self.stops == "passed":
            raise NotSent("not on record")

    def ended(self, call: Call) -> None:
        self._note(f"ended {call.trace.outcome}", call)

    def broke(self, call: Call, signal: Signal) -> None:
        self._note(f"broke {signal.kind}", call)

    def finished(self, call: Call) -> None:
        self._note(f"finished {call.trace.traffic}", call)

    def _note(self, event: str, call: Call | None = None) -> None:
        self.events.append(event)
        if call is not None:
            self.ids.add(call.trace.id)


EU = Policy(residency="eu")
LAST = '{"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"trafficType": "ON_DEMAND"}}'


def send(noted: Noted, backend: Backend, policy: Policy | None = EU, url: str = "") -> Any:
    transport = make_router(policy, observers=[noted]).transport(transport=backend.transport)
    with httpx.Client(transport=transport) as client:
        return client.post(url or gemini_url(), json={})


def test_an_observer_is_told_of_each_step_before_it_is_taken() -> None:
    noted = Noted()
    send(noted, Backend(httpx, {"europe-west1": 429}))
    assert noted.events == [
        "began gemini-2.5-flash-image",
        "passed 1 europe-west1-aiplatform.googleapis.com",
        "passed 2 europe-west4-aiplatform.googleapis.com",
        "ended answered",
    ]
    (name,) = noted.ids
    assert len(name) == 16


def test_an_observer_is_told_of_a_stream_that_breaks_later() -> None:
    noted = Noted()
    with pytest.raises(httpx.RemoteProtocolError):
        send(noted, Backend(httpx, {"europe-west1": sse(piece("a"))}))
    assert noted.events[-2:] == ["ended answered", "broke stream-cut"]


def test_an_observer_is_told_of_the_end_of_a_stream() -> None:
    noted = Noted()
    send(noted, Backend(httpx, {"europe-west1": sse(piece("a"), LAST)}))
    assert noted.events[-2:] == ["ended answered", "finished ON_DEMAND"]


def test_an_observer_is_told_of_refusals() -> None:
    noted, backend = Noted(), Backend(httpx)
    for url in (gemini_url(model="gemini-3.1-pro-preview"), "https://example.com/v1/publishers/google"):
        with pytest.raises(NotSent):
            send(noted, backend, url=url)
    assert noted.events == [
        "refused gemini-3.1-pro-preview NoRoute under residency eu, by processing",
        "refused ? RequestNotUnderstood under residency eu, by processing",
    ]
    assert not backend.sent


def test_an_observer_is_told_of_what_the_guard_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    noted, backend = Noted(), Backend(httpx)
    monkeypatch.setattr("router.guard.Guard._wrong", lambda *_, **__: "made up")
    with pytest.raises(GuardStop):
        send(noted, backend)
    assert noted.events[:2] == [
        "began gemini-2.5-flash-image",
        "refused gemini-2.5-flash-image GuardStop under residency eu, by processing",
    ]
    assert not backend.sent


def test_an_observer_is_told_of_what_is_sent_on_unread() -> None:
    noted = Noted()
    send(noted, Backend(httpx), None, "https://example.com/v1/elsewhere")
    assert noted.events == ["unrouted example.com"]


@pytest.mark.parametrize("stops", ["began", "passed"])
def test_what_an_observer_raises_stops_the_request_before_it_leaves(stops: str) -> None:
    noted, backend = Noted(), Backend(httpx)
    noted.stops = stops
    with pytest.raises(NotSent, match="not on record"):
        send(noted, backend)
    assert not backend.sent


def test_to_ask_whether_a_request_may_be_sent_begins_none() -> None:
    noted = Noted()
    router = make_router(EU, observers=[noted])
    router.transport().check(httpx.Request("POST", gemini_url(), json={}))
    assert noted.events == []


def test_a_function_is_recorded_like_a_request() -> None:
    noted = Noted()
    make_router(EU, observers=[noted]).call(lambda to: to.location, model="gemini-2.5-flash-image")
    assert [event.split()[0] for event in noted.events] == ["began", "passed", "ended"]


def test_a_request_that_nobody_records_has_no_id() -> None:
    call = admit(EU, gemini_url())
    assert call is not None
    assert call.begin().trace.id == ""
