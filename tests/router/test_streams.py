"""Streams, cut into events. The service may cut its bytes into chunks anywhere, and does."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from router.streams import ArrayFramer, Dialect, Event, EventStreamFramer, Framer, Watch, text_in, texts
from router.wire import NO_ERROR_BODY
from tests.router.support import chunkings, each, vectors

NASTY = [
    "{",
    "}",
    "}}{[",
    '"',
    '\\"',
    "\\",
    "\\\\",
    '{"error":',
    "data: ",
    "\n\n",
    "\r\n\r\n",
    "é",
    "…",
    "🙂",
    "[DONE]",
]

words = st.lists(st.sampled_from(NASTY) | st.text(max_size=5), max_size=5).map("".join)
json_objects = st.dictionaries(words, st.recursive(words | st.integers(), st.lists, max_leaves=4), max_size=3)


def framed(framer: Framer, chunks: Iterable[bytes]) -> tuple[list[Event], Event]:
    """The events of these chunks, and what is left at the end."""
    events = [event for chunk in chunks for event in framer.feed(chunk)]
    return events, framer.rest()


def raw(events: list[Event], rest: Event) -> bytes:
    return b"".join(event.raw for event in events) + rest.raw


def data(events: list[Event], rest: Event) -> list[bytes]:
    return [event.data for event in (*events, rest) if event.data]


def sse(payloads: Iterable[str], line_end: str = "\n", fields: str = "") -> bytes:
    """Server-sent events, each with one line of data, after these other fields."""
    return "".join(f"{fields}data: {each}{line_end * 2}" for each in payloads).encode()


def event(text: Any) -> Event:
    payload = text if isinstance(text, bytes) else (text if isinstance(text, str) else json.dumps(text)).encode()
    return Event(b"data: " + payload + b"\n\n", payload)


# Server-sent events


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"], ids=["LF", "CR", "CRLF"])
def test_every_line_ending_is_understood(end: str) -> None:
    events, rest = framed(EventStreamFramer(), [sse(['{"a":1}', '{"b":2}'], end)])
    assert [each.data for each in events] == [b'{"a":1}', b'{"b":2}']
    assert rest == Event(b"", b"")


@given(st.data(), st.lists(json_objects, max_size=4), st.sampled_from(["\n", "\r", "\r\n"]))
def test_any_chunking_of_an_event_stream_gives_the_same_data_and_the_same_bytes(
    draw: st.DataObject, payloads: list[Any], end: str
) -> None:
    written = [json.dumps(each) for each in payloads]
    whole = sse(written, end, fields=f": a comment{end}event: message{end}")
    events, rest = framed(EventStreamFramer(), draw.draw(chunkings(whole)))
    assert data(events, rest) == [each.encode() for each in written]
    assert raw(events, rest) == whole


@given(st.lists(json_objects, max_size=2), st.sampled_from(["\n", "\r", "\r\n"]))
def test_an_event_stream_has_the_same_events_wherever_it_is_cut(payloads: list[Any], end: str) -> None:
    whole = sse([json.dumps(each) for each in payloads], end)
    uncut = framed(EventStreamFramer(), [whole])
    assert framed(EventStreamFramer(), [whole[i : i + 1] for i in range(len(whole))]) == uncut
    for cut in range(len(whole)):
        assert framed(EventStreamFramer(), [whole[:cut], whole[cut:]]) == uncut


def test_the_last_byte_of_a_blank_line_belongs_to_the_event_that_it_ends() -> None:
    framer = EventStreamFramer()
    events = [event for chunk in (b"data: a\r\n\r", b"\ndata: b\r\n\r\n") for event in framer.feed(chunk)]
    assert events == [Event(b"data: a\r\n\r\n", b"a"), Event(b"data: b\r\n\r\n", b"b")]


@given(st.data(), st.lists(st.sampled_from([b"data: x", b"data:", b":", b"\r", b"\n", b"\r\n", b"a", b" "])))
def test_no_chunking_of_any_lines_changes_the_data(draw: st.DataObject, pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    cut = framed(EventStreamFramer(), draw.draw(chunkings(whole)))
    assert data(*cut) == data(*framed(EventStreamFramer(), [whole]))
    assert raw(*cut) == whole


@given(st.data(), st.binary(max_size=80))
def test_no_byte_is_lost_or_added_whatever_comes(draw: st.DataObject, whole: bytes) -> None:
    chunks = draw.draw(chunkings(whole))
    assert raw(*framed(EventStreamFramer(), chunks)) == whole
    assert raw(*framed(ArrayFramer(), chunks)) == whole


def test_the_data_of_an_event_is_all_its_data_lines() -> None:
    block = b': comment\nevent: x\nid: 7\ndata: {"a":\ndata:1}\nretry: 5\ndatabase: no\n\n'
    (found,) = EventStreamFramer().feed(block)
    assert found == Event(block, b'{"a":\n1}')


def test_an_event_is_given_as_soon_as_its_blank_line_has_come() -> None:
    framer = EventStreamFramer()
    assert framer.feed(b"data: a\n") == []
    assert [each.data for each in framer.feed(b"\ndata: b")] == [b"a"]
    assert framer.rest() == Event(b"data: b", b"b")
    assert [each.data for each in framer.feed(b"\r\n\r\n")] == [b"b"]


def test_a_line_end_of_two_bytes_that_comes_in_two_chunks_ends_no_event() -> None:
    framer = EventStreamFramer()
    assert framer.feed(b"data: a\r") == []
    assert framer.feed(b"\n") == []
    assert framer.feed(b"data: b\r\n") == []
    (found,) = framer.feed(b"\r\n")
    assert found.data == b"a\nb"


# JSON arrays


@given(
    st.data(),
    st.lists(json_objects, max_size=5),
    st.booleans(),
    st.sampled_from([None, 1]),
    st.sampled_from(["", "\n", "\r\n"]),
)
def test_any_chunking_of_an_array_gives_its_elements_and_the_same_bytes(
    draw: st.DataObject, elements: list[Any], ascii_only: bool, indent: int | None, tail: str
) -> None:
    whole = (json.dumps(elements, ensure_ascii=ascii_only, indent=indent) + tail).encode()
    events, rest = framed(ArrayFramer(), draw.draw(chunkings(whole)))
    assert [json.loads(each.data) for each in events] == elements
    assert rest.data == b""
    assert raw(events, rest) == whole


@given(st.data(), st.lists(json_objects, max_size=4))
def test_an_array_has_the_same_events_in_any_chunking(draw: st.DataObject, elements: list[Any]) -> None:
    whole = json.dumps(elements).encode()
    assert framed(ArrayFramer(), draw.draw(chunkings(whole))) == framed(ArrayFramer(), [whole])


@pytest.mark.parametrize(
    "element",
    [
        {"a": {"b": {"c": [{}, {"d": [{}]}]}}},
        {"a": "}"},
        {"a": "{"},
        {"}{": '"}'},
        {"a": '\\"}'},
        {"a": "\\"},
        {"a": "\\\\"},
        {"a": '{"error":{"code":429}}'},
        {"a": "[{]}"},
    ],
    ids=json.dumps,
)
def test_braces_in_strings_and_escaped_quotes_cut_no_element(element: dict[str, Any]) -> None:
    whole = json.dumps([element, {"next": 1}]).encode()
    for chunks in ([whole], [whole[i : i + 1] for i in range(len(whole))]):
        events, rest = framed(ArrayFramer(), chunks)
        assert [json.loads(each.data) for each in events] == [element, {"next": 1}]
        assert rest == Event(b"]", b"")


def test_an_element_is_given_as_soon_as_its_brace_has_come() -> None:
    framer = ArrayFramer()
    assert framer.feed(b'[{"a": {"b": "}') == []
    assert framer.feed(b'"}') == []
    assert framer.feed(b"}\n, {") == [Event(b'[{"a": {"b": "}"}}', b'{"a": {"b": "}"}}')]
    assert framer.rest() == Event(b"\n, {", b"{")


# Content, or merely before it


@pytest.mark.parametrize(
    ("dialect", "payload", "content"),
    [
        (Dialect.ANTHROPIC, {"type": "message_start", "message": {"content": []}}, False),
        (Dialect.ANTHROPIC, {"type": "ping"}, False),
        (Dialect.ANTHROPIC, {"type": "content_block_start", "index": 0}, False),
        (Dialect.ANTHROPIC, {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}}, True),
        (Dialect.ANTHROPIC, {"type": "content_block_delta", "delta": {"text": '{"type": "ping"}'}}, True),
        (Dialect.ANTHROPIC, {"type": "content_block_delta", "delta": {"text": '"type":"content_block_start"'}}, True),
        (Dialect.ANTHROPIC, {"type": "content_block_stop", "index": 0}, True),
        (Dialect.ANTHROPIC, {"type": "message_stop"}, True),
        (Dialect.GEMINI, {"candidates": [{"content": {"parts": [{"text": "a"}]}}]}, True),
        (Dialect.GEMINI, {"promptFeedback": {"blockReason": "SAFETY"}}, True),
        (Dialect.GEMINI, {"type": "ping"}, True),
        (Dialect.OPENAI, {"choices": [{"delta": {"content": "a"}}]}, True),
        (Dialect.OPENAI, "[DONE]", True),
    ],
)
def test_only_the_prelude_of_claude_is_no_content(dialect: Dialect, payload: Any, content: bool) -> None:
    assert Watch(dialect).content(event(payload)) == content


@pytest.mark.parametrize("dialect", Dialect)
def test_a_comment_is_no_content(dialect: Dialect) -> None:
    assert not Watch(dialect).content(Event(b": keep-alive\n\n", b""))


# The end


@pytest.mark.parametrize(
    ("dialect", "payload"),
    [
        (Dialect.GEMINI, {"candidates": [{"finishReason": "STOP"}]}),
        (Dialect.GEMINI, {"candidates": [{"finishReason": "SAFETY"}]}),
        (Dialect.GEMINI, '{"candidates":[{"finishReason" : "MAX_TOKENS"}]}'),
        (Dialect.GEMINI, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),
        (Dialect.ANTHROPIC, {"type": "message_stop"}),
        (Dialect.ANTHROPIC, '{"type":"message_stop"}'),
        (Dialect.OPENAI, "[DONE]"),
        (Dialect.OPENAI, {"choices": [{"delta": {}, "finish_reason": "stop"}]}),
    ],
)
def test_each_dialect_has_its_own_end(dialect: Dialect, payload: Any) -> None:
    for reader in Dialect:
        watch = Watch(reader)
        assert watch.look(event(payload)) is None
        assert watch.finished == (reader in (dialect, Dialect.OTHER))


@pytest.mark.parametrize(
    ("dialect", "payload"),
    [
        (Dialect.GEMINI, {"candidates": [{"content": {"parts": [{"text": '"finishReason": "STOP"'}]}}]}),
        (Dialect.GEMINI, {"candidates": [{"content": {"parts": [{"text": "finishReason"}]}}]}),
        (Dialect.GEMINI, {"candidates": [{"content": {"parts": [{"text": '\\"finishReason\\": "STOP"'}]}}]}),
        (Dialect.ANTHROPIC, {"type": "content_block_delta", "delta": {"text": '{"type": "message_stop"}'}}),
        (Dialect.ANTHROPIC, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
        (Dialect.OPENAI, {"choices": [{"delta": {"content": "a"}, "finish_reason": None}]}),
        (Dialect.OPENAI, {"choices": [{"delta": {"content": '"finish_reason": "stop"'}, "finish_reason": None}]}),
        (Dialect.OPENAI, {"choices": [{"delta": {"content": "data: [DONE]"}}]}),
        (Dialect.OPENAI, {"choices": [{"delta": {"content": "\n[DONE]\n"}}]}),
    ],
)
def test_an_answer_that_speaks_of_the_end_does_not_end(dialect: Dialect, payload: Any) -> None:
    watch = Watch(dialect)
    assert watch.look(event(payload)) is None
    assert not watch.finished


def test_what_has_ended_stays_ended() -> None:
    """Usage may come after the reason for the end."""
    watch = Watch(Dialect.GEMINI)
    watch.look(event({"candidates": [{"finishReason": "STOP"}]}))
    watch.look(event({"usageMetadata": {"trafficType": "ON_DEMAND"}}))
    assert watch.finished


# Errors


@each(vectors("errors.toml", "event"))
def test_an_error_event_is_seen_and_does_not_end_the_stream(vector: dict[str, Any]) -> None:
    """googleapis/python-genai#2604: an error event was taken for an answer."""
    watch = Watch(Dialect(vector["dialect"]))
    block = "".join(f"data: {line}\n" for line in vector["data"].splitlines())
    (found,) = EventStreamFramer().feed(f"event: error\n{block}\n".encode())
    error = watch.look(found)
    assert error is not None
    assert (error.status or 500) == vector["signal"]["status"]
    assert not watch.finished


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize(
    "payload",
    [
        {"candidates": [{"content": {"parts": [{"text": '{"error": {"code": 429}}'}]}}]},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": '{"type":"error"}'}},
        {"choices": [{"delta": {"content": '{"error":'}}]},
        {"candidates": [{"content": {"parts": [{"functionResponse": {"response": {"error": "no such file"}}}]}}]},
        {"error": None, "candidates": []},
        "[DONE]",
        "",
    ],
    ids=["text", "delta", "chat", "tool", "null", "done", "empty"],
)
def test_an_answer_that_speaks_of_an_error_is_none(dialect: Dialect, payload: Any) -> None:
    assert Watch(dialect).look(event(payload)) is None


