"""The pace of one quota: a token bucket whose rate follows what the other side admits.

The only news of a limit is a rejection. So:

* Silence is admission. A 429 comes back within a round trip, a success after seconds; a request that
  no 429 has followed for two round trips was admitted.
* One rejection counts for each round trip: what was sent before the last decrease tells nothing new.
* A rejection ends one measurement of the limit and begins the next (`tally`). Between rejections the rate grows
  (`growth`), but only that of a pool that is used to it.
* Rejections in a row with nothing admitted between them are no matter of rate: the pool is shut and
  tried again with one live request at a time, first soon, then more seldom.

Costs are in units of a mean request (1 where the limit is in requests). Times are seconds of the
caller's clock. Not thread-safe by itself.
"""

from __future__ import annotations

from collections.abc import Callable

from router.capacity.chance import Chance
from router.capacity.growth import Growth
from router.capacity.tally import MEASURABLE, Tally

FRESH_RATE, FRESH_BURST = 10.0, 3.0
"""Where an unknown pool starts, in requests per second, and how many go out at once."""

SHUT_AFTER = 3
"""Rejections in a row that shut a pool."""

_SHUT_AFTER_ALL = 7  # in a row, where some are tolerated
_ON_TRIAL = 0.8  # of what was admitted is sent while it is tried whether rejections come by chance
_EARLY, _SOON = 0.9, 5.0  # of the rate at the last rejection; units since it

