"""`make soak`: minutes of mixed load on a bad day; memory and file descriptors are sampled, and must stay flat.

Both stacks, sync and async, whole answers and streams, a third of the streams left, some calls cancelled,
against the emulator in the same process, so that what it holds is weighed as well; its log is emptied at
each sample. Samples are taken when nothing is under way. The first third of them is warm-up; the last
third is compared with the second: the medians of memory, and the fewest open files.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from router.emulator import Emulator
from tests.chaos.calls import Broken
from tests.chaos.crowd import Crowd, bad_day, open_files

GROWTH = 0.05
GROWTH_MB = 8.0
"""Memory may grow by the larger of the two: arenas settle, and dictionaries double."""

GROWTH_FILES = 4
"""At rest, a few connections of the emulator may still be closing."""

SAMPLES = 60
ROUND = 60
"""Calls at once in each round."""

SHORTEST_S = 1.0
SETTLING_S = 0.3
"""After each stretch of load, for the emulator's side to close."""

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
    """Rounds of calls, in one thread for each stack and colour; between its stretches nothing is under way."""

    def __init__(self, emulator: Emulator, stacks: tuple[str, ...] = ("httpx", "httpx2")) -> None:
        self.ends: Counter[str] = Counter()
        self._wrong: list[str] = []
        self._rounds = [
            (how, Crowd(import_module(name), emulator, spread_s=0.5, shared=True))
            for name in stacks
            for how in (Crowd.cancelled_at_random, Crowd.left_at_random)
        ]

    def run(self, seconds: float) -> None:
        """Runs for so long, and until the rounds that have begun are over.

        Raises:
            Broken: a promise was not kept.
        """
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=self._run, args=(how, crowd, until)) for how, crowd in self._rounds]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for _, crowd in self._rounds:
            self.ends += crowd.ends
            crowd.forget()
        if self._wrong:
            raise Broken("\n".join(self._wrong))

    def _run(self, how: Callable[[Crowd, int], None], crowd: Crowd, until: float) -> None:
        try:
            while time.monotonic() < until:
                how(crowd, ROUND)
        except Exception as error:  # a thread has no one else to tell
            self._wrong.append(f"{crowd.module.__name__}: {error!r}")


def soak(seconds: float) -> tuple[list[Sample], Counter[str]]:
    """So many seconds of load.

    Raises:
        Broken: a promise was not kept, or memory or file descriptors grew.
    """
    samples, begun = list[Sample](), time.monotonic()
    with bad_day() as emulator:
        load = Load(emulator)
        print(f"{'s':>6} {'MB':>8} {'files':>6} {'calls':>8}")
        while time.monotonic() - begun < seconds:
            load.run(max(SHORTEST_S, seconds / SAMPLES))
            emulator.clear()
            time.sleep(SETTLING_S)
            samples.append(Sample(time.monotonic() - begun, memory_mb(), open_files(), load.ends.total()))
            print("{:6.0f} {:8.1f} {:6} {:8,}".format(*samples[-1]), flush=True)
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
    print(f"{ends.total():,} calls: " + "; ".join(f"{end} {count:,}" for end, count in ends.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
