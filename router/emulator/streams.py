"""Answers in many events: how each dialect writes them, and what can go wrong between them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from router.emulator import claude
from router.emulator.behaviour import StreamFault
from router.emulator.bodies import ErrorBody
from router.emulator.wire import Break, Head, Step, Wait

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """The events of an answer, and how they are written.

    Args:
        kind: the content type.
        write: gives the bytes of an event, from its index and content.
        failed: gives the event that tells an error.
        end: comes after the last event.
    """

    kind: str
    events: Sequence[Json | str]
    write: Callable[[int, Json | str], bytes]
    failed: Callable[[ErrorBody], Json]
    end: bytes = b""

    def steps(self, event_s: float, fault: StreamFault | None, error: ErrorBody | None) -> Iterator[Step]:
        """The steps that send this stream, or as much of it as a fault lets through.

        Args:
            event_s: seconds before each event.
            fault: one that speaks of more events than there are does nothing.
            error: what the fault's event tells.
        """
        events, ending = self._faulty(fault, error)
        yield Head(200, (("content-type", self.kind),))
        for index, event in enumerate(events):
            if event_s:
                yield Wait(event_s)
            yield self.write(index, event)
        if ending:
            yield ending

    def _faulty(self, fault: StreamFault | None, error: ErrorBody | None) -> tuple[Sequence[Json | str], Step]:
        if fault is None or not applies(fault, len(self.events)):
            return self.events, self.end
        if fault.cut_after is not None:
            return self.events[: fault.cut_after], Break.CUT
        if fault.stall_after is not None:
            return self.events[: fault.stall_after], Break.HANG
        return [*self.events[: fault.error_after], *([self.failed(error)] if error else [])], self.end


def applies(fault: StreamFault, events: int) -> bool:
    """Whether a stream has enough events for a fault."""
    after = (fault.cut_after, fault.error_after, fault.stall_after)
    return any(count is not None and count <= events for count in after)


def gemini_events(events: Sequence[Json]) -> Stream:
    """With `alt=sse`: server-sent events."""
    return Stream(kind="text/event-stream", events=events, write=_sse_crlf, failed=_as_google)


def gemini_array(events: Sequence[Json]) -> Stream:
    """Without it: one JSON array that grows."""
    kind = "application/json; charset=UTF-8"
    return Stream(kind=kind, events=events, write=_element, failed=_as_google, end=b"]")


def claude_events(events: Sequence[Json]) -> Stream:
    """Server-sent events that have a name."""
    return Stream(kind="text/event-stream; charset=utf-8", events=events, write=_sse_named, failed=_as_claude)


def chat_events(events: Sequence[Json]) -> Stream:
    """Server-sent events, the last of which is `[DONE]`."""
    return Stream(kind="text/event-stream", events=[*events, "[DONE]"], write=_sse, failed=_as_google)


def response_events(events: Sequence[Json]) -> Stream:
    """Server-sent events that have a name, of OpenAI's `responses`."""
    return Stream(kind="text/event-stream", events=events, write=_sse_named, failed=_as_google)


def _sse(_: int, event: Json | str) -> bytes:
    return f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode()


def _sse_crlf(_: int, event: Json | str) -> bytes:
    # An SDK knows an error by the text right after `data: `, so no blanks there.
    return f"data: {json.dumps(event, separators=(',', ':'))}\r\n\r\n".encode()


def _sse_named(_: int, event: Json | str) -> bytes:
    name = event.get("type", "error") if isinstance(event, dict) else ""
    return f"event: {name}\ndata: {json.dumps(event)}\n\n".encode()


def _element(index: int, event: Json | str) -> bytes:
    return (("," if index else "[") + json.dumps(event, indent=2)).encode() + b"\r\n"


def _as_google(body: ErrorBody) -> Json:
    if isinstance(body.content, str):
        return {"error": {"code": body.status, "message": body.name, "status": "UNKNOWN"}}
    if body.from_google:
        return body.content
    return {"error": {"code": body.status, "message": body.content["error"]["message"], "status": "UNAVAILABLE"}}


def _as_claude(body: ErrorBody) -> Json:
    if isinstance(body.content, str):
        return claude.error(body.status, body.name)
    if body.from_google:
        return claude.error(body.status, body.content["error"].get("message", body.name))
    return body.content
