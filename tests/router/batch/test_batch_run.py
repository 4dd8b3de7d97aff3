from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from router.batch.outcome import Outcome
from router.batch.run import ALIKE, ENOUGH, GRACE_S, WINDOW
from tests.router.batch.batching import (
    FAILED,
    FORBIDDEN,
    OK,
    REJECTED,
    World,
    answering,
    prompts,
    records,
    rows_in,
    written,
)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def slowly(seed: int) -> Callable[[str], Awaitable[Outcome]]:
    """Answers that overtake one another."""
    dice = random.Random(seed)

    def answer(_: str) -> Awaitable[Outcome]:
        turns = dice.randrange(20)

        async def later() -> Outcome:
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            return OK

        return later()

    return answer


def test_every_row_ends_once_whatever_comes_of_it(out: Path) -> None:
    world = World(answering({"prompt 2": FAILED, "prompt 5": REJECTED}))
    summary = world.batch([*prompts(9), {"strange": 1}], out).run()
    assert sorted(rows_in(out)) == [*range(1, 11)]
    assert summary.states == {"ok": 7, "failed": 1, "rejected": 2}
    assert summary.stopped == ""
    assert sorted(world.asked) == sorted(prompts(9)), "and each was asked once"


def test_no_more_rows_are_under_way_than_the_concurrency() -> None:
    now, most = 0, 0

    def answer(_: str) -> Awaitable[Outcome]:
        async def later() -> Outcome:
            nonlocal now, most
            now += 1
            most = max(most, now)
            for _ in range(5):
                await anyio.lowlevel.checkpoint()
            now -= 1
            return OK

        return later()

    World(answer).batch(prompts(50), concurrency=7).run()
    assert most == 7


# The order


@pytest.mark.parametrize("ordered", [True, False])
def test_there_are_no_more_workers_than_rows_bring(ordered: bool) -> None:
    assert World().batch(prompts(30), concurrency=10**12, ordered=ordered).run().states == {"ok": 30}


@pytest.mark.parametrize("seed", range(5))
def test_ordered_outputs_are_in_the_order_of_the_inputs(out: Path, seed: int) -> None:
    World(slowly(seed)).batch(prompts(100), out, ordered=True).run()
    assert rows_in(out) == [*range(1, 101)]


def test_with_ordered_outputs_no_row_is_far_ahead_of_the_one_that_is_waited_for(out: Path) -> None:
    ended: list[int] = []
    first = anyio.Event()

    def answer(prompt: str) -> Any:
        number = int(prompt.split()[1])
        ended.append(number)
        if number == 1:
            return hold()
        if len(ended) == 4 * WINDOW:
            first.set()
        return OK

    async def hold() -> Outcome:
        await first.wait()
        return OK

    World(answer).batch(prompts(200), out, ordered=True, concurrency=4).run()
    assert max(ended[: 4 * WINDOW]) == 4 * WINDOW
    assert rows_in(out) == [*range(1, 201)]


def test_ordered_outputs_that_were_stopped_have_no_gap(out: Path) -> None:
    world = World(slowly(3))
    summary = world.batch(prompts(100), out, ordered=True, max_cost_usd=Decimal(10)).run()
    assert summary.stopped
    assert rows_in(out) == [*range(1, summary.done + 1)]
    world.batch(prompts(100), out, ordered=True).run()
    assert rows_in(out) == [*range(1, 101)]


# Equal rows


@pytest.mark.parametrize("ordered", [False, True])
def test_equal_rows_are_asked_once_and_each_gets_the_answer(out: Path, ordered: bool) -> None:
    world = World()
    rows = ["a", "b", "a", "a", {"prompt": "b", "id": 5}]
    summary = world.batch(rows, out, dedupe=True, ordered=ordered).run()
    assert sorted(world.asked) == ["a", "b"]
    assert (summary.copied, summary.attempts, summary.usd) == (3, 2, 1)
    lines = {record["router"]["row"]: record for record in records(out)}
    assert {row: record["router"]["copied"] for row, record in lines.items()} == {
        1: False,
        2: False,
        3: True,
        4: True,
        5: True,
    }
    assert lines[5] == {**lines[5], "prompt": "b", "id": 5, "response": {"candidates": []}, "error": None}
    assert lines[3]["router"]["location"] == "eu"


def test_equal_rows_without_an_output_share_the_answer_too() -> None:
    world = World()
    assert world.batch(["a"] * 5, dedupe=True).run().copied == 4
    assert world.asked == ["a"]


def test_an_equal_row_is_asked_again_when_the_first_was_not_answered(out: Path) -> None:
    world = World(answering({"a": [FAILED, OK]}))
    summary = world.batch(["a"] * 5, out, dedupe=True).run()
    assert world.asked == ["a", "a"]
    assert summary.states == {"failed": 1, "ok": 4}


def test_no_row_waits_for_one_that_waits_for_it(out: Path) -> None:
    """In ordered output a later row may be the one that asks: its end is not written before that of those it is for."""
    world = World(answering({"a": [FAILED, FAILED, FAILED, OK]}))
    batch = world.batch(["a"] * 8, out, dedupe=True, ordered=True, concurrency=4)

    async def main() -> None:
        with anyio.fail_after(30):
            await batch.arun()

    anyio.run(main)
    assert rows_in(out) == [*range(1, 9)]
    assert batch.summary.states == {"failed": 3, "ok": 5}


def test_rows_that_are_written_differently_are_not_taken_for_equal_without_being_so() -> None:
    world = World()
    world.batch(["a", "a ", {"prompt": "a", "model": "x"}], dedupe=True).run()
    assert sorted(world.asked) == ["a", "a "], "the third asks what the first does"


