"""How a row of a batch ended."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

import msgspec

State = Literal["ok", "blocked", "rejected", "failed"]
"""`ok`: answered. `blocked`: answered, with nothing but a refusal to answer. `rejected`: the row itself is
at fault, so that asking again would end alike. `failed`: another time it may be answered."""

FINAL: frozenset[State] = frozenset({"ok", "blocked", "rejected"})


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a row.

    `body` is the answer, or the error, as it came, in JSON; empty when nothing came. `usd` is what it
    cost by list price, None when that is not known; `traffic` the kind of capacity that was used, as the
    service tells it. `throttled_at` counts by location the requests that found no capacity, `faults_at` by
    location and kind those that ended in a fault. `copied` says that an equal row was asked instead, so that
    this one cost nothing. `hopeless` says that what failed it would fail any row: the project, the policy,
    this side's network.
    """

    state: State
    status: int | None = None
    message: str = ""
    body: bytes = b""
    location: str = ""
    model: str = ""
    attempts: int = 0
    throttled: int = 0
    throttled_at: Mapping[str, int] = {}
    faults_at: Mapping[tuple[str, str], int] = {}
    usd: Decimal | None = None
    traffic: str = ""
    copied: bool = False
    hopeless: bool = False

    @property
    def answered(self) -> bool:
        """Whether `body` is an answer of the model."""
        return self.state in ("ok", "blocked")
