from __future__ import annotations

import anyio
import anyio.lowlevel

from router.batch.conventions import read
from router.batch.settings import Settings
from router.batch.twins import Twins, twin_key
from tests.router.batch.batching import CATALOG, MODEL


def key(line: bytes, model: str = MODEL) -> int:
    return twin_key(read(line, CATALOG, Settings(model=model)))


def test_equal_requests_have_one_key_whatever_else_their_rows_say() -> None:
    assert key(b'{"prompt": "a", "id": 1}') == key(b'{"id": 2, "prompt" : "a"}')


def test_requests_that_differ_in_text_model_or_convention_have_keys_of_their_own() -> None:
    keys = [
        key(b'{"prompt": "a"}'),
        key(b'{"prompt": "b"}'),
        key(b'{"prompt": "a"}', "gemini-embedding-2"),
        key(b'{"request": {"contents":[{"role":"user","parts":[{"text":"a"}]}]}}'),
    ]
    assert len(set(keys)) == 4


def test_the_others_wait_for_the_first_and_ask_when_it_found_nothing() -> None:
    twins, told = Twins[str](), []

    async def other() -> None:
        told.append(await twins.answer(1))

    async def main() -> None:
        assert await twins.answer(1) is None
        async with anyio.create_task_group() as group:
            group.start_soon(other)
            group.start_soon(other)
            await anyio.lowlevel.checkpoint()
            assert told == []
            twins.asked(1, None)
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
            assert told == [None], "one of them asks now"
            twins.asked(1, "here")
        assert told == [None, "here"]
        assert await twins.answer(1) == "here"

    anyio.run(main)
