from __future__ import annotations

import io
import json
from decimal import Decimal

import msgspec
import pytest

from router.batch.outcome import Outcome
from router.batch.record import digest_of, done_in, line_of, rows_per_second
from tests.router.batch.batching import FAILED, OK, REJECTED


@pytest.mark.parametrize("outcome", [OK, FAILED, REJECTED], ids=lambda each: each.state)
def test_a_line_tells_what_was_written(outcome: Outcome) -> None:
    line = line_of(7, 0xABC, outcome, 1_800_000_000, {"response": {"text": "two\nlines"}})
    assert line.count(b"\n") == 1
    done = done_in(line)
    assert done is not None
    assert msgspec.structs.astuple(done) == (7, 0xABC, outcome.state, outcome.usd, 1_800_000_000)


def test_a_line_says_where_how_often_and_for_how_much() -> None:
    head = json.loads(line_of(7, 1, OK, 0, {}))["router"]
    assert head == {
        "row": 7,
        "digest": "0000000000000001",
        "state": "ok",
        "usd": "0.5",
        "at": 0,
        "location": "eu",
        "model": "gemini-3.8-flash",
        "attempts": 1,
        "throttled": 0,
        "traffic": "ON_DEMAND",
        "copied": False,
    }


def test_small_sums_are_written_without_an_exponent() -> None:
    line = line_of(1, 1, Outcome(state="ok", usd=Decimal("1E-9")), 0, {})
    done = done_in(line)
    assert done is not None
    assert done.usd == Decimal("1E-9")


def test_a_line_that_is_not_whole_tells_nothing() -> None:
    line = line_of(7, 1, OK, 0, {"response": {}})
    assert not any(done_in(line[:end]) for end in range(len(line)))


@pytest.mark.parametrize(
    "line",
    [b"{}\n", b"\n", b'{"router":{}}\n', b'{"request":{},"router":{"row":1}}\n', b"[1]\n", b"\xff\n"],
)
def test_a_line_of_another_origin_tells_nothing(line: bytes) -> None:
    assert done_in(line) is None


def test_what_a_row_brings_under_the_routers_key_does_not_hide_the_routers_own() -> None:
    line = line_of(7, 1, OK, 0, {"router": {"row": 3}, "request": {}})
    done = done_in(line)
    assert done is not None
    assert done.row == 7
    assert line.count(b'"router"') == 1


def test_a_digest_stands_for_the_row_and_for_what_it_is_asked_with() -> None:
    assert digest_of(b"a", b"m") == digest_of(b"a", b"m")
    assert len({digest_of(b"a", b"m"), digest_of(b"b", b"m"), digest_of(b"a", b"n")}) == 3


def test_the_rate_leaves_out_the_pauses_between_runs() -> None:
    ends = [100, 101, 102, 102, 9000, 9001, 9002]
    lines = b"".join(line_of(row, 1, OK, at, {}) for row, at in enumerate(ends, 1))
    assert rows_per_second(io.BytesIO(lines + b'{"router"')) == pytest.approx(7 / 4)
    assert rows_per_second(io.BytesIO(b"")) is None
