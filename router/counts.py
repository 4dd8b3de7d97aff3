"""Things that happen now and then and that somebody should see the number of."""

from __future__ import annotations

import threading
from collections import Counter


class Counts:
    """Counts by name. Safe to share between threads."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, name: str) -> None:
        """It has happened once more."""
        with self._lock:
            self._counts[name] += 1

    def as_dict(self) -> dict[str, int]:
        """How often each has happened."""
        with self._lock:
            return dict(self._counts)
