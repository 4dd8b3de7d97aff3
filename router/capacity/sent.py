"""What a controller tells of a request that has ended, to whoever keeps a record of them."""

from __future__ import annotations

from typing import NamedTuple

from router.plan import Pool


class Sent(NamedTuple):
    """One request: when it was sent, where to, at which cost, what came of it, and after how long."""

    time_s: float
    pool: Pool
    cost: float
    outcome: str
    rtt_s: float
