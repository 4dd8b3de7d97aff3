"""Whether a request left on a connection that had been kept from an earlier one.

A service may close a kept connection just when the next request is on its way. That is no fault of the location,
and only a fresh connection shows how it is. The stacks tell what they do to a function in the request's
extensions (`trace`); a caller's own is told as before.
"""

from __future__ import annotations

from typing import Any

_TRACE = "trace"


class Kept:
    """Listens to how one request is sent; true once it goes out on a kept connection."""

    __slots__ = ("_fresh", "_own", "_sent")

    def __init__(self) -> None:
        self._fresh = self._sent = False
        self._own: Any = None

    def __bool__(self) -> bool:
        return self._sent and not self._fresh

    def listen(self, request: Any) -> None:
        """Has itself told of a request that a sync client will send."""
        self._own = request.extensions.get(_TRACE)
        request.extensions[_TRACE] = self._told

    def alisten(self, request: Any) -> None:
        """Has itself told of a request that an async client will send."""
        self._own = request.extensions.get(_TRACE)
        request.extensions[_TRACE] = self._atold

    def _told(self, event: str, info: dict[str, Any]) -> None:
        self._hear(event)
        if self._own is not None:
            self._own(event, info)

    async def _atold(self, event: str, info: dict[str, Any]) -> None:
        self._hear(event)
        if self._own is not None:
            await self._own(event, info)

    def _hear(self, event: str) -> None:
        if ".connect_" in event:  # tcp, or a socket of this machine; to the service or to a proxy
            self._fresh = True
        elif ".send_request_headers." in event:
            self._sent = True
