"""Runs a failover machine: the only two loops, one for sync and one for async callers.

They are the same but for `await`. Both close the machine whatever happens, so that a cancelled
request gives back what it had taken; neither catches what it does not understand.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from router.flow import Step, Steps
from router.signals import Signal
from router.trace import Attempt, Wait


def drive(steps: Steps, send: Callable[[Attempt], Signal], sleep: Callable[[Wait], object]) -> None:
    """Runs the machine to its end.

    Args:
        send: makes one attempt and tells what came of it.
        sleep: waits for as long as it is told, or until the wait's bell rings.
    """
    try:
        step = _advance(steps, None)
        while step is not None:
            if isinstance(step, Wait):
                sleep(step)
                step = _advance(steps, None)
            else:
                step = _advance(steps, send(step))
    finally:
        steps.close()


async def adrive(
    steps: Steps, send: Callable[[Attempt], Awaitable[Signal]], sleep: Callable[[Wait], Awaitable[object]]
) -> None:
    """`drive` for async callers."""
    try:
        step = _advance(steps, None)
        while step is not None:
            if isinstance(step, Wait):
                await sleep(step)
                step = _advance(steps, None)
            else:
                step = _advance(steps, await send(step))
    finally:
        steps.close()


def _advance(steps: Steps, signal: Signal | None) -> Step | None:
    """The machine's next step; None when it has ended."""
    try:
        return steps.send(signal)
    except StopIteration:
        return None
