"""Where a request to a location goes: one canonical host, and the path with that location in it.

Host and path are always made together. The host a client built is never used: clients exist that
put `eu` into `eu-aiplatform.googleapis.com`, which answers with an HTML 404. A private endpoint that
the project's overlay names stands in for the canonical host; a client with a certificate keeps to the
hosts that take it, and an endpoint with a host of its own to that.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from catalog.schema import Location
from router.streams import Dialect
from router.target import Target


class Address(NamedTuple):
    """Where the bytes go: a host, and the raw path with its query."""

    host: str
    raw_path: str


def for_model(target: Target, model: str) -> Target:
    """The same request for another model of the same publisher, where its path names one."""
    before, models, named = target.after.partition("/models/")
    after = f"{before}{models}{model}:{named.partition(':')[2]}" if models else target.after
    return msgspec.structs.replace(target, model=model, after=after)


def body_for_model(target: Target, body: bytes, model: str) -> bytes:
    """The body of a request for another model, where it is the body that names one."""
    if target.dialect is not Dialect.OPENAI:
        return body
    named = f"{target.publisher}/{model}" if "/models/" not in target.after else model
    members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({**members, "model": named})


def address(target: Target, location: Location) -> Address:
    """The address of this request at this location."""
    host = target.own_host or (location.mtls_host if target.mtls else location.endpoint)
    return Address(host, f"{target.before}{location.id}{target.after}")
