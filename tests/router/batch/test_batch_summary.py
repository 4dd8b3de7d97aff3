from __future__ import annotations

import json
from decimal import Decimal

import msgspec

from router.batch.journal import Found
from router.batch.summary import RECENT_S, Summary, Tally
from tests.router.batch.batching import FAILED, OK, REJECTED
from tests.world import Clock

BLOCKED = msgspec.structs.replace(OK, state="blocked", usd=None, throttled=2, throttled_at={"us": 2}, attempts=3)
AWAY = msgspec.structs.replace(FAILED, faults_at={("us", "connect"): 2, ("eu", "503"): 1})
COPIED = msgspec.structs.replace(OK, copied=True, usd=Decimal(), attempts=0)


def tally(found: Found | None = None, rows: int | None = 20) -> tuple[Tally, Clock]:
    clock = Clock()
    made = Tally(Summary(rows=rows), clock)
    if found is not None:
        made.summary.begin(found)
    return made, clock


def test_rows_are_counted_by_how_they_ended() -> None:
    made, _ = tally()
    for outcome in (OK, OK, FAILED, REJECTED, BLOCKED, COPIED):
        made.count(outcome, 1)
    summary = made.summary
    assert summary.states == {"ok": 3, "failed": 1, "rejected": 1, "blocked": 1}
    assert (summary.done, summary.failed, summary.attempts, summary.throttled) == (6, 2, 9, 2)
    assert (summary.copied, summary.asked, summary.usd, summary.unpriced) == (1, 5, 1, 1)
    assert summary.locations == {"eu": 3}


def test_what_earlier_runs_did_is_told_apart() -> None:
    made, _ = tally(Found({"ok": 7, "failed": 1}, Decimal(), 12, 3))
    made.count(FAILED, 1)
    summary = made.summary
    assert (summary.done, summary.done_before, summary.this_run) == (9, 8, 1)
    assert (summary.failed, summary.failed_now, summary.again, summary.torn_bytes) == (2, 1, 3, 12)


def test_a_second_beginning_forgets_the_first() -> None:
    made, _ = tally(Found({"ok": 7, "failed": 1}, Decimal(), 0, 0))
    made.summary.begin(Found({"ok": 7}, Decimal(), 0, 0))
    assert (made.summary.done_before, made.summary.failed_before) == (7, 0)


def test_rates_are_those_of_the_last_seconds() -> None:
    made, clock = tally()
    assert (made.rates(), made.eta_s()) == ({}, None)
    for _ in range(10):
        clock.now += 1
        made.count(OK, 1)
    assert made.rates() == {"eu": 1.0}
    assert made.eta_s() == 10
    clock.now += RECENT_S + 1
    assert (made.rates(), made.eta_s()) == ({}, None)


def test_without_a_number_of_rows_there_is_no_eta() -> None:
    made, clock = tally(rows=None)
    clock.now += 1
    made.count(OK, 1)
    assert made.eta_s() is None
    assert "1 rows have ended: 1 ok" in str(made.summary)


def test_a_summary_reads_as_what_happened() -> None:
    made, clock = tally(Found({"ok": 5}, Decimal(), 9, 2))
    clock.now += 2
    for row, outcome in enumerate((AWAY, FAILED, OK, BLOCKED, COPIED), 6):
        made.count(outcome, row)
    made.summary.stopped = "the deadline has passed"
    assert str(made.summary).splitlines() == [
        "10 of 20 rows have ended: 7 ok, 1 blocked, 2 failed",
        "5 of them by earlier runs; 2 were under way when it stopped and were asked again",
        "a last line that was not whole was cut off (9 bytes)",
        "1 were copied from equal rows",
        "this run: 5 rows in 2.0 s, 2.5 rows/s",
        "10 requests sent, 2 rejected for lack of capacity (0.400 a row): us 2",
        "faults: eu (503 1), us (connect 2)",
        "cost: 0.5000 USD by list price, without 1 rows of unknown price",
        "answered at: eu 2",
        "first without an answer: row 6, failed: away",
        "stopped: the deadline has passed",
    ]


def test_a_long_message_is_cut() -> None:
    made, _ = tally()
    made.count(msgspec.structs.replace(REJECTED, message="x" * 300 + "\nmore"), 4)
    assert made.summary.first_unanswered == f"row 4, rejected: {'x' * 200} ..."


def test_the_same_as_data() -> None:
    made, clock = tally()
    clock.now += 2
    made.count(OK, 1)
    made.count(msgspec.structs.replace(AWAY, throttled=1, throttled_at={"eu": 1}), 2)
    data = json.loads(json.dumps(made.summary.as_dict()))
    assert data == {
        "rows": 20,
        "done": 2,
        "states": {"ok": 1, "failed": 1},
        "this_run": 2,
        "asked": 2,
        "asked_again": 0,
        "torn_bytes": 0,
        "copied": 0,
        "attempts": 4,
        "throttled": 1,
        "throttled_at": {"eu": 1},
        "faults_at": {"us": {"connect": 2}, "eu": {"503": 1}},
        "usd": "0.5",
        "unpriced": 0,
        "seconds": 2.0,
        "rows_per_second": 1.0,
        "locations": {"eu": 1},
        "first_unanswered": "row 2, failed: away",
        "stopped": None,
    }
