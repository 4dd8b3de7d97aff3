"""What goes wrong inside streams, as steps."""

from __future__ import annotations

import json

import pytest

from router.emulator import Behaviour, Latency, StreamFault
from router.emulator.wire import Break, Head, Wait

GEMINI = {"contents": [{"parts": [{"text": "Good morning"}]}]}
CLAUDE = {"anthropic_version": "v", "max_tokens": 9, "messages": [{"role": "user", "content": "Good morning"}]}
CHAT = {"model": "google/gemini-3.8-flash", "messages": [{"role": "user", "content": "x"}], "stream": True}

SSE = ("publishers/google/models/gemini-3.8-flash:streamGenerateContent?alt=sse", GEMINI)
ARRAY = ("publishers/google/models/gemini-3.8-flash:streamGenerateContent", GEMINI)
RAW = ("publishers/anthropic/models/claude-sonnet-5:streamRawPredict", CLAUDE)
OPENAPI = ("endpoints/openapi/chat/completions", CHAT)
STREAMS = {"sse": SSE, "array": ARRAY, "claude": RAW, "chat": OPENAPI}


@pytest.fixture
def steps(service):
    def run(stream, /, **behaviour):
        ours = service(Behaviour(location="eu", **behaviour))
        path, body = STREAMS[stream]
        target = f"/v1/projects/p/locations/eu/{path}"
        return ours.steps("POST", ours.hosts["eu"], target, json.dumps(body).encode(), {})

    return run


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_cut_stream_has_its_events_and_no_end(steps, stream, count):
    whole = [step for step in steps(stream) if isinstance(step, bytes)]
    head, *events, end = steps(stream, stream=StreamFault(cut_after=count))
    assert isinstance(head, Head)
    assert head.status == 200
    assert (len(events), end) == (count, Break.CUT)
    if stream in ("array", "claude"):
        assert [len(event) for event in events] == [len(event) for event in whole[:count]]


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stalled_stream_hangs_after_its_events(steps, stream):
    head, *events, end = steps(stream, stream=StreamFault(stall_after=2))
    assert isinstance(head, Head)
    assert (len(events), end) == (2, Break.HANG)


@pytest.mark.parametrize("stream", STREAMS)
def test_a_fault_after_more_events_than_there_are_does_nothing(steps, stream):
    kinds = [type(step) for step in steps(stream, stream=StreamFault(cut_after=1000))]
    assert kinds == [type(step) for step in steps(stream)]


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [(429, 429, "RESOURCE_EXHAUSTED"), (503, 503, "UNAVAILABLE"), ("overloaded", 529, "UNAVAILABLE")],
)
@pytest.mark.parametrize("stream", ["sse", "chat"])
def test_an_error_event_of_googles_is_the_last_one(steps, stream, error, code, status):
    *_, last = steps(stream, stream=StreamFault(error_after=1, error=error))
    assert last.startswith(b'data: {"error":')
    content = json.loads(last.removeprefix(b"data: "))["error"]
    assert (content["code"], content["status"]) == (code, status)


@pytest.mark.parametrize("count", [0, 2])
def test_an_error_in_a_json_array_is_an_element_of_it(steps, count):
    body = b"".join(step for step in steps("array", stream=StreamFault(error_after=count)) if isinstance(step, bytes))
    events = json.loads(body)
    assert len(events) == count + 1
    assert events[-1]["error"]["code"] == 429


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (429, "rate_limit_error"),
        ("rate_limited", "rate_limit_error"),
        ("overloaded", "overloaded_error"),
        (503, "overloaded_error"),
        (500, "api_error"),
        ("bad_gateway", "api_error"),
    ],
)
def test_an_error_event_of_claudes_has_a_type(steps, error, kind):
    *_, last = steps("claude", stream=StreamFault(error_after=4, error=error))
    name, data, *_ = last.decode().split("\n")
    assert name == "event: error"
    content = json.loads(data.removeprefix("data: "))
    assert content["type"] == "error"
    assert content["error"]["type"] == kind
    assert content["error"]["message"]


def test_each_event_can_be_late(steps):
    run = steps("sse", latency=Latency(event_s=0.5))
    events = [index for index, step in enumerate(run) if isinstance(step, bytes)]
    assert events
    assert all(run[index - 1] == Wait(0.5) for index in events)


def test_answers_in_one_piece_have_no_stream_faults(service):
    ours = service(Behaviour(location="eu", stream=StreamFault(cut_after=0)))
    assert ours.gemini("eu").status == 200
