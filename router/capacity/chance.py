"""Whether rejections come by chance, whatever is sent, or because a limit is met.

Slowing down helps against a limit; against chance it only makes everything slower. From one rejection the two look
alike, and they are told apart in two steps:

* *Suspicion* looks at where rejections fall among what was sent. A limit that is followed rejects seldom, and not
  soon after a pace has slowed down. What rejects each fifth request at random leaves few five in a row without one,
  however slow it gets, and what rejects each twentieth often does so on the way back to the last limit.
* *A trial* decides. For a while no more is sent than four fifths of what was admitted, at a rate that does not change.
  A limit then rejects next to nothing, chance as much as before. So a wrong suspicion costs hardly anything.

When chance is believed, its share may be rejected without any slowing down. Clearly more is a matter for another trial:
it may be that there is a limit as well, or after all.
"""

from __future__ import annotations

from math import sqrt

_WINDOW = 5.0
"""So many units, in the order of sending, are looked at together: several rejections among them count once."""

_WITH, _WITHOUT = 1.2, -0.72
"""What a window with a rejection says for chance, and one without against it: logarithms of how much likelier it is
if three windows in five have one than if one in five has."""

_EARLY, _NOT_EARLY = 1.0, -0.35
"""What a rejection long before the last limit says for chance, and another one against it."""

_SUSPICION, _EARLY_SUSPICION = 5.5, 5.0
_COLD = 40.0
"""Before so many units nothing is suspected: to find a slow limit takes a dozen rejections among them."""

_MOST_DOUBLED = 3
"""Each wrong suspicion doubles what the next one takes; so many times at most."""

_LEAST_SHARE, _MOST_SHARE = 0.03, 0.5
"""Less is not worth a trial. Where more is rejected, it is little use to send there."""

_EXPECTED, _EXPECTED_AGAIN = 7.0, 9.0
"""A trial takes as long as chance needs for so many rejections, the first one and later ones."""

_FEW = 2.0
"""So few of them, or fewer, mean a limit."""

_ENOUGH, _TOO_FAST = 4.0, 3.0
"""After so many it is over: they are by chance or, if they came so much faster than that, the limit is lower yet."""

_MEMORY = 200.0  # units over which the share is taken
_LATE = 20.0  # and over which the share of late is


class _Sum:
    """Evidence that adds up but never falls below nothing, and what was rejected since it last was nothing."""

    __slots__ = ("begin", "rejected", "value")

    def __init__(self) -> None:
        self.value = self.begin = self.rejected = 0.0

    def add(self, evidence: float, at: float) -> None:
        """Evidence for it, or (below 0) against it, up to here."""
        if not self.value:
            self.begin, self.rejected = at, 0.0
        self.value = max(0.0, self.value + evidence)

    def share(self, at: float) -> float:
        """Of what was sent since the beginning of the evidence, so much was rejected."""
        return self.rejected / max(_WINDOW, at - self.begin)


