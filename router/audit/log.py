"""The file of an audit: lines are only ever added to it, by one process at a time.

A full file is set aside as `FILE.000001`, the next one as `FILE.000002`; the chain goes on from file to
file. What can't be written whole is taken back, so that the file always ends with a whole line, unless
the process is stopped in the midst of writing one: the next start cuts off what is left of that.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from router.audit.lines import BEGINNING, Written, line, parsed

_TAIL = 1024 * 1024
_OWN_ALONE = 0o600
_CLOSED = b'"event":"closed",'


class LogInUse(OSError):
    """Another process, or another router of this one, writes the file."""


class LogBroken(OSError):
    """What is in the file can't be added to."""


class Found(NamedTuple):
    """What stood in the file when it was opened."""

    unclosed: bool
    torn_bytes: int


def set_aside(path: Path) -> list[Path]:
    """The full files of an audit, in their order."""
    pattern = re.compile(re.escape(path.name) + r"\.[0-9]{6,}")
    found = [each for each in path.parent.glob(f"{_escaped(path.name)}.*") if pattern.fullmatch(each.name)]
    return sorted(found, key=lambda each: int(each.suffix[1:]))


def _escaped(name: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", name)


class Log:
    """The file, open for writing. Not to be shared between threads.

    Args:
        rotate_bytes: a file of this size is set aside.
        write: writes bytes to a file descriptor and tells how many it wrote; for tests.
    """

    def __init__(self, path: Path, rotate_bytes: int, write: Callable[[int, bytes], int] = os.write) -> None:
        self.path = path
        self._rotate_bytes = rotate_bytes
        self._write = write
        self._lock = _locked(path)
        self._number, self._hash = 0, BEGINNING
        try:
            self._file, self.found = self._opened()
        except OSError:
            os.close(self._lock)
            raise

    def add(self, bodies: Sequence[bytes]) -> None:
        """Adds a line for each body: all of them, or none.

        Raises:
            OSError: they can't be written.
        """
        number, digest, lines = self._number, self._hash, []
        for body in bodies:
            number += 1
            raw, digest = line(number, digest, body)
            lines.append(raw)
        self._put(b"".join(lines))
        self._number, self._hash = number, digest

    @property
    def full(self) -> bool:
        """Whether the file is to be set aside before anything is added."""
        return self._size >= self._rotate_bytes

    def rotate(self) -> None:
        """Sets the file aside and begins the next one.

        Raises:
            OSError: it can't be done; the file stays as it is.
        """
        self.sync()
        aside = set_aside(self.path)
        number = int(aside[-1].suffix[1:]) + 1 if aside else 1
        full = self.path.with_name(f"{self.path.name}.{number:06}")
        self.path.rename(full)
        try:
            new = _open(self.path, os.O_CREAT | os.O_EXCL)
        except OSError:
            full.rename(self.path)
            raise
        os.close(self._file)
        self._file, self._size = new, 0

    def sync(self) -> None:
        """Has the system put on the disk what it was given."""
        os.fsync(self._file)

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._file)
        os.close(self._lock)

    def _put(self, data: bytes) -> None:
        os.ftruncate(self._file, self._size)  # of what an earlier failure could not take back
        try:
            done = 0
            while done < len(data):
                done += self._write(self._file, data[done:])
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)

    def _opened(self) -> tuple[int, Found]:
        """The file, cut to whole lines; the chain is taken up where it ends."""
        file = _open(self.path, os.O_CREAT)
        try:
            aside = set_aside(self.path)
            whole, last = _last_line(file, self.path)
            size = os.fstat(file).st_size
            os.ftruncate(file, whole)
            self._size = whole
            if last is None and aside:
                before = _open(aside[-1])
                try:
                    _, last = _last_line(before, aside[-1])
                finally:
                    os.close(before)
            if last is not None:
                self._number, self._hash = last.number, last.hash
            closed = last is None or last.body.startswith(_CLOSED)
            return file, Found(unclosed=not closed, torn_bytes=size - whole)
        except OSError:
            os.close(file)
            raise


def _open(path: Path, flags: int = 0) -> int:
    return os.open(path, os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | flags, _OWN_ALONE)


def _last_line(file: int, path: Path) -> tuple[int, Written | None]:
    """Up to where a file holds whole lines, and the last of them; None in an empty file."""
    size = os.fstat(file).st_size
    os.lseek(file, max(0, size - _TAIL), os.SEEK_SET)
    tail = os.read(file, _TAIL)
    whole = tail.rfind(b"\n") + 1
    if whole == 0:
        if size > _TAIL:
            raise LogBroken(f"{path} is not an audit: its last line is longer than any that is written")
        return 0, None
    last = parsed(tail[tail.rfind(b"\n", 0, whole - 1) + 1 : whole])
    if last is None:
        raise LogBroken(f"{path} is not an audit, or was changed: its last line is not one; move it away first")
    return size - len(tail) + whole, last


def _locked(path: Path) -> int:
    """A lock beside the file, which ends with the process however that ends."""
    lock = path.with_name(f"{path.name}.lock")
    file = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), _OWN_ALONE)
    try:
        _lock(file)
    except OSError:
        os.close(file)
        raise LogInUse(
            f"{path} is being written by another process, or by another router of this one; give each a file of its "
            "own ({pid} in the name becomes the number of the process)"
        ) from None
    return file


if sys.platform == "win32":

    def _lock(file: int) -> None:
        import msvcrt  # noqa: PLC0415 - the one that this system has

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:

    def _lock(file: int) -> None:
        import fcntl  # noqa: PLC0415 - the one that this system has

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
