"""Streams, cut into whole events and looked at, without any I/O.

Two framings exist: server-sent events, and the JSON array of `streamGenerateContent` without
`alt=sse`. Of each event three things matter to failover: is it an error inside a 200, is it content
(after which no other location may take over), and does it end the stream as it should. They are
found by searching the bytes; only an error event is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

import msgspec

from router.wire import NO_ERROR_BODY, UNREADABLE, ErrorBody, error_in


class Dialect(StrEnum):
    """Whose events and bodies a request speaks."""

    GEMINI = "gemini"
    ANTHROPIC = "anthropic"
    OPENAI = "openai"
    OTHER = "other"
    """Not known: errors are looked for in its events, an end is not."""


class Event(NamedTuple):
    """One whole event: `raw` as it came, with what separates it from the next, and its `data`."""

    raw: bytes
    data: bytes


class Framer(Protocol):
    """Cuts a byte stream into events."""

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that this chunk completes."""

    def rest(self) -> Event:
        """What is left when the stream has ended; empty if it ended between events."""


class EventStreamFramer:
    """Server-sent events: blocks of lines, ended by a blank line, in any of the three line endings."""

    _BLANK_LINE = re.compile(rb"(?>\r\n|\n|\r){2}")
    _LONGEST_BLANK_LINE = 4

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._seen = 0

    def feed(self, chunk: bytes) -> list[Event]:
        self._buffer += chunk
        events = []
        while found := self._BLANK_LINE.search(self._buffer, self._seen, self._known()):
            raw = bytes(self._buffer[: found.end()])
            del self._buffer[: found.end()]
            self._seen = 0
            events.append(Event(raw, _data_lines(raw)))
        self._seen = max(0, len(self._buffer) - self._LONGEST_BLANK_LINE)
        return events

    def _known(self) -> int:
        """Up to where lines are known: of a second CRLF, the line feed may be still to come."""
        return len(self._buffer) - self._buffer.endswith(b"\n\r")

    def rest(self) -> Event:
        return Event(bytes(self._buffer), _data_lines(self._buffer))


def _data_lines(block: bytes | bytearray) -> bytes:
    lines = bytes(block).splitlines()
    return b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))


class ArrayFramer:
    """A JSON array, sent element by element. Cuts after each object at the top level."""

    _STRUCTURE = re.compile(rb'[\\"{}]')

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._seen = 0
        self._depth = 0
        self._in_string = False

    def feed(self, chunk: bytes) -> list[Event]:
        self._buffer += chunk
        events = []
        while (end := self._end_of_element()) is not None:
            raw = bytes(self._buffer[:end])
            del self._buffer[:end]
            self._seen = 0
            events.append(Event(raw, raw.lstrip(b"[, \t\r\n")))
        return events

    def rest(self) -> Event:
        return Event(bytes(self._buffer), bytes(self._buffer).strip(b"[], \t\r\n"))

    def _end_of_element(self) -> int | None:
        """Where the first element in the buffer ends; None while it is not complete."""
        while found := self._STRUCTURE.search(self._buffer, self._seen):
            mark, self._seen = found.group(), found.end()
            if mark == b"\\":
                self._seen += 1  # the escaped byte, which may not have come yet
            elif mark == b'"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._depth += 1 if mark == b"{" else -1
                if self._depth == 0:
                    return self._seen
        self._seen = max(self._seen, len(self._buffer))
        return None


_GOOGLE_ERROR = re.compile(rb'\s*\[?\s*\{\s*"error"\s*:(?!\s*null)')
_NAMED_ERROR = re.compile(rb"\s*event:\s*error\b")
_ANTHROPIC_ERROR = re.compile(rb'\s*\{\s*"type"\s*:\s*"error"')
_ANTHROPIC_PRELUDE = re.compile(rb'"type"\s*:\s*"(?:message_start|content_block_start|ping)"')

_END = {
    Dialect.GEMINI: re.compile(rb'"(?:finishReason|blockReason)"\s*:'),
    Dialect.ANTHROPIC: re.compile(rb'"type"\s*:\s*"message_stop"'),
    Dialect.OPENAI: re.compile(rb'^\[DONE\]|"finish_reason"\s*:\s*"'),
    Dialect.OTHER: re.compile(rb""),
}


def _is_error(event: Event) -> bool:
    data = event.data
    return bool(_GOOGLE_ERROR.match(data) or _ANTHROPIC_ERROR.match(data) or _NAMED_ERROR.match(event.raw))


def is_whole(event: Event) -> bool:
    """Whether an event that nothing follows is more than the beginning of one."""
    try:
        return event.data in (b"", b"[DONE]") or msgspec.json.decode(event.data) is not None
    except UNREADABLE:
        return False


class Watch:
    """Looks at the events of one stream as they pass.

    `finished` tells whether the stream's own terminator has come; a stream that ends without it
    was cut.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.finished = False

    def look(self, event: Event) -> ErrorBody | None:
        """The error that this event carries, None if it carries none."""
        if not _is_error(event):
            self.finished = self.finished or bool(_END[self._dialect].search(event.data))
            return None
        try:
            return error_in(msgspec.json.decode(event.data))
        except UNREADABLE:
            return NO_ERROR_BODY

    def content(self, event: Event) -> bool:
        """Whether this event holds something of the answer: from it on the caller stays here."""
        if not event.data:
            return False
        return self._dialect is not Dialect.ANTHROPIC or not _ANTHROPIC_PRELUDE.search(event.data)


def text_in(received: bytes, framer: Framer, dialect: Dialect) -> str:
    """The text of the answer in what was received of a stream, for the caller of a broken one."""
    return "".join(text for event in framer.feed(received) for text in texts(event, dialect))


def texts(event: Event, dialect: Dialect) -> Iterator[str]:
    """The pieces of the answer's text in one event; none in an event of another kind."""
    try:
        data = msgspec.json.decode(event.data)
    except UNREADABLE:
        return iter(())
    if dialect is Dialect.GEMINI:
        found: Iterable[Any] = _walk(data, "candidates", "content", "parts", "text")
    elif dialect is Dialect.ANTHROPIC:
        found = _walk(data, "delta", "text")
    else:
        found = _walk(data, "choices", "delta", "content")
    return (text for text in found if isinstance(text, str))


def _walk(data: Any, *keys: str) -> Iterator[Any]:
    """Every value under these keys, through any lists on the way."""
    if isinstance(data, list):
        for each in data:
            yield from _walk(each, *keys)
    elif not keys:
        yield data
    elif isinstance(data, dict) and keys[0] in data:
        yield from _walk(data[keys[0]], *keys[1:])
