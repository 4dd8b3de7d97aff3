from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from router.auth import CredentialError
from router.batch import Ended
from router.batch.job import INTERRUPTED, Batch
from router.batch.settings import BatchError
from router.batch.summary import Tally
from tests.router.batch.batching import (
    FAILED,
    MODEL,
    OK,
    REJECTED,
    World,
    answering,
    prompts,
    records,
    rows_in,
    scripted,
    written,
)
from tests.router.support import each_loop


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


# Going on


def test_the_same_call_again_does_nothing_more(out: Path) -> None:
    World().batch(prompts(5), out).run()
    before, again = out.read_bytes(), World()
    summary = again.batch(prompts(5), out).run()
    assert (again.asked, out.read_bytes()) == ([], before)
    assert (summary.rows, summary.done, summary.done_before, summary.this_run) == (5, 5, 5, 0)


def test_rows_that_were_added_are_asked(out: Path) -> None:
    World().batch(prompts(3), out).run()
    world = World()
    world.batch(prompts(5), out).run()
    assert world.asked == ["prompt 4", "prompt 5"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: [*rows[:1], "other", *rows[2:]], r"rows: row 2 is not what it was when .*out\.jsonl was written"),
        (lambda rows: rows[:3], r"rows: 2 rows of .*out\.jsonl are not in it any more; give the output another name"),
        (lambda rows: rows[1:], r"row 1 is not what it was"),
        (lambda rows: [], r"5 rows of"),
    ],
)
def test_an_input_that_was_changed_is_noticed_before_anything_is_sent(
    out: Path, change: Callable[[list[str]], list[str]], message: str
) -> None:
    World().batch(prompts(5), out).run()
    before, world = out.read_bytes(), World()
    with pytest.raises(BatchError, match=message):
        world.batch(change(prompts(5)), out).run()
    assert (world.asked, out.read_bytes()) == ([], before)


@pytest.mark.parametrize("changed", [{"model": "gemini-embedding-2"}, {"max_tokens": 5}])
def test_another_model_for_the_same_output_is_noticed(out: Path, changed: dict[str, Any]) -> None:
    World().batch(prompts(5), out).run()
    with pytest.raises(BatchError, match="or the model or max_tokens is another one"):
        World().batch(prompts(5), out, **changed).run()


def test_failed_rows_stay_failed_unless_they_are_to_be_asked_again(out: Path) -> None:
    World(answering({"prompt 2": FAILED, "prompt 3": REJECTED})).batch(prompts(4), out).run()
    assert World().batch(prompts(4), out).run().this_run == 0
    world = World()
    summary = world.batch(prompts(4), out, retry_failed=True).run()
    assert world.asked == ["prompt 2"]
    assert summary.states == {"ok": 3, "rejected": 1}
    assert sorted(rows_in(out)) == [1, 2, 3, 4]


def test_failed_rows_are_kept_when_the_batch_cant_be_gone_on_with(out: Path) -> None:
    World(answering({"prompt 2": FAILED})).batch(prompts(4), out).run()
    before = out.read_bytes()
    with pytest.raises(BatchError, match="is not what it was"):
        World().batch(["other", *prompts(4)[1:]], out, retry_failed=True).run()
    assert out.read_bytes() == before


def test_what_earlier_runs_have_spent_is_in_the_summary(out: Path) -> None:
    World().batch(prompts(4), out).run()
    assert World().batch(prompts(6), out).run().usd == 3


def test_an_output_read_as_an_input_is_asked_anew(tmp_path: Path, out: Path) -> None:
    World().batch(prompts(3), out).run()
    second = tmp_path / "second.jsonl"
    summary = World().batch(out, second).run()
    assert summary.states == {"ok": 3}
    assert World().batch(out, second).run().this_run == 0


def test_the_input_is_never_the_output(tmp_path: Path) -> None:
    path = written(tmp_path / "in.jsonl", [{"prompt": "a"}])
    link = tmp_path / "link"
    link.hardlink_to(path)
    with pytest.raises(BatchError, match="is the input as well; write elsewhere"):
        World().batch(path, link)
    assert json.loads(path.read_text("utf-8")) == {"prompt": "a"}


