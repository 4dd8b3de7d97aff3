from __future__ import annotations

import anyio
import pytest

from router.batch.tasks import together
from tests.router.support import each_loop


async def fail(error: BaseException) -> None:
    raise error


@each_loop
def test_the_error_of_a_task_comes_out_as_it_was_raised(loop: str) -> None:
    async def main() -> None:
        async with together() as outer, together() as inner:
            outer.start_soon(anyio.sleep_forever)
            inner.start_soon(fail, LookupError("first"))

    with pytest.raises(LookupError, match="first"):
        anyio.run(main, backend=loop)


@each_loop
def test_an_error_of_the_body_comes_out_too(loop: str) -> None:
    async def main() -> None:
        async with together() as group:
            group.start_soon(anyio.sleep_forever)
            raise LookupError("of the body")

    with pytest.raises(LookupError, match="of the body"):
        anyio.run(main, backend=loop)


@each_loop
def test_cancellation_passes(loop: str) -> None:
    async def main() -> bool:
        with anyio.move_on_after(0) as scope:
            async with together() as group:
                group.start_soon(anyio.sleep_forever)
        return scope.cancelled_caught

    assert anyio.run(main, backend=loop)
