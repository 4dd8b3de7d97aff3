"""What was sent, what of it was rejected, and what the other side therefore admits.

It rejects when its bucket is empty. Between two rejections that count its bucket is empty at both ends, so what it
admitted in between, over the time, *is* its limit; unless less was asked for than could have been, since what it could
have admitted then is not known.
"""

from __future__ import annotations

MEASURABLE = 6.0
"""So many units, admitted, make a measurement."""

_MOST_UNUSED = 0.3  # of what was admitted
_INFINITE = float("inf")


class Tally:
    """The requests of one quota, in units. A request is known by its mark: what had been sent with it.

    `sent` and `rejected` are totals. `counted` is the mark of the last rejection that counted. `limit` is what was
    measured, in units per second; 0 while nothing was; `best` is the highest so far. `row` is how many rejections
    counted in a row, with nothing admitted between them. `unused` is what might have been sent since the measurement
    that is under way began, and was not.
    """

    __slots__ = (
        "_begun_at",
        "_begun_rejected",
        "_begun_sent",
        "_counted_rejected",
        "best",
        "counted",
        "limit",
        "rejected",
        "row",
        "sent",
        "unused",
    )

    def __init__(self) -> None:
        self.sent = self.rejected = 0.0
        self.counted = self._counted_rejected = 0.0
        self.row = 0
        self.limit = self.best = self.unused = 0.0
        self._begun_sent = self._begun_rejected = self._begun_at = 0.0

    def count(self, mark: float, cost: float) -> tuple[float, float]:
        """A rejection counts. Gives what was admitted and what was rejected since the last one that did."""
        rejected = self.rejected - self._counted_rejected
        admitted = (mark - cost - self.counted) - (self.rejected - cost - self._counted_rejected)
        self.counted, self._counted_rejected = mark, self.rejected
        self.row = 1 if admitted > 0.5 else self.row + 1
        return admitted, rejected

    def begin(self, mark: float, at: float) -> None:
        """The other side's bucket is empty at this time: from here on is measured."""
        self._begin(mark, self.rejected, at)

    def stop(self) -> None:
        """Nothing is measured until it begins anew."""
        self._begun_at = 0.0

    def end(self, mark: float, cost: float, at: float) -> float:
        """The bucket is empty once more. Gives what is admitted per second; 0 if too little was sent."""
        sent, rejected = mark - cost, self.rejected - cost
        admitted = (sent - self._begun_sent) - (rejected - self._begun_rejected)
        if not self._begun_at or self.unused > _MOST_UNUSED * admitted:
            self._begin(sent, rejected, at)
            return 0.0
        if admitted >= MEASURABLE and at > self._begun_at:
            found = admitted / (at - self._begun_at)
            self.limit = 0.5 * (self.limit + found) if self.limit else found
            self.best = max(self.best, self.limit)
            self._begin(sent, rejected, at)
            return found
        return 0.0

    def at_most(self, mark: float, at: float) -> float:
        """The limit is not far above this, though too little was sent to measure it; infinite where nothing says so."""
        if not self._begun_at or at <= self._begun_at:
            return _INFINITE
        admitted = (mark - self._begun_sent) - (self.rejected - self._begun_rejected)
        return (max(0.0, admitted) + 1.0) / (at - self._begun_at)

    def since_begun(self, mark: float) -> float:
        """What was sent since the measurement that is under way began."""
        return mark - self._begun_sent

    def rescale(self, factor: float) -> None:
        """From now on costs are counted in another unit, of which the old one is `factor`."""
        self.sent *= factor
        self.rejected *= factor
        self.counted *= factor
        self._counted_rejected *= factor
        self._begun_sent *= factor
        self._begun_rejected *= factor
        self.limit *= factor
        self.best *= factor
        self.unused *= factor

    def _begin(self, sent: float, rejected: float, at: float) -> None:
        self._begun_sent, self._begun_rejected, self._begun_at, self.unused = sent, rejected, at, 0.0