@pytest.mark.parametrize(
    "payload",
    [b'{"error":', b'{"error":{"message":"\xff"}}', b'{"error":' + b"[" * 100_000, b'{"error":{"errors":5}}'],
    ids=["cut", "not UTF-8", "deep", "odd"],
)
def test_an_error_that_cannot_be_read_is_still_one(payload: bytes) -> None:
    assert Watch(Dialect.GEMINI).look(event(payload)) == NO_ERROR_BODY


# The text in what came


GEMINI = [
    {"candidates": [{"content": {"role": "model", "parts": [{"text": "Guten "}, {"text": "Morgen"}]}}]},
    {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}, {"text": ", Welt"}]}}]},
    {"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 3}},
]
CLAUDE = [
    {"type": "message_start", "message": {"content": []}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Guten Morgen"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": ", Welt"}},
]
CHAT = [
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]},
    {"choices": [{"index": 0, "delta": {"content": "Guten Morgen"}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {"content": ", Welt"}}]},
    {"choices": [], "usage": {"total_tokens": 3}},
]


@pytest.mark.parametrize(
    ("dialect", "payloads"), [(Dialect.GEMINI, GEMINI), (Dialect.ANTHROPIC, CLAUDE), (Dialect.OPENAI, CHAT)]
)
def test_the_text_is_found_in_every_dialect(dialect: Dialect, payloads: list[Any]) -> None:
    received = sse([*map(json.dumps, payloads), "[DONE]"]) + b'data: {"cut'
    assert text_in(received, EventStreamFramer(), dialect) == "Guten Morgen, Welt"


def test_the_text_is_found_in_an_array() -> None:
    received = json.dumps(GEMINI, indent=1).encode()[:-3]
    assert text_in(received, ArrayFramer(), Dialect.GEMINI) == "Guten Morgen, Welt"


@given(st.binary(max_size=60), st.sampled_from(Dialect))
@example(b'"\xff"', Dialect.GEMINI)
@example(b"[" * 100_000, Dialect.GEMINI)
@example(b"[" * 600 + b"]" * 600, Dialect.OPENAI)
@example(b'{"candidates":{"content":{"parts":{"text":5}}}}', Dialect.GEMINI)
@example(b'{"delta":"text"}', Dialect.ANTHROPIC)
def test_what_holds_no_text_gives_none_and_never_fails(payload: bytes, dialect: Dialect) -> None:
    assert list(texts(event(payload), dialect)) == []
