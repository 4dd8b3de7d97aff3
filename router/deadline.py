"""The end of an attempt, held against a service that drips; and whether the attempt left on a kept connection.

HTTP stacks count the silence between two pieces that arrive, and know no end of it all. An async attempt is
cancelled at its end; a thread can't be. So the network of a sync client is wrapped: while a thread makes an
attempt, nothing that it reads or writes waits beyond the attempt's end. After that, whoever reads a stream that
was handed over waits as long as the policy's silence lasts.

A service may close a kept connection just when the next request is on its way. That is no fault of the location,
and only a fresh connection shows how it is. So the network, of async clients too, notes in the attempt's deadline
what is done for it: asking the stack to tell of each of its steps would cost as much as all the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any


class Deadline:
    """When an attempt is to have ended, by the router's clock.

    While it is entered, this thread does not wait for the network beyond it, and what this thread or task does with
    the network is noted.

    Args:
        clock: seconds, monotonic.
        seconds: from now.
    """

    __slots__ = ("_clock", "_token", "_until", "connected", "sent")

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._until = clock() + seconds
        self._token: Token[Deadline | None] | None = None
        self.connected = self.sent = False

    @property
    def on_kept_connection(self) -> bool:
        """Whether something was sent, and no connection opened for it."""
        return self.sent and not self.connected

    def left_s(self) -> float:
        """What is left of it.

        Raises:
            TimeoutError: nothing.
        """
        left = self._until - self._clock()
        if left <= 0:
            raise TimeoutError("the answer took longer than the request's deadline")
        return left

    def least_s(self, timeout: float | None) -> float:
        """What is left of it, or a shorter time limit.

        Raises:
            TimeoutError: nothing is left.
        """
        if timeout is not None and timeout <= self._until - self._clock():
            return timeout
        return self.left_s()

    def __enter__(self) -> None:
        self._token = _held.set(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._token is not None:
            _held.reset(self._token)


_held: ContextVar[Deadline | None] = ContextVar("held", default=None)


def hold(client: Any) -> Any:
    """The client, whose network heeds and tells deadlines; a transport of the caller's own stays as it is."""
    network = _AsyncNetwork if hasattr(client, "aclose") else _Network
    # A client takes no network, though its connection pools do: so it is set where they keep it.
    for transport in (client._transport, *client._mounts.values()):
        pool: Any = getattr(transport, "_pool", None)
        if hasattr(pool, "_network_backend"):
            pool._network_backend = network(pool._network_backend)
    return client


def _least(timeout: float | None) -> float | None:
    deadline = _held.get()
    return timeout if deadline is None else deadline.least_s(timeout)


def _connecting() -> None:
    if (deadline := _held.get()) is not None:
        deadline.connected = True


class _Wrapper:
    """A network backend, or a connection, of httpcore or httpcore2."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Network(_Wrapper):
    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **options: Any) -> Any:
        _connecting()
        return _Line(self._inner.connect_tcp(host, port, _least(timeout), **options))


class _Line(_Wrapper):
    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        got: bytes = self._inner.read(max_bytes, _least(timeout))
        return got

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if (deadline := _held.get()) is not None:
            deadline.sent, timeout = True, deadline.least_s(timeout)
        self._inner.write(buffer, timeout)

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> Any:
        return _Line(self._inner.start_tls(ssl_context, server_hostname, _least(timeout)))


class _AsyncNetwork(_Wrapper):
    async def connect_tcp(self, *args: Any, **options: Any) -> Any:
        _connecting()
        return _AsyncLine(await self._inner.connect_tcp(*args, **options))


class _AsyncLine(_Wrapper):
    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's own
        if (deadline := _held.get()) is not None:
            deadline.sent = True
        await self._inner.write(buffer, timeout)

    async def start_tls(self, *args: Any, **options: Any) -> Any:
        return _AsyncLine(await self._inner.start_tls(*args, **options))
