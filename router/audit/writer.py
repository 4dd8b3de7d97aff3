"""Writes the lines of an audit in a thread of its own, so that no request ever waits for the disk.

A line is handed over before what it tells of is done: on its way to the disk, with what was handed over
before it. While writing fails, lines are kept and tried again; how long requests go on meanwhile is the
policy's to say.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from router.audit.lines import Closed, Event, Gap, Opened, encoded
from router.audit.log import Log
from router.errors import AuditFailed

_logger = logging.getLogger("router.audit")

KEPT = 10_000
"""As many lines are kept in memory while they can't be written."""

_AT_ONCE = 500
_AGAIN_S = 1.0
_SYNC_S = 1.0
_LONGEST_CLOSE_S = 10.0


class Notice(NamedTuple):
    """A line that has to stand in a file before others that name its digest."""

    digest: str
    event: Event


class Entry(NamedTuple):
    """A line to write, and what is to stand in the file before it."""

    event: Event
    notices: Sequence[Notice] = ()


class Writer:
    """One file's thread, and the lines on their way to it.

    Args:
        path: the file; `{pid}` in its name becomes the number of the process.
        refuse: whether requests are refused while lines can't be written.
        now: the time, as it stands in lines.
        open_log, clock: open the file, and tell seconds (monotonic); for tests.
        kept: as many lines are kept in memory while they can't be written.
    """

    def __init__(
        self,
        path: str,
        rotate_bytes: int,
        *,
        refuse: bool,
        now: Callable[[], str],
        version: str,
        open_log: Callable[[Path, int], Log] = Log,
        clock: Callable[[], float] = time.monotonic,
        kept: int = KEPT,
    ) -> None:
        self._path = path
        self._rotate_bytes = rotate_bytes
        self._refuse = refuse
        self._now = now
        self._version = version
        self._open_log = open_log
        self._clock = clock
        self._kept = kept
        self._birth = threading.Lock()
        self.lost = 0
        """Lines that were not written, because there were too many of them."""
        self.refused = 0
        """Requests that were refused, because they could not be put on record."""
        self._begin()

    def _begin(self) -> None:
        """As if nothing had been written yet by this process."""
        self._change = threading.Condition()
        self._waiting: deque[Entry] = deque()
        self._writing = 0
        self._tries = 0
        self._failure = ""
        self._closing = False
        self._unsynced = False
        self._synced_at = self._clock()
        self._told = (self.lost, self.refused)
        self._noticed: set[str] = set()
        self._log: Log | None = None
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def _after_fork(self) -> None:
        """In a copy of the process that began it, thread and file are the other's: this one has its own."""
        with self._birth:
            if os.getpid() == self._pid:
                return
            if self._log is not None:
                self._log.close()
            self._begin()

    def open(self) -> None:
        """Opens the file, if it is not open.

        Raises:
            AuditFailed: it can't be, and requests are refused without it.
        """
        if os.getpid() != self._pid:
            self._after_fork()
        with self._change:
            self._ready()
            if self._failure and self._refuse:
                raise AuditFailed(f"the audit can't be written: {self._failure}")

    def put(self, entry: Entry, *, after: bool = False, keep: bool = True) -> None:
        """Hands a line over.

        Args:
            after: it tells of something that has been done already, and so is not refused.
            keep: whether it must not be lost while requests are refused for want of a record.

        Raises:
            AuditFailed: lines can't be written, and requests are refused without them.
        """
        if os.getpid() != self._pid:
            self._after_fork()
        with self._change:
            self._ready()
            full = len(self._waiting) >= self._kept
            if not after:
                self._refuse_if_failing(full=full)
            if full and not (self._refuse and after and keep):
                self.lost += 1
            else:
                self._waiting.append(entry)
                self._change.notify_all()

    def check(self) -> None:
        """Whether a request that is on record may go on.

        Raises:
            AuditFailed: lines can't be written any more, and requests are refused without them.
        """
        with self._change:
            self._refuse_if_failing(full=False)

    def _refuse_if_failing(self, *, full: bool) -> None:
        if self._refuse and (self._failure or full):
            self.refused += 1
            self._change.notify_all()  # to try again now, for the next request
            why = self._failure or "the disk does not keep up"
            raise AuditFailed(f"refused, nothing was sent: the audit can't be written: {why}")

    def flush(self, timeout_s: float = _LONGEST_CLOSE_S) -> bool:
        """Waits until all that was handed over is with the system; False if it can't be written, or not in time."""
        with self._change:
            if not self._left:
                return True
            self._ready()
            if self._thread is None:
                return False
            enough = self._tries + 1 + (self._writing > 0)  # what is being written now may fail as it did before
            self._change.notify_all()
            self._change.wait_for(lambda: not self._left or (self._failure and self._tries >= enough), timeout_s)
            return not self._left

    @property
    def _left(self) -> int:
        return len(self._waiting) + self._writing

    def close(self) -> None:
        """Writes what is waiting and the closing line, and lets go of the file; a later line opens it again."""
        if os.getpid() != self._pid:
            return
        with self._change:
            thread = self._thread
            self._closing = thread is not None
            self._change.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(_LONGEST_CLOSE_S)

    def _ready(self) -> None:
        """Has the file open and the thread running; notes why not."""
        if self._log is None:
            try:
                self._open()
            except OSError as error:
                self._failed(error)
                return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="vertex-router-audit", daemon=True)
            self._thread.start()

    def _open(self) -> None:
        path = Path(self._path.replace("{pid}", str(self._pid)))
        log = self._open_log(path, self._rotate_bytes)
        found = log.found
        opened = Opened(
            at=self._now(), version=self._version, pid=self._pid, unclosed=found.unclosed, torn_bytes=found.torn_bytes
        )
        try:
            log.add([encoded(opened)])
        except OSError:
            log.close()
            raise
        if found.unclosed:
            _logger.warning(
                "%s was not closed by the process that wrote it; cut off %d bytes of a line that it had not finished",
                path,
                found.torn_bytes,
            )
        self._log, self._failure, self._noticed = log, "", set()

    def _run(self) -> None:
        while True:
            with self._change:
                self._writing = 0
                self._change.notify_all()
                if not self._waiting and not self._closing:
                    self._change.wait(_AGAIN_S if self._unsynced else None)
                idle = not self._waiting
                if idle and self._closing:
                    self._end()
                    return
                batch = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
                self._writing = len(batch)
                last = self._closing
            if not self._written(batch) and not self._put_back(batch, last=last):
                return

    def _written(self, batch: list[Entry]) -> bool:
        """Writes a batch; whether that went well. Without one, has the system put on the disk what it was given."""
        log = self._log
        try:
            if log is None:
                raise OSError("the file is closed")  # noqa: TRY301 - what follows is the same for every error
            idle = not batch
            if not idle:
                self._add(log, batch)
                batch.clear()  # nothing of it is to be written again, whatever follows
            if idle or self._clock() - self._synced_at >= _SYNC_S:
                log.sync()
                self._unsynced, self._synced_at = False, self._clock()
        except OSError as error:
            with self._change:
                self._failed(error)
                self._tries += 1
            return False
        self._failure = ""
        return True

    def _add(self, log: Log, batch: Sequence[Entry], *last: Event) -> None:
        if log.full:
            log.rotate()
            self._noticed = set()
        noticed, counts = set(self._noticed), (self.lost, self.refused)
        log.add([encoded(event) for event in (*self._gap(counts), *_lines(batch, noticed), *last)])
        self._noticed, self._told, self._unsynced = noticed, counts, True

    def _gap(self, counts: tuple[int, int]) -> Iterator[Event]:
        lost, refused = (now - told for now, told in zip(counts, self._told, strict=True))
        if lost or refused:
            yield Gap(at=self._now(), lost=lost, refused=refused)

    def _put_back(self, batch: list[Entry], *, last: bool) -> bool:
        """Keeps a batch for another time, and waits for that; whether there will be one.

        Args:
            last: this was the try of closing. One that had begun before is followed by that.
        """
        with self._change:
            self._waiting.extendleft(reversed(batch))
            self._writing = 0
            self._change.notify_all()
            if last:
                self._let_go()
                return False
            if not self._closing:
                self._change.wait(_AGAIN_S)
            return True

    def _failed(self, error: OSError) -> None:
        if not self._failure:
            _logger.error(
                "the audit can't be written: %s; %s", error, "requests are refused" if self._refuse else "it has gaps"
            )
        self._failure = str(error)

    def _end(self) -> None:
        """The closing line."""
        log = self._log
        try:
            if log is not None:
                self._add(log, (), Closed(at=self._now()))
                log.sync()
        except OSError as error:
            self._failed(error)
        self._let_go()

    def _let_go(self) -> None:
        if self._log is not None:
            self._log.close()
        self._log, self._thread, self._closing = None, None, False


def _lines(batch: Sequence[Entry], noticed: set[str]) -> Iterator[Event]:
    """The events of a batch, each after the notices that it needs and that are not there yet."""
    for entry in batch:
        for notice in entry.notices:
            if notice.digest not in noticed:
                noticed.add(notice.digest)
                yield notice.event
        yield entry.event
