"""Equal requests, asked once: the first one is asked, the others wait for it and take its answer."""

from __future__ import annotations

from hashlib import blake2b
from typing import Generic, TypeVar

import anyio

from router.batch.conventions import Asked

T = TypeVar("T")

_BYTES = 16


def twin_key(asked: Asked) -> int:
    """What equal requests have in common. A number takes less memory than what it stands for."""
    text = asked.path.encode() + b"\n" + asked.body
    return int.from_bytes(blake2b(text, digest_size=_BYTES, person=asked.convention.name.encode()).digest())


class Twins(Generic[T]):
    """What is known of requests by their key: that one is being asked, or where its answer is."""

    def __init__(self) -> None:
        self._known: dict[int, anyio.Event | T] = {}

    async def answer(self, key: int) -> T | None:
        """Where the answer of an equal request is, once there is one; None for who is to ask it."""
        while True:
            found = self._known.get(key)
            if found is None:
                self._known[key] = anyio.Event()
                return None
            if not isinstance(found, anyio.Event):
                return found
            await found.wait()

    def asked(self, key: int, answer: T | None) -> None:
        """The request has ended; without an answer, another one asks."""
        event = self._known.pop(key, None)
        if answer is not None:
            self._known[key] = answer
        if isinstance(event, anyio.Event):
            event.set()

    def written(self, key: int, answer: T) -> None:
        """The answer is to be had from there as well, so that it need not be kept."""
        self._known[key] = answer
