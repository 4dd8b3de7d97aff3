"""A bell: how a waiting request hears, before its time is over, that it is worth looking again."""

from __future__ import annotations

from collections.abc import Callable


class Bell:
    """Rung by whoever has news, listened to by whoever waits; the two may be in different threads.

    A ring before anybody listens is not lost: the listener is called as soon as it is there.
    """

    __slots__ = ("_listener", "_rung")

    def __init__(self) -> None:
        self._rung = False
        self._listener: Callable[[], object] | None = None

    def ring(self) -> None:
        """Calls the listener, now or when there is one. It must not block."""
        self._rung = True
        if (listener := self._listener) is not None:
            listener()

    def listen(self, listener: Callable[[], object]) -> None:
        """Whom to call from now on."""
        self._listener = listener
        if self._rung:
            listener()

    def reset(self) -> None:
        """Forgets rings and listener."""
        self._rung, self._listener = False, None
