"""The history of a request: what was tried, what came of it, how it ended."""

from __future__ import annotations

import json
import pickle

import msgspec
import pytest

from router.pins import Pin
from router.signals import OK, Action, Scope, Signal
from router.trace import Trace
from tests.router.support import BROKEN, EXHAUSTED, a_trace, tried


def test_a_request_under_way_has_no_outcome_and_no_location() -> None:
    trace = Trace(model="m")
    assert (trace.outcome, trace.location, trace.last, trace.header()) == ("", "", None, "")
    assert str(trace) == "m: under way"


def test_two_traces_share_nothing() -> None:
    one, other = Trace(model="m"), Trace(model="m")
    one.tried.append(tried(1, "eu", OK))
    assert other.tried == []


def test_the_last_attempt_tells_where_the_request_is() -> None:
    trace = a_trace()
    assert trace.location == "us"
    assert trace.last == OK


def test_the_way_of_a_request_is_one_line() -> None:
    assert a_trace().header() == "eu=429, us=200"


@pytest.mark.parametrize(
    ("signal", "label"),
    [
        (OK, "200"),
        (EXHAUSTED, "429"),
        (msgspec.structs.replace(EXHAUSTED, in_stream=True), "429-in-stream"),
        (BROKEN, "stream-cut"),
        (Signal(kind="connect", action=Action.NEXT, scope=Scope.HOST), "connect"),
        (Signal(kind="html", action=Action.NEXT, scope=Scope.HOST, status=404), "html"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_each_step_of_it_has_the_shortest_honest_word_and_fits_into_a_header(signal: Signal, label: str) -> None:
    header = a_trace(tried=[tried(1, "eu", signal)]).header()
    assert header == f"eu={label}"
    assert header.isascii()


def test_it_prints_as_a_story() -> None:
    trace = a_trace(
        outcome="deadline",
        note="no capacity for another 39.0 s",
        waited_s=1.25,
        advice=("gemini-3.8-flash in provisioned mode at europe-west3 (a reservation)", "another"),
        tried=[tried(1, "eu", EXHAUSTED), tried(2, "eu", BROKEN)],
    )
    assert str(trace).splitlines() == [
        "gemini-3.8-flash: deadline (no capacity for another 39.0 s)",
        "    0.00 s  eu (standard)  429: Resource exhausted.",
        "    1.00 s  eu (standard)  stream-cut: the stream ended early",
        "  waited 1.25 s in all for capacity",
        "  also possible: gemini-3.8-flash in provisioned mode at europe-west3 (a reservation)",
        "  also possible: another",
    ]


def test_it_tells_what_bound_it_and_what_was_an_exception() -> None:
    trace = a_trace(pins=(Pin("projects/p/locations/eu/cachedContents/1", "eu"),), exceptions=("explicit-caching",))
    assert str(trace).splitlines()[1:3] == [
        "  bound to eu by projects/p/locations/eu/cachedContents/1",
        "  by the policy's exception: explicit-caching",
    ]
    told = trace.as_dict()
    assert told["pinned"] == [{"resource": "projects/p/locations/eu/cachedContents/1", "location": "eu"}]
    assert told["exceptions"] == ["explicit-caching"]


def test_what_was_nothing_is_not_printed() -> None:
    assert str(a_trace()).splitlines()[0] == "gemini-3.8-flash: answered"
    assert "waited" not in str(a_trace())
    assert "also possible" not in str(a_trace())
    assert str(a_trace()).endswith("us (standard)  200")


def test_it_is_plain_data_that_json_takes() -> None:
    told = a_trace(waited_s=0.12345).as_dict()
    assert json.loads(json.dumps(told)) == told
    assert told == {
        "id": "",
        "model": "gemini-3.8-flash",
        "outcome": "answered",
        "waited_s": 0.123,
        "note": "",
        "eta_s": None,
        "advice": [],
        "traffic": "",
        "mismatch": "",
        "pinned": [],
        "exceptions": [],
        "attempts": [
            {
                "number": 1,
                "model": "gemini-3.8-flash",
                "location": "eu",
                "mode": "standard",
                "host": "aiplatform.eu.rep.googleapis.com",
                "allowed_by": "processing stays in eu",
                "source": "https://cloud.google.com/a-page",
                "signal": "exhausted",
                "status": 429,
                "message": "Resource exhausted.",
                "at_s": 0.0,
                "took_s": 0.5,
            },
            {
                "number": 2,
                "model": "gemini-3.8-flash",
                "location": "us",
                "mode": "standard",
                "host": "aiplatform.us.rep.googleapis.com",
                "allowed_by": "processing stays in us",
                "source": "https://cloud.google.com/a-page",
                "signal": "ok",
                "status": 200,
                "message": "",
                "at_s": 1.0,
                "took_s": 0.5,
            },
        ],
    }


def test_a_stream_that_breaks_late_changes_its_attempt_and_the_outcome() -> None:
    trace = a_trace()
    trace.broke(BROKEN)
    assert (trace.outcome, trace.last, trace.location) == ("broken", BROKEN, "us")
    assert trace.header() == "eu=429, us=stream-cut"
    assert [each.attempt.number for each in trace.tried] == [1, 2]


def test_it_survives_pickling() -> None:
    assert pickle.loads(pickle.dumps(a_trace())) == a_trace()
