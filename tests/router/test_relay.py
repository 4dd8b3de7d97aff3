"""A stream on its way to the caller, without I/O: until its first content nothing is given."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.relay import Relay, is_event_stream
from router.signals import STREAM_CUT, Action, Scope
from router.streams import Dialect
from tests.router.support import chunkings, each, vectors

SSE = "text/event-stream; charset=utf-8"
ARRAY = "application/json; charset=UTF-8"

GEMINI = [
    {"candidates": [{"content": {"parts": [{"text": 'one {"error":'}]}}]},
    {"candidates": [{"content": {"parts": [{"text": 'two "finishReason": '}]}}]},
    {"candidates": [{"content": {"parts": [{"text": "three"}]}, "finishReason": "STOP"}]},
]
CLAUDE = [
    {"type": "message_start", "message": {"id": "msg_vrtx_1", "content": []}},
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "one"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    {"type": "message_stop"},
]
CHAT = [
    {"choices": [{"delta": {"content": "one"}, "finish_reason": None}]},
    {"choices": [{"delta": {"content": "two"}, "finish_reason": "stop"}]},
    "[DONE]",
]


def sse(events: Iterable[Any]) -> list[bytes]:
    """Each event as it goes over the wire, under its own name where it has one."""
    return [named(event) + b"data: " + written(event) + b"\r\n\r\n" for event in events]


def named(event: Any) -> bytes:
    return f"event: {event['type']}\r\n".encode() if isinstance(event, dict) and "type" in event else b""


def array(events: Iterable[Any]) -> list[bytes]:
    """Each event with what of the array stands before it, and the end of the array."""
    return [(b",\r\n" if number else b"[") + written(event) for number, event in enumerate(events)] + [b"]"]


def written(event: Any) -> bytes:
    return (event if isinstance(event, str) else json.dumps(event)).encode()


class Sort:
    """One way in which an answer is streamed."""

    def __init__(
        self, dialect: Dialect, type_: str, write: Callable[[Iterable[Any]], list[bytes]], events: Any
    ) -> None:
        self.dialect = dialect
        self.type = type_
        self.write = write
        self.events: list[Any] = events

    @property
    def prelude(self) -> int:
        """How many of the events come before the first content."""
        return 3 if self.dialect is Dialect.ANTHROPIC else 0

    @property
    def error(self) -> Any:
        inner = {"type": "overloaded_error", "message": "Overloaded"}
        if self.dialect is Dialect.ANTHROPIC:
            return {"type": "error", "error": inner}
        return {"error": {"code": 529, "message": "Overloaded"}}

    def relay(self) -> Relay:
        return Relay(self.type, self.dialect, "eu")


SORTS = {
    "gemini": Sort(Dialect.GEMINI, SSE, sse, GEMINI),
    "gemini-array": Sort(Dialect.GEMINI, ARRAY, array, GEMINI),
    "claude": Sort(Dialect.ANTHROPIC, SSE, sse, CLAUDE),
    "chat": Sort(Dialect.OPENAI, SSE, sse, CHAT),
}

every_sort = pytest.mark.parametrize("sort", SORTS.values(), ids=SORTS.keys())
sorts = st.sampled_from(list(SORTS.values()))


def passed(relay: Relay, chunks: Iterable[bytes], *, ends: bool = True) -> bytes:
    """What the caller gets of these chunks, and of the end; reading stops at a fault."""
    given = b""
    for chunk in chunks:
        given += relay.feed(chunk)
        if relay.fault:
            return given
    return given + relay.end() if ends else given


@given(st.data(), sorts)
def test_a_whole_stream_passes_byte_for_byte_in_any_chunking(draw: st.DataObject, sort: Sort) -> None:
    whole = b"".join(sort.write(sort.events))
    relay = sort.relay()
    assert passed(relay, draw.draw(chunkings(whole))) == whole
    assert relay.started
    assert relay.fault is None


@given(st.data(), sorts)
def test_an_error_gives_what_came_before_it_if_that_had_content_in_any_chunking(
    draw: st.DataObject, sort: Sort
) -> None:
    before = draw.draw(st.integers(0, len(sort.events) - 1))
    blocks = sort.write([*sort.events[:before], sort.error, *sort.events[before:]])
    relay = sort.relay()
    given = passed(relay, draw.draw(chunkings(b"".join(blocks))))
    assert given == (b"".join(blocks[:before]) if before > sort.prelude else b"")
    assert relay.started == (before > sort.prelude)
    assert relay.fault is not None
    assert (relay.fault.kind, relay.fault.in_stream) == ("overloaded", True)
    assert json.loads(relay.error) == sort.error


@given(st.data(), sorts)
def test_a_cut_is_a_fault_wherever_it_falls_before_the_end_in_any_chunking(draw: st.DataObject, sort: Sort) -> None:
    last = len(sort.events) - (2 if sort.dialect is Dialect.OPENAI else 1)
    unfinished = b"".join(sort.write(sort.events)[:last])
    cut = unfinished[: draw.draw(st.integers(0, len(unfinished)))]
    relay = sort.relay()
    assert cut.startswith(passed(relay, draw.draw(chunkings(cut))))
    assert relay.fault == STREAM_CUT


@every_sort
def test_nothing_is_given_before_the_first_content(sort: Sort) -> None:
    """googleapis/python-genai#2044 and BerriAI/litellm#22296: a stream is looked into before it is handed over."""
    relay = sort.relay()
    blocks = sort.write(sort.events)
    for block in blocks[: sort.prelude]:
        assert relay.feed(block) == b""
        assert not relay.started
    first = blocks[sort.prelude]
    assert relay.feed(first[:-5]) == b""
    assert not relay.started
    assert relay.feed(first[-5:]) == b"".join(blocks[: sort.prelude + 1])
    assert relay.started


