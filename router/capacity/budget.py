"""The retry budget: retries after faults are paced, so that a bad minute is not made worse."""

from __future__ import annotations

from router.capacity.knobs import Pacing

CREDIT_S = 10.0
"""For how long unused credit is kept."""


class Budget:
    """Credit for retries: a share of the requests sent, and some for each second.

    A retry without credit is not given up; it waits until its credit has come in.
    """

    __slots__ = ("_balance", "_knobs", "_most", "_stamp")

    def __init__(self, knobs: Pacing, now: float) -> None:
        self._knobs = knobs
        self._most = self._balance = knobs.retries_per_s * CREDIT_S
        self._stamp = now

    def sent(self) -> None:
        """A request was sent for the first time."""
        self._balance = min(self._most, self._balance + self._knobs.retry_share)

    def retry_at(self, now: float) -> float:
        """Draws the credit for one retry; gives the time at which it may go."""
        rate = self._knobs.retries_per_s
        self._balance = min(self._most, self._balance + (now - self._stamp) * rate) - 1.0
        self._stamp = now
        return now if self._balance >= 0.0 else now - self._balance / rate
