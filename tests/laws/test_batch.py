"""Whatever happens to a batch, each of its rows ends exactly once, and no attempt leaves the policy."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
from hypothesis import given
from hypothesis import strategies as st

from router import NoRoute, Policy
from router.batch.job import Batch
from router.batch.outcome import FINAL, Outcome
from tests.router.batch.batching import (
    FAILED,
    FORBIDDEN,
    OK,
    REJECTED,
    World,
    prompts,
    records,
    rows_in,
    scripted,
)

OUTCOMES = st.sampled_from([OK, OK, OK, FAILED, REJECTED, FORBIDDEN])


@st.composite
def breaks(draw: st.DrawFn) -> tuple[int, float, dict[str, Any]]:
    """How a run goes: after how many answers it is cut off, what share of its output is lost, its settings."""
    limits: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {
                "concurrency": st.integers(1, 6),
                "ordered": st.booleans(),
                "dedupe": st.booleans(),
                "retry_failed": st.booleans(),
            },
            optional={"max_cost_usd": st.integers(0, 20), "max_error_rate": st.just(0.5)},
        )
    )
    return draw(st.integers(0, 40)), draw(st.sampled_from([0.0, 0.0, 0.1, 1.0]) | st.floats(0, 1)), limits


class Unsteady(World):
    """Answers as drawn, a turn or more later, and cancels the run after so many answers."""

    def __init__(self, draw: Callable[[Any], Any], after: int) -> None:
        super().__init__(self.reply)
        self.draw = draw
        self.after = after
        self.cancel: Callable[[], object] = list

    def reply(self, _: str) -> Any:
        if len(self.asked) > self.after:
            self.cancel()
        outcome, turns = self.draw(OUTCOMES), self.draw(st.integers(0, 3))

        async def later() -> Outcome:
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            return outcome  # type: ignore[no-any-return]  # drawn

        return later()


def run(world: Unsteady, batch: Batch) -> None:
    async def main() -> None:
        with anyio.CancelScope() as scope:
            world.cancel = scope.cancel
            await batch.arun()

    anyio.run(main)


@given(
    st.data(),
    st.lists(st.sampled_from(prompts(6)), min_size=1, max_size=30),
    st.lists(breaks(), min_size=1, max_size=5),
)
def test_each_row_ends_exactly_once_whatever_broke_the_runs_before(
    data: st.DataObject, rows: list[str], runs: list[tuple[int, float, dict[str, Any]]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.jsonl"
        before: dict[int, Any] = {}
        for after, lost, settings in runs:
            world = Unsteady(data.draw, after)
            batch = world.batch(rows, out, **settings)
            run(world, batch)
            ended = rows_in(out)
            assert len(ended) == len(set(ended)), "none has ended twice"
            assert set(ended) <= set(range(1, len(rows) + 1))
            now = {record["router"]["row"]: record for record in records(out)}
            kept = {row for row, record in before.items() if record["router"]["state"] in FINAL}
            assert all(now[row] == before[row] for row in kept), "what has ended stands"
            if not batch.summary.stopped:
                assert len(ended) == len(rows), "and all have"
                assert not out.with_name("out.jsonl.begun").exists()
            text = out.read_bytes()
            left = text[: round(len(text) * (1 - lost))]
            out.write_bytes(left)
            before = {row: now[row] for row in ended[: left.count(b"\n")]}
        assert World().batch(rows, out, retry_failed=True).run().done == len(rows)
        assert sorted(rows_in(out)) == [*range(1, len(rows) + 1)]


@given(st.data(), st.lists(breaks(), min_size=1, max_size=4))
def test_only_what_was_under_way_is_sent_again_and_it_is_counted(
    data: st.DataObject, runs: list[tuple[int, float, dict[str, Any]]]
) -> None:
    sent: list[str] = []
    again = 0
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.jsonl"
        for after, _, settings in runs:
            done = {f"prompt {row}" for row in rows_in(out)} if out.exists() else set[str]()
            open_ = set(sent) - done
            world = Unsteady(lambda strategy: OK if strategy is OUTCOMES else data.draw(strategy), after)
            batch = world.batch(prompts(25), out, **{**settings, "dedupe": False})
            run(world, batch)
            assert batch.summary.again == len(open_)
            assert not done & set(world.asked)
            again += len(open_ & set(world.asked))
            sent += world.asked
    assert len(sent) == len(set(sent)) + again


REPLIES = st.sampled_from([200, 200, 400, 403, 429, 500, 503, "ReadError"])
POLICIES = st.sampled_from(
    [
        Policy(residency="eu"),
        Policy(residency=("eu", "us")),
        Policy(residency="eu", deny_locations=["europe-west1"]),
        Policy(allow_locations=["us", "us-east5"]),
        Policy(kinds=["region"]),
        Policy(residency="de"),
    ]
)


@given(
    POLICIES,
    st.dictionaries(
        st.sampled_from(["eu", "europe-west1", "europe-west4", "global", "us", "us-east5"]),
        st.lists(REPLIES, max_size=12),
    ),
)
def test_no_attempt_of_a_batch_leaves_the_policy(policy: Policy, script: dict[str, Any]) -> None:
    router, backend, given_ = scripted(script, policy)
    allowed = {each.location for each in router.explain(given_["model"]).candidates}
    batch = router.batch(prompts(12), **given_)
    try:
        assert batch.run().done <= 12
    except NoRoute:
        assert not allowed
    assert set(backend.locations) <= allowed
