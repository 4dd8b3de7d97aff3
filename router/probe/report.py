"""What a survey found, beside what the catalog claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from enum import StrEnum
from typing import Any

import msgspec

from catalog.query import Catalog, Served
from router.probe.agenda import Agenda
from router.probe.calls import Pair
from router.probe.verdict import Finding, Outcome


class Drift(StrEnum):
    """In what the catalog and what was found part."""

    UNCLAIMED = "served, not claimed"
    GONE = "claimed, not served"
    ZERO_QUOTA = "claimed, zero quota"


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A finding, what the catalog claims on the day, and in what they part; None where they do not."""

    finding: Finding
    claimed: Served
    drift: Drift | None

    def as_dict(self) -> dict[str, Any]:
        """The row as plain data."""
        found = self.finding
        return {
            "model": found.pair.model,
            "location": found.pair.location,
            "call": found.pair.call.method,
            "outcome": found.outcome,
            "reason": found.reason,
            "signal": found.signal,
            "status": found.status,
            "calls": found.asked,
            "claimed": self.claimed.verdict,
            "claim_source": self.claimed.source or None,
            "drift": self.drift,
        }


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A survey and its comparison. `stopped` says why it is not whole; empty if it is."""

    project: str
    on: date
    agenda: Agenda
    rows: tuple[Compared, ...]
    stopped: str = ""

    @property
    def drifted(self) -> tuple[Compared, ...]:
        """The rows in which the catalog and what was found part."""
        return tuple(row for row in self.rows if row.drift)

    @property
    def unsettled(self) -> tuple[Compared, ...]:
        """The rows of which nothing was established."""
        return tuple(row for row in self.rows if row.finding.outcome in (Outcome.NO_ACCESS, Outcome.UNKNOWN))

    @property
    def unanswered(self) -> tuple[Pair, ...]:
        """The pairs that were to be asked and were not answered."""
        answered = {row.finding.pair for row in self.rows}
        return tuple(pair for pair in self.agenda.pairs if pair not in answered)

    @property
    def nowhere(self) -> tuple[str, ...]:
        """Models found at none of two or more locations: retired, or not open to this project."""
        asked = Counter(row.finding.pair.model for row in self.rows)
        absent = Counter(row.finding.pair.model for row in self.rows if row.finding.outcome is Outcome.NOT_SERVED)
        return tuple(model for model, count in asked.items() if count > 1 and absent[model] == count)

    @property
    def counts(self) -> dict[str, int]:
        """How many pairs have each outcome."""
        found = Counter(row.finding.outcome for row in self.rows)
        return {outcome.value: found[outcome] for outcome in Outcome if found[outcome]}

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data: the contract of `vertex-router probe --json`."""
        return {
            "project": self.project,
            "date": self.on.isoformat(),
            "policy": self.agenda.summary,
            "stopped": self.stopped or None,
            "counts": self.counts,
            "drift": [row.as_dict() for row in self.drifted],
            "nowhere": list(self.nowhere),
            "pairs": [row.as_dict() for row in self.rows],
            "unanswered": [{"model": each.model, "location": each.location} for each in self.unanswered],
            "not_asked": self.agenda.not_asked(),
        }


def compared(catalog: Catalog, findings: Iterable[Finding], on: date) -> Iterator[Compared]:
    """Findings beside the claims of a catalog on a day."""
    for found in findings:
        claimed = catalog.served(found.pair.model, found.pair.location, "standard", on)
        yield Compared(finding=found, claimed=claimed, drift=_drift(found.outcome, claimed))


def _drift(outcome: Outcome, claimed: Served) -> Drift | None:
    if claimed.verdict != "yes":
        return Drift.UNCLAIMED if outcome is Outcome.SERVED else None
    return {Outcome.NOT_SERVED: Drift.GONE, Outcome.NO_QUOTA: Drift.ZERO_QUOTA}.get(outcome)
