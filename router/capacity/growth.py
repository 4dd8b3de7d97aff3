"""How a rate moves: down by a step at a rejection that counts, up by a share of itself while it is used.

The only news that a limit has risen is that no rejection comes. So a rate grows: fast while no limit is known, then
slowly, and most slowly where few requests are sent, since a rejection is a larger part of those. What it had at the
last rejection, or what the limit is known to be, it takes up again soon, but not all of it.
"""

from __future__ import annotations

DECREASE = 0.7
"""What is left of a rate after a rejection that counts."""

_FRESH, _SEEKING, _RETURNING = 2.3, 1.5, 0.3
_BASE, _MOST = 0.05, 0.5
_UNPRESSED = 0.25  # of the growth, while nobody waits: other pools take what this one can't, and no more is needed
_SURE, _RETURNED = 0.8, 0.9  # of the limit: what is taken up again soon after a rejection, and after it was shut
_MOST_STEP = 0.2


class Growth:
    """By how much a rate grows, by what has become of it before.

    `last` is the rate at the last rejection that counted, 0 before the first. Rates are in units per second.

    Args:
        known: whether the limit is documented or configured.
        max_waste: see `Pacing`.
    """

    __slots__ = ("_at", "_max_waste", "_rejected_at", "_returning", "known", "last")

    def __init__(self, now: float, max_waste: float, *, known: bool) -> None:
        self.known = known
        self.last = 0.0
        self._max_waste = max_waste
        self._at = now
        self._rejected_at = 0.0
        self._returning = False

    def step(self, rate: float, limit: float, now: float, rtt_s: float, *, pressed: bool) -> float:
        """The share of itself by which a rate that is used grows now.

        Args:
            limit: what was measured; 0 if nothing was.
            pressed: whether more is waiting than can be sent.
        """
        seconds = min(now - self._at, max(0.5, 1.5 / rate))
        self._at = now
        if not self.last:
            return (_RETURNING if self.known else _FRESH) * seconds
        if now - self._rejected_at <= 2.0 * rtt_s:
            return 0.0
        return min(self._per_s(rate, limit, pressed) * seconds, _MOST_STEP)

    def slow_down(self, rate: float, sent_at: float) -> float:
        """A rejection of what was sent at this time counts. Gives the rate from now on."""
        self.last, self._rejected_at, self._returning = rate, sent_at, False
        return rate * DECREASE

    def shut(self, rate: float, sent_at: float) -> None:
        """A rejection counts, but is no matter of rate."""
        self.last, self._rejected_at = self.last or rate, sent_at

    def reopen(self, now: float) -> None:
        """It is used again after it was shut."""
        self._at, self._returning = now, True

    def resume(self, rate: float) -> None:
        """What slowed it down was for nothing: this rate is taken up again soon."""
        self.last, self._returning = rate, True

    def rescale(self, factor: float) -> None:
        """From now on costs are counted in another unit, of which the old one is `factor`."""
        self.last *= factor

    def _per_s(self, rate: float, limit: float, pressed: bool) -> float:
        if not limit:
            return _SEEKING if pressed else _UNPRESSED * _BASE
        cautious = 1.2 * (1.0 - DECREASE) * self._max_waste * rate  # so many rejections for each admission
        growth: float = min(_BASE * (rate / 8.0) ** 0.25, cautious)
        if not pressed:
            return _UNPRESSED * growth
        if rate > 1.2 * self.last:
            growth += 0.3 * (rate / self.last - 1.2)
        if rate < (_RETURNED * limit if self._returning else _SURE * min(limit, self.last)):
            growth += _RETURNING
        return min(growth, _MOST)
