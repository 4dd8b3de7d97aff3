from __future__ import annotations

from collections.abc import Generator
from typing import Any

import anyio
import pytest

from router.drive import adrive, drive
from router.flow import Step
from router.plan import Allowed, Candidate
from router.signals import OK, Signal
from router.trace import Attempt, Wait

ATTEMPT = Attempt(
    number=1,
    allowed=Allowed(
        candidate=Candidate("m", "eu", "standard"),
        kind="multi_region",
        host="h",
        boundary="eu",
        source="",
        checked=None,
        why="",
    ),
    timeout_s=1.0,
)


class Machine:
    """A machine of fixed steps that notes what it was sent and whether it was closed."""

    def __init__(self, *steps: Step) -> None:
        self.got: list[Signal | None] = []
        self.closed = False
        self._steps = steps

    def steps(self) -> Generator[Step, Signal | None, None]:
        try:
            for step in self._steps:
                self.got.append((yield step))
        finally:
            self.closed = True


class Interrupted(BaseException):
    """As a cancellation: not an Exception."""


def run(colour: str, machine: Machine, send: Any, slept: list[Wait]) -> None:
    async def asend(attempt: Attempt) -> Signal:
        result: Signal = send(attempt)
        return result

    async def asleep(wait: Wait) -> None:
        slept.append(wait)

    if colour == "sync":
        drive(machine.steps(), send, slept.append)
    else:
        anyio.run(adrive, machine.steps(), asend, asleep)


colours = pytest.mark.parametrize("colour", ["sync", "async"])


@colours
def test_attempts_are_sent_and_waits_are_slept_in_order(colour: str) -> None:
    machine, slept, sent = Machine(ATTEMPT, Wait(2.0), ATTEMPT), [], []

    def send(attempt: Attempt) -> Signal:
        sent.append(attempt)
        return OK

    run(colour, machine, send, slept)
    assert (sent, slept, machine.got) == ([ATTEMPT, ATTEMPT], [Wait(2.0)], [OK, None, OK])
    assert machine.closed


@colours
@pytest.mark.parametrize("error", [ValueError, Interrupted, StopIteration])
def test_an_error_of_sending_passes_and_closes_the_machine(colour: str, error: type[BaseException]) -> None:
    machine = Machine(ATTEMPT, ATTEMPT)

    def send(attempt: Attempt) -> Signal:
        raise error

    # Inside a coroutine Python itself turns a StopIteration into a RuntimeError.
    with pytest.raises(RuntimeError if error is StopIteration and colour == "async" else error):
        run(colour, machine, send, [])
    assert machine.closed
    assert machine.got == []
