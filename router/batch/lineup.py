"""Rows that end out of order, written in order, with bounded memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


class Lineup(Generic[T]):
    """Holds what has ended until what was begun before it has ended too.

    Args:
        write: is given each one in turn.
        most: how far ahead of the one that is waited for a row may be.
    """

    def __init__(self, write: Callable[[T], Awaitable[object]], most: int) -> None:
        self._write = write
        self._most = most
        self._next = 0
        self._held: dict[int, T] = {}
        self._moved = anyio.Event()
        self._lock = anyio.Lock()
        self._open = True

    async def near(self, place: int) -> bool:
        """Waits until a row is near enough to the one that is waited for; gives whether it may be begun."""
        while self._open and place >= self._next + self._most:
            await self._moved.wait()
        return self._open

    async def ended(self, place: int, what: T) -> None:
        """A row has ended; writes all that may now be written."""
        self._held[place] = what
        async with self._lock:
            while self._next in self._held:
                await self._write(self._held.pop(self._next))
                self._next += 1
        self._move()

    def give_up(self) -> None:
        """Nobody is to wait any more: a row will never end."""
        self._open = False
        self._move()

    def _move(self) -> None:
        moved, self._moved = self._moved, anyio.Event()
        moved.set()
