"""An audit in numbers, for people: what went where, what was refused, by which exceptions."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from router.audit.lines import Broken, Decision, Ended, Event, Gap, Late, PolicyLine, Tried
from router.audit.reading import Chain

_ANSWERED = "ok"


class Row(msgspec.Struct):
    """The attempts of one model at one location: how many, how many were answered, what became of the others."""

    model: str
    location: str
    rule: str
    attempts: int = 0
    answered: int = 0
    others: Counter[str] = msgspec.field(default_factory=Counter)
    traffic: Counter[str] = msgspec.field(default_factory=Counter)


class Summary(msgspec.Struct):
    """An audit in numbers. `ended` counts requests by how they ended, `refused` by error and rule."""

    files: list[str] = []
    lines: int = 0
    first: str = ""
    last: str = ""
    requests: int = 0
    ended: Counter[str] = msgspec.field(default_factory=Counter)
    rows: dict[tuple[str, str], Row] = {}
    refused: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    unrouted: Counter[str] = msgspec.field(default_factory=Counter)
    exceptions: Counter[str] = msgspec.field(default_factory=Counter)
    policies: dict[str, dict[str, Any]] = {}
    lost: int = 0
    unrecorded: int = 0
    broken_chain: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The summary as plain data."""
        return {
            **{name: getattr(self, name) for name in ("files", "lines", "first", "last", "requests")},
            "ended": dict(self.ended),
            "attempts": [
                {
                    "model": row.model,
                    "location": row.location,
                    "rule": row.rule,
                    "attempts": row.attempts,
                    "answered": row.answered,
                    "others": dict(row.others),
                    "traffic": dict(row.traffic),
                }
                for row in self.sorted_rows()
            ],
            "refused": [
                {"model": model, "error": error, "requests": count}
                for (model, error), count in sorted(self.refused.items())
            ],
            "unrouted": dict(self.unrouted),
            "exceptions": dict(self.exceptions),
            "policies": self.policies,
            "lost_lines": self.lost,
            "unrecorded_requests": self.unrecorded,
            "chain_problems": self.broken_chain,
        }

    def sorted_rows(self) -> list[Row]:
        """The rows by model and location."""
        return [self.rows[key] for key in sorted(self.rows)]


def summary(path: Path) -> Summary:
    """Reads an audit to its end and counts. It replays nothing: that is for `verify`.

    Raises:
        Unreadable: there is no audit there.
    """
    chain = Chain(path)
    found = Summary(files=[str(each) for each in chain.files])
    for _, event in chain.events():
        found.first = found.first or event.at
        found.last = event.at
        _count(found, event)
    found.lines, found.broken_chain = chain.lines, len(chain.problems)
    return found


def _count(found: Summary, event: Event) -> None:
    match event:
        case Tried():
            _count_attempt(found, event)
        case Decision(outcome="refused"):
            found.requests += not event.request
            found.refused[event.model or "?", event.error] += 1
        case Decision(outcome="unrouted"):
            found.requests += 1
            found.unrouted[event.host] += 1
        case Decision():
            found.requests += 1
            found.exceptions.update(event.exceptions)
        case Ended():
            found.ended[event.outcome] += 1
        case Broken():
            found.ended["broken"] += 1
            found.ended["answered"] -= 1
        case Late():
            if row := found.rows.get((event.model, event.location)):
                row.traffic[event.traffic] += 1
        case PolicyLine():
            found.policies[event.policy] = event.fields
        case Gap():
            found.lost += event.lost
            found.unrecorded += event.refused
        case _:
            pass


def _count_attempt(found: Summary, event: Tried) -> None:
    row = found.rows.setdefault((event.model, event.location), Row(event.model, event.location, event.rule))
    row.attempts += 1
    if event.outcome == _ANSWERED:
        row.answered += 1
    else:
        row.others[event.outcome] += 1
    if event.traffic:
        row.traffic[event.traffic] += 1
    if event.ended:
        found.ended[event.ended] += 1
