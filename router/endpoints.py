"""Where a request to a location goes: one canonical host, and the path with that location in it.

Host and path are always made together. The host a client built is never used: clients exist that
put `eu` into `eu-aiplatform.googleapis.com`, which answers with an HTML 404. A private endpoint that
the project's overlay names stands in for the canonical host; a client with a certificate keeps to the
hosts that take it, and an endpoint with a host of its own to that.
"""

from __future__ import annotations

from typing import NamedTuple

from catalog.schema import Location
from router.target import Target


class Address(NamedTuple):
    """Where the bytes go: a host, and the raw path with its query."""

    host: str
    raw_path: str


def address(target: Target, location: Location) -> Address:
    """The address of this request at this location."""
    host = target.own_host or (location.mtls_host if target.mtls else location.endpoint)
    return Address(host, f"{target.before}{location.id}{target.after}")
