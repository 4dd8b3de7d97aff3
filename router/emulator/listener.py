"""Accepts connections on loopback, and leaves none behind.

`asyncio.start_server` loses a connection that comes while it closes: the socket stays open until it
is collected. So connections are accepted here one by one, each into a task that owns its socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable

_log = logging.getLogger("router.emulator")

HOST = "127.0.0.1"
_HANDSHAKE_S = 10.0
_FAREWELL_S = 2.0

_TURNS = 10
"""Turns of the loop in which aborted sockets close and their peers in this loop notice."""

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """Hands each connection to a handler, and closes it when the handler is done.

    A handler that raises ends its own connection only; what is more than a lost connection is logged.
    Needs a loop that can watch sockets: on Windows, the selector one.
    """

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self._handler = handler
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket: socket.socket | None = None

    async def open(self) -> int:
        """Listens on a free port of loopback, and gives it."""
        listening = self._socket = socket.create_server((HOST, 0), backlog=128)
        listening.setblocking(False)
        asyncio.get_running_loop().add_reader(listening, self._accept, listening)
        port: int = listening.getsockname()[1]
        return port

    async def close(self) -> None:
        """Stops listening and ends every connection now."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
        await asyncio.sleep(0)  # a task that is cancelled before it begins wouldn't close its socket
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the client is gone already
            connection, _ = listening.accept()
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # each event at once
            task = asyncio.get_running_loop().create_task(self._serve(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        try:
            reader, writer = await self._streams(connection)
        except OSError:
            return  # the handshake failed, which closes the connection
        try:
            await self._handler(reader, writer)
            await _closed(writer)
        except OSError:
            pass  # the client is gone
        except Exception:
            _log.exception("the emulator can't answer: a mistake of its own")
        finally:
            writer.transport.abort()

    async def _streams(self, connection: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        handshake, farewell = (_HANDSHAKE_S, _FAREWELL_S) if self._tls else (None, None)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol,
            connection,
            ssl=self._tls,
            ssl_handshake_timeout=handshake,
            ssl_shutdown_timeout=farewell,
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _closed(writer: asyncio.StreamWriter) -> None:
    """Closes a connection once what was written is sent, unless its peer doesn't take it."""
    writer.close()
    with contextlib.suppress(OSError):
        async with asyncio.timeout(_FAREWELL_S):
            await writer.wait_closed()
