"""What the emulator saw: the hosts that were contacted, and the requests that arrived."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")

Outcome = Literal["forwarded", "refused", "reset"]

_MOST = 10_000
_SECRET_HEADERS = ("authorization", "x-goog-api-key", "proxy-authorization", "cookie")


class Log(Generic[T]):
    """Entries in order, from any thread; of very many, the latest."""

    def __init__(self) -> None:
        self._entries: deque[T] = deque(maxlen=_MOST)
        self._lock = threading.Lock()

    def add(self, entry: T) -> None:
        """Appends one."""
        with self._lock:
            self._entries.append(entry)

    def all(self) -> tuple[T, ...]:
        """All there are now."""
        with self._lock:
            return tuple(self._entries)

    def clear(self) -> None:
        """Forgets all."""
        with self._lock:
            self._entries.clear()


@dataclass(frozen=True, slots=True)
class Contact:
    """One connection that a client asked the proxy for.

    `outcome` is `forwarded` to the emulated service, `refused` because the host isn't Google's, or
    `reset` because a scenario wants it. `at_s` counts from the emulator's start.
    """

    at_s: float
    host: str
    port: int
    outcome: Outcome


class Witness:
    """The proxy's own log of where clients wanted their bytes to go.

    It is written before anything is forwarded, by code that reads nothing but the name of the host,
    so it depends neither on the client under test nor on how its requests are understood. Print it
    for a table.
    """

    def __init__(self) -> None:
        self._log: Log[Contact] = Log()

    def add(self, contact: Contact) -> None:
        """Notes a contact."""
        self._log.add(contact)

    @property
    def contacts(self) -> tuple[Contact, ...]:
        """Every contact, in order; a connection that is used again is one contact."""
        return self._log.all()

    @property
    def hosts(self) -> tuple[str, ...]:
        """Each host that a client tried to reach, in order of first contact, the refused ones too."""
        return tuple(dict.fromkeys(contact.host for contact in self.contacts))

    @property
    def refused(self) -> tuple[str, ...]:
        """The hosts that aren't Google's, to which nothing was let through."""
        return tuple(dict.fromkeys(contact.host for contact in self.contacts if contact.outcome == "refused"))

    def clear(self) -> None:
        """Forgets all contacts."""
        self._log.clear()

    def __str__(self) -> str:
        contacts = self.contacts
        rows: list[tuple[str, ...]] = [("host", "connections", "first at", "outcome")]
        for host in dict.fromkeys(contact.host for contact in contacts):
            mine = [contact for contact in contacts if contact.host == host]
            outcomes = ", ".join(dict.fromkeys(contact.outcome for contact in mine))
            rows.append((host, str(len(mine)), f"{mine[0].at_s:.3f} s", outcomes))
        return _table(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request that reached the emulated service.

    Args:
        at_s: seconds since the emulator's start.
        outcome: `ok`; or what went wrong: the name of the error answered, `reset`, `hang`, or
            `stream fault`.
        status: the HTTP status answered; None when there was no answer.
        method: what was asked of the model, e.g. `generateContent`; empty where the path led nowhere.
        headers: with lower-case names; of secrets only a fingerprint, by which to tell them apart.
    """

    at_s: float
    verb: str
    host: str
    path: str
    project: str = ""
    location: str = ""
    publisher: str = ""
    model: str = ""
    method: str = ""
    outcome: str = ""
    status: int | None = None
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def __str__(self) -> str:
        what = f"{self.model}:{self.method}" if self.method else self.path
        return f"{self.at_s:8.3f} s  {self.host}  {self.location}  {what}  {self.status or '-'} {self.outcome}"


def redacted(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers fit to be kept: secrets are replaced by a fingerprint."""
    return {name: _redacted(value) if name in _SECRET_HEADERS else value for name, value in headers}


def fingerprint(secret: str) -> str:
    """A short name of a secret that doesn't give it away."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


def _redacted(value: str) -> str:
    scheme, _, secret = value.partition(" ")
    if scheme.lower() not in ("bearer", "basic"):
        scheme, secret = "", value
    return f"{scheme} <redacted {fingerprint(secret.strip())}>".strip()


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