def test_a_batch_that_cant_be_asked_at_all_leaves_no_file(out: Path) -> None:
    world = World()
    world.unready = CredentialError("no credentials")
    with pytest.raises(CredentialError, match=r"^no credentials$"):
        world.batch(prompts(3), out).run()
    assert not list(out.parent.iterdir())


# Where it breaks off


@each_loop
def test_cancelled_from_outside_it_leaves_a_file_that_can_be_gone_on_with(out: Path, loop: str) -> None:
    world = World(lambda prompt: anyio.sleep_forever() if prompt in ("prompt 3", "prompt 6") else OK)
    batch = world.batch(prompts(50), out, concurrency=3)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(batch.arun)
            while batch.summary.done < 48:
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()

    anyio.run(main, backend=loop)
    assert batch.summary.stopped == INTERRUPTED
    again = World()
    summary = again.batch(prompts(50), out).run()
    assert (summary.again, sorted(again.asked)) == (2, ["prompt 3", "prompt 6"])
    assert sorted(rows_in(out)) == [*range(1, 51)]


def test_ctrl_c_ends_it_with_all_that_has_ended_written(out: Path) -> None:
    def answer(prompt: str) -> Any:
        if prompt == "prompt 9":
            import signal  # noqa: PLC0415

            signal.raise_signal(signal.SIGINT)
            return anyio.sleep_forever()
        return OK

    summary = World(answer).batch(prompts(50), out, concurrency=2).run()
    assert summary.stopped == INTERRUPTED
    assert summary.done == len(rows_in(out)) >= 8
    assert World().batch(prompts(50), out).run().again >= 1


@each_loop
def test_a_disk_that_is_full_is_one_clear_error(out: Path, loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno  # noqa: PLC0415
    import os  # noqa: PLC0415

    real = os.pwrite

    def full(file: int, data: bytes, at: int) -> int:
        if at > 1000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data, at)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(BatchError, match="No space left on device; every line in it is whole, and the same command"):
        anyio.run(World().batch(prompts(100), out).arun, backend=loop)
    monkeypatch.undo()
    World().batch(prompts(100), out).run()
    assert sorted(rows_in(out)) == [*range(1, 101)]


