from __future__ import annotations

import json

import msgspec
import pytest

from router.audit.lines import BEGINNING, Closed, Ended, Opened, Tried, encoded, line, parsed

AT = "2026-11-21T12:00:00.000000Z"
RAW, HASH = line(7, BEGINNING, encoded(Ended(at=AT, request="abc", outcome="deadline")))


def test_a_line_is_json_that_says_what_it_follows_and_what_it_is() -> None:
    assert json.loads(RAW) == {
        "n": 7,
        "prev": BEGINNING,
        "event": "end",
        "at": AT,
        "request": "abc",
        "outcome": "deadline",
        "hash": HASH,
    }
    assert RAW.endswith(b'"}\n')


def test_a_line_is_read_as_it_was_written() -> None:
    found = parsed(RAW)
    assert found is not None
    assert (found.number, found.before, found.hash) == (7, BEGINNING, HASH)
    assert found.event() == Ended(at=AT, request="abc", outcome="deadline")


def test_every_single_changed_byte_is_found() -> None:
    for at in range(len(RAW)):
        for other in (RAW[at] ^ 1, ord("x"), ord("\n")):
            if other != RAW[at]:
                assert parsed(RAW[:at] + bytes([other]) + RAW[at + 1 :]) is None


def test_a_line_without_its_end_is_none() -> None:
    assert [end for end in range(len(RAW)) if parsed(RAW[:end])] == []


def test_what_is_at_its_default_is_left_out() -> None:
    assert encoded(Closed(at=AT)) == b'"event":"closed","at":"%s"' % AT.encode()
    assert b"torn" not in encoded(Opened(at=AT, version="1", pid=2))


def test_an_event_of_another_version_is_told() -> None:
    found = parsed(line(1, BEGINNING, b'"event":"dance","at":"x"')[0])
    assert found is not None
    with pytest.raises(msgspec.ValidationError, match="dance"):
        found.event()


def test_no_line_has_room_for_a_prompt_an_answer_or_a_credential() -> None:
    """What an attempt may tell is this, and all of it comes from the catalog, the policy or a list of signals."""
    assert Tried.__struct_fields__ == (
        *("at", "request", "number", "model", "location", "mode", "host", "rule", "claims", "policy", "catalog"),
        *("outcome", "status", "traffic", "took_s", "ended"),
    )
