"""What the behaviours of a scenario come to at this moment: buckets drain, errors are used up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from router.emulator.behaviour import EVERYWHERE, Behaviour, Failure, Latency, Outage, Quota, Spec, StreamFault

T = TypeVar("T")

Key = tuple[str, str | None]
"""A behaviour's location and model."""


class Bucket:
    """A token bucket that starts full."""

    def __init__(self, quota: Quota, now: float) -> None:
        self._quota = quota
        self._level = float(quota.burst)
        self._at = now

    def take(self, now: float) -> bool:
        """Whether a request passes now; if so, it has taken its token."""
        self._level = min(self._quota.burst, self._level + (now - self._at) * self._quota.per_second)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


class Script:
    """Answers what happens to a request, and remembers what happened to the ones before it.

    Safe to use from several threads: a test changes it while the server asks it.

    Args:
        resolve: gives a model's one id, from an id or alias.
        clock: seconds that never go back.
    """

    def __init__(
        self, behaviours: Iterable[Behaviour], resolve: Callable[[str], str], clock: Callable[[], float]
    ) -> None:
        self._lock = threading.Lock()
        self._resolve = resolve
        self._clock = clock
        self._behaviours: dict[Key, Behaviour] = {}
        self._buckets: dict[tuple[Key, str], Bucket] = {}
        self._used: dict[tuple[Key, str], int] = {}
        for behaviour in behaviours:
            self.set(behaviour)

    def set(self, behaviour: Behaviour) -> None:
        """Puts a behaviour in the place of the one for its location and model, and begins it anew."""
        key = self._key(behaviour)
        with self._lock:
            self._behaviours[key] = behaviour
            self._buckets = {state: bucket for state, bucket in self._buckets.items() if state[0] != key}
            self._used = {state: count for state, count in self._used.items() if state[0] != key}

    def outage(self, location: str, model: str | None = None) -> Outage | None:
        """What outage there is at a location."""
        return self._closest(location, model, lambda each: each.outage)

    def latency(self, location: str, model: str | None) -> Latency:
        """How slow answers are."""
        return self._closest(location, model, lambda each: each.latency) or Latency()

    def stream(self, location: str, model: str | None) -> StreamFault | None:
        """What goes wrong inside a stream."""
        return self._closest(location, model, lambda each: each.stream)

    def answer(self, location: str, model: str | None) -> str | None:
        """What models say."""
        return self._closest(location, model, lambda each: each.answer)

    def failure(self, location: str, model: str | None) -> Spec:
        """How the next request goes, `"ok"` when well; uses up a token and an entry of `errors`."""
        with self._lock:
            return self._over_quota(location, model) or self._next_error(location, model) or "ok"

    def _over_quota(self, location: str, model: str | None) -> Failure | None:
        behaviour = self._find(location, model, lambda each: each.quota)
        if behaviour is None or behaviour.quota is None:
            return None
        state, now = (self._key(behaviour), location), self._clock()
        if state not in self._buckets:
            self._buckets[state] = Bucket(behaviour.quota, now)
        if self._buckets[state].take(now):
            return None
        return Failure(status=429, retry_delay_s=behaviour.quota.retry_delay_s)

    def _next_error(self, location: str, model: str | None) -> Spec | None:
        behaviour = self._find(location, model, lambda each: each.errors)
        if behaviour is None:
            return None
        state = (self._key(behaviour), location)
        used = self._used.get(state, 0)
        self._used[state] = used + 1
        if used >= len(behaviour.errors) and not behaviour.repeat:
            return None
        return behaviour.errors[used % len(behaviour.errors)]

    def _closest(self, location: str, model: str | None, aspect: Callable[[Behaviour], T | None]) -> T | None:
        with self._lock:
            behaviour = self._find(location, model, aspect)
        return None if behaviour is None else aspect(behaviour)

    def _find(self, location: str, model: str | None, aspect: Callable[[Behaviour], object]) -> Behaviour | None:
        """Of the behaviours that say something about `aspect`, the one that fits closest."""
        for key in ((location, model), (location, None), (EVERYWHERE, model), (EVERYWHERE, None)):
            behaviour = self._behaviours.get(key)
            if behaviour is not None and aspect(behaviour):
                return behaviour
        return None

    def _key(self, behaviour: Behaviour) -> Key:
        return behaviour.location, behaviour.model and self._resolve(behaviour.model)
