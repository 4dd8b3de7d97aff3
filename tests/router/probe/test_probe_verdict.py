"""What answers tell of serving."""

from __future__ import annotations

import json

import pytest

from router.probe import Answer, Outcome, finding
from router.probe.verdict import AGAIN_S, ZERO_AFTER_S
from router.signals import classify_exception
from tests.router.probe.probing import answer, not_found, pair_at, quota_exceeded, refusal, resource

HTML = b"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>"
SERVABLE = refusal(400, f"Publisher Model `{resource('eu')}` is not servable in region eu.")
ELSEWHERE = refusal(400, f"Publisher Model `{resource('us')}` is not servable in region us.")
FORBIDDEN = refusal(400, f"Project `p` is not allowed to use Publisher Model `{resource('eu')}`")


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b'{"totalTokens": 1}', Outcome.SERVED),
        (404, not_found("eu"), Outcome.NOT_SERVED),
        (400, SERVABLE, Outcome.NOT_SERVED),
        (403, refusal(403, "no", status="PERMISSION_DENIED"), Outcome.NO_ACCESS),
        (401, refusal(401, "no", status="UNAUTHENTICATED"), Outcome.NO_ACCESS),
        (400, FORBIDDEN, Outcome.NO_ACCESS),
        (400, refusal(400, "constraints/gcp.resourceLocations"), Outcome.NO_ACCESS),
        (429, quota_exceeded(limit="0"), Outcome.NO_QUOTA),
        (429, quota_exceeded(limit="60"), Outcome.UNKNOWN),
        (429, quota_exceeded(), Outcome.UNKNOWN),
        (503, b"", Outcome.UNKNOWN),
        (404, b"", Outcome.UNKNOWN),
        (404, HTML, Outcome.UNKNOWN),
        (200, HTML, Outcome.UNKNOWN),
        (200, b"all is well", Outcome.UNKNOWN),
        (200, b'{"error": {"code": 404}}', Outcome.UNKNOWN),
        (404, refusal(404, "The file was not found"), Outcome.UNKNOWN),
        (404, not_found("us"), Outcome.UNKNOWN),
        (400, ELSEWHERE, Outcome.UNKNOWN),
        (404, not_found("eu", "gemini-3.8-flash-lite"), Outcome.UNKNOWN),
    ],
)
def test_only_what_names_model_and_location_says_no_and_only_an_answer_says_yes(
    status: int, body: bytes, outcome: Outcome
) -> None:
    found = finding(pair_at("eu"), [answer(status, body)])
    assert found.outcome == outcome, found.reason
    assert found.served == {Outcome.SERVED: "yes", Outcome.NOT_SERVED: "no"}.get(outcome, "unknown")
    assert found.reason
    assert (found.status, found.asked) == (status, 1)


def test_an_error_may_call_the_model_by_another_name() -> None:
    answers = [answer(404, not_found("eu", "flash@001"))]
    assert finding(pair_at(), answers).outcome == Outcome.UNKNOWN
    assert finding(pair_at(), answers, ["flash@001"]).outcome == Outcome.NOT_SERVED


def test_a_quota_that_lets_nothing_through_for_three_minutes_is_probably_zero() -> None:
    times = [0.0, 60.0, 120.0, ZERO_AFTER_S]
    refused = [answer(429, quota_exceeded(), asked_s=asked_s) for asked_s in times]
    assert finding(pair_at(), refused[:3]).outcome == Outcome.UNKNOWN
    last = finding(pair_at(), refused)
    assert (last.outcome, last.asked) == (Outcome.NO_QUOTA, 4)
    assert last.reason.startswith("probably zero, or used up by others: ")


def test_shared_capacity_that_is_exhausted_is_no_quota_of_zero() -> None:
    busy = [answer(429, refusal(429, "Resource exhausted."), asked_s=asked_s) for asked_s in (0.0, 60.0, 120.0, 180.0)]
    assert finding(pair_at(), busy).outcome == Outcome.UNKNOWN


def test_the_last_answer_decides() -> None:
    answers = [answer(429, quota_exceeded()), answer(200, asked_s=60.0)]
    assert finding(pair_at(), answers).outcome == Outcome.SERVED


def hinted(delay_s: float) -> bytes:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{delay_s}s"}]
    return json.dumps({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": details}}).encode()


@pytest.mark.parametrize(
    ("heard", "passing"),
    [
        (answer(429, quota_exceeded()), True),
        (answer(429, quota_exceeded(limit="0")), False),
        (answer(429, hinted(AGAIN_S)), True),
        (answer(429, hinted(AGAIN_S + 1)), False),
        (answer(503), True),
        (answer(529), True),
        (answer(200), False),
        (answer(403), False),
        (answer(404, HTML), False),
        (answer(404, not_found("eu")), False),
    ],
)
def test_a_refusal_passes_if_the_same_call_may_soon_be_answered_otherwise(heard: Answer, passing: bool) -> None:
    assert heard.passing is passing


def test_silence_says_nothing_and_may_pass() -> None:
    signal = classify_exception(TimeoutError("too late"))
    assert signal is not None
    assert Answer(signal=signal).passing
    found = finding(pair_at(), [Answer(signal=signal)])
    assert (found.outcome, found.status) == (Outcome.UNKNOWN, None)
