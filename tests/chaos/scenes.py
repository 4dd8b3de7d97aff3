"""What goes wrong around a call rather than on its connection: names, clocks, kept connections.

Each scene plays with one caller and gives how its call ended; it raises `Broken` where that is wrong.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from types import ModuleType
from typing import Any

import pytest

from router import NoRoute
from router.emulator.listener import HOST
from tests.chaos.calls import Broken, Caller, Clock
from tests.chaos.wire import Act, Line, Wire, cut, leave

PROXY_NAME = "proxy.invalid"


class Names:
    """The resolver of this process, for one name; while `down`, it is not found."""

    down = False


@contextmanager
def resolving() -> Iterator[Names]:
    """Has `PROXY_NAME` resolved to loopback, or not at all; no query leaves this process."""
    names, real = Names(), socket.getaddrinfo

    def found(host: Any, *args: Any, **options: Any) -> Any:
        if host not in (PROXY_NAME, PROXY_NAME.encode()):
            return real(host, *args, **options)
        if names.down:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(HOST, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", found)
        yield names


def dns(module: ModuleType, wire: Wire, *, is_async: bool) -> str:
    """No name is resolved for one call; then all are."""
    port = wire.proxy_url.rpartition(":")[2]
    with (
        resolving() as names,
        Caller(module, is_async=is_async, wire=wire, proxy_url=f"http://{PROXY_NAME}:{port}") as caller,
    ):
        names.down = True
        end = caller.meet(stream=False)
        said = caller.judge(end, stream=False)
        kinds = {each.signal.kind for each in end.traces[0].tried}
        if kinds != {"connect"}:
            raise Broken(f"names that are not found are told as {kinds}")
        names.down = False
        caller.check_well()
    return said


def _jump(clock: Clock, seconds: float) -> Act:
    """The clock jumps while the service makes its answer."""

    async def act(line: Line) -> bool:
        clock.ahead_s += seconds
        line.writer.write(line.answer)
        return True

    return act


def clock_jumps(seconds: float) -> Callable[..., str]:
    """The clock jumps in the middle of a call, as it may when a machine sleeps."""

    def scene(module: ModuleType, wire: Wire, *, is_async: bool) -> str:
        with Caller(module, is_async=is_async, wire=wire) as caller:
            ends = set()
            for stream in (False, True):
                end = caller.meet(_jump(caller.clock, seconds), stream=stream)
                ends.add(caller.judge(end, stream=stream))
                caller.check_well()
        return " / ".join(sorted(ends))

    return scene


def day_jumps(module: ModuleType, wire: Wire, *, is_async: bool) -> str:
    """The date falls to before every claim: nothing may be sent. Then it is right again."""
    with Caller(module, is_async=is_async, wire=wire) as caller:
        caller.check_well()
        came = len(wire.got)
        caller.today = date(2020, 1, 1)
        end = caller.meet(stream=False)
        if not isinstance(end.error, NoRoute) or len(wire.got) != came:
            raise Broken(f"on a day without a claim: {end.error!r}, {len(wire.got) - came} sent")
        caller.today = date(2026, 11, 21)
        caller.check_well()
    return "refused, nothing sent"


def stale(module: ModuleType, wire: Wire, *, is_async: bool) -> str:
    """The kept connection is closed by the service before the next call."""
    ends = set()
    with Caller(module, is_async=is_async, wire=wire) as caller:
        for stream in (False, True):
            caller.judge(caller.meet(leave, stream=stream), stream=stream)
            ends.add(caller.judge(caller.meet(stream=stream), stream=stream))
        caller.forget_connections()
        caller.check_well()
    if not ends <= {"answered", "answered elsewhere"}:
        raise Broken(f"a stale connection: {ends}")
    return " / ".join(sorted(ends))


def closed_in_use(module: ModuleType, wire: Wire, *, is_async: bool) -> str:
    """A kept connection is closed when the next call is on it: the same location answers on a fresh one."""
    ends = set()
    with Caller(module, is_async=is_async, wire=wire) as caller:
        for stream in (False, True):
            caller.forget_connections()
            caller.check_well()
            end = caller.meet(cut(0, reset=stream), stream=stream)
            caller.judge(end, stream=stream)
            (trace,) = end.traces
            first, again = (each.attempt.candidate.location for each in trace.tried)
            if first != again or trace.tried[0].signal.kind != "stale":
                raise Broken(f"a kept connection is closed, and it is held against the location: {trace}")
            ends.add("answered on a fresh connection")
    return " / ".join(sorted(ends))


SCENES: dict[str, Callable[..., str]] = {
    "names not resolved": dns,
    "clock an hour ahead, in the middle": clock_jumps(3600.0),
    "clock a minute back, in the middle": clock_jumps(-60.0),
    "date before every claim": day_jumps,
    "kept connection gone stale": stale,
    "kept connection closed by the next call": closed_in_use,
}
