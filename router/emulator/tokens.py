"""Access tokens: which were issued, which are still good."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from router.emulator.records import fingerprint

REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that the emulator gave out.

    `flow` says by which way: `service_account`, `authorized_user`, `gce`, `impersonation` or
    `external_account`. `fingerprint` is the one by which `Received.headers` names the token.
    """

    at_s: float
    flow: str
    fingerprint: str


class Tokens:
    """Issues tokens and knows which are good. Safe to use from several threads.

    A token that was never issued here is good as well unless it is blank or revoked: many tests hand
    their client a made-up one.
    """

    def __init__(self, lifetime_s: int, revoked: Iterable[str], clock: Callable[[], float]) -> None:
        self.lifetime_s = lifetime_s
        self._lock = threading.Lock()
        self._clock = clock
        self._start = clock()
        self._expiry: dict[str, float] = {}
        self._seen: dict[str, None] = {}
        self._revoked = set(revoked)
        self._issued: list[Issued] = []

    @property
    def issued(self) -> tuple[Issued, ...]:
        """What was issued so far, in order."""
        with self._lock:
            return tuple(self._issued)

    def issue(self, flow: str, lifetime_s: int | None = None) -> str:
        """A fresh token that is good for the lifetime, or a shorter one that was asked for."""
        token = f"ya29.emulated-{secrets.token_urlsafe(24)}"
        now = self._clock()
        with self._lock:
            self._expiry[token] = now + self.lasting(lifetime_s)
            self._issued.append(Issued(now - self._start, flow, fingerprint(token)))
        return token

    def lasting(self, lifetime_s: int | None = None) -> int:
        """How many seconds a token lasts for which this lifetime was asked."""
        return self.lifetime_s if lifetime_s is None else min(lifetime_s, self.lifetime_s)

    def revoke(self, token: str | None = None) -> None:
        """Makes a token bad; without one, every token issued or seen so far."""
        with self._lock:
            self._revoked |= {token} if token is not None else {*self._expiry, *self._seen}

    def good(self, token: str) -> bool:
        """Whether requests with this token are let in."""
        now = self._clock()
        with self._lock:
            if len(self._seen) < REMEMBERED:
                self._seen[token] = None
            return token not in self._revoked and now < self._expiry.get(token, float("inf"))
