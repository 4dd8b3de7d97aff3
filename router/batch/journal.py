"""The output file, which is its own journal: what stands in it is done.

A line is written whole, its end last, so that a line without an end is one that was being written when
the process died; it is cut off, and its row asked again. Beside the output, `OUTPUT.begun` has the
numbers of the rows that were begun, eight bytes each; what was begun and has not ended was under way.
That file goes when the batch has ended.

What is kept in memory of a finished row is a digest of its input, eight bytes, so that an input that
was changed since is noticed; a million rows take 8 MB.
"""

from __future__ import annotations

import os
import stat
import time
from array import array
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec

from router.batch.outcome import FINAL, Outcome, State
from router.batch.record import done_in, line_of
from router.batch.settings import BatchError

_NUMBER = 8
_BUFFER = 1 << 20
_START = b'{"router":{"row":'


class JournalError(BatchError):
    """An output file that can't be gone on with; says what is wrong and how to mend it."""


class Found(NamedTuple):
    """What an output file held when it was opened: rows by how they ended, and what they cost.

    `under_way` counts the rows that were begun and have not ended, `torn_bytes` what was cut off.
    """

    states: dict[State, int]
    usd: Decimal
    torn_bytes: int
    under_way: int


class Journal:
    """An output file, opened for one process at a time.

    Args:
        path: of the output; made if it is not there.
        now: seconds since 1970 (UTC).

    Raises:
        JournalError: the file is of another origin, damaged, in use, or can't be opened.
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self._now = now
        self._digests = array("Q")
        self._file = self._begun = -1
        try:
            _check_regular(path)
            self._real = Path(os.path.realpath(path))  # a link stays one when a copy takes its file's place
            self._begun_path = self._real.with_name(self._real.name + ".begun")
            self._copy_path = self._real.with_name(self._real.name + ".rewriting")
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            self._lock(self._file)
            self._copy_path.unlink(missing_ok=True)  # of a run that was killed while it wrote it
            self._begun = os.open(self._begun_path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            self.found = self._read()
            self._end = self._synced = os.lseek(self._file, 0, os.SEEK_END)
            _sync_directory(self._real)
        except OSError as error:
            self.close()
            raise JournalError(f"{error.filename or path}: can't be opened for writing: {error.strerror}") from error
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def digest(self, row: int) -> int:
        """The digest of a row that is done; 0 for one that is not."""
        return self._digests[row] if row < len(self._digests) else 0

    def begin(self, row: int) -> None:
        """Notes that a row is about to be asked.

        Raises:
            JournalError: it could not be noted.
        """
        try:
            os.write(self._begun, row.to_bytes(_NUMBER))
        except OSError as error:
            raise self._unwritable(error) from error

    def write(self, row: int, digest: int, outcome: Outcome, content: dict[str, Any]) -> int:
        """Writes a row's end; gives where its line begins.

        Raises:
            JournalError: it could not be written; what was written of it is taken back.
        """
        line = line_of(row, digest, outcome, int(self._now()), content)
        place, rest = self._end, memoryview(line)
        try:
            while rest:
                rest = rest[os.pwrite(self._file, rest, place + len(line) - len(rest)) :]
        except OSError as error:
            os.ftruncate(self._file, place)
            raise self._unwritable(error) from error
        self._end = place + len(line)
        self._done(row, digest)
        return place

    def record(self, place: int) -> dict[str, Any]:
        """The line that begins at a place, decoded."""
        with open(os.dup(self._file), "rb") as lines:
            lines.seek(place)
            return msgspec.json.decode(lines.readline(), type=dict[str, Any])

    def forget_failed(self) -> None:
        """Takes out what has `failed`, to be asked again: puts a copy without it in the file's place, whole or
        not at all.

        Raises:
            JournalError: the copy could not be written; the file is as it was.
        """
        if not self.found.states.get("failed"):
            return
        try:
            mode = stat.S_IMODE(os.fstat(self._file).st_mode)  # who may not read the file may not read the copy
            copy = os.open(self._copy_path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.fchmod(copy, mode)
                self._lock(copy, self._copy_path)
                again = self._copy_final(copy)
                os.fsync(copy)
                self._copy_path.replace(self._real)
            except BaseException:
                os.close(copy)
                self._copy_path.unlink(missing_ok=True)
                raise
            _sync_directory(self._real)
        except OSError as error:
            raise self._unwritable(error) from error
        os.close(self._file)
        self._file = copy
        self._end = self._synced = os.lseek(copy, 0, os.SEEK_END)
        for row in again:
            self._digests[row] = 0
        self.found.states.pop("failed")

    def sync(self) -> None:
        """Has what was written reach the disk, so that it outlives a loss of power.

        Raises:
            JournalError: it did not.
        """
        end = self._end
        if self._synced != end:
            try:
                os.fsync(self._file)
            except OSError as error:
                raise self._unwritable(error) from error
            self._synced = end

    def finish(self) -> None:
        """Nothing is under way any more."""
        self.sync()
        self._begun_path.unlink(missing_ok=True)

    def close(self) -> None:
        """Gives the file free; what was begun and has not ended counts as under way."""
        for name in ("_begun", "_file"):
            number = getattr(self, name)
            setattr(self, name, -1)
            if number >= 0:
                os.close(number)

    def _unwritable(self, error: OSError) -> JournalError:
        return JournalError(
            f"{self.path}: can't be written: {error.strerror}; every line in it is whole, and the same command "
            "goes on from here"
        )

    def _lock(self, file: int, path: Path | None = None) -> None:
        """Has no other process write a file, and sees that no other has put another one in its place."""
        try:
            import fcntl  # noqa: PLC0415 - not on every system, and only a batch needs it
        except ModuleNotFoundError:
            raise JournalError(f"{self.path}: this system has no file locks; run it on Linux or macOS") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = os.path.samestat(os.fstat(file), (path or self.path).stat())
        except BlockingIOError:
            mine = False
        if not mine:
            raise JournalError(f"{self.path}: another process is writing it; wait for it, or write elsewhere")

    def _done(self, row: int, digest: int) -> int:
        """Keeps the digest of a row that has ended; gives the one that was kept before, 0 if there was none."""
        if row >= len(self._digests):
            self._digests.extend([0] * (row + 1 - len(self._digests) + (len(self._digests) >> 3)))
        before, self._digests[row] = self._digests[row], digest
        return before

    def _read(self) -> Found:
        """Takes over what is whole in the file, and cuts off a last line that is not."""
        states: dict[State, int] = {}
        spent, whole = Decimal(), 0
        with open(os.dup(self._file), "rb", buffering=_BUFFER) as lines:
            for number, line in enumerate(lines, 1):
                done = done_in(line)
                if done is None:
                    self._torn(line, number, last=not lines.read(1))
                    break
                if self._done(done.row, done.digest):
                    raise JournalError(
                        f"{self.path}:{number}: row {done.row} ends a second time; remove one of its lines"
                    )
                states[done.state] = states.get(done.state, 0) + 1
                spent += done.usd or 0
                whole += len(line)
        size = os.fstat(self._file).st_size
        if size > whole:
            os.ftruncate(self._file, whole)
        return Found(states, spent, size - whole, self._under_way())

    def _torn(self, line: bytes, number: int, *, last: bool) -> None:
        """Passes a line that was not written to its end: the last one, or zeros that a loss of power left.

        Raises:
            JournalError: it is a line of something else.
        """
        written, _, left = line.partition(b"\0")
        begun = written.startswith(_START) or _START.startswith(written)
        if begun and last and not left.strip(b"\0\n") and not written.endswith(b"\n"):
            return
        what = "not a line that a batch has written; remove it, or" if number > 1 else "not the output of a batch;"
        raise JournalError(f"{self.path}:{number}: {what} write to another file")

    def _under_way(self) -> int:
        """How many rows were begun and have not ended; of the others nothing is kept."""
        data = os.pread(self._begun, os.fstat(self._begun).st_size, 0)
        begun = (int.from_bytes(data[at : at + _NUMBER]) for at in range(0, len(data) - _NUMBER + 1, _NUMBER))
        rows = {row for row in begun if not self.digest(row)}
        os.ftruncate(self._begun, 0)
        for row in rows:
            os.write(self._begun, row.to_bytes(_NUMBER))
        return len(rows)

    def _copy_final(self, copy: int) -> list[int]:
        """Copies the lines of rows that are not to be asked again; gives the numbers of the others."""
        again: list[int] = []
        with (
            open(os.dup(self._file), "rb", buffering=_BUFFER) as lines,
            open(os.dup(copy), "wb", buffering=_BUFFER) as kept,
        ):
            lines.seek(0)
            for line in lines:
                done = done_in(line)
                if done is not None and done.state in FINAL:
                    kept.write(line)
                elif done is not None:
                    again.append(done.row)
        return again


def _check_regular(path: Path) -> None:
    """Sees that an output is a file that can be read again.

    Raises:
        JournalError: it is a folder, a device, a pipe.
    """
    if path.exists() and not path.is_file():
        raise JournalError(f"{path}: is no regular file; the next run reads the output to go on from it")


def _sync_directory(path: Path) -> None:
    """Has the name of a file reach the disk."""
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
