"""How a thread and a task wait for their turn: for a time, or until a bell rings from anywhere."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Awaitable, Callable

from router.loops import running_loop
from router.trace import Wait


def wait(step: Wait) -> None:
    """Waits in a thread."""
    if step.bell is None:
        time.sleep(step.delay_s)
        return
    rung = threading.Event()
    step.bell.listen(rung.set)
    rung.wait(step.delay_s)


async def async_wait(step: Wait) -> None:
    """Waits in a task of asyncio or trio."""
    from anyio import Event, move_on_after, sleep  # noqa: PLC0415 - sync programs need no event loop

    if step.bell is None:
        await sleep(step.delay_s)
        return
    rung, call = Event(), _caller()

    def ring() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, and with it whoever waited
            call(rung.set)

    step.bell.listen(ring)
    with move_on_after(step.delay_s):
        await rung.wait()


def _caller() -> Callable[[Callable[[], object]], object]:
    """The way to have something called in this event loop, asyncio's or trio's, from any thread."""
    loop = running_loop()
    call: Callable[[Callable[[], object]], object] | None = getattr(loop, "call_soon_threadsafe", None)
    return call or loop.run_sync_soon


def seconds(sleep: Callable[[float], object]) -> Callable[[Wait], object]:
    """A wait that only sleeps, and hears no bell: for clocks that are not the real one."""
    return lambda step: sleep(step.delay_s)


def async_seconds(sleep: Callable[[float], Awaitable[object]]) -> Callable[[Wait], Awaitable[object]]:
    """The same for tasks."""
    return lambda step: sleep(step.delay_s)
