"""The breakers: faults, and only faults, shut them. A place that is busy is not broken."""

from __future__ import annotations

from collections.abc import Callable

FAULTS_TO_OPEN = 8
"""Faults in a row. Fast failures overtake slow successes, so a handful in a row proves nothing."""

FAULTS_TO_OPEN_UNPROVEN = 3
"""The same for a pool that has never answered."""

LONGEST_OPEN_S = 10.0
FIRST_OPEN_S = 1.0
SHARE_TO_OPEN, _WEIGHT = 0.75, 0.1
HOST_COOLING_S, LONGEST_HOST_COOLING_S = 5.0, 30.0
WRONG_HOST_S = 60.0
FOREVER = float("inf")


class Breaker:
    """Of one pool. Open, it lets nothing through until `ready_at`, then one request that tries."""

    __slots__ = ("_faults", "_opened", "probed_at", "ready_at", "share")

    def __init__(self) -> None:
        self.share = 0.0
        """Of the last requests, how many failed: 0 to 1."""
        self.ready_at = 0.0
        self.probed_at = 0.0
        self._faults = 0
        self._opened = 0

    @property
    def is_open(self) -> bool:
        """Whether it is open, or has one request trying."""
        return self._opened > 0

    def probe(self, now: float) -> None:
        """The one request goes."""
        self.probed_at, self.ready_at = now, FOREVER

    def withdrawn(self, sent_at: float) -> None:
        """The one request told nothing: another may go."""
        if self.probed_at and sent_at >= self.probed_at:
            self.probed_at, self.ready_at = 0.0, sent_at

    def answered(self) -> bool:
        """An answer of any kind, a 429 too. Gives whether it closed."""
        was_open = self._opened > 0
        self.share *= 1.0 - _WEIGHT
        if was_open:
            self.share = 0.0
        self._faults = self._opened = 0
        self.ready_at = self.probed_at = 0.0
        return was_open

    def failed(self, sent_at: float, now: float, random: Callable[[], float], *, proven: bool) -> bool:
        """A fault. Gives whether it opened, or stays open for longer."""
        self.share += _WEIGHT * (1.0 - self.share)
        self._faults += 1
        if self._opened and not (self.probed_at and sent_at >= self.probed_at):
            return False  # sent before it opened
        most = FAULTS_TO_OPEN if proven else FAULTS_TO_OPEN_UNPROVEN
        if not self._opened and self._faults < most and self.share <= SHARE_TO_OPEN:
            return False
        self._opened += 1
        open_s = min(LONGEST_OPEN_S, FIRST_OPEN_S * 2.0 ** min(self._opened - 1, 16))
        self.ready_at, self.probed_at = now + open_s * (0.8 + 0.4 * random()), 0.0
        return True

    def open(self, until: float) -> None:
        """Another process saw it break."""
        self._opened = max(self._opened, 1)
        self.ready_at, self.probed_at = max(self.ready_at, until), 0.0


class Host:
    """What is known of reaching a location's host, whatever the model."""

    __slots__ = ("_faults", "ready_at", "why")

    def __init__(self) -> None:
        self.ready_at = 0.0
        self.why = ""
        self._faults = 0

    def failed(self, now: float, why: str, *, wrong: bool) -> None:
        """It could not be reached, or is the `wrong` host altogether."""
        self._faults += 1
        cooling = min(HOST_COOLING_S * 2.0 ** min(self._faults - 1, 8), LONGEST_HOST_COOLING_S)
        self.ready_at = now + (WRONG_HOST_S if wrong else cooling)
        self.why = why

    def answered(self) -> bool:
        """It was reached. Gives whether that is news."""
        if not self._faults:
            return False
        self._faults, self.ready_at, self.why = 0, 0.0, ""
        return True