# What stops it


def test_the_cost_of_all_runs_together_is_limited(out: Path) -> None:
    world = World()
    first = world.batch(prompts(100), out, max_cost_usd=5, concurrency=1).run()
    assert (first.stopped, first.done) == ("5.0 USD are spent, of 5 that may be", 10)
    again = world.batch(prompts(100), out, max_cost_usd=5, concurrency=1).run()
    assert (again.this_run, again.usd) == (0, 5)
    more = world.batch(prompts(100), out, max_cost_usd=Decimal("5.6"), concurrency=1).run()
    assert (more.this_run, more.usd) == (2, 6)


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize(
    ("outcome", "limits"),
    [(OK, {"max_cost_usd": 15}), (FAILED, {"max_error_rate": 0.99}), (FORBIDDEN, {}), (OK, {"deadline_s": 30})],
)
def test_what_the_last_row_reaches_stops_nothing(
    out: Path, outcome: Outcome, limits: dict[str, Any], ordered: bool
) -> None:
    world = World()

    def answer(prompt: str) -> Outcome:
        world.time.now += 1
        last = {prompts(30)[29], *(prompts(30)[20:] if outcome is FORBIDDEN else [])}
        return outcome if outcome is OK or prompt in last else OK

    world.answer = answer
    summary = world.batch(prompts(30), out, concurrency=1, ordered=ordered, **limits).run()
    assert (summary.done, summary.stopped) == (30, "")
    assert not list(out.parent.glob("*.begun"))


def test_a_limit_that_was_passed_is_no_matter_when_every_row_has_ended(out: Path) -> None:
    assert World().batch(prompts(9), out).run().usd == Decimal("4.5")
    assert World().batch(prompts(9), out, max_cost_usd=1).run().stopped == ""
    assert World().batch(prompts(10), out, max_cost_usd=1).run().stopped.startswith("4.5 USD are spent")


def test_where_costs_are_limited_an_answer_of_unknown_price_stops_it(out: Path) -> None:
    free = msgspec.structs.replace(OK, usd=None)
    summary = World(lambda _: free).batch(prompts(9), out, max_cost_usd=5, concurrency=1).run()
    assert summary.done == 1
    assert "costs is not known" in summary.stopped
    assert World(lambda _: free).batch(prompts(9), max_cost_usd=None).run().unpriced == 9


def test_a_share_of_failures_above_the_limit_stops_it(out: Path) -> None:
    bad = dict.fromkeys(prompts(100)[::3], FAILED)
    summary = World(answering(bad)).batch(prompts(100), out, max_error_rate=0.3, concurrency=1).run()
    assert summary.stopped == "7 of 20 rows have failed, more than 30%"
    assert summary.done == ENOUGH
    resumed = World().batch(prompts(100), out, max_error_rate=0.3).run()
    assert resumed.stopped == "", "the failures of earlier runs don't count"
    assert World(answering(bad)).batch(prompts(100), max_error_rate=0.4).run().stopped == ""


def test_a_refusal_that_would_meet_any_row_stops_it_after_some(out: Path) -> None:
    summary = World(lambda _: FORBIDDEN).batch(prompts(1000), out, concurrency=2).run()
    expected = f"{ALIKE} rows one after the other failed for what would fail any row: not yours"
    assert summary.stopped == expected
    assert ALIKE <= summary.done < ALIKE + 2
    resumed = World().batch(prompts(1000), out, retry_failed=True).run()
    assert resumed.states == {"ok": 1000}


def test_dead_rows_never_stop_it(out: Path) -> None:
    summary = World(lambda _: FAILED).batch(prompts(200), out).run()
    assert (summary.stopped, summary.states) == ("", {"failed": 200})
    refused_now_and_then = dict.fromkeys(prompts(200)[::2], FORBIDDEN)
    assert World(answering(refused_now_and_then)).batch(prompts(200), concurrency=1).run().stopped == ""


def test_after_the_deadline_no_row_is_begun(out: Path) -> None:
    world = World()

    def answer(_: str) -> Outcome:
        world.time.now += 10
        return OK

    world.answer = answer
    summary = world.batch(prompts(100), out, deadline_s=60, concurrency=1).run()
    assert (summary.stopped, summary.done) == ("the deadline has passed", 6)


def test_rows_under_way_long_after_the_deadline_are_left_to_the_next_run(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.batch.run.GRACE_S", -GRACE_S)
    world = World(lambda prompt: anyio.sleep_forever() if prompt == "prompt 2" else OK)
    summary = world.batch(prompts(3), out, deadline_s=GRACE_S).run()
    assert summary.stopped == "the deadline has passed"
    resumed = World().batch(prompts(3), out).run()
    assert resumed.again >= 1
    assert resumed.states == {"ok": 3}


def test_a_row_that_the_input_cant_give_is_an_error_and_what_has_ended_stands(tmp_path: Path, out: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b"prompt\n" + b"".join(b"prompt %d\n" % row for row in range(1, 4000)))
    world = World()

    def cut(_: str) -> Outcome:
        if len(world.asked) == 10:
            path.write_bytes(path.read_bytes()[:9000] + b"\xff" * 30_000)
        return OK

    world.answer = cut
    with pytest.raises(Exception, match=r"in\.csv: can't be read after row"):
        world.batch(path, out, concurrency=2).run()
    assert len(rows_in(out)) >= 9


def test_rows_of_a_file_are_numbered_by_their_lines(tmp_path: Path, out: Path) -> None:
    path = written(tmp_path / "in.jsonl", [{"prompt": "a"}, {"prompt": "b"}])
    World().batch(path, out).run()
    assert sorted(rows_in(out)) == [1, 2]
