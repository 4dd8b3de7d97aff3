"""What a project adds to the shipped catalog: the values of its overlay, field for field as in its TOML."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec

from catalog.schema import Availability, Processing

ReservedMode = Literal["provisioned", "single_zone_provisioned"]
Units = Annotated[int, msgspec.Meta(ge=1)]
PerMinute = Annotated[int, msgspec.Meta(ge=0)]
Named = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class _Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frozen value that refuses keys it does not know."""


class Reservation(_Value, frozen=True, kw_only=True):
    """Provisioned throughput that the project has bought: `gsu` units for a model at a location.

    In TOML `since` is written `from`; it holds from that day to `until` (exclusive), if they are given.
    """

    model: str
    location: str
    gsu: Units
    mode: ReservedMode = "provisioned"
    since: date | None = msgspec.field(default=None, name="from")
    until: date | None = None
    note: str = ""

    def holds(self, on: date) -> bool:
        """Whether it may be used on this day."""
        return (self.since is None or self.since <= on) and (self.until is None or on < self.until)


class OwnQuota(_Value, frozen=True, kw_only=True):
    """A limit of the project for a model at each of these locations, per minute."""

    model: str
    locations: Named
    requests_per_minute: PerMinute | None = None
    tokens_per_minute: PerMinute | None = None
    input_tokens_per_minute: PerMinute | None = None
    output_tokens_per_minute: PerMinute | None = None
    note: str = ""


class Denied(_Value, frozen=True, kw_only=True):
    """Locations that the project never uses, for these models (none named: for any), and why."""

    locations: Named
    models: tuple[str, ...] = ()
    reason: str


class PrivateEndpoint(_Value, frozen=True, kw_only=True):
    """Another host for locations, such as a Private Service Connect endpoint.

    `host` may hold `{location}`, and must when it is for several. Requests to these locations then go
    there, with their tokens, and to the public host no more.
    """

    locations: Named
    host: str


class OwnAvailability(Availability, frozen=True, kw_only=True):
    """A claim of the project's own about where a model is served."""

    model: str


class OwnProcessing(Processing, frozen=True, kw_only=True):
    """A claim of the project's own about where processing stays."""

    model: str


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """All that overlays add besides claims; `sources` are the ids of the sources that they bring."""

    sources: frozenset[str] = frozenset()
    reservations: tuple[Reservation, ...] = ()
    quotas: tuple[OwnQuota, ...] = ()
    denied: tuple[Denied, ...] = ()
