"""What one controller may tell another: plain values, each of which has the same effect on all.

Times are of the teller's monotonic clock; whoever carries an event to another process translates them.
"""

from __future__ import annotations

import msgspec

from router.plan import Pool


class Throttled(msgspec.Struct, frozen=True, kw_only=True):
    """A rejection that counted: the pool was slowed down or, for `shut_s` from `at`, shut.

    `pool` may be a quota that several models share; then its `model` is the quota's name. `sent_at`
    is when the rejected request was sent: a decrease that is already younger is not made twice.
    """

    pool: Pool
    sent_at: float
    at: float
    shut_s: float = 0.0
    why: str = ""


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """A breaker opened for `open_s` from `at`; 0 when it closed again."""

    pool: Pool
    at: float
    open_s: float = 0.0
    why: str = ""


class Noticed(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an operator should know of: `what` is wrong with this pool."""

    pool: Pool
    at: float
    what: str


Event = Throttled | Broken | Noticed