class Chance:
    """What is believed of one quota.

    Requests are known by their marks: the units that had been sent with them. `share` is how many of them are rejected
    by chance; 0 while rejections are taken for those of a limit. `of_late` is how many were, whatever the reason.

    Args:
        tolerated: see `Pacing`.
    """

    __slots__ = (
        "_at",
        "_begin",
        "_early",
        "_idle",
        "_often",
        "_rejected",
        "_seen",
        "_seen_rejected",
        "_tolerated",
        "_trial",
        "_window",
        "_wrong",
        "of_late",
        "share",
    )

    def __init__(self, tolerated: float = 0.0) -> None:
        self._tolerated = tolerated
        self.share = 0.0
        self.of_late = 0.0
        self._idle = 0.0  # units that told nothing: every other place is counted without them
        self._at = 0.0  # of the last rejection
        self._window = 0.0  # the last one with a rejection
        self._often, self._early = _Sum(), _Sum()
        self._wrong = 0  # suspicions in a row
        self._trial = 0.0  # the share that is on trial; 0 without a trial
        self._begin = self._rejected = 0.0  # of the trial
        self._seen = self._seen_rejected = 0.0  # what the share is taken from

    @property
    def tolerated(self) -> float:
        """The share of late that may be rejected without slowing anything down: among forty requests it varies."""
        share = self.share
        return share + max(0.15, 0.5 * sqrt(share * (1.0 - share))) if share and not self._trial else 0.0

    @property
    def on_trial(self) -> bool:
        """Whether no rejection has ended the trial yet."""
        return self._trial > 0.0

    @property
    def borne(self) -> bool:
        """Whether a rejection slows nothing down: so many are tolerated, or none has ended the trial yet."""
        return self._trial > 0.0 or self.of_late < max(self._tolerated, self.tolerated)

    @property
    def suspected(self) -> bool:
        """Whether it is time for a first trial."""
        if self._trial or self.share or self._at < _COLD:
            return False
        often, early, more = self._often, self._early, 2.0 ** min(self._wrong, _MOST_DOUBLED)
        if early.value >= _EARLY_SUSPICION * more and early.share(self._at) >= _LEAST_SHARE:
            return True
        return often.value >= _SUSPICION * more

    @property
    def _length(self) -> float:
        """Of a trial, in units."""
        return (_EXPECTED_AGAIN if self.share else _EXPECTED) / self._trial

    def holds(self, sent: float) -> bool:
        """Whether the rate must stay as it is, for a trial, when so much has been sent."""
        return self._trial > 0.0 and sent - self._idle - self._begin <= self._length

    def heed(self, rejected: float, seen: float) -> None:
        """So much of what was sent since the last rejection that counted was rejected."""
        if seen >= rejected > 0.0:  # it may be less, where costs turned out to be lower than was thought
            late = 2.0 * _LATE if self.share else _LATE  # chance varies, and must not be taken for a limit
            self.of_late += (rejected / seen - self.of_late) * min(1.0, seen / late)

    def ignore(self, cost: float) -> None:
        """So much was sent that tells nothing."""
        self._idle += cost

    def rescale(self, factor: float) -> None:
        """From now on costs are counted in another unit, of which the old one is `factor`. A suspicion is dropped."""
        self._idle *= factor
        self._at *= factor
        self._begin *= factor
        self._window = self._at // _WINDOW
        self._often, self._early = _Sum(), _Sum()

    def met(self, mark: float, sent: float, *, early: bool) -> bool:
        """A request was rejected. Gives whether that has ended a trial which shows that it happens by chance.

        Args:
            sent: the mark of the last one that has been sent. What was under way tells nothing new.
            early: it came long before the last limit, and not at once after the last rejection.
        """
        at = self._at = mark - self._idle
        self._idle += sent - mark
        if self._trial:
            return self._tried(at)
        if not self.share:
            self._look(at, early)
        return False

    def try_it(self) -> None:
        """A trial begins; the pace has slowed down to less than was admitted."""
        if not self.share:
            grounds = self._often if self._often.value >= _SUSPICION else self._early
            self._seen, self._seen_rejected = self._at - grounds.begin, grounds.rejected
            self._trial = grounds.share(self._at)
        else:
            self._trial = self.share
        self._trial = min(self._trial, _MOST_SHARE)
        self._begin, self._rejected = self._at, 0.0

    def _look(self, at: float, early: bool) -> None:
        window = at // _WINDOW
        if window > self._window:
            self._often.add((window - self._window - 1.0) * _WITHOUT, at)
            self._often.add(_WITH, at)
            self._window = window
        self._early.add(_EARLY if early else _NOT_EARLY, at)
        self._often.rejected += 1.0
        self._early.rejected += 1.0

    def _tried(self, at: float) -> bool:
        seen = at - self._begin
        if seen < self._length:
            self._rejected += 1.0
            if self._rejected < _ENOUGH:
                return False
            if seen < max(_ENOUGH + 0.5, _ENOUGH / self._trial / _TOO_FAST):
                if self.share:
                    self._trial = 0.0  # this trial shows nothing of chance; the next one goes slower
                else:
                    self._dismiss()
                return False
        if self._rejected <= _FEW:
            self._dismiss()
            return False
        self._believe(seen)
        return True

    def _dismiss(self) -> None:
        self.share = self._trial = 0.0
        self._often, self._early = _Sum(), _Sum()
        self._wrong += 1

    def _believe(self, seen: float) -> None:
        self._trial = 0.0
        self._often, self._early = _Sum(), _Sum()
        self._wrong = 0
        self._seen += seen
        self._seen_rejected += self._rejected
        self.share = self.of_late = min(self._seen_rejected / self._seen, _MOST_SHARE)
        if self._seen > _MEMORY:
            self._seen, self._seen_rejected = 0.5 * self._seen, 0.5 * self._seen_rejected
