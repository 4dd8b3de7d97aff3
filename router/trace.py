"""The life of one logical request, as values: what is tried, what came back, how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from catalog.schema import Mode
from router.bell import Bell
from router.pins import Pin
from router.plan import Allowed, Candidate
from router.signals import Signal

# Source: the enumeration of traffic types in google-genai; Claude's answers were not seen to carry one.
TRAFFIC: Mapping[Mode, tuple[str, ...]] = {
    "standard": ("ON_DEMAND", "ON_DEMAND_OFFPEAK"),
    "priority": ("ON_DEMAND_PRIORITY",),
    "flex": ("ON_DEMAND_FLEX",),
    "provisioned": ("PROVISIONED_THROUGHPUT",),
    "single_zone_provisioned": ("PROVISIONED_THROUGHPUT",),
}
"""By mode, what the service may say of an answer's capacity when it was bought as asked for."""


class Wait(msgspec.Struct, frozen=True):
    """Nothing has capacity now: wait this long, or until the bell rings, then look again."""

    delay_s: float
    bell: Bell | None = None
    note: str = ""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What is tried next.

    `number` counts from 1; it must end within `timeout_s`; `refresh` asks for a new credential first;
    `weighed` wants to be told how many tokens the answer used.
    """

    number: int
    allowed: Allowed
    timeout_s: float
    refresh: bool = False
    weighed: bool = False

    @property
    def candidate(self) -> Candidate:
        return self.allowed.candidate


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt and what came of it, with its start and length in seconds since the request's start."""

    attempt: Attempt
    signal: Signal
    at_s: float
    took_s: float

    def as_dict(self) -> dict[str, Any]:
        """The record as plain data."""
        candidate = self.attempt.candidate
        return {
            "number": self.attempt.number,
            "model": candidate.model,
            "location": candidate.location,
            "mode": candidate.mode,
            "host": self.attempt.allowed.host,
            "allowed_by": self.attempt.allowed.why,
            "source": self.attempt.allowed.source,
            "signal": self.signal.kind,
            "status": self.signal.status,
            "message": self.signal.message,
            "at_s": round(self.at_s, 3),
            "took_s": round(self.took_s, 3),
        }


class Trace(msgspec.Struct):
    """All attempts of one logical request.

    `outcome` is `answered`, `stopped` (an answer that no other location would better), `attempts`
    or `deadline` (what ran out), `network` (several hosts can't be reached), `cancelled`, `broken`
    (a stream, after its first content), or empty while the request is under way. `eta_s` is given
    when the request was refused because its turn would not come in time: when it would have come.
    `pins` is what binds the request to a location; `exceptions` are the features that it asks for and
    that the policy admits without a guarantee.
    `traffic` is how the service says that it bought the capacity for the answer; empty where it does not;
    `mismatch` says so when that is not what was asked for. `id` names the request where it is kept on record;
    empty where it is not.
    """

    model: str
    tried: list[Tried] = []
    waited_s: float = 0.0
    outcome: str = ""
    note: str = ""
    eta_s: float | None = None
    advice: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()
    exceptions: tuple[str, ...] = ()
    traffic: str = ""
    mismatch: str = ""
    id: str = ""

    @property
    def location(self) -> str:
        """Where the last attempt went; empty before the first."""
        return self.tried[-1].attempt.candidate.location if self.tried else ""

    @property
    def last(self) -> Signal | None:
        """What came of the last attempt."""
        return self.tried[-1].signal if self.tried else None

    def broke(self, signal: Signal) -> None:
        """The last attempt's stream broke after it had been handed over."""
        self.outcome = "broken"
        self.tried[-1] = msgspec.structs.replace(self.tried[-1], signal=signal)

    def header(self) -> str:
        """The way of the request in one line, e.g. `eu=429, europe-west1=200`; another model's name is added."""
        return ", ".join([f"{self._place(each)}={each.signal.label}" for each in self.tried])

    def _place(self, tried: Tried) -> str:
        candidate = tried.attempt.candidate
        return candidate.location if candidate.model == self.model else f"{candidate.model}@{candidate.location}"

    def as_dict(self) -> dict[str, Any]:
        """The trace as plain data."""
        return {
            "id": self.id,
            "model": self.model,
            "outcome": self.outcome,
            "attempts": [each.as_dict() for each in self.tried],
            "waited_s": round(self.waited_s, 3),
            "note": self.note,
            "eta_s": self.eta_s,
            "advice": list(self.advice),
            "pinned": [{"resource": pin.resource, "location": pin.location} for pin in self.pins],
            "exceptions": list(self.exceptions),
            "traffic": self.traffic,
            "mismatch": self.mismatch,
        }

    def _lines(self) -> Iterator[str]:
        yield f"{self.model}: {self.outcome or 'under way'}" + (f" ({self.note})" if self.note else "")
        yield from (f"  bound to {pin.location} by {pin.resource}" for pin in self.pins)
        yield from (f"  by the policy's exception: {name}" for name in self.exceptions)
        for each in self.tried:
            signal, candidate = each.signal, each.attempt.candidate
            said = f": {signal.message}" if signal.message else ""
            yield f"  {each.at_s:6.2f} s  {self._place(each)} ({candidate.mode})  {signal.label}{said}"
        if self.waited_s:
            yield f"  waited {self.waited_s:.2f} s in all for capacity"
        if self.mismatch:
            yield f"  {self.mismatch}"
        yield from (f"  also possible: {each}" for each in self.advice)

    def __str__(self) -> str:
        return "\n".join(self._lines())
