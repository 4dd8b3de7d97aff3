"""Time limits are tried against what would never end; only the limit, or who cancels, can end it."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

from router.loops import running_loop, time_limit
from tests.router.support import each_loop


@each_loop
def test_a_loop_is_the_same_for_all_of_its_tasks_and_another_for_each_run(loop: str) -> None:
    found: list[Any] = []

    async def note() -> None:
        found.append(running_loop())

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(note)
            tasks.start_soon(note)

    for _ in range(2):
        anyio.run(main, backend=loop)
    assert found[0] is found[1]
    assert found[2] is found[3]
    assert found[0] is not found[2]


@each_loop
@pytest.mark.parametrize("seconds", [0.0, 0.001])
def test_what_takes_longer_than_its_limit_is_cancelled(loop: str, seconds: float) -> None:
    async def main() -> None:
        async with time_limit(seconds):
            await anyio.sleep_forever()

    with pytest.raises(TimeoutError):
        anyio.run(main, backend=loop)


@each_loop
def test_what_ends_in_time_is_left_alone(loop: str) -> None:
    async def main() -> int:
        async with time_limit(3600.0):
            await anyio.lowlevel.checkpoint()
            return 1

    assert anyio.run(main, backend=loop) == 1


@each_loop
def test_an_error_inside_stays_what_it_is(loop: str) -> None:
    async def main() -> None:
        async with time_limit(3600.0):
            raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        anyio.run(main, backend=loop)


@each_loop
def test_who_cancels_from_outside_is_no_limit(loop: str) -> None:
    async def main() -> bool:
        with anyio.move_on_after(0) as outer:
            async with time_limit(3600.0):
                await anyio.sleep_forever()
        return outer.cancelled_caught

    assert anyio.run(main, backend=loop)


@each_loop
def test_the_inner_of_two_limits_is_told_from_the_outer_one(loop: str) -> None:
    async def main() -> str:
        async with time_limit(3600.0):
            try:
                async with time_limit(0.0):
                    await anyio.sleep_forever()
            except TimeoutError:
                return "the inner one"
        return "neither"

    assert anyio.run(main, backend=loop) == "the inner one"


def test_a_task_of_asyncio_is_cancelled_as_asyncio_does_it() -> None:
    async def main() -> None:
        async def work() -> None:
            async with time_limit(3600.0):
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_trio_as_a_guest_of_asyncio_is_trio() -> None:
    trio = pytest.importorskip("trio")
    found: list[Any] = []

    async def guest() -> None:
        found.append(running_loop())
        with pytest.raises(TimeoutError):
            async with time_limit(0.0):
                await trio.sleep_forever()

    async def host() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        trio.lowlevel.start_guest_run(
            guest, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=lambda _: done.set()
        )
        await done.wait()
        assert found != [loop]

    asyncio.run(host())
    assert len(found) == 1
