"""Writes what came of each request, so that a model of the service's limits can be fitted later."""

from __future__ import annotations

import csv
import os
import threading
from pathlib import Path
from typing import cast

from catalog.schema import Mode
from router.capacity.sent import Sent
from router.plan import Pool

FIELDS = ("time_s", "project", "model", "location", "mode", "cost", "outcome", "rtt_s")


class Recorder:
    """Appends to a CSV file. Safe to share between threads; `close` it to have all of it written.

    It holds no prompts and no answers. Times are monotonic: only their differences mean something.

    Raises:
        OSError: the file can't be opened, or holds something else.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._lock = threading.Lock()
        file = Path(path)
        if file.exists() and file.stat().st_size:
            with file.open(encoding="utf-8", newline="") as there:
                if tuple(next(csv.reader(there), ())) != FIELDS:
                    raise FileExistsError(f"{file} is there and is no recording; give another name")
        self._file = file.open("a", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        if not self._file.tell():
            self._writer.writerow(FIELDS)

    def __call__(self, sent: Sent) -> None:
        """Notes one request."""
        row = (f"{sent.time_s:.6f}", *sent.pool, f"{sent.cost:.4g}", sent.outcome, f"{sent.rtt_s:.6f}")
        with self._lock:
            if not self._file.closed:
                self._writer.writerow(row)

    def close(self) -> None:
        """Writes what is left; what comes later is not noted."""
        with self._lock:
            self._file.close()


def read(path: str | os.PathLike[str]) -> list[Sent]:
    """The requests of a recording, in the order in which they ended.

    Raises:
        ValueError: it is no recording; names the line.
    """
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        if tuple(next(rows, ())) != FIELDS:
            raise ValueError(f"{path}: no recording: its first line is not {','.join(FIELDS)}")
        return [_sent(row, f"{path}:{number}") for number, row in enumerate(rows, 2)]


def _sent(row: list[str], where: str) -> Sent:
    try:
        time_s, project, model, location, mode, cost, outcome, rtt_s = row
        pool = Pool(project, model, location, cast("Mode", mode))
        return Sent(float(time_s), pool, float(cost), outcome, float(rtt_s))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
