from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import catalog
from router import NotSent, Policy
from router.audit.evidence import encoded_question, question_of
from router.audit.reading import Unreadable
from router.audit.verify import catalogs_of, verify
from router.rules import Question
from tests.router.audit.support import CATALOG, EU, Audited, lines_of, rewritten, verified, wrong
from tests.world import TODAY, gemini_url, make_router

Line = dict[str, Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An audit of a request answered at the second location, another at once, and a refusal."""
    audited = Audited(tmp_path / "a.jsonl", script={"europe-west1": [429]})
    audited.send()
    audited.send()
    with pytest.raises(NotSent):
        audited.send(gemini_url(model="gemini-3.1-pro-preview"))
    audited.audit.close()
    return audited.file


def test_a_good_audit_has_nothing_wrong(file: Path) -> None:
    report = verified(file, EU)
    assert wrong(report) == []
    assert (report.requests, report.attempts, report.refused, report.notes) == (3, 3, 1, [])
    assert report.head == lines_of(file)[-1]["hash"]


def change(file: Path, event: str, field: str, value: Any, *, which: int = 0) -> list[str]:
    """What is found when a forger who knows the chain changes a field of one line."""
    seen = [0]

    def changed(line: Line) -> Line:
        if line["event"] == event:
            seen[0] += 1
            if seen[0] == which + 1:
                return {**line, field: value(line[field]) if callable(value) else value}
        return line

    rewritten(file, changed)
    return wrong(verified(file, EU))


@pytest.mark.parametrize(
    ("event", "field", "value", "words"),
    [
        ("attempt", "location", "us-central1", "6: went to us-central1 in standard mode with gemini-2.5-flash-image: "),
        ("attempt", "location", "moon", "went to moon"),
        ("attempt", "mode", "batch", "in batch mode"),
        ("attempt", "model", "gemini-3.8-flash", "with gemini-3.8-flash"),
        ("attempt", "host", "example.com", "went to the host example.com, which is not that of europe-west1"),
        ("attempt", "host", "us-central1-aiplatform.googleapis.com", "went to the host us-central1"),
        ("attempt", "rule", "served", "rests on served "),
        ("attempt", "claims", [], "rests on processing-inside, not on processing-inside served-"),
        ("attempt", "claims", ["stays-0000000000000000"], "rests on processing-inside stays-0000000000000000, not on"),
        ("attempt", "request", "0" * 16, "belongs to a request that was not decided"),
        ("attempt", "number", 2, "is attempt 2 of a request whose last one was 0"),
        ("attempt", "policy", "0" * 32, "names another policy or catalog than the decision"),
        ("attempt", "catalog", "0" * 32, "names another policy or catalog than the decision"),
        (
            "decision",
            "plan",
            "0" * 32,
            "names the plan 00000000000000000000000000000000, which the audit does not",
        ),
        ("decision", "policy", "0" * 32, "names another policy or catalog than its plan"),
        ("decision", "outcome", "refused", "was refused, although policy and catalog allow europe-west1, europe-west4"),
        ("decision", "at", "2026-11-24T00:00:00.000000Z", "was decided as if it were 2026-11-21"),
        ("decision", "at", "yesterday", "holds what was never written"),
        ("policy", "fields", {"residency": ["us"]}, "does not have the digest"),
        ("policy", "fields", {"resid": ["us"]}, "is none that this version of the package knows: unknown field"),
        ("policy", "policy", "0" * 32, "does not have the digest"),
        ("catalog", "catalog", "0" * 32, "is not at hand"),
        ("plan", "question", {"model": "gemini-3.8-flash"}, "its question can't be asked: a question without"),
        ("plan", "question", {"nonsense": 1}, "its question can't be asked: not a question"),
        ("plan", "question", 7, "its question can't be asked"),
        ("plan", "allowed", [], "does not name europe-west1 in standard mode, which policy and catalog allow"),
        ("plan", "allowed", 7, "what it allows can't be read"),
        ("plan", "plan", "0" * 32, "does not have the digest"),
        (
            "plan",
            "policy",
            "0" * 32,
            "names the policy 00000000000000000000000000000000, which the audit does not",
        ),
        ("plan", "catalog", "0" * 32, "names the catalog 00000000000000000000000000000000, which the audit does not"),
    ],
)
def test_even_with_the_chain_made_anew_a_lie_is_found(
    file: Path, event: str, field: str, value: Any, words: str
) -> None:
    found = change(file, event, field, value)
    assert any(words in each for each in found), found


def test_a_plan_that_allows_more_is_found(file: Path) -> None:
    def more(allowed: list[Line]) -> list[Line]:
        host = "us-central1-aiplatform.googleapis.com"
        return [*allowed, {**allowed[0], "location": "us-central1", "host": host}]

    found = change(file, "plan", "allowed", more)
    assert any("allows us-central1 in standard mode, which policy and catalog do not" in each for each in found)


def test_a_plan_on_other_claims_is_found(file: Path) -> None:
    found = change(file, "plan", "allowed", lambda allowed: [{**each, "claims": []} for each in allowed])
    assert any("rests europe-west1 on processing-inside, not on processing-inside served-" in each for each in found)


def test_the_order_of_what_is_allowed_is_a_matter_of_wishes(file: Path) -> None:
    found = change(file, "plan", "allowed", lambda allowed: allowed[::-1])
    assert [each.partition(": ")[2].partition(" the digest")[0] for each in found] == ["the plan does not have"]


def test_a_second_decision_on_a_request_is_found(tmp_path: Path) -> None:
    audited = Audited(tmp_path / "a.jsonl")
    with pytest.raises(ZeroDivisionError):
        audited.router.call(lambda _: 1 / 0, model="gemini-3.8-flash")
    audited.audit.close()
    twice = [line for line in lines_of(audited.file) for _ in range(1 + (line["event"] == "decision"))]
    audited.file.write_text("".join(json.dumps(line) + "\n" for line in twice))
    rewritten(audited.file, lambda line: line)
    assert any("a second time" in each for each in wrong(verified(audited.file, EU)))


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (Policy(residency="de"), "`residency` = ['eu'] would loosen"),
        (Policy(residency="eu", deny_locations=["us"]), "`deny_locations` does not name us"),
        (Policy(residency="eu", min_confidence="high"), "`min_confidence` = 'medium' would loosen"),
        (Policy(residency="eu", kinds=["region"]), "`kinds`"),
        (Policy(residency="eu", caller_location="wall"), "`caller_location`"),
    ],
)
def test_another_policy_than_the_given_one_is_found(file: Path, policy: Policy, words: str) -> None:
    found = wrong(verified(file, policy))
    assert "was decided under another policy" in found[0]
    assert words in found[0]


@pytest.mark.parametrize(
    "policy",
    [
        Policy(residency=["eu", "us"]),
        Policy(),
        Policy(residency="eu", prefer=["europe-west4"], deadline_s=5, attempts=1),
        Policy(residency="eu", audit="somewhere.jsonl"),
        Policy(residency="eu", assurance="location"),
    ],
)
def test_a_looser_policy_or_one_of_other_wishes_is_none(file: Path, policy: Policy) -> None:
    assert wrong(verified(file, policy)) == []


def test_what_a_policy_lets_its_scopes_do_is_worth_knowing(file: Path) -> None:
    report = verified(file, Policy(residency="de", scopes="any"))
    assert wrong(report) == []
    assert "a scope was given more than the policy" in report.notes[0].text


def test_another_catalog_is_told_with_what_it_needs(tmp_path: Path) -> None:
    overlay = tmp_path / "own.toml"
    overlay.write_text('[[source]]\nid = "ours"\ntitle = "t"\npublished = 2026-11-01\nretrieved = 2026-11-01\n')
    own = catalog.load(overlay=overlay)
    audited = Audited(tmp_path / "a.jsonl")
    audited.router = make_router(EU, catalog=own, observers=[audited.audit])
    audited.send()
    found = wrong(audited.verified(EU))
    assert "with an overlay that brings ours is not at hand" in found[0]
    assert wrong(verify(audited.file, catalogs_of(CATALOG, own), EU)) == []


def test_the_guard_is_asked_as_well(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that rules which are wrong, and were when the audit was written, do not vouch for themselves."""
    monkeypatch.setattr("router.guard.Guard._stays", lambda *_: False)
    assert "allows what the guard would stop: europe-west1 is outside the policy" in wrong(verified(file, EU))[0]


def test_a_question_is_read_as_it_was_asked() -> None:
    question = Question("m", ("standard", "flex"), TODAY, "predict", 5, "eu", frozenset({"eu", "us"}), "other")
    assert question_of(bytes(encoded_question(question))) == question
    short = Question("m", ("standard",), TODAY)
    assert bytes(encoded_question(short)) == b'{"model":"m","modes":["standard"],"on":"2026-11-21"}'


def test_no_audit_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="there is no audit there"):
        verified(tmp_path / "nothing.jsonl")


def test_an_empty_file_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    assert wrong(verified(tmp_path / "a.jsonl")) == ["0: holds no line"]
