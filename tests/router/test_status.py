from __future__ import annotations

import json

from router.signals import OK
from tests.router.capacity.conftest import BUSY, DOWN, PLACES, Desk

ONE, TWO, _ = PLACES


def test_it_is_plain_data_that_json_takes() -> None:
    desk = Desk()
    desk.controller.result(desk.ticket(ONE), OK, 0.5)
    desk.ticket(ONE)
    told = desk.controller.status(0.5).as_dict()
    assert json.loads(json.dumps(told)) == told
    (pool,) = told["pools"]
    assert (pool["location"], pool["in_flight"], pool["latency_s"], pool["measured"]) == (ONE, 1, 0.5, None)


def test_it_reads_as_one_line_for_each_pool_that_was_used() -> None:
    desk = Desk()
    assert str(desk.controller.status(0.0)) == "no pool has been used\n0 waiting"
    desk.where(ONE)
    desk.tell(ONE, DOWN, times=8)
    desk.tell(TWO, BUSY)
    first, second, last = str(desk.controller.status(0.0)).splitlines()
    assert first.startswith(f"p m {ONE} (standard): ")
    assert "/s, limit unknown, 0 in flight, breaker open, closed for 1." in first
    assert first.endswith(": 503")
    assert f"p m {TWO} (standard): " in second
    assert second.endswith("closed for 1.0 s: 429: full")
    assert last == "0 waiting"
