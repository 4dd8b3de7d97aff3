"""How a batch stands, and how it ended."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, get_args

import msgspec

from router.batch.journal import Found
from router.batch.outcome import Outcome, State

RECENT_S = 10.0
"""Rates are those of so many seconds."""

_LONGEST = 200


class Stand(NamedTuple):
    """How a location stands, for people; `closed` while it is left alone."""

    closed: bool
    text: str


class Summary(msgspec.Struct, kw_only=True):
    """Figures of a batch, its earlier runs included, but for those of `this_run`.

    `stopped` is why no further row is begun; empty when every row has ended. `again` counts the rows that
    were under way when the last run ended, and so are asked a second time. `throttled_at` counts by location
    the requests that found no capacity, `faults_at` by location and kind those that ended in a fault.
    `first_unanswered` tells of the first row of this run without an answer.
    """

    rows: int | None = None
    states: dict[State, int] = {}
    done_before: int = 0
    failed_before: int = 0
    again: int = 0
    torn_bytes: int = 0
    copied: int = 0
    asked: int = 0
    attempts: int = 0
    throttled: int = 0
    throttled_at: dict[str, int] = {}
    faults_at: dict[str, dict[str, int]] = {}
    usd: Decimal = Decimal()
    unpriced: int = 0
    seconds: float = 0.0
    locations: dict[str, int] = {}
    first_unanswered: str = ""
    stopped: str = ""

    @property
    def done(self) -> int:
        """Rows that have ended."""
        return sum(self.states.values())

    @property
    def this_run(self) -> int:
        """Rows that have ended in this run."""
        return self.done - self.done_before

    @property
    def failed(self) -> int:
        """Rows that have ended without an answer."""
        return self.states.get("failed", 0) + self.states.get("rejected", 0)

    @property
    def failed_now(self) -> int:
        """Rows that have ended in this run without an answer."""
        return self.failed - self.failed_before

    def begin(self, found: Found) -> None:
        """Takes over what earlier runs have left."""
        self.states = dict(found.states)
        self.done_before, self.failed_before, self.usd = self.done, self.failed, found.usd
        self.again, self.torn_bytes = found.under_way, found.torn_bytes

    def as_dict(self) -> dict[str, Any]:
        """The figures as plain data."""
        return {
            "rows": self.rows,
            "done": self.done,
            "states": dict(self.states),
            "this_run": self.this_run,
            "asked_again": self.again,
            "torn_bytes": self.torn_bytes,
            "copied": self.copied,
            "asked": self.asked,
            "attempts": self.attempts,
            "throttled": self.throttled,
            "throttled_at": dict(self.throttled_at),
            "faults_at": {place: dict(kinds) for place, kinds in self.faults_at.items()},
            "usd": f"{self.usd:f}",
            "unpriced": self.unpriced,
            "seconds": round(self.seconds, 3),
            "rows_per_second": round(self.this_run / self.seconds, 3) if self.seconds else None,
            "locations": dict(self.locations),
            "first_unanswered": self.first_unanswered or None,
            "stopped": self.stopped or None,
        }

    def __str__(self) -> str:
        counts = ((self.states.get(state, 0), state) for state in get_args(State))
        ends = ", ".join(f"{count:,} {state}" for count, state in counts if count) or "none"
        total = f" of {self.rows:,}" if self.rows is not None else ""
        lines = [f"{self.done:,}{total} rows have ended: {ends}"]
        if self.done_before or self.again:
            again = f"; {self.again:,} were under way when it stopped and were asked again" if self.again else ""
            lines.append(f"{self.done_before:,} of them by earlier runs{again}")
        if self.torn_bytes:
            lines.append(f"a last line that was not whole was cut off ({self.torn_bytes:,} bytes)")
        if self.copied:
            lines.append(f"{self.copied:,} were copied from equal rows")
        rate = f", {self.this_run / self.seconds:.1f} rows/s" if self.seconds and self.this_run else ""
        lines.append(f"this run: {self.this_run:,} rows in {self.seconds:.1f} s{rate}")
        per = f" ({self.throttled / self.this_run:.3f} a row)" if self.this_run else ""
        lines.append(
            f"{self.attempts:,} requests sent, {self.throttled:,} rejected for lack of capacity{per}"
            + (f": {_places(self.throttled_at)}" if self.throttled_at else "")
        )
        faults = (f"{place} ({_places(kinds)})" for place, kinds in sorted(self.faults_at.items()))
        lines += [f"faults: {', '.join(faults)}"] if self.faults_at else []
        unpriced = f", without {self.unpriced:,} rows of unknown price" if self.unpriced else ""
        lines.append(f"cost: {self.usd:.4f} USD by list price{unpriced}")
        lines += [f"answered at: {_places(self.locations)}"] if self.locations else []
        lines += [f"first without an answer: {self.first_unanswered}"] if self.first_unanswered else []
        lines += [f"stopped: {self.stopped}"] if self.stopped else []
        return "\n".join(lines)


class Tally:
    """Keeps a summary as rows end, and rates of the last seconds.

    `standing` has every location that may be used, and how it stands.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, summary: Summary, clock: Callable[[], float]) -> None:
        self.summary = summary
        self._clock = clock
        self._started = clock()
        self._recent: deque[tuple[float, str]] = deque()
        self.standing: Mapping[str, Stand] = {}

    def count(self, outcome: Outcome, row: int) -> None:
        """A row has ended; `row` is its number."""
        summary = self.summary
        summary.states[outcome.state] = summary.states.get(outcome.state, 0) + 1
        summary.attempts += outcome.attempts
        summary.throttled += outcome.throttled
        summary.copied += outcome.copied
        summary.asked += outcome.attempts > 0
        if outcome.usd is not None:
            summary.usd += outcome.usd
        elif outcome.answered:
            summary.unpriced += 1
        if outcome.answered and not outcome.copied:
            summary.locations[outcome.location] = summary.locations.get(outcome.location, 0) + 1
        for place, count in outcome.throttled_at.items():
            summary.throttled_at[place] = summary.throttled_at.get(place, 0) + count
        for (place, kind), count in outcome.faults_at.items():
            kinds = summary.faults_at.setdefault(place, {})
            kinds[kind] = kinds.get(kind, 0) + count
        if not outcome.answered and not summary.first_unanswered:
            summary.first_unanswered = f"row {row}, {outcome.state}: {_short(outcome.message)}"
        self._recent.append((self._clock(), outcome.location))
        self.tick()

    def tick(self) -> None:
        """Brings times up to date."""
        now = self._clock()
        self.summary.seconds = now - self._started
        while self._recent and self._recent[0][0] < now - RECENT_S:
            self._recent.popleft()

    def rates(self) -> Mapping[str, float]:
        """Rows per second by location, of the last seconds."""
        self.tick()
        span = min(max(self.summary.seconds, 1.0), RECENT_S)
        return {place: count / span for place, count in Counter(place for _, place in self._recent).items()}

    def eta_s(self) -> float | None:
        """Seconds until the last row will have ended at the present rate; None while nothing tells."""
        rate = sum(self.rates().values())
        if not rate or self.summary.rows is None:
            return None
        return max(0, self.summary.rows - self.summary.done) / rate


def _places(counts: Mapping[str, int]) -> str:
    """Counts in words, in the order of their names."""
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))


def _short(message: str) -> str:
    """The first line of a message, as far as it fits a summary."""
    line = message.partition("\n")[0]
    return line if len(line) <= _LONGEST else line[:_LONGEST] + " ..."
