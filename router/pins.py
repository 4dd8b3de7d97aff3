"""What in a request binds it to one location.

A request that names a located resource (a cache, a corpus, an endpoint) can be served only where that
resource is. Names of resources are never rewritten, so such a request stays at its place or is refused.

Source: the API reference; the service rejects a resource whose location does not match the endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from router.members import escaped, holds


class Pin(NamedTuple):
    """A resource (or what else in a request) that binds it, and the location to which it does."""

    resource: str
    location: str

    def __str__(self) -> str:
        return f"{self.resource} ({self.location})"


_PLACE = b"/locations/"
_LONGEST = 1024
"""More characters than stand before the location in any name."""

# A JSON string that is a resource name as a whole; a prompt that merely mentions one does not match.
_NAME = re.compile(
    rb'"((?:(?:https:)?//[^/"\\\s]+/(?:v1(?:beta1)?/)?)?projects/[^/"\\\s]+/locations/([^/"\\\s]+)/([A-Za-z]+)[^"\\\s]*)"'
)

# Names in other services: their location says where data is read, not where the model must run.
_READ_THERE = frozenset({b"collections", b"dataStores"})
_MODEL = b"publishers"


class Names(NamedTuple):
    """The names of resources in a body.

    `pins` bind the request; `read` are locations of other services where data is read for it; `models`
    the locations in names of publishers' models, which bind nothing but a resource that is made for one.
    """

    pins: frozenset[Pin]
    read: frozenset[str]
    models: frozenset[Pin]


def names(text: bytes) -> Names:
    """The names of located resources in a JSON text, which must be `plain`."""
    pins, read, models = set(), set(), set()
    for found in _whole_names(text):
        location, kind = found[2].decode(errors="replace"), found[3]
        pin = Pin(found[1].decode(errors="replace"), location)
        if kind in _READ_THERE:
            read.add(location)
        elif kind == _MODEL:
            models.add(pin)
        else:
            pins.add(pin)
    return Names(frozenset(pins), frozenset(read), frozenset(models))


def _whole_names(text: bytes) -> Iterator[re.Match[bytes]]:
    at = text.find(_PLACE) if holds(text, _PLACE) else -1
    while at >= 0:
        begin = text.rfind(b'"', max(0, at - _LONGEST), at)
        found = _NAME.match(text, begin) if begin >= 0 and not escaped(text, begin) else None
        if found:
            yield found
        at = text.find(_PLACE, max(at + 1, found.end() if found else 0))