def test_a_loss_that_is_only_noticed_when_the_disk_is_synced_is_an_error_too(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno  # noqa: PLC0415
    import os  # noqa: PLC0415

    real, calls = os.fsync, []

    def lost(file: int) -> None:
        calls.append(file)
        if len(calls) > 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(file)

    monkeypatch.setattr(os, "fsync", lost)
    with pytest.raises(BatchError, match="Input/output error"):
        World().batch(prompts(100), out).run()


def test_an_error_of_this_package_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        World(lambda _: ZeroDivisionError()).batch(prompts(3)).run()


# As it goes


def collect(batch: Batch, loop: str = "asyncio", most: int = 1000) -> list[Ended]:
    """The rows that a batch gives out, at most so many."""
    found: list[Ended] = []

    async def main() -> None:
        async with batch:
            async for ended in batch:
                found.append(ended)
                if len(found) == most:
                    break

    anyio.run(main, backend=loop)
    return found


@each_loop
def test_rows_are_given_out_as_they_end(out: Path, loop: str) -> None:
    batch = World().batch(prompts(30), out)
    found = collect(batch, loop)
    assert sorted(each.row for each in found) == [*range(1, 31)]
    assert all(each.outcome == OK for each in found)
    lines = {record.pop("router")["row"]: record for record in records(out)}
    assert {each.row: each.record for each in found} == lines
    assert batch.summary.states == {"ok": 30}
    assert not list(out.parent.glob("*.begun")), "it has ended before the loop does"


@each_loop
def test_whoever_leaves_the_loop_early_can_go_on_later(out: Path, loop: str) -> None:
    batch = World().batch(prompts(30), out)
    assert len(collect(batch, loop, most=5)) == 5
    assert batch.summary.stopped == INTERRUPTED
    World().batch(prompts(30), out).run()
    assert sorted(rows_in(out)) == [*range(1, 31)]


def test_without_an_output_rows_are_only_given_out() -> None:
    assert len(collect(World().batch(prompts(30)))) == 30


@each_loop
def test_an_error_inside_the_loop_comes_out_as_it_was_raised(out: Path, loop: str) -> None:
    async def main() -> None:
        async with World().batch(prompts(30), out) as batch:
            async for ended in batch:
                raise LookupError(ended.row)

    with pytest.raises(LookupError):
        anyio.run(main, backend=loop)


@each_loop
def test_an_error_of_the_batch_comes_out_of_the_loop(out: Path, loop: str) -> None:
    out.write_text("something else\n", "utf-8")
    with pytest.raises(BatchError, match="not the output of a batch"):
        collect(World().batch(prompts(30), out), loop)


@each_loop
def test_a_batch_that_is_used_otherwise_than_it_can_be_says_how(loop: str) -> None:
    async def run_inside() -> None:
        World().batch(prompts(3)).run()

    async def no_context() -> None:
        async for _ in World().batch(prompts(3)):
            pass

    with pytest.raises(BatchError, match=r"an event loop runs in this thread.*`await batch\.arun\(\)` instead"):
        anyio.run(run_inside, backend=loop)
    with pytest.raises(BatchError, match="a batch runs inside `async with`"):
        anyio.run(no_context, backend=loop)


def test_how_it_stands_is_told_while_it_goes_and_at_the_end(out: Path) -> None:
    told: list[tuple[int, int | None, Any]] = []

    def progress(tally: Tally) -> None:
        told.append((tally.summary.done, tally.summary.rows, tally.standing))

    World().batch(prompts(30), out, progress).run()
    assert told[0] == (0, 30, {"eu": (False, "well")})
    assert told[-1] == (30, 30, {"eu": (False, "well")})


# Through the public face


@each_loop
def test_a_router_runs_a_batch_over_what_its_policy_allows(tmp_path: Path, out: Path, loop: str) -> None:
    router, backend, given = scripted({"eu": [429, 503], "europe-west1": [400]})
    path = written(tmp_path / "in.jsonl", [{"request": {"contents": [{"parts": [{"text": "a"}]}]}}] * 20)
    summary = anyio.run(lambda: router.batch(path, out, **given).arun(), backend=loop)
    assert summary.done == 20
    assert summary.states.get("rejected", 0) <= 1
    assert set(backend.locations) <= {"eu", "europe-west1", "europe-west4"}
    assert {record["router"]["model"] for record in records(out)} == {MODEL}


def test_a_router_runs_a_batch_from_sync_code() -> None:
    router, backend, given = scripted({})
    assert router.batch(prompts(3), **given).run().states == {"ok": 3}
    assert len(backend.sent) == 3


def test_a_setting_that_is_wrong_is_named() -> None:
    router, _, given = scripted({})
    for name, value in {"concurrency": 0, "row_deadline_s": 0, "max_cost_usd": -1, "max_tokens": 0}.items():
        with pytest.raises(BatchError, match=f"`{name}` must be at least"):
            router.batch(prompts(3), **{**given, name: value})
    wrong: dict[str, Any] = {"concurrency": 2.5, "max_cost_usd": "much", "deadline_s": "8h", "model": None}
    for name, value in wrong.items():
        with pytest.raises(BatchError, match=f"`{name}` must be a .*, not {value!r}"):
            router.batch(prompts(3), **{**given, name: value})
    with pytest.raises(BatchError, match="no project is given"):
        router.batch(prompts(3), **{**given, "project": ""}).run()
    with pytest.raises(BatchError, match="`max_error_rate` is a share between 0 and 1, not 30"):
        router.batch(prompts(3), max_error_rate=30, **given)
