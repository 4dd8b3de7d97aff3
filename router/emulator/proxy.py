"""The CONNECT proxy in front of the emulated service: notes every host, and lets only Google's through.

What it lets through goes to the emulated service on this machine, whatever the host's name; so with
its address in `HTTPS_PROXY` clients use real host names, and nothing leaves the machine.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from router.emulator.listener import HOST
from router.emulator.records import Outcome
from router.emulator.wire import abort

Judge = Callable[[str, int, bool], Outcome]

_PATIENCE_S = 30.0
_READ = 64 * 1024
_H2, _HTTP1 = b"\x02h2", b"\x08http/1.1"
"""How a TLS client offers HTTP/2, and HTTP/1.1, in its first message. Source: RFC 7301."""
_NAME = re.compile(r"[A-Za-z0-9._:\[\]-]{1,253}")
_REFUSAL = b"This is the proxy of the vertex-router emulator. It forwards *.googleapis.com:443 and nothing else.\n"


class Tunnels:
    """The tunnels that are open to the door for gRPC, if there is one.

    `h2_port` is that door's; None if there is none. It can't see for itself which host a connection is
    for, so it is told here, by the port that the connection comes from.
    """

    def __init__(self) -> None:
        self.h2_port: int | None = None
        self._hosts: dict[int, str] = {}

    def host(self, port: int) -> str:
        """The host that the connection from this port is for; empty if there is none."""
        return self._hosts.get(port, "")

    def upstream(self, hello: bytes, port: int) -> int:
        """The port of the door for a client that begins its handshake so; `port` is that of HTTP/1.1."""
        only_h2 = _H2 in hello and _HTTP1 not in hello
        return self.h2_port if self.h2_port is not None and only_h2 else port

    def opened(self, writer: asyncio.StreamWriter, host: str) -> int:
        """Notes an open tunnel; gives its own port."""
        port: int = writer.get_extra_info("sockname")[1]
        self._hosts[port] = host
        return port

    def closed(self, port: int) -> None:
        """Forgets a tunnel."""
        self._hosts.pop(port, None)


class Proxy:
    """Handles the connections of the proxy.

    Args:
        judge: says what to do with a host and port, given whether a tunnel is wanted or (for plain
            HTTP) the answer itself; called once for each connection that says where it wants to go.
        upstream: the port of the emulated service.
        tunnels: which tunnels there are to its door for gRPC.
    """

    def __init__(self, judge: Judge, upstream: int, tunnels: Tunnels | None = None) -> None:
        self._judge = judge
        self._upstream = upstream
        self._tunnels = tunnels or Tunnels()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        verb, host, port = await _asked(reader)
        if not host:
            return
        outcome = self._judge(host, port, verb == "CONNECT")
        if outcome == "refused":
            writer.write(_head(403, "Forbidden", len(_REFUSAL)) + _REFUSAL)
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        if outcome == "reset":
            await _reset_at_first_word(reader, writer)
            return
        async with asyncio.timeout(_PATIENCE_S):
            hello = await reader.read(_READ)
        await _tunnel(reader, writer, self._tunnels.upstream(hello, self._upstream), hello, host, self._tunnels)


async def _asked(reader: asyncio.StreamReader) -> tuple[str, str, int]:
    """The verb, host and port of a request to the proxy; of one that can't be read, empty and 0."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return "", "", 0
    verb, target, *_ = (*head.split(b"\r\n", 1)[0].decode("latin-1").split(), "", "")
    authority = target.partition("://")[2].partition("/")[0] if "://" in target else target
    host, _, port = authority.rpartition(":") if ":" in authority else (authority, "", "80")
    host = host.rstrip(".").lower() if _NAME.fullmatch(host) else ""
    return verb, host, int(port) if re.fullmatch("[0-9]{1,5}", port) else 0


def _head(status: int, reason: str, length: int) -> bytes:
    return (
        f"HTTP/1.1 {status} {reason}\r\ncontent-type: text/plain\r\n"
        f"content-length: {length}\r\nconnection: close\r\n\r\n"
    ).encode()


async def _reset_at_first_word(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Resets the connection when the client begins its TLS handshake, as a host that is down would."""
    async with asyncio.timeout(_PATIENCE_S):
        await reader.read(1)
    abort(writer)


async def _tunnel(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, hello: bytes, host: str, tunnels: Tunnels
) -> None:
    """Carries bytes both ways until one side ends; a reset on one side is a reset on the other."""
    inner_reader, inner_writer = await asyncio.open_connection(HOST, port)
    own_port = tunnels.opened(inner_writer, host)
    inner_writer.write(hello)
    out = asyncio.create_task(_pump(reader, inner_writer))
    back = asyncio.create_task(_pump(inner_reader, writer))
    try:
        done, _ = await asyncio.wait({out, back}, return_when=asyncio.FIRST_COMPLETED)
        if any(task.exception() for task in done):
            abort(writer)
    finally:  # nothing is awaited before the connection is closed: a second cancellation could come
        tunnels.closed(own_port)
        inner_writer.transport.abort()
        out.cancel()
        back.cancel()
        await asyncio.gather(out, back, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_READ):
        writer.write(data)
        await writer.drain()
