"""A network without sockets for clients of either stack: what arrives is scripted, and so is when."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any, Self

from tests.world import Clock

Pieces = list[tuple[bytes, float]]
"""What arrives on a connection, each piece after so many seconds."""


class Network:
    """A network without sockets, for the connections of one client; notes how long each read would have waited."""

    def __init__(self, clock: Clock, *connections: Pieces) -> None:
        self.clock = clock
        self.connections = list(connections)
        self.waits: list[list[float]] = []

    def connect_tcp(self, *_: Any, **__: Any) -> Line:
        self.waits.append([])
        return Line(self.clock, iter(self.connections.pop(0)), self.waits[-1])


class Line:
    """One connection of it."""

    def __init__(self, clock: Clock, pieces: Iterator[tuple[bytes, float]], waits: list[float]) -> None:
        self.clock = clock
        self.pieces = pieces
        self.waits = waits

    def read(self, _: int, timeout: float | None = None) -> bytes:
        assert timeout is not None
        self.waits.append(timeout)
        data, took_s = next(self.pieces, (b"", 0.0))
        self.clock.now += min(took_s, timeout)
        if took_s > timeout:
            raise TimeoutError("silence")
        return data

    def write(self, *_: Any, **__: Any) -> None:
        pass

    def start_tls(self, *_: Any, **__: Any) -> Self:
        return self

    def get_extra_info(self, _: str) -> None:
        return None

    def close(self) -> None:
        pass


class AsyncNetwork(Network):
    """The same for async clients."""

    async def connect_tcp(self, *_: Any, **__: Any) -> Any:  # type: ignore[override]  # that is what async is
        return AsyncLine(super().connect_tcp())


class AsyncLine:
    """One connection of it."""

    def __init__(self, line: Line) -> None:
        self.line = line

    async def read(self, _: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as httpcore calls it
        return self.line.read(0, timeout)

    async def write(self, *_: Any, **__: Any) -> None:
        pass

    async def start_tls(self, *_: Any, **__: Any) -> Self:
        return self

    def get_extra_info(self, _: str) -> None:
        return None

    async def aclose(self) -> None:
        pass


def transport_over(network: Network, module: ModuleType) -> Any:
    """A transport of a stack, for the router's inner client, whose connections are of this network."""
    name = "AsyncHTTPTransport" if isinstance(network, AsyncNetwork) else "HTTPTransport"
    transport = getattr(module, name)()
    transport._pool._network_backend = network
    return transport
