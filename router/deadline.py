"""The end of an attempt, held against a service that drips.

HTTP stacks count the silence between two pieces that arrive, and know no end of it all. An async attempt is
cancelled at its end; a thread can't be. So the network of a sync client is wrapped: while a thread makes an
attempt, nothing that it reads or writes waits beyond the attempt's end. After that, whoever reads a stream that
was handed over waits as long as the policy's silence lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any


class Deadline:
    """When an attempt is to have ended, by the router's clock.

    Args:
        clock: seconds, monotonic.
        seconds: from now.
    """

    __slots__ = ("_clock", "_until")

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._until = clock() + seconds

    def left_s(self) -> float:
        """What is left of it.

        Raises:
            TimeoutError: nothing.
        """
        left = self._until - self._clock()
        if left <= 0:
            raise TimeoutError("the answer took longer than the request's deadline")
        return left

    @contextmanager
    def held(self) -> Iterator[None]:
        """While the context is held, this thread does not wait for the network beyond it."""
        token = _held.set(self)
        try:
            yield
        finally:
            _held.reset(token)


_held: ContextVar[Deadline | None] = ContextVar("held", default=None)


def _least(timeout: float | None) -> float | None:
    deadline = _held.get()
    if deadline is None:
        return timeout
    left = deadline.left_s()
    return left if timeout is None else min(timeout, left)


def hold(client: Any) -> Any:
    """The sync client, whose network heeds deadlines; one with a transport of the caller's own stays as it is."""
    # A client takes no network, though its connection pools do: so it is set where they keep it.
    for transport in (client._transport, *client._mounts.values()):
        pool: Any = getattr(transport, "_pool", None)
        if hasattr(pool, "_network_backend"):
            pool._network_backend = _Network(pool._network_backend)
    return client


class _Network:
    """A network backend of httpcore, or of httpcore2."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **options: Any) -> Any:
        return _Line(self._inner.connect_tcp(host, port, _least(timeout), **options))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Line:
    """A connection of such a network."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        got: bytes = self._inner.read(max_bytes, _least(timeout))
        return got

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _least(timeout))

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> Any:
        return _Line(self._inner.start_tls(ssl_context, server_hostname, _least(timeout)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