@every_sort
def test_an_error_before_the_first_content_is_a_fault_with_nothing_given(sort: Sort) -> None:
    """googleapis/python-genai#2604: errors arrive inside a 200."""
    relay = sort.relay()
    assert passed(relay, sort.write([*sort.events[: sort.prelude], sort.error])) == b""
    assert not relay.started
    assert relay.fault is not None
    assert relay.fault.action is Action.NEXT
    assert relay.fault.scope is Scope.POOL


@every_sort
def test_an_error_in_the_same_chunk_as_content_comes_after_it(sort: Sort) -> None:
    relay = sort.relay()
    blocks = sort.write([*sort.events[: sort.prelude + 1], sort.error])
    assert relay.feed(b"".join(blocks)) == b"".join(blocks[: sort.prelude + 1])
    assert relay.started
    assert relay.fault is not None
    assert bytes(relay.received) == b"".join(blocks[: sort.prelude + 1])


@every_sort
def test_a_stream_that_stops_without_its_end_was_cut(sort: Sort) -> None:
    relay = sort.relay()
    blocks = sort.write(sort.events)[: sort.prelude + 1]
    assert passed(relay, blocks) == b"".join(blocks)
    assert relay.fault == STREAM_CUT
    assert relay.error == b""


@every_sort
def test_a_stream_that_ends_before_its_first_content_was_cut_and_gives_nothing(sort: Sort) -> None:
    relay = sort.relay()
    assert passed(relay, sort.write(sort.events)[: sort.prelude]) == b""
    assert not relay.started
    assert relay.fault == STREAM_CUT


@every_sort
def test_a_stream_cut_inside_its_first_content_gives_nothing(sort: Sort) -> None:
    """Half an event is no content: nothing has reached the caller, so another location may take over."""
    relay = sort.relay()
    *prelude, first = sort.write(sort.events)[: sort.prelude + 1]
    assert passed(relay, [*prelude, first[: len(first) // 2]]) == b""
    assert not relay.started
    assert relay.fault == STREAM_CUT


@every_sort
def test_of_a_stream_cut_inside_an_event_whole_events_are_kept(sort: Sort) -> None:
    relay = sort.relay()
    *blocks, broken = sort.write(sort.events)[: sort.prelude + 2]
    passed(relay, [*blocks, broken[: len(broken) // 2]])
    assert relay.started
    assert relay.fault == STREAM_CUT
    assert bytes(relay.received) == b"".join(blocks)


@every_sort
def test_a_stream_without_a_byte_was_cut(sort: Sort) -> None:
    relay = sort.relay()
    assert relay.end() == b""
    assert relay.fault == STREAM_CUT


@pytest.mark.parametrize("sort", [SORTS["gemini"], SORTS["claude"], SORTS["chat"]], ids=["gemini", "claude", "chat"])
def test_the_last_blank_line_may_be_missing(sort: Sort) -> None:
    whole = b"".join(sort.write(sort.events)).rstrip()
    relay = sort.relay()
    assert passed(relay, [whole]) == whole
    assert relay.fault is None


def test_an_error_without_its_last_blank_line_is_one() -> None:
    relay = SORTS["gemini"].relay()
    assert passed(relay, [b'data: {"error":{"code":503,"status":"UNAVAILABLE"}}']) == b""
    assert relay.fault is not None
    assert (relay.fault.status, relay.fault.in_stream) == (503, True)


def test_an_array_that_is_an_error_and_nothing_else_gives_nothing() -> None:
    relay = SORTS["gemini-array"].relay()
    assert (
        passed(relay, [b'[{\n  "error": {\n    "code": 429,\n    "status": "RESOURCE_EXHAUSTED"\n  }\n}\n]\n']) == b""
    )
    assert relay.fault is not None
    assert (relay.fault.kind, relay.fault.status) == ("exhausted", 429)


def test_comments_keep_a_stream_alive_and_are_passed_on_with_the_first_content() -> None:
    relay = SORTS["gemini"].relay()
    assert relay.feed(b": wait\n\n") == b""
    assert not relay.started
    first = sse(GEMINI[:1])[0]
    assert relay.feed(first) == b": wait\n\n" + first


@each(vectors("errors.toml", "event"))
def test_every_error_event_that_is_known_is_a_fault_with_nothing_given(vector: dict[str, Any]) -> None:
    relay = Relay(SSE, Dialect(vector["dialect"]), "eu")
    lines = "".join(f"data: {line}\n" for line in vector["data"].splitlines())
    assert passed(relay, [f"event: error\n{lines}\n".encode()]) == b""
    assert not relay.started
    assert relay.fault is not None
    assert (relay.fault.kind, str(relay.fault.action)) == (vector["signal"]["kind"], vector["signal"]["action"])
    assert (relay.fault.status, relay.fault.in_stream) == (vector["signal"]["status"], True)


@pytest.mark.parametrize("called", ["eu", "us"])
def test_an_error_event_says_not_served_only_of_the_location_that_it_comes_from(called: str) -> None:
    body = {"error": {"code": 400, "message": "Publisher Model m is not servable in region eu.", "status": ""}}
    relay = Relay(SSE, Dialect.GEMINI, called)
    relay.feed(sse([body])[0])
    assert relay.fault is not None
    assert relay.fault.not_served == (called == "eu")


@pytest.mark.parametrize(
    ("content_type", "is_one"),
    [
        ("text/event-stream", True),
        ("text/event-stream; charset=utf-8", True),
        ("application/json", False),
        ("", False),
    ],
)
def test_an_event_stream_is_known_by_its_type(content_type: str, is_one: bool) -> None:
    assert is_event_stream(content_type) == is_one
