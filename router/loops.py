"""The event loop that runs, asyncio's or trio's: what stands for it, and how a task is given a time limit.

anyio tells both, for either. Where the loop is asyncio's, its own means tell the same at a third of the cost.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any


def running_loop() -> Any:
    """What stands for the running event loop."""
    if (loop := _asyncio_loop()) is not None:
        return loop
    from anyio.lowlevel import current_token  # noqa: PLC0415 - sync programs need no event loop

    token = current_token()
    return getattr(token, "native_token", token)


def time_limit(seconds: float) -> AbstractAsyncContextManager[object]:
    """Cancels what a task does inside it when the time is over, and raises `TimeoutError` then."""
    if _asyncio_loop() is None:
        return _any_time_limit(seconds)
    import asyncio  # noqa: PLC0415

    return asyncio.timeout(seconds)


def _asyncio_loop() -> Any:
    """The loop of the asyncio task that runs; None where none does: trio may run as a guest of an asyncio loop."""
    import asyncio  # noqa: PLC0415 - sync programs need no event loop

    try:
        task = asyncio.current_task()
    except RuntimeError:
        return None
    return None if task is None else task.get_loop()


@asynccontextmanager
async def _any_time_limit(seconds: float) -> AsyncGenerator[None]:
    from anyio import fail_after  # noqa: PLC0415 - sync programs need no event loop

    with fail_after(seconds):
        yield
