"""A line of the output, as far as the router is concerned: its first value says whose it is and how it ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from hashlib import blake2b
from typing import Any, BinaryIO

import msgspec

from router.batch.outcome import Outcome, State

KEY = "router"
"""The first key of every line: what the router has to say of the row."""

_NUMBER = 8
_HEAD = re.compile(
    rb'\{"router":\{"row":(\d{1,9}),"digest":"([0-9a-f]{16})","state":"(ok|blocked|rejected|failed)",'
    rb'"usd":(?:"(\d+(?:\.\d+)?)"|null),"at":(\d{1,12}),'
)
_PAUSE_S = 60
"""A longer silence between two rows is taken for one between two runs."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What the router has to say of a row, the first value of its line. The order of fields is the file's form.

    `at` is when it ended, in seconds since 1970 (UTC).
    """

    row: int
    digest: str
    state: State
    usd: str | None
    at: int
    location: str
    model: str
    attempts: int
    throttled: int
    traffic: str
    copied: bool


_STATES: dict[bytes, State] = {b"ok": "ok", b"blocked": "blocked", b"rejected": "rejected", b"failed": "failed"}


class Done(msgspec.Struct, frozen=True, gc=False):
    """A row that has ended, as its line tells."""

    row: int
    digest: int
    state: State
    usd: Decimal | None
    at: int


def digest_of(line: bytes, salt: bytes) -> int:
    """Eight bytes that stand for a row and for what it is asked with; never 0."""
    return int.from_bytes(blake2b(line, digest_size=_NUMBER, key=salt).digest()) or 1


def line_of(row: int, digest: int, outcome: Outcome, at: int, content: dict[str, Any]) -> bytes:
    """A row's line. What its content says under the router's key, as an output read as input does, is left out."""
    head = Head(
        row=row,
        digest=f"{digest:016x}",
        state=outcome.state,
        usd=None if outcome.usd is None else f"{outcome.usd:f}",
        at=at,
        location=outcome.location,
        model=outcome.model,
        attempts=outcome.attempts,
        throttled=outcome.throttled,
        traffic=outcome.traffic,
        copied=outcome.copied,
    )
    content.pop(KEY, None)
    return msgspec.json.encode({KEY: head, **content}) + b"\n"


def done_in(line: bytes) -> Done | None:
    """What a line tells; None for one that is not whole, or that a batch has not written."""
    head = _HEAD.match(line) if line.endswith(b"\n") else None
    if head is None:
        return None
    row, digest, state, usd, at = head.groups()
    return Done(int(row), int(digest, 16), _STATES[state], Decimal(usd.decode()) if usd else None, int(at))


def rows_per_second(lines: BinaryIO) -> float | None:
    """How fast the rows of an output have ended, without the pauses between runs; None while nothing tells."""
    rows = worked_s = last = 0
    for done in _whole(lines):
        rows += 1
        worked_s += done.at - last if 0 < done.at - last < _PAUSE_S else 0
        last = done.at
    return rows / worked_s if worked_s else None


def _whole(lines: BinaryIO) -> Iterator[Done]:
    return (done for line in lines if (done := done_in(line)) is not None)
