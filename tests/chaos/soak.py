"""`make soak`: minutes of mixed load on a bad day; memory and file descriptors are sampled, and must stay flat.

Both stacks, sync and async, whole answers and streams, a third of the streams left, some calls cancelled,
against the emulator in the same process, so that what it holds is weighed as well; its log is emptied at
each sample. The first third of the samples is warm-up; the last third is compared with the second:
the medians of memory, and the fewest open files, since connections come and go with each round.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import threading
import time
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from router.emulator import Emulator
from tests.chaos.calls import Broken
from tests.chaos.crowd import Crowd, bad_day, open_files

GROWTH = 0.05
GROWTH_MB = 8.0
"""Memory may grow by the larger of the two: arenas settle, and dictionaries double."""

GROWTH_FILES = 16
"""If at no moment fewer files are open, and the fewest are more than so many more than before, it is a leak."""

SAMPLES = 60
ROUND = 60
"""Calls at once in each round."""

_FEWEST = 9


class Sample(NamedTuple):
    """What the process held at a moment."""

    at_s: float
    memory_mb: float
    files: int
    calls: int


def memory_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Load:
    """Rounds of calls until it is stopped, one thread for each stack and colour."""

    def __init__(self, emulator: Emulator, stacks: tuple[str, ...] = ("httpx", "httpx2")) -> None:
        self.ends: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._emulator = emulator
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._rounds, args=(name, how)) for name in stacks for how in ("cancelled", "left")
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _rounds(self, name: str, how: str) -> None:
        crowd = Crowd(import_module(name), self._emulator, spread_s=0.5, shared=True)
        try:
            while not self._over.is_set():
                crowd.cancelled_at_random(ROUND) if how == "cancelled" else crowd.left_at_random(ROUND)
                with self._lock:
                    self.ends += crowd.ends
                crowd.forget()
        except Exception as error:  # a thread has no one else to tell
            self.wrong.append(f"{name}, {how}: {error!r}")


def soak(seconds: float) -> tuple[list[Sample], Counter[str]]:
    """So many seconds of load.

    Raises:
        Broken: a promise was not kept, or memory or file descriptors grew.
    """
    samples, begun = list[Sample](), time.monotonic()
    with bad_day() as emulator, Load(emulator) as load:
        print(f"{'s':>6} {'MB':>8} {'files':>6} {'calls':>8}")
        while not load.wrong and (now := time.monotonic() - begun) < seconds:
            time.sleep(min(seconds / SAMPLES, seconds - now))
            emulator.clear()
            samples.append(Sample(time.monotonic() - begun, memory_mb(), open_files(), load.ends.total()))
            print("{:6.0f} {:8.1f} {:6} {:8,}".format(*samples[-1]), flush=True)
    if load.wrong:
        raise Broken("\n".join(load.wrong))
    check_flat(samples)
    return samples, load.ends


def check_flat(samples: list[Sample]) -> None:
    """Compares the last third of the samples with the second.

    Raises:
        Broken: what was held has grown by more than the bounds.
    """
    if len(samples) < _FEWEST:
        raise Broken(f"{len(samples)} samples are too few to tell")
    third = len(samples) // 3
    earlier, later = samples[third : 2 * third], samples[-third:]
    memory = [statistics.median(each.memory_mb for each in part) for part in (earlier, later)]
    files = [min(each.files for each in part) for part in (earlier, later)]
    if memory[1] - memory[0] > max(GROWTH_MB, GROWTH * memory[0]):
        raise Broken(f"memory has grown from {memory[0]:.1f} to {memory[1]:.1f} MB")
    if files[1] - files[0] > GROWTH_FILES:
        raise Broken(f"open files have grown from {files[0]} to {files[1]}")


def main() -> int:
    """Runs it; 1 when a bound is passed or a promise not kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long (default: 600)")
    given = parser.parse_args()
    if not Path("/proc/self/statm").exists():
        print("memory and open files are read from /proc, which this system has not", file=sys.stderr)
        return 2
    try:
        samples, ends = soak(given.seconds)
    except Broken as broken:
        print(f"not survived: {broken}")
        return 1
    first, last = samples[len(samples) // 3], samples[-1]
    fewest = min(each.files for each in samples[len(samples) // 3 :])
    print(f"flat after the warm-up: {first.memory_mb:.1f} to {last.memory_mb:.1f} MB, down to {fewest} open files")
    print(f"{ends.total():,} calls: " + ", ".join(f"{end} {count:,}" for end, count in ends.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
