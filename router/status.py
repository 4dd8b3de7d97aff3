"""How every pool stands, for people and for logs."""

from __future__ import annotations

from typing import Any

import msgspec

from router.plan import Pool


class PoolStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One pool.

    `rate` is its pace in requests per second, `measured` the limit that was found, None before it
    was; `breaker` is `closed`, `open` or `trying`; `closed_s` is how long it will not be used, 0 if
    it may be used now, and `why` says for what reason. `by_chance` is the share of its requests that is
    rejected however little is sent, 0 unless that is known. `silent_s` is for how long nothing has come
    back from many requests under way, so that next to none are sent there; 0 otherwise. `quota` is the
    name of the quota that it shares with other models, if it does.
    """

    pool: Pool
    rate: float
    measured: float | None
    in_flight: int
    latency_s: float | None
    breaker: str
    closed_s: float
    why: str = ""
    by_chance: float = 0.0
    silent_s: float = 0.0
    quota: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            **self.pool._asdict(),
            "rate": round(self.rate, 3),
            "measured": None if self.measured is None else round(self.measured, 3),
            "in_flight": self.in_flight,
            "latency_s": None if self.latency_s is None else round(self.latency_s, 3),
            "breaker": self.breaker,
            "closed_s": round(self.closed_s, 3),
            "why": self.why,
            "by_chance": round(self.by_chance, 3),
            "silent_s": round(self.silent_s, 3),
            "quota": self.quota,
        }

    def __str__(self) -> str:
        project, model, location, mode = self.pool
        found = "limit unknown" if self.measured is None else f"limit about {self.measured:.1f}/s"
        found += f", {self.by_chance:.0%} rejected by chance" if self.by_chance else ""
        silent = f", silent for {self.silent_s:.0f} s and avoided" if self.silent_s else ""
        closed = f", closed for {self.closed_s:.1f} s" if self.closed_s else ""
        breaker = "" if self.breaker == "closed" else f", breaker {self.breaker}"
        why = f": {self.why}" if self.why and (closed or breaker) else ""
        pace = f"{self.rate:.1f}/s, {found}, {self.in_flight} in flight"
        return f"{project} {model} {location} ({mode}): {pace}{silent}{breaker}{closed}{why}"


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """All pools that have been used, and how many requests wait."""

    pools: tuple[PoolStatus, ...]
    waiting: int

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {"waiting": self.waiting, "pools": [each.as_dict() for each in self.pools]}

    def __str__(self) -> str:
        lines = [str(each) for each in self.pools] or ["no pool has been used"]
        return "\n".join([*lines, f"{self.waiting} waiting"])
