from __future__ import annotations

import json
from pathlib import Path

import pytest

from router import NotSent, Policy
from router.audit.summary import summary
from tests.router.audit.support import Audited, lines_of
from tests.world import GEMINI, gemini_url, piece, sse


def test_it_counts_what_went_where_and_what_became_of_it(tmp_path: Path) -> None:
    audited = Audited(tmp_path / "a.jsonl", script={"europe-west1": [429], "europe-west4": [200, 503]})
    for _ in range(3):
        audited.send()
    for model in ("gemini-3.1-pro-preview", "gemini-99"):
        with pytest.raises(NotSent):
            audited.send(gemini_url(model=model))
    audited.audit.close()
    found = summary(audited.file).as_dict()
    assert json.loads(json.dumps(found)) == found
    assert (found["requests"], found["ended"], found["chain_problems"]) == (5, {"answered": 3}, 0)
    assert found["lines"] == len(lines_of(audited.file))
    rows = {each["location"]: each for each in found["attempts"]}
    assert rows["europe-west1"] == {
        "model": GEMINI,
        "location": "europe-west1",
        "rule": "processing-inside",
        "attempts": 1,
        "answered": 0,
        "others": {"exhausted": 1},
        "traffic": {},
    }
    assert (rows["europe-west4"]["attempts"], rows["europe-west4"]["answered"]) == (3, 2)
    assert found["refused"] == [
        {"model": "gemini-3.1-pro-preview", "error": "NoRoute", "requests": 1},
        {"model": "gemini-99", "error": "RequestNotUnderstood", "requests": 1},
    ]
    assert list(found["policies"].values()) == [{"residency": ["eu"]}]


def test_what_was_sent_on_unread_and_what_broke_are_counted(tmp_path: Path) -> None:
    audited = Audited(tmp_path / "a.jsonl", Policy(caller_location="wall"), {"europe-west1": sse(piece("a"))})
    audited.send("https://example.com/v1/x")
    with pytest.raises(Exception, match="broke after"):
        audited.send(gemini_url(method="streamGenerateContent"))
    audited.audit.close()
    found = summary(audited.file).as_dict()
    assert (found["requests"], found["unrouted"]) == (2, {"example.com": 1})
    assert found["ended"] == {"answered": 0, "broken": 1}


def test_a_changed_audit_is_counted_and_told(tmp_path: Path) -> None:
    audited = Audited(tmp_path / "a.jsonl")
    audited.send()
    audited.audit.close()
    audited.file.write_bytes(audited.file.read_bytes().replace(b'"ok"', b'"OK"'))
    assert summary(audited.file).as_dict()["chain_problems"] == 1
