"""The inner clients through which routed requests leave, and their lifetime.

Inner *clients*, not bare transports: only a client heeds proxies, NO_PROXY and SSL_CERT_FILE, for
each host it is sent to. There is one sync client for a stack, and one async client for a stack and
event loop, since a connection can't outlive its loop. Uses are counted: closing waits for requests
under way, and a later request opens a new client, so that one owner's `close()` does not break
another that shares the object.

A connection that was given up while it came to be (a handshake that failed behind a proxy, a cancelled
one) may stay in the client's pool for good, counted as in use. So a client in which a quarter of the
connections may be lost that way is retired, and another takes its place; but not while the one before
it is in use, so that there are never more than two, with twice the connections.
"""

from __future__ import annotations

import threading
from typing import Any
from weakref import WeakKeyDictionary

from router.deadline import hold
from router.loops import running_loop
from router.stack import Stack

USUAL_CONNECTIONS = 100
"""How many connections a client of either stack opens unless it is told otherwise."""


class Lease:
    """An inner client, with the number of requests that use it, and of connections that it may have lost."""

    __slots__ = ("_choose", "before", "client", "closing", "lost", "users")

    def __init__(self, client: Any, before: Lease | None = None) -> None:
        self.client = client
        # The stacks' own name for it; where one has it no more, its client does the sending.
        choose = getattr(client, "_transport_for_url", None)
        self._choose = None if any(client.event_hooks.values()) else choose
        self.before = before
        self.users = 0
        self.lost = 0
        self.closing = False

    def way(self, stack: Stack, request: Any) -> Any:
        """The transport by which the client would send this request, through a proxy if need be: to be asked without
        the work that clients do around it. None where the client is to send it itself, since somebody listens."""
        return None if self._choose is None or stack.logs else self._choose(request.url)

    def give_back(self) -> bool:
        """One use less; whether the client is to be closed now."""
        self.users -= 1
        return self.closing and self.users == 0

    def retire(self) -> bool:
        """No new uses; whether the client is to be closed now."""
        self.closing = True
        return self.users == 0


class Clients:
    """The inner clients of one transport.

    Args:
        options: keyword arguments for every inner client (`verify`, `proxy`, `limits`, ...).
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        most = getattr(options.get("limits"), "max_connections", None) or USUAL_CONNECTIONS
        self._bearable = max(1, most // 4)
        self._lock = threading.Lock()
        self._sync: dict[Stack, Lease] = {}
        self._async: WeakKeyDictionary[Any, dict[Stack, Lease]] = WeakKeyDictionary()

    def take(self, stack: Stack) -> Lease:
        """The sync client of a stack, for one request; to be given back with `done`."""
        with self._lock:
            lease = self._sync.get(stack) or self._opened(self._sync, stack, "Client")
            lease.users += 1
        return lease

    def atake(self, stack: Stack) -> Lease:
        """The async client of a stack in the running event loop; to be given back with `adone`."""
        loop = running_loop()
        with self._lock:
            leases = self._async.setdefault(loop, {})
            lease = leases.get(stack) or self._opened(leases, stack, "AsyncClient")
            lease.users += 1
        return lease

    def done(self, lease: Lease) -> None:
        """Gives a sync client back."""
        with self._lock:
            over = lease.give_back()
        if over:
            lease.client.close()

    async def adone(self, lease: Lease) -> None:
        """Gives an async client back."""
        with self._lock:
            over = lease.give_back()
        if over:
            await lease.client.aclose()

    def lost(self, lease: Lease) -> None:
        """A connection of this client was given up while it came to be; with too many of them it is retired."""
        with self._lock:
            lease.lost += 1
            if lease.lost < self._bearable or lease.closing or (lease.before and lease.before.users):
                return
            for leases in (self._sync, *self._async.values()):
                for stack in [stack for stack, each in leases.items() if each is lease]:
                    leases[stack] = Lease(self._made(type(lease.client)), before=lease)
            lease.before = None
            lease.retire()  # whoever says so uses it, so it is closed later

    def close(self) -> None:
        """Closes the sync clients, each when its last request has ended."""
        for lease in self._retired(self._sync):
            lease.client.close()

    async def aclose(self) -> None:
        """Closes the async clients of the running event loop, each when its last request has ended."""
        for lease in self._retired(self._async.get(running_loop(), {})):
            await lease.client.aclose()

    def _opened(self, leases: dict[Stack, Lease], stack: Stack, kind: str) -> Lease:
        leases[stack] = lease = Lease(self._made(getattr(stack.module, kind)))
        return lease

    def _made(self, kind: type[Any]) -> Any:
        return hold(kind(**self._options))

    def _retired(self, leases: dict[Stack, Lease]) -> list[Lease]:
        with self._lock:
            idle = [lease for lease in leases.values() if lease.retire()]
            leases.clear()
        return idle
