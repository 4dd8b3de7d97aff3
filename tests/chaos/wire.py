"""A service that misbehaves to the byte: real TLS behind a real CONNECT proxy on loopback, in a thread.

The emulator speaks HTTP correctly, whatever it says; here an answer is bytes, of which a fault sends as
many as it likes, and the proxy and the handshake can fail as well. Faults are for one request (by its
`x-number`, wherever its first attempt goes) or for the next connection. What came is noted.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from typing import NamedTuple

import trustme

from router.emulator.background import Background
from router.emulator.listener import HOST, Listener
from router.emulator.tls import NAMES
from router.emulator.wire import abort
from tests.world import location_in, piece, sse

WORDS = ("In the beginning ", "was the word, ", "and it was split ", "into many parts.")
_CHUNK = 64
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n"


def _framed(kind: bytes, body: bytes, rest: bytes) -> bytes:
    return _HEAD % kind + rest + b"\r\n\r\n" + body


def _in_chunks(body: bytes) -> bytes:
    parts = [body[at : at + _CHUNK] for at in range(0, len(body), _CHUNK)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*parts, b""])


WHOLE = (
    b'{"candidates": [{"content": {"parts": [{"text": "' + "".join(WORDS).encode() + b'"}]}, "finishReason": "STOP"}]}'
)
STREAM = sse(*(piece(word, last=word == WORDS[-1]) for word in WORDS))

UNARY_ANSWER = _framed(b"application/json", WHOLE, b"content-length: %d" % len(WHOLE))
STREAM_ANSWER = _framed(b"text/event-stream", _in_chunks(STREAM), b"transfer-encoding: chunked")


class Line(NamedTuple):
    """One request's connection, and the whole answer that it would get."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    answer: bytes

    async def hold(self) -> None:
        """Says nothing more until the client has gone."""
        while await self.reader.read(4096):
            pass


Act = Callable[[Line], Awaitable[bool]]
"""What happens instead of the answer; whether the connection goes on."""


def cut(at: int, *, reset: bool) -> Act:
    """The connection ends after so many bytes of the answer: reset, or closed as if that were all."""

    async def act(line: Line) -> bool:
        line.writer.write(line.answer[:at])
        with suppress(OSError):
            await line.writer.drain()
        if reset:
            abort(line.writer)
        return False

    return act


def stall(at: int) -> Act:
    """Nothing more comes after so many bytes, and the connection stays open."""

    async def act(line: Line) -> bool:
        line.writer.write(line.answer[:at])
        await line.hold()
        return False

    return act


def trickle(every_s: float, begin: int = 0) -> Act:
    """From a place on, the answer comes byte by byte."""

    async def act(line: Line) -> bool:
        line.writer.write(line.answer[:begin])
        for at in range(begin, len(line.answer)):
            line.writer.write(line.answer[at : at + 1])
            await line.writer.drain()
            await asyncio.sleep(every_s)
        return True

    return act


def instead(answer: bytes) -> Act:
    """Other bytes are sent, and the connection is closed."""

    async def act(line: Line) -> bool:
        line.writer.write(answer)
        return False

    return act


async def leave(line: Line) -> bool:
    """All is well, but the connection is closed behind the answer: what is kept of it is stale."""
    line.writer.write(line.answer)
    return False


class Door(NamedTuple):
    """What happens to the next connection: which certificate it meets, what the proxy does to it.

    `tls` names a context of `Wire`; `says` is what the proxy answers instead of opening a tunnel; it dies
    after `dies_after` bytes from the service; `silent` says nothing at all.
    """

    tls: str = "good"
    says: bytes = b""
    dies_after: int | None = None
    silent: bool = False


class Got(NamedTuple):
    """A request that arrived."""

    number: str
    host: str
    location: str


class Wire:
    """The service, its proxy, and what they noted."""

    def __init__(self) -> None:
        self.acts: dict[str, Act] = {}
        self.doors: deque[Door] = deque()
        self.got: list[Got] = []
        self.hosts: set[str] = set()
        authority = trustme.CA()
        self.client_tls = ssl.create_default_context()
        authority.configure_trust(self.client_tls)
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        self._contexts = {
            "good": _context(authority.issue_cert(*NAMES)),
            "stranger": _context(trustme.CA().issue_cert(*NAMES)),
            "misnamed": _context(authority.issue_cert("example.org")),
            "expired": _context(
                authority.issue_cert(*NAMES, not_before=datetime(2019, 1, 1, tzinfo=UTC), not_after=long_ago)
            ),
        }
        self._ports: dict[str, int] = {}
        self.port = 0

    @property
    def proxy_url(self) -> str:
        """Where clients find the proxy."""
        return f"http://{HOST}:{self.port}"

    @contextmanager
    def running(self) -> Iterator[Wire]:
        """Listens while the context is held, in a thread; afterwards nothing of it is open."""
        thread = Background(self._opened)
        try:
            self.port = thread.start()
            yield self
        finally:
            thread.stop()

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[int]:
        listeners = {name: Listener(self._serve, context) for name, context in self._contexts.items()}
        listeners |= {"garbage": Listener(_garbage), "closed": Listener(_closed), "mute": Listener(_mute)}
        self._ports = {name: await listener.open() for name, listener in listeners.items()}
        proxy = Listener(self._proxy)
        try:
            yield await proxy.open()
        finally:
            for listener in (proxy, *listeners.values()):
                await listener.close()

    async def _proxy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.hosts.add(head.split()[1].decode().partition(":")[0])
            door = self.doors.popleft() if self.doors else Door()
            if door.silent:
                await reader.read()
                return
            writer.write(door.says or b"HTTP/1.1 200 Connection established\r\n\r\n")
            if not door.says:
                await self._tunnel(reader, writer, door)

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, door: Door) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(HOST, self._ports[door.tls])
        ways = [
            asyncio.create_task(_pump(reader, inner_writer, None)),
            asyncio.create_task(_pump(inner_reader, writer, door.dies_after)),
        ]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if any(way.exception() for way in done):
                abort(writer)
        finally:
            inner_writer.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while await self._answer(reader, writer):
                pass

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = dict(re.findall(r"(?m)^([\w-]+): *(.*?)\r$", head.lower()))
        await reader.readexactly(int(headers.get("content-length", 0)))
        path = head.split(" ", 2)[1]
        self.got.append(Got(headers.get("x-number", ""), headers["host"], location_in(path)))
        answer = STREAM_ANSWER if ":stream" in path else UNARY_ANSWER
        act = self.acts.pop(headers.get("x-number", ""), None)
        if act is not None:
            return await act(Line(reader, writer, answer))
        writer.write(answer)
        await writer.drain()
        return True


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None) -> None:
    """Carries bytes; raises when so many have been carried."""
    while data := await reader.read(65536):
        data = data if most is None else data[:most]
        writer.write(data)
        await writer.drain()
        if most is not None and (most := most - len(data)) <= 0:
            raise ConnectionResetError("the proxy died")


async def _garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4096)
    writer.write(b"SSH-2.0-OpenSSH_9.9\r\n" * 20)


async def _closed(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read(4096)


async def _mute(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        pass


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
