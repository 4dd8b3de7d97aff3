"""What can go wrong on one connection, and how a call may end that meets it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.chaos.wire import (
    STREAM,
    STREAM_ANSWER,
    UNARY_ANSWER,
    WHOLE,
    Act,
    Door,
    cut,
    instead,
    stall,
    trickle,
)

ATTEMPTS = 3
ELSEWHERE = frozenset({"answered elsewhere"})
ANSWERED = frozenset({"answered"})
TOLD = frozenset({"answered elsewhere", "broken, told"})
FAILED = frozenset({"failed, told"})
PASSED_ON = frozenset({"passed on as it came"})


class Fault(NamedTuple):
    """A fault that the first attempt of one call meets, and the ends that are right.

    `group` is its row in the table; `given` a body that is passed on as it came.
    """

    group: str
    name: str
    stream: bool
    ends: frozenset[str]
    act: Act | None = None
    doors: tuple[Door, ...] = ()
    given: bytes | None = None


def cuts(step: int = 1) -> Iterator[Fault]:
    """The connection ends at every byte of an answer, whole and streamed."""
    for stream, answer in ((False, UNARY_ANSWER), (True, STREAM_ANSWER)):
        shape = "stream" if stream else "whole answer"
        for reset in (True, False):
            group = f"{'reset' if reset else 'closed'} at each byte, {shape}"
            for at in range(0, len(answer), step):
                yield Fault(group, f"at {at}", stream, TOLD if stream else ELSEWHERE, cut(at, reset=reset))
            at_end = TOLD | ANSWERED if stream else ANSWERED | ELSEWHERE
            yield Fault(group, "at the end", stream, at_end, cut(len(answer), reset=reset))


def silences() -> Iterator[Fault]:
    """Answers that come to a halt, or come slowly."""
    head = UNARY_ANSWER.index(b"\r\n\r\n") + 4
    for at in (0, 9, head - 1):
        yield Fault("headers that stall", f"at {at}", False, ELSEWHERE, stall(at))
        yield Fault("headers that stall", f"at {at}, streamed", True, ELSEWHERE, stall(at))
    for at in (head, len(UNARY_ANSWER) - 1):
        yield Fault("body that stalls", f"at {at}", False, ELSEWHERE, stall(at))
    head = STREAM_ANSWER.index(b"\r\n\r\n") + 4
    for at in (head, head + 40, len(STREAM_ANSWER) // 2, len(STREAM_ANSWER) - 1):
        yield Fault("stream that stalls", f"at {at}", True, TOLD, stall(at))
    yield Fault("slow body, in time", "", False, ANSWERED, trickle(0.002))
    yield Fault("slow body, in time", "streamed", True, ANSWERED, trickle(0.002))
    head = UNARY_ANSWER.index(b"\r\n\r\n") + 4
    late = FAILED | ELSEWHERE
    yield Fault("body too slow for the deadline", "", False, late, trickle(0.05, head))
    yield Fault("headers too slow for the deadline", "", False, late, trickle(0.15))
    yield Fault("headers too slow for the deadline", "streamed", True, late, trickle(0.15))


def nonsense() -> Iterator[Fault]:
    """Answers that are complete, and wrong."""

    def answer(kind: str, body: bytes, status: str = "200 OK") -> Act:
        head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\n"
        length = f"content-length: {len(body)}\r\n\r\n"
        return instead((head + length).encode() + body)

    page = b"<!DOCTYPE html><title>Sorry</title>"
    garbage = b'{"candidates": [{"content": \x00\xff\xfe'
    group = "garbage"
    yield Fault(group, "instead of HTTP", False, ELSEWHERE, instead(b"\x16\x03\x01" + b"\x00" * 200))
    yield Fault(group, "instead of HTTP, streamed", True, ELSEWHERE, instead(b"SSH-2.0\r\n\r\n"))
    yield Fault(group, "a head without end", False, ELSEWHERE, instead(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000))
    yield Fault(group, "JSON that is none", False, PASSED_ON, answer("application/json", garbage), given=garbage)
    yield Fault(group, "an error that is no JSON", False, ELSEWHERE, answer("text/plain", garbage, "503 No"))
    wrong = b"zz\r\nnot a chunk\r\n"
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    yield Fault(group, "chunks that are none", False, ELSEWHERE, instead(head + wrong))
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: 9\r\n\r\n"
    yield Fault(group, "gzip that is none", False, ELSEWHERE, instead(head + b"not gzip!"))
    group = "wrong content type"
    yield Fault(group, "a page", False, ELSEWHERE, answer("text/html", page))
    yield Fault(group, "a page for a stream", True, ELSEWHERE, answer("text/html", page))
    yield Fault(group, "JSON as text", False, ANSWERED, answer("text/plain", WHOLE))
    yield Fault(group, "none", False, ANSWERED, answer("", WHOLE))
    yield Fault(group, "a stream said to be JSON", True, ANSWERED, answer("application/json", STREAM))
    yield Fault(group, "JSON said to be a stream", False, ELSEWHERE, answer("text/event-stream", WHOLE))
    group = "truncated events"
    for at in (1, STREAM.index(b"\n\r\n") + 1, len(STREAM) // 2, len(STREAM) - 30):
        yield Fault(group, f"well framed, {at} bytes", True, TOLD, answer("text/event-stream", STREAM[:at]))
    most = STREAM[:-2]
    yield Fault(group, "the last blank line", True, PASSED_ON, answer("text/event-stream", most), given=most)
    yield Fault(group, "no event at all", True, ELSEWHERE, answer("text/event-stream", b""))
    yield Fault(group, "comments alone", True, ELSEWHERE, answer("text/event-stream", b": ping\n\n" * 3))


def doors() -> Iterator[Fault]:
    """Connections that don't come to be, or die under way."""
    for stream in (False, True):
        shape = ", streamed" if stream else ""
        for tls in ("stranger", "misnamed", "expired", "garbage", "closed", "mute"):
            yield Fault("TLS failure", f"{tls}{shape}", stream, ELSEWHERE, doors=(Door(tls=tls),))
        group = "proxy can't resolve or reach the host"
        for status in ("502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout", "403 Forbidden"):
            says = f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode()
            yield Fault(group, f"{status}{shape}", stream, ELSEWHERE, doors=(Door(says=says),))
        yield Fault(group, f"nonsense{shape}", stream, ELSEWHERE, doors=(Door(says=b"\x00\x01\x02\r\n\r\n"),))
        yield Fault(group, f"silence{shape}", stream, ELSEWHERE, doors=(Door(silent=True),))
        gone = (Door(dies_after=0),) * ATTEMPTS
        yield Fault("proxy gone for the whole call", shape.strip(", "), stream, FAILED, doors=gone)
        for most in (1, 100, 1000, 1500, 2000, 2200):
            ends = TOLD | ANSWERED
            yield Fault(
                "proxy dies under way", f"after {most} bytes{shape}", stream, ends, doors=(Door(dies_after=most),)
            )


def all_faults(step: int = 1) -> Iterator[Fault]:
    """Every fault; of the cuts, each `step`-th."""
    for faults in (nonsense(), silences(), doors(), cuts(step)):
        yield from faults
