"""A batch over days of faults, cut off and begun again: each of its rows ends once, and none leaves the policy.

A machine of Hypothesis says what locations answer, runs the batch, cuts runs off in the middle, takes away the
end of the output, puts the clock back and changes the day. The output alone tells the next run what is done.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from router import Policy
from router.batch.job import Batch
from router.batch.outcome import FINAL
from tests.router.batch.batching import prompts, records, rows_in, scripted
from tests.world import EU_PLACES, TODAY, Clock

PLACES = {
    Policy(residency="eu"): {"eu", "europe-west1", "europe-west4"},
    Policy(residency="eu", deny_locations=["europe-west1"]): {"eu", "europe-west4"},
    Policy(residency=("eu", "us"), kinds=["region"]): {"europe-west1", "europe-west4", "us-east5"},
    Policy(allow_locations=["us", "us-east5"]): {"us", "us-east5"},
}
"""Policies, and where each allows the model; told by hand."""

REPLIES = st.lists(st.sampled_from([200, 200, 400, 403, 429, 500, 503, "ReadError", "ReadTimeout"]), max_size=8)
RUNS = st.fixed_dictionaries(
    {
        "concurrency": st.integers(1, 6),
        "ordered": st.booleans(),
        "dedupe": st.booleans(),
        "retry_failed": st.booleans(),
    },
    optional={"max_error_rate": st.just(0.5)},
)
LONG_S = 7200.0


class Batches(RuleBasedStateMachine):
    """One batch, its output, and the service."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.out = self.folder / "out.jsonl"
        self.clock = Clock()
        self.today = TODAY
        self.ended: dict[int, Any] = {}
        self.left = 0
        self.cancel: Any = None

    @initialize(
        rows=st.lists(st.sampled_from(prompts(6)), min_size=1, max_size=20), policy=st.sampled_from(list(PLACES))
    )
    def begin(self, rows: list[str], policy: Policy) -> None:
        self.rows = rows
        self.places = PLACES[policy]
        router, self.backend, given = scripted({}, policy, clock=self.clock, today=lambda: self.today)
        self.router = router
        self.given = {**given, "options": {"transport": self.backend.stack.MockTransport(self._answer)}}

    def _batch(self, **run: Any) -> Batch:
        return self.router.batch(self.rows, self.out, **self.given, **run)

    async def _answer(self, request: Any) -> Any:
        if self.cancel is not None:
            self.left -= 1
            if self.left < 0:
                self.cancel()
        await anyio.lowlevel.checkpoint()
        return self.backend._answer(request)

    # What can happen

    @rule(location=st.sampled_from(sorted(EU_PLACES)), replies=REPLIES)
    def it_goes_wrong(self, location: str, replies: list[Any]) -> None:
        self.backend.script[location] = replies

    @rule(run=RUNS)
    def it_runs(self, run: dict[str, Any]) -> None:
        summary = self._batch(**run).run()
        assert summary.stopped or len(rows_in(self.out)) == len(self.rows)
        self._what_had_ended_stands()

    @rule(run=RUNS, after=st.integers(0, 12))
    def it_is_cut_off(self, run: dict[str, Any], after: int) -> None:
        """After so many requests, in the middle of the next one."""

        async def main() -> None:
            with anyio.CancelScope() as scope:
                self.left, self.cancel = after, scope.cancel
                await self._batch(**run).arun()

        anyio.run(main)
        self.cancel = None
        self._what_had_ended_stands()

    @precondition(lambda self: self.out.exists())
    @rule(share=st.floats(0.0, 1.0))
    def the_end_of_the_output_is_lost(self, share: float) -> None:
        text = self.out.read_bytes()
        left = text[: round(len(text) * share)]
        self.out.write_bytes(left)
        whole = {json.loads(line)["router"]["row"] for line in left.split(b"\n")[:-1]}
        self.ended = {row: record for row, record in self.ended.items() if row in whole}

    @rule(seconds=st.floats(0.0, 600.0))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(seconds=st.floats(0.0, 600.0))
    def the_clock_jumps_back(self, seconds: float) -> None:
        self.clock.now -= seconds

    @rule(day=st.dates(date(2026, 2, 1), date(2027, 5, 1)))
    def another_day_comes(self, day: date) -> None:
        self.today = day

    # What holds

    def _what_had_ended_stands(self) -> None:
        """After a run, whole lines are all there is: none twice, none of a row that is not, none changed."""
        rows = rows_in(self.out) if self.out.exists() else []
        assert len(rows) == len(set(rows)), "none has ended twice"
        assert set(rows) <= {*range(1, len(self.rows) + 1)}
        now = {record["router"]["row"]: record for record in records(self.out)} if rows else {}
        assert all(now.get(row) == record for row, record in self.ended.items()), "what has ended stands"
        self.ended = {row: record for row, record in now.items() if record["router"]["state"] in FINAL}

    @invariant()
    def nothing_is_outside(self) -> None:
        assert set(self.backend.locations) <= self.places

    def teardown(self) -> None:
        """Once the bad days are over, one run ends every row."""
        try:
            if hasattr(self, "router"):
                self.backend.script.clear()
                self.clock.now += LONG_S
                assert self._batch(retry_failed=True).run().stopped == ""
                self._what_had_ended_stands()
                assert sorted(self.ended) == [*range(1, len(self.rows) + 1)]
        finally:
            shutil.rmtree(self.folder)


TestBatches = Batches.TestCase
TestBatches.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
