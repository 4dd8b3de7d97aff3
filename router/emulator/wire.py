"""One HTTP/1.1 connection, seen from the server, with full control of how an answer reaches the client.

An answer is a list of steps that the connection plays: wait, send the head, send bytes, and, to
misbehave, break off. Whatever can go wrong for a client on the wire can be written as such a list.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from http.client import responses
from urllib.parse import parse_qs

import h11

IDLE_S = 300.0
"""How long a connection may take for its next request, and a client to take an answer."""

HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 64 * 1024 * 1024
_READ = 64 * 1024
_LINGER_S = 1.0


@dataclass(frozen=True)
class Request:
    """A request as it arrived; header names are in lower case."""

    verb: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header, empty when it is absent."""
        return next((value for key, value in self.headers if key == name), "")

    @property
    def host(self) -> str:
        """The host it is addressed to, without port."""
        return self.header("host").partition(":")[0].rstrip(".").lower()

    @property
    def path(self) -> str:
        """The target without its query, percent-escapes as sent."""
        return self.target.partition("?")[0]

    @cached_property
    def query(self) -> dict[str, str]:
        """The last value of each query parameter."""
        return {key: values[-1] for key, values in parse_qs(self.target.partition("?")[2]).items()}


@dataclass(frozen=True, slots=True)
class Wait:
    """Let this many seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Head:
    """Send status and headers; without `content-length` the body is sent in chunks."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()


class Break(Enum):
    """An answer that doesn't come to its end."""

    CUT = "cut"
    """Close the connection as if the answer were complete."""
    RESET = "reset"
    """Reset the connection; what was sent may be lost."""
    HANG = "hang"
    """Send nothing more and keep the connection open."""


Step = Wait | Head | bytes | Break
Respond = Callable[[Request], Iterable[Step]]


class _Ended(Exception):
    """This connection has no more to say."""


def whole(status: int, kind: str, body: bytes, headers: Iterable[tuple[str, str]] = ()) -> list[Step]:
    """The steps of an answer that is sent in one piece."""
    return [Head(status, (("content-type", kind), *headers, ("content-length", str(len(body))))), body]


def abort(writer: asyncio.StreamWriter) -> None:
    """Resets a connection, so that its peer sees an error instead of an end."""
    raw = writer.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, respond: Respond) -> None:
    """Answers the requests of one connection until either side ends it."""
    peer = _Peer(reader, writer)
    try:
        while (request := await peer.request()) is not None:
            await peer.play(respond(request))
    except (_Ended, ConnectionError, ssl.SSLError, TimeoutError):
        return  # the client is gone, or the answer was meant to break off


class _Peer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)

    async def request(self) -> Request | None:
        """The next request, or None when the client has no more or can't be understood."""
        try:
            async with asyncio.timeout(IDLE_S):
                return await self._receive()
        except h11.RemoteProtocolError as error:
            await self._refuse(error.error_status_hint, str(error))
            return None

    async def play(self, steps: Iterable[Step]) -> None:
        """Plays an answer, then readies the connection for the next request.

        Raises:
            _Ended: the connection can't be used any more.
        """
        for step in steps:
            await self._play(step)
        await self._send(h11.EndOfMessage())
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            raise _Ended
        self._http.start_next_cycle()

    async def _receive(self) -> Request | None:
        head = await self._event()
        if not isinstance(head, h11.Request):
            return None
        if self._http.they_are_waiting_for_100_continue:
            await self._send(h11.InformationalResponse(status_code=100, headers=[]))
        body = bytearray()
        while isinstance(data := await self._event(), h11.Data):
            body += data.data
            if len(body) > BODY_LIMIT:
                await self._refuse(413, f"The body is larger than {BODY_LIMIT} bytes.")
                return None
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
        return Request(head.method.decode(), head.target.decode("latin-1"), headers, bytes(body))

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(_READ))
        return event

    async def _play(self, step: Step) -> None:
        match step:
            case Wait(seconds=seconds):
                await asyncio.sleep(seconds)
            case Head(status=status, headers=headers):
                framed = any(name == "content-length" for name, _ in headers)
                headers += () if framed else (("transfer-encoding", "chunked"),)
                reason = responses.get(status, "").encode()
                await self._send(h11.Response(status_code=status, headers=list(headers), reason=reason))
            case bytes():
                await self._send(h11.Data(data=step))
            case Break.RESET:
                abort(self._writer)
                raise _Ended
            case Break.HANG:
                await self._outlast_client(IDLE_S)
                raise _Ended
            case Break.CUT:
                raise _Ended

    async def _send(self, event: h11.Event) -> None:
        self._writer.write(self._http.send(event) or b"")
        async with asyncio.timeout(IDLE_S):
            await self._writer.drain()

    async def _outlast_client(self, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while await self._reader.read(_READ):
                pass

    async def _refuse(self, status: int, why: str) -> None:
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            for step in whole(status, "text/plain; charset=utf-8", why.encode(), [("connection", "close")]):
                await self._play(step)
            if self._writer.can_write_eof():
                self._writer.write_eof()
            await self._outlast_client(_LINGER_S)  # closing with input unread would reset the refusal away
