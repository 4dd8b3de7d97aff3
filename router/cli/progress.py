"""How a survey goes, told on standard error: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from router.probe import Finding, Listener

_LINES = 10
"""Elsewhere than on a terminal, about so many lines for each round."""


@contextmanager
def progress() -> Iterator[Listener]:
    """A listener that tells people how far a survey is."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield Lines()
        return
    shown = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*shown, console=console, transient=True) as progress:
        yield Bar(progress)


class Bar(Listener):
    """A bar that fills with the pairs of the round."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("asking", total=None)

    def answered(self, found: Finding, done: int, total: int) -> None:
        text = f"{found.pair}: {found.outcome}"
        self._progress.update(self._task, completed=done, total=total, description=text)

    def waiting(self, delay_s: float, count: int) -> None:
        self._progress.update(self._task, completed=0, total=count, description=_again(delay_s, count))


class Lines(Listener):
    """A line for each tenth of the round."""

    def answered(self, found: Finding, done: int, total: int) -> None:
        if done == total or done * _LINES // total > (done - 1) * _LINES // total:
            print(f"{done} of {total} answered; {found.pair}: {found.outcome}", file=sys.stderr, flush=True)

    def waiting(self, delay_s: float, count: int) -> None:
        print(_again(delay_s, count), file=sys.stderr, flush=True)


def _again(delay_s: float, count: int) -> str:
    return f"{count} without capacity: asked again in {delay_s:.0f} s"
