"""Simulated time: what happens next, happens now."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class Loop:
    """Events in the order of their times."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()

    def __call__(self) -> float:
        """The time, in seconds."""
        return self.now

    def at(self, time: float, happen: Callable[[], object]) -> None:
        """Has something happen at a time; what lies in the past happens next."""
        heapq.heappush(self._events, (max(time, self.now), next(self._numbers), happen))

    def run(self, until: float) -> None:
        """Lets time pass."""
        while self._events and self._events[0][0] <= until:
            self.now, _, happen = heapq.heappop(self._events)
            happen()
        self.now = until
