"""Waiting is tried with a clock far ahead: what hangs would hang for an hour, so only a bell can end it."""

from __future__ import annotations

import threading

import anyio
import pytest

from router.bell import Bell
from router.trace import Wait
from router.waiting import async_seconds, async_wait, seconds, wait

HOUR_S = 3600.0
backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def test_a_thread_is_woken_by_a_bell_from_another_thread() -> None:
    bell = Bell()
    waiter = threading.Thread(target=wait, args=(Wait(HOUR_S, bell),))
    waiter.start()
    bell.ring()
    waiter.join(10)
    assert not waiter.is_alive()


def test_a_thread_waits_for_as_long_as_it_is_told_and_no_longer() -> None:
    wait(Wait(0.001))
    wait(Wait(0.001, Bell()))


@backends
def test_a_task_is_woken_from_another_thread(backend: str) -> None:
    bell = Bell()

    async def main() -> None:
        ringer = threading.Timer(0.0, bell.ring)
        ringer.start()
        with anyio.fail_after(10):
            await async_wait(Wait(HOUR_S, bell))
        ringer.join()

    anyio.run(main, backend=backend)


@backends
def test_a_task_is_woken_from_its_own_loop(backend: str) -> None:
    bell = Bell()

    async def main() -> None:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(async_wait, Wait(HOUR_S, bell))
                await anyio.lowlevel.checkpoint()
                bell.ring()

    anyio.run(main, backend=backend)


@backends
def test_a_task_waits_for_as_long_as_it_is_told_and_no_longer(backend: str) -> None:
    async def main() -> None:
        with anyio.fail_after(10):
            await async_wait(Wait(0.001))
            await async_wait(Wait(0.001, Bell()))

    anyio.run(main, backend=backend)


@backends
def test_a_bell_for_a_loop_that_is_gone_disturbs_nobody(backend: str) -> None:
    bell = Bell()

    async def main() -> None:
        await async_wait(Wait(0.001, bell))

    anyio.run(main, backend=backend)
    bell.ring()


def test_with_a_clock_that_is_not_the_real_one_it_only_sleeps() -> None:
    slept: list[float] = []

    async def sleep(length_s: float) -> None:
        slept.append(length_s)

    seconds(slept.append)(Wait(2.0, Bell()))
    anyio.run(async_seconds(sleep), Wait(3.0))  # type: ignore[arg-type]  # a coroutine function in all but name
    assert slept == [2.0, 3.0]
