"""The pace of one quota: a token bucket whose rate follows what the other side admits.

The only news of a limit is a rejection, and the only news that it has risen is that none comes. So:

* A pool that is used to its rate grows, slowly while nobody waits; one that is not used to its rate never grows.
* Silence is admission. A 429 comes back within a round trip, a success after seconds; a request that
  no 429 has followed for two round trips was admitted.
* One rejection counts for each round trip: what was sent before the last decrease tells nothing new.
* Between two counted rejections the other side's bucket is empty at both ends, so what it admitted in
  between, over the time, *is* the limit.
* Rejections in a row with nothing admitted between them are no matter of rate: the pool is shut and
  tried again with one live request at a time, first soon, then more seldom.

Costs are in units of a mean request (1 where the limit is in requests). Times are seconds of the
caller's clock. Not thread-safe by itself.
"""

from __future__ import annotations

from collections.abc import Callable

from router.capacity.chance import Chance

FRESH_RATE, FRESH_BURST = 10.0, 3.0
"""Where an unknown pool starts, in requests per second, and how many go out at once."""

DECREASE = 0.7
SHUT_AFTER = 3
"""Rejections in a row that shut a pool."""

_SHUT_AFTER_ALL = 7  # in a row, where some are tolerated
_ON_TRIAL = 0.8  # of what was admitted is sent while it is tried whether rejections come by chance
_EARLY, _SOON = 0.9, 5.0  # of the rate at the last rejection; units since it

FIRST_SHUT_S, LONGEST_SHUT_S = 0.25, 10.0
_NEVER_ADMITTED = SHUT_AFTER + 2  # shut for a second from the first rejection on
_FRESH_GROWTH, _SEEKING_GROWTH, _RETURNING_GROWTH = 2.3, 1.5, 0.3
_BASE_GROWTH, _MOST_GROWTH = 0.05, 0.5
_UNPRESSED = 0.25  # of the growth, while nobody waits: other pools take what this one can't, and no more is needed
_SURE, _RETURNED = 0.8, 0.9  # of the limit: what is taken up again soon after a rejection, and after it was shut
_MOST_STEP = 0.2
_MEASURABLE, _MOST_SLACK = 6.0, 0.3
_ADMITTED = 0.2  # at least, of what is sent, where it is not known
_MOST_BURST = 1000.0
_LATE = 20.0  # requests over which the share that is rejected is taken
NEVER = -1e9
_RTT_S, _RTT_WEIGHT = 0.3, 0.2
_HINT_JITTER = 0.1


