"""Which location a conversation was served at, so that it goes back to where its prompt cache is.

A move pays for the cache again, and a location's cache is of no use to another; so requests that begin
alike are tried first where one of them was answered, as long as that place has capacity.

Source: prompt caches, implicit, explicit and Claude's, are reused for "a similar prefix in a short time";
that they are kept by location is documented for explicit ones and assumed for the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from cachetools import TTLCache

from router.plan import Pool

PREFIX_BYTES = 4096
"""Requests that agree in so many bytes are taken for one conversation; shorter ones have nothing worth caching."""

_REMEMBERED = 4096


def affinity_key(model: str, body: bytes | None, named: str = "") -> str:
    """What requests of one conversation have in common; empty for a request that has nothing to come back to.

    Args:
        model: the catalog's id of the model.
        body: as it is sent; None when it can be sent only once.
        named: the caller's own key, which goes before everything else.
    """
    if named:
        return f"{model} key {named}"
    if body is None or len(body) <= PREFIX_BYTES:
        return ""
    from hashlib import blake2b  # noqa: PLC0415 - it loads OpenSSL, a third of the memory that importing takes

    return f"{model} {blake2b(body[:PREFIX_BYTES], digest_size=16).hexdigest()}"


class Affinity:
    """The pools that conversations were served by, each for a while. Safe to share between threads.

    Args:
        ttl_s: seconds after its last answer for which a conversation is remembered.
        clock: seconds, monotonic.
    """

    def __init__(self, ttl_s: float, clock: Callable[[], float]) -> None:
        self._pools: TTLCache[str, Pool] = TTLCache(_REMEMBERED, ttl_s, clock)
        self._lock = threading.Lock()

    def pool(self, key: str) -> Pool | None:
        """Where the conversation was answered last."""
        with self._lock:
            return self._pools.get(key) if key else None

    def answered(self, key: str, pool: Pool) -> None:
        """The conversation was answered by this pool."""
        if key:
            with self._lock:
                self._pools[key] = pool