FIRST_SHUT_S, LONGEST_SHUT_S = 0.25, 10.0
_NEVER_ADMITTED = SHUT_AFTER + 2  # shut for a second from the first rejection on
_ADMITTED = 0.2  # at least, of what is sent, where it is not known
_MOST_BURST = 1000.0
_LONG = 40.0  # units sent without slowing down, after which what was measured before is of no use
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
        "_burst",
        "_chance",
        "_decreased_at",
        "_growth",
        "_probed_at",
        "_resumed",
        "_rtt_s",
        "_stamp",
        "_started_at",
        "_tally",
        "_tokens",
        "admitted_at",
        "rate",
        "ready_at",
        "shut_until",
    )

    def __init__(self, now: float, known: float = 0.0, max_waste: float = 0.05, tolerated: float = 0.0) -> None:
        self.rate = known or FRESH_RATE
        self.ready_at = 0.0
        self.shut_until = 0.0
        self.admitted_at = NEVER
        self._burst = FRESH_BURST
        self._tokens = self._cap
        self._stamp = self._started_at = now
        self._decreased_at = NEVER
        self._rtt_s = _RTT_S
        self._probed_at = 0.0
        self._tally = Tally()
        self._growth = Growth(now, max_waste, known=known > 0.0)
        self._chance = Chance(tolerated)
        self._resumed = 0.0  # the rate after a trial that was for nothing

    @property
    def _cap(self) -> float:
        return max(1.0, 0.25 * self.rate, self._burst)

    @property
    def measured(self) -> float:
        """The limit that was found, in units per second; 0 while none was."""
        return self._tally.limit

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
        self._tally.sent += cost
        if self.shut_until:
            if self._probed_at:
                self._reopen(now)
            else:
                self._probe(now)
                return self._tally.sent
        self._fill(now)
        self._tokens -= cost
        if self._tokens < 1.0 and not self._chance.holds(self._tally.sent):
            self.rate *= 1.0 + self._growth.step(self.rate, self._tally.limit, now, self._rtt_s, pressed=pressed)
        self._arm()
        return self._tally.sent

    def settle(self, more: float) -> None:
        """The cost of a request turned out to be higher by `more` (or lower)."""
        self._tally.sent += more
        self._tokens = min(self._cap, self._tokens - more)
        self._arm()

    def rescale(self, factor: float) -> None:
        """From now on costs are counted in another unit, of which the old one is `factor`."""
        self.rate *= factor
        self._tokens *= factor
        self._resumed *= factor
        self._tally.rescale(factor)
        self._growth.rescale(factor)
        self._chance.rescale(factor)
        self._arm()

    def admitted(self, cost: float, sent_at: float, now: float) -> None:
        """A request was served, or at least looked at."""
        self.admitted_at = now
        if self._probed_at and sent_at >= self._probed_at:
            self._reopen(now)
            self._arm()
        elif not self._growth.last and not self._growth.known:
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
        tally = self._tally
        tally.rejected += cost
        self._rtt_s += _RTT_WEIGHT * (now - sent_at - self._rtt_s)
        probe = self._probed_at > 0.0 and sent_at >= self._probed_at
        if sent_at <= self._decreased_at and not probe:
            if self.admitted_at == NEVER and tally.rejected > tally.counted - 0.5 and not self.shut_until:
                # What had been sent before the rejection that counted, and was taken for admitted, was not either.
                tally.row = _NEVER_ADMITTED
                self._close(now, random)
                self._arm()
            return False
        if probe:
            self._chance.ignore(cost)
        elif self._chance.met(mark, tally.sent, early=self._is_early(mark)):
            self._believe(mark, sent_at)
        return self._count(mark, cost, sent_at, now, random)

    def decrease(self, sent_at: float, now: float, shut_s: float) -> bool:
        """A rejection that another process counted: the same decrease here, once; none where it is known as chance."""
        if sent_at <= self._decreased_at or (self._chance.tolerated and not shut_s):
            return False
        self._slow_down(sent_at, now)
        if shut_s:
            self._shut(now + shut_s)
        self._arm()
        return True

    def hint(self, seconds: float, now: float, random: Callable[[], float]) -> None:
        """The other side asks to wait for so long; then one request tries."""
        until = now + seconds * (1.0 + _HINT_JITTER * random())
        if until > self.shut_until:
            self._shut(until)
            self._arm()

    def _count(self, mark: float, cost: float, sent_at: float, now: float, random: Callable[[], float]) -> bool:
        tally, growth, chance = self._tally, self._growth, self._chance
        admitted, rejected = tally.count(mark, cost)
        chance.heed(rejected, admitted + rejected)
        if mark - tally.rejected <= 0.5 and self.admitted_at == NEVER:
            tally.row = max(tally.row, _NEVER_ADMITTED)
        if tally.row < _SHUT_AFTER_ALL:
            if chance.borne:
                self._bear(mark, sent_at, now)
                return False
            if chance.tolerated or (chance.suspected and tally.limit and tally.row < SHUT_AFTER):
                self._try(mark, sent_at, now)
                return True
        seeking, found = not tally.limit, 0.0
        if not growth.last:
            elapsed = sent_at - self._started_at
            tally.begin(mark, sent_at)
            if admitted >= MEASURABLE and elapsed > self._rtt_s:
                self.rate = max(self.rate, min(admitted / elapsed, 4.0 * self.rate))
        else:
            found = tally.end(mark, cost, sent_at)
        if tally.row < SHUT_AFTER:
            self._slow_down(sent_at, now)
            if seeking and found:
                self.rate = max(0.4 * growth.last, min(0.9 * growth.last, 0.95 * found))
            elif seeking:
                self.rate = min(self.rate, tally.at_most(mark, sent_at))
        else:
            growth.shut(self.rate, sent_at)
            self._decreased_at = now
            self._close(now, random)
        self._burst = 0.0
        self._arm()
        return True

    def _is_early(self, mark: float) -> bool:
        """Whether a rejection comes long before the last limit, and not at once after the last one."""
        if not self._tally.limit or self.rate >= _EARLY * self._growth.last:
            return False
        return mark - self._tally.counted >= _SOON

    def _bear(self, mark: float, sent_at: float, now: float) -> None:
        """A rejection slows nothing down."""
        self._decreased_at = now  # as if it did: one counts for each round trip
        self._burst = 0.0
        if self._tally.since_begun(mark) > _LONG:
            self._tally.begin(mark, sent_at)
        self._arm()

    def _try(self, mark: float, sent_at: float, now: float) -> None:
        """It is tried whether rejections end where less is sent than was admitted."""
        found = self.rate * max(_ADMITTED, 1.0 - self._chance.of_late)
        found = min(found, self._tally.at_most(mark, sent_at))
        self._slow_down(sent_at, now)
        self.rate = min(self.rate, _ON_TRIAL * found)
        if share := self._chance.share:
            self._tally.limit, self._resumed = found, found / (1.0 - share)
        else:
            self._resumed = 0.0
        self._tally.begin(mark, sent_at)
        self._chance.try_it()
        self._arm()

    def _believe(self, mark: float, sent_at: float) -> None:
        """What was taken for a limit was none: goes on as before the trial or, after the first one, as at its best."""
        tally = self._tally
        tally.limit = self._resumed or tally.best
        self.rate = max(self.rate, self._resumed)
        self._growth.resume(tally.limit)
        tally.begin(mark, sent_at)

    def _slow_down(self, sent_at: float, now: float) -> None:
        self._fill(now)
        self.rate = self._growth.slow_down(self.rate, sent_at)
        self._tokens = min(self._tokens, 0.0)
        self._decreased_at = now
        self._burst = 0.0

    def _close(self, now: float, random: Callable[[], float]) -> None:
        """Shuts it, for longer the more rejections there were in a row."""
        shut_s = min(LONGEST_SHUT_S, FIRST_SHUT_S * 2.0 ** min(self._tally.row - SHUT_AFTER, 16))
        self._tally.stop()
        self._shut(now + shut_s * (0.75 + 0.5 * random()))

    def _shut(self, until: float) -> None:
        self.shut_until, self._probed_at = until, 0.0

    def _probe(self, now: float) -> None:
        """One request goes; after this much silence it has been admitted."""
        self._probed_at, self.shut_until = now, now + 3.0 * self._rtt_s
        self._arm()

    def _reopen(self, now: float) -> None:
        self.rate = max(self.rate, 0.8 * self._tally.limit)
        self.shut_until = self._probed_at = 0.0
        self._tokens, self._stamp = 1.0, now
        self._growth.reopen(now)

    def _fill(self, now: float) -> None:
        tokens, cap = self._tokens + (now - self._stamp) * self.rate, self._cap
        if tokens > cap:
            self._tally.unused += tokens - cap
            tokens = cap
        self._tokens, self._stamp = tokens, now

    def _arm(self) -> None:
        if self.shut_until:
            self.ready_at = self.shut_until
        else:
            self.ready_at = self._stamp + max(0.0, (1.0 - self._tokens) / self.rate)
