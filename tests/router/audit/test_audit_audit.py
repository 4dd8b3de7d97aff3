from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from router import Exhausted, NoRoute, NotSent, Policy, Router, trace_of
from router.audit.digests import catalog_digest, claims_by_id, policy_digest
from router.audit.summary import summary
from router.errors import AuditFailed
from tests.router.audit.support import CATALOG, EU, Audited, lines_of, verified, wrong
from tests.router.audit.test_audit_writer import Disk, entry
from tests.world import EU_REGIONS, GEMINI, gemini_url, make_router, piece, sse


@pytest.fixture
def audited(tmp_path: Path) -> Audited:
    return Audited(tmp_path / "a.jsonl", script={"europe-west1": [429]})


def test_an_attempt_tells_where_it_went_by_which_rule_on_which_claims(audited: Audited) -> None:
    response = audited.send()
    first, second = audited.events("attempt")
    trace = trace_of(response)
    assert trace is not None
    model, claim = claims_by_id(CATALOG)[first["claims"][1]]
    assert (model, "europe-west1" in claim.locations) == (GEMINI, True)  # type: ignore[attr-defined]
    del first["n"], first["prev"], first["hash"], first["claims"]
    assert first == {
        "event": "attempt",
        "at": "2026-11-21T12:00:00.000000Z",
        "request": trace.id,
        "number": 1,
        "model": GEMINI,
        "location": "europe-west1",
        "mode": "standard",
        "host": "europe-west1-aiplatform.googleapis.com",
        "rule": "processing-inside",
        "policy": policy_digest(EU),
        "catalog": catalog_digest(CATALOG),
        "outcome": "exhausted",
        "status": 429,
        "took_s": 0.0,
    }
    assert (second["location"], second["outcome"], second["ended"]) == ("europe-west4", "ok", "answered")