class Pace:
    """How fast one quota may be used now.

    `ready_at` is when it next has room for a request. `rate` is in units per second.

    Args:
        known: the limit in units per second, where it is documented or configured; 0 if it is not.
        max_waste, tolerated: see `Pacing`.
    """

    __slots__ = (
        "_base_at",
        "_base_rejected",
        "_base_sent",
        "_burst",
        "_chance",
        "_counted_rejected",
        "_counted_sent",
        "_decreased_at",
        "_grown_at",
        "_known",
        "_last",
        "_max_waste",
        "_probed_at",
        "_rejected",
        "_rejected_at",
        "_resumed",
        "_returning",
        "_row",
        "_rtt_s",
        "_sent",
        "_share",
        "_slack",
        "_stamp",
        "_started_at",
        "_tokens",
        "_tolerated",
        "admitted_at",
        "measured",
        "rate",
        "ready_at",
        "shut_until",
    )

    def __init__(self, now: float, known: float = 0.0, max_waste: float = 0.05, tolerated: float = 0.0) -> None:
        self._known = known > 0.0
        self.rate = known or FRESH_RATE
        self.measured = 0.0
        self.ready_at = 0.0
        self.shut_until = 0.0
        self.admitted_at = NEVER
        self._burst = FRESH_BURST
        self._max_waste = max_waste
        self._tolerated = tolerated
        self._share = 0.0  # that was rejected of late
        self._tokens = self._cap
        self._stamp = self._grown_at = self._started_at = now
        self._last = 0.0  # the rate at the last counted rejection; 0 before the first
        self._decreased_at = self._rejected_at = NEVER
        self._rtt_s = _RTT_S
        self._sent = self._rejected = 0.0
        self._counted_sent = self._counted_rejected = 0.0  # what they were at the last counted rejection
        self._base_sent = self._base_rejected = self._base_at = 0.0
        self._row = 0
        self._slack = 0.0  # what might have been sent, since the last measurement
        self._returning = False
        self._probed_at = 0.0
        self._chance = Chance()
        self._resumed = 0.0  # the rate after a trial that was for nothing

    @property
    def _cap(self) -> float:
        return max(1.0, 0.25 * self.rate, self._burst)

    @property
    def rejected_before(self) -> bool:
        """Whether it has ever met its limit."""
        return self._last > 0.0

    @property
    def by_chance(self) -> float:
        """The share that is rejected whatever is sent; 0 while rejections are taken for those of a limit."""
        return self._chance.share

    @property
    def probing(self) -> bool:
        """Whether it is shut, with one request sent to see."""
        return self._probed_at > 0.0

    def take(self, cost: float, now: float, *, pressed: bool = True) -> float:
        """Sends one request, which must be allowed by `ready_at`; gives its mark, in the order of sending.

        Args:
            pressed: whether more is waiting than can be sent, so that a higher rate would be used.
        """
        self._sent += cost
        if self.shut_until:
            if self._probed_at:
                self._reopen(now)
            else:
                self._probe(now)
                return self._sent
        self._fill(now)
        self._tokens -= cost
        if self._tokens < 1.0 and not self._chance.holds(self._sent):
            self._grow(now, pressed)
        self._arm()
        return self._sent

    def settle(self, more: float) -> None:
        """The cost of a request turned out to be higher by `more` (or lower)."""
        self._sent += more
        self._tokens = min(self._cap, self._tokens - more)
        self._arm()

    def rescale(self, factor: float) -> None:
        """From now on costs are counted in another unit, of which the old one is `factor`."""
        self.rate *= factor
        self.measured *= factor
        self._last *= factor
        self._tokens *= factor
        self._sent *= factor
        self._rejected *= factor
        self._counted_sent *= factor
        self._counted_rejected *= factor
        self._base_sent *= factor
        self._base_rejected *= factor
        self._resumed *= factor
        self._chance.rescale(factor)
        self._arm()

    def admitted(self, cost: float, sent_at: float, now: float) -> None:
        """A request was served, or at least looked at."""
        self.admitted_at = now
        if self._probed_at and sent_at >= self._probed_at:
            self._reopen(now)
            self._arm()
        elif not self._last and not self._known:
            # Nothing is known of a limit yet: what is answered makes room for itself and for one more.
            self._burst = min(self._burst + cost, _MOST_BURST)
            self._tokens = min(self._cap, self._tokens + 2.0 * cost)
            self._arm()

    def withdrawn(self, sent_at: float) -> None:
        """A request ended without telling anything of capacity: if it was the probe, another one may go."""
        if self._probed_at and sent_at >= self._probed_at:
            self.shut_until, self._probed_at = sent_at, 0.0
            self._arm()

    def rejected(self, mark: float, cost: float, sent_at: float, now: float, random: Callable[[], float]) -> bool:
        """A request was rejected for lack of capacity. Gives whether that slows it down or shuts it."""
        self._rejected += cost
        self._rtt_s += _RTT_WEIGHT * (now - sent_at - self._rtt_s)
        probe = self._probed_at > 0.0 and sent_at >= self._probed_at
        if sent_at <= self._decreased_at and not probe:
            if self.admitted_at == NEVER and self._rejected > self._counted_sent - 0.5 and not self.shut_until:
                # What had been sent before the rejection that counted, and was taken for admitted, was not either.
                self._row = _NEVER_ADMITTED
                self._close(now, random)
                self._arm()
            return False
        if probe:
            self._chance.ignore(cost)
        elif self._chance.met(mark, self._sent, early=self._is_early(mark)):
            self._believe(mark, sent_at)
        return self._count(mark, cost, sent_at, now, random)

    def decrease(self, sent_at: float, now: float, shut_s: float) -> bool:
        """A rejection that another process counted: the same decrease here, once."""
        if sent_at <= self._decreased_at:
            return False
        self._slow_down(sent_at, now)
        if shut_s:
            self._shut(now + shut_s)
        self._arm()
        return True

    def shut(self, until: float) -> None:
        """The other side said for how long; then one request tries."""
        if until > self.shut_until:
            self._shut(until)
            self._arm()

    def hint(self, seconds: float, now: float, random: Callable[[], float]) -> None:
        """The other side asks to wait."""
        self.shut(now + seconds * (1.0 + _HINT_JITTER * random()))

    def _count(self, mark: float, cost: float, sent_at: float, now: float, random: Callable[[], float]) -> bool:
        before = self._rejected - cost
        rejected = self._rejected - self._counted_rejected
        admitted = (mark - cost - self._counted_sent) - (before - self._counted_rejected)
        self._heed(rejected, admitted + rejected)
        ever = mark - cost - before > 0.5 or self.admitted_at > NEVER
        self._row = 1 if admitted > 0.5 else self._row + 1
        if not ever:
            self._row = max(self._row, _NEVER_ADMITTED)
        self._counted_sent, self._counted_rejected = mark, self._rejected
        chance = self._chance
        if self._row < _SHUT_AFTER_ALL:
            if chance.on_trial or self._share < max(self._tolerated, chance.tolerated):
                self._bear(mark, sent_at, now)
                return False
            if chance.tolerated or (chance.suspected and self.measured and self._row < SHUT_AFTER):
                self._try(mark, sent_at, now)
                return True
        seeking, first, found = not self.measured, not self._last, 0.0
        if first:
            elapsed = sent_at - self._started_at
            self._begin(mark, self._rejected, sent_at)
            if admitted >= _MEASURABLE and elapsed > self._rtt_s:
                self.rate = max(self.rate, min(admitted / elapsed, 4.0 * self.rate))
        else:
            found = self._measure(mark - cost, before, sent_at)
        if self._row < SHUT_AFTER:
            self._slow_down(sent_at, now)
            if seeking and found:
                self.rate = max(0.4 * self._last, min(0.9 * self._last, 0.95 * found))
            elif seeking and self._base_at and sent_at > self._base_at:
                # Too little for a measurement, but enough to see that the limit is not far above this.
                admitted = (mark - self._base_sent) - (self._rejected - self._base_rejected)
                self.rate = min(self.rate, (admitted + 1.0) / (sent_at - self._base_at))
        else:
            self._rejected_at = sent_at
            self._decreased_at = now
            self._last = self._last or self.rate
            self._close(now, random)
        self._burst = 0.0
        self._arm()
        return True

    def _is_early(self, mark: float) -> bool:
        """Whether a rejection comes long before the last limit, and not at once after the last one."""
        return self.measured > 0.0 and self.rate < _EARLY * self._last and mark - self._counted_sent >= _SOON

    def _bear(self, mark: float, sent_at: float, now: float) -> None:
        """A rejection slows nothing down."""
        self._decreased_at = now  # as if it did: one counts for each round trip
        self._burst = 0.0
        if mark - self._base_sent > 2.0 * _LATE:
            self._begin(mark, self._rejected, sent_at)
        self._arm()

    def _try(self, mark: float, sent_at: float, now: float) -> None:
        """It is tried whether rejections end where less is sent than was admitted."""
        found = self.rate * max(_ADMITTED, 1.0 - self._share)
        if self._base_at and sent_at > self._base_at:
            admitted = (mark - self._base_sent) - (self._rejected - self._base_rejected)
            found = min(found, (max(0.0, admitted) + 1.0) / (sent_at - self._base_at))
        self._slow_down(sent_at, now)
        self.rate = min(self.rate, _ON_TRIAL * found)
        if share := self._chance.share:
            self.measured, self._resumed = found, found / (1.0 - share)
        else:
            self._resumed = 0.0
        self._begin(mark, self._rejected, sent_at)
        self._chance.try_it()
        self._arm()

    def _believe(self, mark: float, sent_at: float) -> None:
        """What was taken for a limit was none: goes on as before the trial or, after the first one, seeks anew."""
        self._share = self._chance.share
        self.rate, self.measured = max(self.rate, self._resumed), self._resumed
        self._begin(mark, self._rejected, sent_at)

    def _heed(self, rejected: float, seen: float) -> None:
        """So much of what was sent since the last rejection that counted was rejected."""
        if seen >= rejected > 0.0:  # it may be less, where costs turned out to be lower than was thought
            late = 2.0 * _LATE if self._chance.share else _LATE  # chance varies, and must not be taken for a limit
            self._share += (rejected / seen - self._share) * min(1.0, seen / late)

    def _begin(self, sent: float, rejected: float, at: float) -> None:
        """The other side's bucket is empty at this time: from here on is measured."""
        self._base_sent, self._base_rejected, self._base_at, self._slack = sent, rejected, at, 0.0

    def _measure(self, sent: float, rejected: float, at: float) -> float:
        """The other side's bucket is empty once more; gives what it admits per second, 0 if too little was sent."""
        admitted = (sent - self._base_sent) - (rejected - self._base_rejected)
        if not self._base_at or self._slack > _MOST_SLACK * admitted:  # less was asked for than could have been
            self._begin(sent, rejected, at)
            return 0.0
        if admitted >= _MEASURABLE and at > self._base_at:
            found = admitted / (at - self._base_at)
            self.measured = 0.5 * (self.measured + found) if self.measured else found
            self._begin(sent, rejected, at)
            return found
        return 0.0

    def _slow_down(self, sent_at: float, now: float) -> None:
        self._fill(now)
        self._last = self.rate
        self.rate *= DECREASE
        self._tokens = min(self._tokens, 0.0)
        self._rejected_at, self._decreased_at = sent_at, now
        self._returning = False
        self._burst = 0.0

    def _close(self, now: float, random: Callable[[], float]) -> None:
        """Shuts it, for longer the more rejections there were in a row."""
        shut_s = min(LONGEST_SHUT_S, FIRST_SHUT_S * 2.0 ** min(self._row - SHUT_AFTER, 16))
        self._base_at = 0.0  # while it is shut nothing is measured
        self._shut(now + shut_s * (0.75 + 0.5 * random()))

    def _shut(self, until: float) -> None:
        self.shut_until, self._probed_at = until, 0.0

    def _probe(self, now: float) -> None:
        """One request goes; after this much silence it has been admitted."""
        self._probed_at, self.shut_until = now, now + 3.0 * self._rtt_s
        self._arm()

    def _reopen(self, now: float) -> None:
        self.rate = max(self.rate, 0.8 * self.measured)
        self.shut_until = self._probed_at = 0.0
        self._tokens, self._stamp, self._grown_at = 1.0, now, now
        self._returning = True

    def _fill(self, now: float) -> None:
        tokens, cap = self._tokens + (now - self._stamp) * self.rate, self._cap
        if tokens > cap:
            self._slack += tokens - cap
            tokens = cap
        self._tokens, self._stamp = tokens, now

    def _grow(self, now: float, pressed: bool) -> None:
        dt = min(now - self._grown_at, max(0.5, 1.5 / self.rate))
        self._grown_at = now
        step = self._growth(now, pressed) * dt
        self.rate *= 1.0 + (min(step, _MOST_STEP) if self._last else step)

    def _growth(self, now: float, pressed: bool) -> float:
        """By which share of itself the rate grows in a second."""
        if not self._last:
            return _RETURNING_GROWTH if self._known else _FRESH_GROWTH
        if now - self._rejected_at <= 2.0 * self._rtt_s:
            return 0.0
        if not self.measured:
            return _SEEKING_GROWTH if pressed else _UNPRESSED * _BASE_GROWTH
        rate = self.rate
        cautious = 1.2 * (1.0 - DECREASE) * self._max_waste * rate  # so many rejections for each admission
        growth: float = min(_BASE_GROWTH * (rate / 8.0) ** 0.25, cautious)
        if not pressed:
            return _UNPRESSED * growth
        if rate > 1.2 * self._last:
            growth += 0.3 * (rate / self._last - 1.2)
        if rate < (_RETURNED * self.measured if self._returning else _SURE * min(self.measured, self._last)):
            growth += _RETURNING_GROWTH
        return min(growth, _MOST_GROWTH)

    def _arm(self) -> None:
        if self.shut_until:
            self.ready_at = self.shut_until
        else:
            self.ready_at = self._stamp + max(0.0, (1.0 - self._tokens) / self.rate)
