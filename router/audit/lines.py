"""The lines of an audit, and the chain that ties each to the one before. docs/audit.md is their contract.

A line is a JSON object that begins with its number and the hash of the line before, and ends with its
own hash: SHA-256 of all its bytes up to there. So a line that was changed is found by itself, and one
that was taken out, put in or moved by its neighbours.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Literal, NamedTuple

import msgspec

FORMAT = 1
BEGINNING = "0" * 64
"""What the first line of an audit has for the hash of the line before."""


class _Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event"):
    """What a line tells. `at` is the time in UTC, to the microsecond."""

    at: str


class Opened(_Event, frozen=True, kw_only=True, tag="opened"):
    """A process began to write, by this version of the package.

    `unclosed` says that the one before did not close the file; then `torn_bytes` of a line that it had
    not finished were cut off, if any.
    """

    version: str
    format: int = FORMAT
    pid: int
    unclosed: bool = False
    torn_bytes: int = 0


class PolicyLine(_Event, frozen=True, kw_only=True, tag="policy"):
    """The policy of this digest; written before it is first named in a file."""

    policy: str
    fields: dict[str, Any]


class CatalogLine(_Event, frozen=True, kw_only=True, tag="catalog"):
    """The catalog of this digest, and the sources that the project's overlays brought to it."""

    catalog: str
    own_sources: tuple[str, ...] = ()


class PlanLine(_Event, frozen=True, kw_only=True, tag="plan"):
    """The plan of this digest; written before it is first named in a file.

    `question` is what policy and catalog were asked; `allowed` names every candidate, with the rule and the
    claims that admit it; `refused` says for each rule where it refused.
    """

    plan: str
    policy: str
    catalog: str
    question: msgspec.Raw
    allowed: msgspec.Raw
    refused: msgspec.Raw


class Decision(_Event, frozen=True, kw_only=True, tag="decision"):
    """What was decided of a request, before anything of it left.

    `outcome` is `allowed` (then it may go where `plan` allows), `refused` (`error` says by what, `plan` why,
    if it came to a plan) or `unrouted` (sent on to `host` as it was, under a policy without limits). `others`
    are the plans of other models, to which it may turn when the first one's places have all failed.
    `exceptions` are the features that it asks for and that the policy admits without a guarantee.
    """

    request: str = ""
    outcome: Literal["allowed", "refused", "unrouted"]
    policy: str
    catalog: str
    plan: str = ""
    others: tuple[str, ...] = ()
    model: str = ""
    host: str = ""
    error: str = ""
    exceptions: tuple[str, ...] = ()


class Option(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A candidate that a plan allows: by which rule, on which claims."""

    model: str
    location: str
    mode: str
    host: str
    rule: str
    claims: tuple[str, ...] = ()


class Tried(_Event, frozen=True, kw_only=True, tag="attempt"):
    """An attempt and what came of it.

    `outcome` is the signal (`ok`, `exhausted`, ...), or `cancelled` when nothing was heard; `ended` stands
    in the last attempt of a request and says how that ended.
    """

    request: str
    number: int
    model: str
    location: str
    mode: str
    host: str
    rule: str
    claims: tuple[str, ...] = ()
    policy: str
    catalog: str
    outcome: str
    status: int | None = None
    traffic: str = ""
    took_s: float = 0.0
    ended: str = ""


class Ended(_Event, frozen=True, kw_only=True, tag="end"):
    """A request ended without an attempt, such as for want of capacity."""

    request: str
    outcome: str


class Broken(_Event, frozen=True, kw_only=True, tag="broken"):
    """The stream of an answered request broke after its first content."""

    request: str
    location: str
    outcome: str


class Late(_Event, frozen=True, kw_only=True, tag="late"):
    """What the stream of an answered request told at its end, after its attempt was on record."""

    request: str
    model: str
    location: str
    traffic: str


class Gap(_Event, frozen=True, kw_only=True, tag="gap"):
    """For a while nothing could be written: so many lines were lost, so many requests refused."""

    lost: int = 0
    refused: int = 0


class Closed(_Event, frozen=True, kw_only=True, tag="closed"):
    """The process stopped writing, in good order."""


Event = Opened | PolicyLine | CatalogLine | PlanLine | Decision | Tried | Ended | Broken | Late | Gap | Closed

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_LINE = re.compile(rb'\{"n":([1-9][0-9]{0,17}),"prev":"([0-9a-f]{64})",(.*),"hash":"([0-9a-f]{64})"\}\n', re.DOTALL)


class Written(NamedTuple):
    """A line as it was read: its number, both hashes, and its event as JSON without braces."""

    number: int
    before: str
    body: bytes
    hash: str

    def event(self) -> Event:
        """What it tells.

        Raises:
            msgspec.DecodeError: it is no event that this version knows.
        """
        return _decoder.decode(b"{" + self.body + b"}")


def encoded(event: Event) -> bytes:
    """An event as it stands in a line."""
    return _encoder.encode(event)[1:-1]


def line(number: int, before: str, body: bytes) -> tuple[bytes, str]:
    """A line with its end, and its hash."""
    begun = b'{"n":%d,"prev":"%s",%s' % (number, before.encode(), body)
    digest = hashlib.sha256(begun).hexdigest()
    return b'%s,"hash":"%s"}\n' % (begun, digest.encode()), digest


def parsed(raw: bytes) -> Written | None:
    """A line that says of itself what it is; None when it does not, being changed or cut."""
    found = _LINE.fullmatch(raw)
    if found is None or hashlib.sha256(raw[: found.end(3)]).hexdigest().encode() != found[4]:
        return None
    return Written(int(found[1]), found[2].decode(), found[3], found[4].decode())
