"""What in a request binds it to one location.

A request that names a located resource (a cache, a corpus, an endpoint) can be served only where that
resource is. Names of resources are never rewritten, so such a request stays at its place or is refused.
"""

from __future__ import annotations

import re

from router.target import Target

# A JSON string that is a resource name as a whole; a prompt that merely mentions one does not match.
_RESOURCE = re.compile(rb'(?<!\\)"projects\\?/[^/"\\\s]+\\?/locations\\?/([a-z0-9-]+)\\?/([A-Za-z]+)(?:[^"\s\\]|\\/)*"')
_SHORT_CACHE = re.compile(rb'"cached_?[cC]ontent"\s*:\s*"(?:cachedContents\\?/)?[^"/\\]+"')

# Names in other services: their location says where data is read, not where the model must run.
_ELSEWHERE = frozenset({b"collections", b"dataStores", b"keyRings", b"publishers"})


def pinned_locations(target: Target, body: bytes | None) -> frozenset[str]:
    """The locations that the request is bound to; empty if it may move, more than one if it can't be served.

    Source: resource names carry their location, and the service rejects one that does not match the
    endpoint; cached content is stored in the location where it was created.
    """
    if not body:
        return frozenset()
    pins = set()
    if b"locations" in body:
        pins = {found[1].decode() for found in _RESOURCE.finditer(body) if found[2] not in _ELSEWHERE}
    if b"cached" in body and _SHORT_CACHE.search(body):
        pins.add(target.location)
    return frozenset(pins)
