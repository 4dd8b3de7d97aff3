"""Reads the files of an audit as one chain, and tells where the chain is broken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from router.audit.lines import BEGINNING, Closed, Event, Opened, Written, parsed
from router.audit.log import set_aside
from router.errors import RouterError


class Unreadable(RouterError):
    """There is no audit there, or it can't be read."""


class Place(NamedTuple):
    """A line of a file, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Finding(NamedTuple):
    """Something to tell of a place."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def files_of(path: Path) -> list[Path]:
    """The files of an audit in the order in which they were written.

    Raises:
        Unreadable: there is none.
    """
    files = [*set_aside(path), *([path] if path.is_file() else [])]
    if not files:
        raise Unreadable(f"{path}: there is no audit there")
    return files


class Chain:
    """The lines of an audit, each compared with the one before.

    Args:
        after: the hash of the line before the first, if files before it are kept elsewhere.
    """

    def __init__(self, path: Path, after: str = "") -> None:
        self.files = files_of(path)
        self.problems: list[Finding] = []
        self.notes: list[Finding] = []
        self.lines = 0
        self._number = None if after else 0
        self._before: str | None = after or BEGINNING
        self._last: Event | None = None
        self._place = Place(str(path), 0)

    @property
    def head(self) -> str:
        """The hash of the last line that was read; empty if that is not whole."""
        return "" if self._before in (None, BEGINNING) else str(self._before)

    def events(self) -> Iterator[tuple[Place, Event]]:
        """What the lines tell that are as they were written.

        Raises:
            Unreadable: a file can't be read.
        """
        for file in self.files:
            try:
                with file.open("rb") as lines:
                    for number, raw in enumerate(lines, 1):
                        self._place = Place(str(file), number)
                        event = self._event(raw)
                        if event is not None:
                            yield self._place, event
            except OSError as error:
                raise Unreadable(f"{file}: can't be read: {error}") from None

    def end(self, *, running: bool, head: str = "") -> None:
        """Notes what is wrong with the end, once all has been read.

        Args:
            running: whether the process that writes is still at it.
            head: the hash that the last line must have.
        """
        if self.lines == 0:
            self._wrong("holds no line")
        elif not isinstance(self._last, Closed) and not running:
            self._wrong(
                "ends without a closing line: the process that wrote it is still running, or was stopped, or lines "
                "are missing at the end"
            )
        if head and head != self.head:
            self._wrong(f"the last line's hash is {self.head or 'unknown'}, not {head}: lines are missing at the end")

    def _event(self, raw: bytes) -> Event | None:
        self.lines += 1
        last, self._last = self._last, None
        written = parsed(raw)
        if written is None:
            torn = not raw.endswith(b"\n")
            self._wrong("is cut off: a line was not finished, or was shortened" if torn else "was changed")
            self._number = None if self._number is None else self._number + 1
            self._before = None
            return None
        self._follow(written)
        try:
            event = written.event()
        except msgspec.DecodeError as error:
            self._wrong(f"is nothing that this version of the package writes: {error}")
            return None
        self._look(event, last)
        self._last = event
        return event

    def _follow(self, line: Written) -> None:
        """Compares a line with the one before."""
        due = line.number if self._number is None else self._number + 1
        if line.number > due:
            self._wrong(f"is line {line.number} of the audit, and {line.number - due} before it are missing")
        elif line.number < due:
            self._wrong(f"is line {line.number} of the audit, and stands where line {due} is due")
        elif self._before not in (None, line.before):
            self._wrong("does not follow the line before: that one was put in the place of another")
        self._number, self._before = line.number, line.hash

    def _look(self, event: Event, last: Event | None) -> None:
        if not isinstance(event, Opened):
            return
        if event.unclosed:
            torn = f"; {event.torn_bytes} bytes of a line not finished were cut off" if event.torn_bytes else ""
            self.notes.append(Finding(self._place, f"the process before had been stopped without closing{torn}"))
        elif last is not None and not isinstance(last, Closed):
            self._wrong("opens an audit that was not closed")

    def _wrong(self, text: str) -> None:
        self.problems.append(Finding(self._place, text))
