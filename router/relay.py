"""Hands a stream over to the caller: first looked into, then passed on event by event.

Up to the first content an error inside the stream, or its early end, is a failed attempt like any
other. From then on the caller has something in hand, so no other location may take over: the stream
ends in a `StreamBroken` that keeps what was received.
"""

from __future__ import annotations

from router.signals import STREAM_CUT, Signal, classify_event
from router.streams import ArrayFramer, Dialect, Event, EventStreamFramer, Framer, Watch, is_whole


class Relay:
    """One stream's way from the wire to the caller, without I/O: it is fed bytes and gives bytes.

    Args:
        content_type: of the response; anything but an event stream is read as a JSON array.
        dialect: whose events they are.
        location: where they come from.
    """

    def __init__(self, content_type: str, dialect: Dialect, location: str) -> None:
        self._framer: Framer = EventStreamFramer() if is_event_stream(content_type) else ArrayFramer()
        self._watch = Watch(dialect)
        self._location = location
        self.dialect = dialect
        self.started = False
        """Whether content has been seen; until then nothing is given to the caller."""
        self.fault: Signal | None = None
        """What broke the stream, if anything did."""
        self.error = b""
        """The data of the error event that broke it, if one did."""
        self.received = bytearray()

    def feed(self, chunk: bytes) -> bytes:
        """What may go to the caller now that this chunk has come; empty until the first content."""
        return self._pass_on(self._framer.feed(chunk))

    def end(self) -> bytes:
        """What may still go to the caller now that the stream has ended; sets `fault` if it was cut."""
        rest = self._framer.rest()
        given = self._pass_on([rest]) if rest.raw and is_whole(rest) else b""
        if self.fault is None and not self._watch.finished:
            self.fault = STREAM_CUT
        return given

    def _pass_on(self, events: list[Event]) -> bytes:
        begin = len(self.received) if self.started else 0
        for event in events:
            error = self._watch.look(event)
            if error is not None:
                self.fault, self.error = classify_event(error, self._location), event.data
                break
            self.received += event.raw
            self.started = self.started or self._watch.content(event)
        return bytes(self.received[begin:]) if self.started else b""


def is_event_stream(content_type: str) -> bool:
    """Whether a response is server-sent events."""
    return content_type.lower().startswith("text/event-stream")
