from __future__ import annotations

import msgspec

from router.capacity import Controller, Throttled
from router.capacity.sent import Sent
from router.signals import OK
from tests.router.capacity.conftest import BUSY, PLACES, A, B, Desk

ONE, TWO, _ = PLACES


def test_events_are_plain_values_that_travel() -> None:
    event = Throttled(pool=A, sent_at=1.0, at=1.5, shut_s=2.0, why="429: full")
    sent = msgspec.json.decode(msgspec.json.encode(event), type=Throttled)
    assert sent == event


def test_every_request_that_ended_is_recorded() -> None:
    sent: list[Sent] = []
    desk = Desk(Controller(record=sent.append, random=lambda: 0.5))
    for signal in (OK, BUSY):
        desk.controller.result(desk.ticket(ONE, now=1.0), signal, 1.25)
    desk.controller.release(desk.ticket(TWO, now=2.0), 3.0)
    assert [(each.pool, each.outcome, each.rtt_s) for each in sent] == [
        (A, "200", 0.25),
        (A, "429", 0.25),
        (B, "cancelled", 1.0),
    ]
