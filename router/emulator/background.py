"""Runs an asyncio program in a thread of its own, next to code that knows nothing of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

from router.emulator.errors import StartFailed

_log = logging.getLogger("router.emulator")

T = TypeVar("T")

_START_S = 20.0
_STOP_S = 20.0


class Background(Generic[T]):
    """Holds an async context open in a thread with its own event loop.

    Args:
        context: makes what is held open.
    """

    def __init__(self, context: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self._context = context
        self._ready: Future[T] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._main, name="vertex-emulator", daemon=True)

    def start(self) -> T:
        """Starts the thread; gives what the context gives.

        Raises:
            StartFailed: the context couldn't be entered, or not in time.
        """
        self._thread.start()
        try:
            return self._ready.result(timeout=_START_S)
        except Exception as error:
            raise StartFailed(f"the emulator did not start: {error!r}") from error

    def stop(self) -> None:
        """Leaves the context and waits until the thread has ended."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # its loop has closed by itself
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_S)

    def _main(self) -> None:
        try:
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._hold())
        except Exception as error:  # the thread has no one else to tell
            if not self._ready.done():
                self._ready.set_exception(error)
            _log.debug("the emulator's thread failed", exc_info=True)

    async def _hold(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(_quietly)
        async with self._context() as value:
            self._ready.set_result(value)
            await self._stop.wait()


def _quietly(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Clients that come and go as they like are no news: handshakes that fail, resets."""
    _log.debug("%s", context.get("message"), exc_info=context.get("exception"))
