"""Waiting is tried with a clock far ahead: what hangs would hang for an hour, so only a bell can end it."""

from __future__ import annotations

import asyncio
import threading
import time

import anyio
import pytest
import trio
import trio.testing

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


def test_a_thread_waits_for_as_long_as_it_is_told_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float | None] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(threading.Event, "wait", lambda _, timeout: slept.append(timeout))
    wait(Wait(5.0))
    wait(Wait(7.0, Bell()))
    assert slept == [5.0, 7.0]


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


@pytest.mark.parametrize("bell", [None, Bell()])
def test_a_task_waits_for_as_long_as_it_is_told_and_no_longer(bell: Bell | None) -> None:
    """By trio's clock, which jumps to the next time at which anything happens."""

    async def main() -> float:
        begin = trio.current_time()
        await async_wait(Wait(HOUR_S, bell))
        return trio.current_time() - begin

    assert trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.0)) == pytest.approx(HOUR_S)


@backends
def test_a_bell_for_a_loop_that_is_gone_disturbs_nobody(backend: str) -> None:
    bell, heard = Bell(), []

    async def main() -> None:
        await async_wait(Wait(0.0, bell))

    anyio.run(main, backend=backend)
    bell.ring()
    bell.listen(lambda: heard.append("the ring is not lost"))
    assert heard == ["the ring is not lost"]


def test_a_task_of_trio_is_woken_where_trio_is_a_guest_of_asyncio() -> None:
    bell, woken = Bell(), []

    async def guest() -> None:
        with trio.move_on_after(10):
            await async_wait(Wait(HOUR_S, bell))
            woken.append(bell)

    async def host() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        trio.lowlevel.start_guest_run(
            guest, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=lambda _: done.set()
        )
        loop.call_later(0.01, bell.ring)
        await done.wait()

    asyncio.run(host())
    assert woken == [bell]


def test_with_a_clock_that_is_not_the_real_one_it_only_sleeps() -> None:
    slept: list[float] = []

    async def sleep(length_s: float) -> None:
        slept.append(length_s)

    seconds(slept.append)(Wait(2.0, Bell()))
    anyio.run(async_seconds(sleep), Wait(3.0))  # type: ignore[arg-type]  # a coroutine function in all but name
    assert slept == [2.0, 3.0]