def test_the_decision_is_on_its_way_before_anything_leaves(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def look(stack: Any, _: Any) -> Any:
        seen.append([each["event"] for each in audited.lines()])
        return stack.Response(200, json={})

    audited = Audited(tmp_path / "a.jsonl", script={"europe-west1": look})
    audited.send()
    assert seen == [["opened", "policy", "catalog", "plan", "decision"]]


def test_what_is_the_same_for_many_requests_is_written_once(audited: Audited) -> None:
    for _ in range(5):
        audited.send()
    names = [each["event"] for each in audited.lines()]
    assert [names.count(name) for name in ("policy", "catalog", "plan", "decision", "attempt")] == [1, 1, 1, 5, 6]


@pytest.mark.parametrize(
    ("policy", "rules"),
    [
        (EU, {"processing-inside"}),
        (Policy(residency="eu", assurance="location"), {"location-inside"}),
        (Policy(), {"served"}),
    ],
)
def test_each_rule_has_a_name(tmp_path: Path, policy: Policy, rules: set[str]) -> None:
    audited = Audited(tmp_path / "a.jsonl", policy)
    audited.send()
    assert {each["rule"] for each in audited.events("attempt")} == rules
    assert wrong(audited.verified(policy)) == []


def test_a_model_that_nobody_knows_stays_with_its_caller(tmp_path: Path) -> None:
    audited = Audited(tmp_path / "a.jsonl", Policy())
    audited.send(gemini_url(model="gemini-99"))
    assert [each["rule"] for each in audited.events("attempt")] == ["caller-kept"]
    assert wrong(audited.verified()) == []


@pytest.mark.parametrize(
    ("url", "error", "model"),
    [
        (gemini_url(model="gemini-3.1-pro-preview"), "NoRoute", "gemini-3.1-pro-preview"),
        ("https://example.com/v1/x", "RequestNotUnderstood", None),
        (gemini_url(location="moon-west1"), "RequestNotUnderstood", None),
        (gemini_url(model="gemini-99"), "RequestNotUnderstood", "gemini-99"),
    ],
)
def test_a_refusal_is_on_record_with_its_reason(audited: Audited, url: str, error: str, model: str | None) -> None:
    with pytest.raises(NotSent):
        audited.send(url)
    (decision,) = audited.events("decision")
    assert (decision["outcome"], decision["error"], decision.get("model")) == ("refused", error, model)
    if error == "NoRoute":
        (plan,) = audited.events("plan")
        assert "global" in plan["refused"]["no-boundary"]
    assert wrong(audited.verified(EU)) == []


def test_what_the_guard_stops_is_on_record_with_the_request(audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.guard.Guard._wrong", lambda *_, **__: "made up")
    with pytest.raises(NotSent):
        audited.send()
    allowed, refused = audited.events("decision")
    assert (refused["error"], refused["request"]) == ("GuardStop", allowed["request"])
    assert audited.events("attempt") == []


def test_what_is_sent_on_unread_is_on_record(tmp_path: Path) -> None:
    audited = Audited(tmp_path / "a.jsonl", Policy())
    audited.send("https://example.com/v1/elsewhere?key=abc")
    (decision,) = audited.events("decision")
    assert (decision["outcome"], decision["host"]) == ("unrouted", "example.com")
    assert wrong(audited.verified()) == []
    assert wrong(verified(audited.file, EU)) == ["4: was sent on to example.com unread, under a policy with limits"]


def test_a_request_without_capacity_ends_on_record(tmp_path: Path) -> None:
    audited = Audited(tmp_path / "a.jsonl", replace(EU, deadline_s=20), {name: [429] * 9 for name in EU_REGIONS})
    assert audited.send().status_code == 429  # all are cooling down now
    with pytest.raises(Exhausted), audited.router.scope(deadline_s=0.5):
        audited.send()
    (end,) = audited.events("end")
    assert end["outcome"] == "deadline"
    assert wrong(audited.verified(EU)) == []


def test_a_cancelled_attempt_is_on_record(tmp_path: Path) -> None:
    async def hang(_: Any) -> Any:
        scopes[0].cancel()
        await anyio.sleep_forever()

    audited = Audited(tmp_path / "a.jsonl")
    transport = audited.router.transport(transport=httpx.MockTransport(hang))

    scopes: list[anyio.CancelScope] = []

    async def run() -> None:
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            async with httpx.AsyncClient(transport=transport) as client:
                await client.post(gemini_url(), json={})

    anyio.run(run)
    (attempt,) = audited.events("attempt")
    assert (attempt["outcome"], attempt["ended"], attempt["location"]) == ("cancelled", "cancelled", "europe-west1")
    assert wrong(audited.verified(EU)) == []


def test_a_stream_that_breaks_later_is_on_record(tmp_path: Path) -> None:
    audited = Audited(tmp_path / "a.jsonl", script={"europe-west1": sse(piece("a"))})
    with pytest.raises(httpx.RemoteProtocolError):
        audited.send(gemini_url(method="streamGenerateContent"))
    (attempt,), (broken,) = audited.events("attempt"), audited.events("broken")
    assert (attempt["ended"], broken["outcome"], broken["request"]) == ("answered", "stream-cut", attempt["request"])


def test_what_a_stream_tells_at_its_end_is_on_record_behind_its_attempt(tmp_path: Path) -> None:
    last = '{"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"trafficType": "ON_DEMAND"}}'
    audited = Audited(
        tmp_path / "a.jsonl", script={"europe-west1": [sse(piece("a"), last), sse(piece("a", last=True))]}
    )
    for _ in range(2):
        audited.send(gemini_url(method="streamGenerateContent"))
    first, second = audited.events("attempt")
    (late,) = audited.events("late")
    assert not {"traffic"} & (first.keys() | second.keys())
    told = {name: late[name] for name in ("request", "model", "location", "traffic")}
    assert told == {
        "request": first["request"],
        "model": GEMINI,
        "location": "europe-west1",
        "traffic": "ON_DEMAND",
    }
    assert late["n"] > first["n"]
    assert wrong(audited.verified(EU)) == []
    assert summary(audited.file).rows[GEMINI, "europe-west1"].traffic == {"ON_DEMAND": 1}


def test_a_scope_is_on_record_with_its_own_policy(audited: Audited) -> None:
    audited.send()
    with audited.router.scope(deny_locations="europe-west4", deadline_s=9):
        audited.send()
    first, second = (each["fields"] for each in audited.events("policy"))
    assert first == {"residency": ["eu"]}
    assert second == {"residency": ["eu"], "deny_locations": ["europe-west4"], "deadline_s": 9.0}
    assert wrong(audited.verified(EU)) == []
    stricter = replace(EU, deny_locations=["europe-west8"])
    assert wrong(verified(audited.file, stricter))[0].endswith("`deny_locations` does not name europe-west8")


def test_while_the_disk_is_full_nothing_is_sent(tmp_path: Path) -> None:
    disk = Disk()
    audited = Audited(tmp_path / "a.jsonl", open_log=disk.open)
    audited.send()
    audited.audit.flush()
    disk.full = True
    audited.send()  # on its way when the disk was found to be full
    assert not audited.audit.flush()
    with pytest.raises(AuditFailed, match="nothing was sent"):
        audited.send()
    assert len(audited.backend.sent) == 2
    disk.full = False
    assert audited.audit.flush()
    audited.send()
    assert audited.audit.refused_requests == 1
    report = audited.verified(EU)
    assert (wrong(report), report.attempts) == ([], 3)
    assert [each.text for each in report.notes] == ["for a while nothing could be written, and 1 requests were refused"]


def test_an_attempt_waits_for_the_disk_no_more_than_the_first(tmp_path: Path) -> None:
    """The disk fails while the first location answers 429: the second one is not asked."""
    disk = Disk()

    def throttle(stack: Any, _: Any) -> Any:
        disk.full = True
        audited.audit._writer.put(entry(), after=True)
        assert not audited.audit.flush()
        return stack.Response(429, json={})

    audited = Audited(tmp_path / "a.jsonl", script={"europe-west1": throttle}, open_log=disk.open)
    with pytest.raises(AuditFailed):
        audited.send()
    assert audited.backend.locations == ["europe-west1"]
    disk.full = False
    assert [each["outcome"] for each in audited.events("attempt")] == ["exhausted"]


def test_a_policy_without_residency_goes_on_and_counts(tmp_path: Path) -> None:
    disk = Disk()
    audited = Audited(tmp_path / "a.jsonl", Policy(), open_log=disk.open)
    audited.send()
    audited.audit.flush()
    disk.full = True
    for _ in range(3):
        audited.send()
        audited.audit.flush()
    assert len(audited.backend.sent) == 4
    disk.full = False
    assert audited.audit.flush()


def test_a_policy_names_its_audit(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    router = Router(Policy(residency="eu", audit=file))
    assert not file.exists(), "to explain is no decision"
    router.explain(GEMINI)
    assert not file.exists()
    router.transport()
    assert [each["event"] for each in lines_of(file)] == ["opened"]
    with pytest.raises(AuditFailed, match="another router"):
        Router(Policy(residency="eu", audit=file)).transport()
    other = make_router(Policy(residency="de"), observers=[router.audit])
    with pytest.raises(NoRoute):
        other.call(lambda to: to, model=GEMINI)
    assert router.audit is not None
    assert router.audit.flush()
    assert [each["event"] for each in lines_of(file)] == ["opened", "policy", "catalog", "plan", "decision"]
    router.audit.close()


def test_it_is_closed_when_nothing_holds_it_any_more(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    Router(Policy(residency="eu", audit=file)).call(lambda to: to.location, model=GEMINI)
    gc.collect()
    assert lines_of(file)[-1]["event"] == "closed"


def test_a_router_without_one_has_none() -> None:
    assert Router(EU).audit is None
    assert Router(replace(EU, audit=None)).audit is None


def test_what_needs_an_exception_of_the_policy_names_it(tmp_path: Path) -> None:
    policy = replace(EU, allow_features=["google-search"])
    audited = Audited(tmp_path / "a.jsonl", policy)
    audited.send(body={"contents": [], "tools": [{"googleSearch": {}}]})
    audited.send()
    assert [each.get("exceptions") for each in audited.events("decision")] == [["google-search"], None]
    assert wrong(audited.verified(policy)) == []
    assert "`allow_features`" in wrong(verified(audited.file, EU))[0]
    assert summary(audited.file).exceptions == {"google-search": 1}


def test_a_resource_is_kept_where_it_is(tmp_path: Path) -> None:
    policy = replace(EU, allow_features=["explicit-caching"])
    audited = Audited(tmp_path / "a.jsonl", policy)
    url = gemini_url("europe-west4").partition("/publishers/")[0]
    audited.send(f"{url}/cachedContents/123")
    (attempt,) = audited.events("attempt")
    assert (attempt["rule"], attempt["location"]) == ("resource-kept", "europe-west4")
    assert wrong(audited.verified(policy)) == []


def test_a_wrong_header_for_the_router_is_on_record(tmp_path: Path) -> None:
    audited = Audited(tmp_path / "a.jsonl")
    with pytest.raises(NotSent):
        audited.send(**{"x-vertex-router-nonsense": "1"})
    (decision,) = audited.events("decision")
    assert (decision["outcome"], decision["error"]) == ("refused", "WrongHeader")


def test_a_model_that_is_turned_to_is_on_record_with_its_own_plan(tmp_path: Path) -> None:
    policy = replace(EU, model_fallback={"gemini-3.5-flash": ["gemini-3.8-flash"]}, attempts=3)
    audited = Audited(tmp_path / "a.jsonl", policy, {"eu": [429]})
    assert audited.send(gemini_url(model="gemini-3.5-flash", location="eu")).status_code == 200
    (decision,) = audited.events("decision")
    plans = {each["plan"]: each["question"]["model"] for each in audited.events("plan")}
    assert plans[decision["plan"]] == "gemini-3.5-flash"
    assert [plans[each] for each in decision["others"]] == ["gemini-3.8-flash"]
    assert [each["model"] for each in audited.events("attempt")] == ["gemini-3.5-flash", "gemini-3.8-flash"]
    assert wrong(audited.verified(policy)) == []


def test_how_the_service_bought_the_answer_is_on_record(tmp_path: Path) -> None:
    def dedicated(stack: Any, _: Any) -> Any:
        return stack.Response(200, json={"usageMetadata": {"trafficType": "ON_DEMAND"}})

    audited = Audited(tmp_path / "a.jsonl", script={"europe-west1": dedicated})
    audited.send()
    assert [each["traffic"] for each in audited.events("attempt")] == ["ON_DEMAND"]
