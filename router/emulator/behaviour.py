"""What goes wrong at a location: the values that a scenario is made of, and what is impossible in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from catalog.errors import nearest
from router.emulator.bodies import NAMES

Outage = Literal["unavailable", "refused", "silent"]

EVERYWHERE = "*"
"""As a behaviour's location: each location of the catalog, by itself."""

OUTCOMES = ("ok", "reset", "hang")
"""Entries of `errors` that aren't error bodies: answer, drop the connection, never answer."""

Place = tuple[str | int, ...]
"""Where in a scenario something stands: keys and indexes from the top."""

_MOST_SECONDS = 3600.0
_HEADER = re.compile(r"[A-Za-z0-9-]+: [\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_FRAMING = ("content-length", "transfer-encoding", "connection", "content-type")


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frozen value that refuses keys it doesn't know."""


class Failure(Value, frozen=True, kw_only=True):
    """One error answer in detail.

    Args:
        status: the HTTP status; by itself it chooses the body that Vertex AI sends with it.
        body: the name of an error body (`router.emulator.bodies.NAMES`); it brings its own status.
        retry_delay_s: the delay in the body's `RetryInfo`; None has no such detail.
        headers: sent besides the usual ones, e.g. `{"retry-after": "3"}`.
        text: sent instead of the body, for answers that aren't JSON.
    """

    status: int | None = None
    body: str | None = None
    retry_delay_s: float | None = None
    headers: dict[str, str] = {}
    text: str | None = None


Spec = int | str | Failure
"""What to answer: a status, the name of a body or an outcome, or a failure in detail."""


class Quota(Value, frozen=True, kw_only=True):
    """A token bucket that starts full; a request that finds it empty is answered 429.

    Args:
        per_second: how many requests flow in each second; 0 never refills.
        burst: how many requests the full bucket holds.
        retry_delay_s: the delay that the 429 advises; None gives no advice, as Vertex AI mostly does.
    """

    per_second: float
    burst: int = 1
    retry_delay_s: float | None = None


class Latency(Value, frozen=True, kw_only=True):
    """How slow answers are: seconds before the first byte, and before each event of a stream."""

    first_byte_s: float = 0.0
    event_s: float = 0.0


class StreamFault(Value, frozen=True, kw_only=True):
    """What goes wrong inside a stream that began with 200: exactly one of the first three.

    Args:
        cut_after: the connection ends after this many events, without the end of the stream.
        error_after: after this many events comes one that carries `error`; then the stream ends.
        stall_after: after this many events nothing more comes, and the connection stays open.
        error: a status or the name of an error body.
    """

    cut_after: int | None = None
    error_after: int | None = None
    stall_after: int | None = None
    error: int | str = 429


class Behaviour(Value, frozen=True, kw_only=True):
    """What happens to the requests to one location.

    Args:
        location: a location id, or `"*"`: each location by itself, with its own bucket and errors.
        model: only for this model; None is every model.
        outage: `unavailable` answers 503; `refused` resets connections; `silent` accepts and never
            answers.
        quota: how many requests pass.
        latency: how slow answers are.
        errors: one is used up by each request that would have been served; then all is well.
        repeat: begin `errors` anew when they are used up.
        stream: what goes wrong inside streams.
        answer: what models say; `{model}`, `{location}` and `{prompt}` are filled in.
    """

    location: str = EVERYWHERE
    model: str | None = None
    outage: Outage | None = None
    quota: Quota | None = None
    latency: Latency | None = None
    errors: tuple[Spec, ...] = ()
    repeat: bool = False
    stream: StreamFault | None = None
    answer: str | None = None


def impossible(behaviour: Behaviour) -> Iterator[tuple[Place, str]]:
    """What can't be in a behaviour whose types are right: the place in it, and what was expected there."""
    if behaviour.repeat and not behaviour.errors:
        yield ("repeat",), "there are no errors to repeat"
    for index, spec in enumerate(behaviour.errors):
        for inner, message in _unanswerable(spec):
            yield ("errors", index, *inner), message
    if quota := behaviour.quota:
        yield from _out_of_range("quota", "retry_delay_s", quota.retry_delay_s)
        yield from _out_of_range("quota", "per_second", quota.per_second, 1e6)
        yield from _out_of_range("quota", "burst", quota.burst, 1e6)
    if latency := behaviour.latency:
        yield from _out_of_range("latency", "first_byte_s", latency.first_byte_s)
        yield from _out_of_range("latency", "event_s", latency.event_s)
    if behaviour.stream:
        yield from _confused(behaviour.stream)


def _unanswerable(spec: Spec) -> Iterator[tuple[Place, str]]:
    if not isinstance(spec, Failure):
        yield from _no_answer((), spec, (*OUTCOMES, *NAMES))
        return
    if spec.status is None and spec.body is None:
        yield (), "expected a status or a body"
    yield from _no_answer(("status",), spec.status, NAMES)
    yield from _no_answer(("body",), spec.body, NAMES)
    yield from _out_of_range("retry_delay_s", "", spec.retry_delay_s)
    for name, value in spec.headers.items():
        if not _HEADER.fullmatch(f"{name}: {value}") or name.lower() in _FRAMING:
            yield ("headers", name), "expected a header of printable ASCII, and not one of those that go with the body"


def _no_answer(place: Place, spec: int | str | None, names: tuple[str, ...]) -> Iterator[tuple[Place, str]]:
    if isinstance(spec, int) and not 300 <= spec <= 599:
        yield place, f"expected a status from 300 to 599, not {spec}"
    elif isinstance(spec, str) and spec not in names:
        yield place, _expected_one_of(spec, names)


def _confused(stream: StreamFault) -> Iterator[tuple[Place, str]]:
    given = [each for each in (stream.cut_after, stream.error_after, stream.stall_after) if each is not None]
    if len(given) != 1:
        yield ("stream",), "expected exactly one of cut_after, error_after, stall_after"
    for each in given:
        yield from _out_of_range("stream", "", each, 1e6)
    yield from _no_answer(("stream", "error"), stream.error, NAMES)


def _out_of_range(
    place: str, field: str, value: float | None, most: float = _MOST_SECONDS
) -> Iterator[tuple[Place, str]]:
    if value is not None and not 0 <= value <= most:
        yield (place, field) if field else (place,), f"expected 0 to {most:,.0f}, not {value}"


def _expected_one_of(name: str, known: tuple[str, ...]) -> str:
    return f"expected one of {', '.join(nearest(name, known) or known)}, not {name!r}"
