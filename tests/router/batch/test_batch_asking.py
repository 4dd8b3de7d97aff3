from __future__ import annotations

import errno
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import anyio
import httpx
import pytest

from catalog.prices import load as load_prices
from catalog.usages import usage_of
from router import Policy
from router.auth import CredentialError
from router.batch.asking import NETWORK_PAUSES_S, Asker
from router.batch.conventions import read
from router.batch.outcome import Outcome
from router.batch.run import ALIKE
from router.batch.settings import Settings
from router.batch.world import MOST_FAULTS
from tests.router.batch.batching import CATALOG, MODEL, scripted
from tests.world import TODAY, Clock

USED = {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110, "trafficType": "ON_DEMAND"}
SAID = {"candidates": [{"content": {"parts": [{"text": "yes"}]}, "finishReason": "STOP"}], "usageMetadata": USED}


def answers(data: Any, status: int = 200) -> Callable[..., Any]:
    content = data if isinstance(data, bytes) else json.dumps(data, indent=2).encode()
    return lambda stack, _: stack.Response(status, content=content, headers={"content-type": "application/json"})


def asked(script: Any, model: str = MODEL, **settings: Any) -> tuple[Outcome, Any]:
    """The outcome of one row at these replies, and the service."""
    router, backend, given = scripted(script if isinstance(script, dict) else dict.fromkeys(CATALOG.locations, script))
    ended: list[Outcome] = []

    async def run() -> None:
        async with router.batch(["hello"], **{**given, "model": model, **settings}) as batch:
            ended.extend([each.outcome async for each in batch])

    anyio.run(run)
    (outcome,) = ended
    return outcome, backend


def test_an_answer_comes_with_place_attempts_cost_and_traffic() -> None:
    outcome, _ = asked({"eu": [429, answers(SAID)]})
    assert (outcome.state, outcome.status, outcome.model) == ("ok", 200, MODEL)
    assert (outcome.attempts, outcome.throttled) == (2, 1)
    assert (outcome.throttled_at, outcome.faults_at) == ({"eu": 1}, {})
    assert outcome.location in ("eu", "europe-west1", "europe-west4")


def test_the_cost_is_by_list_price_and_the_traffic_as_the_service_tells_it() -> None:
    outcome, _ = asked(answers(SAID))
    usage = usage_of(SAID)
    assert usage is not None
    usd = load_prices().cost(usage, MODEL, outcome.location, "standard", TODAY).list_usd
    assert outcome.usd == usd > 0
    assert outcome.traffic == "ON_DEMAND"
    assert json.loads(outcome.body) == SAID
    assert b"\n" not in outcome.body


def test_an_answer_that_does_not_say_what_it_used_has_no_cost() -> None:
    assert asked(answers({"candidates": []}))[0].usd is None
    assert asked(answers({"usageMetadata": {"promptTokenCount": "many"}}))[0].usd is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, "PROHIBITED_CONTENT"),
        ({"candidates": [{"finishReason": "SAFETY"}]}, "SAFETY"),
        ({"stop_reason": "refusal", "content": []}, "refusal"),
        ({"choices": [{"finish_reason": "content_filter"}]}, "content_filter"),
    ],
)
def test_a_refusal_to_answer_is_recorded_as_blocked(data: Any, reason: str) -> None:
    outcome, backend = asked(answers(data))
    assert (outcome.state, outcome.message) == ("blocked", f"blocked: {reason}")
    assert outcome.answered
    assert len(backend.sent) == 1


@pytest.mark.parametrize("data", [{}, {"candidates": "?"}, {"candidates": [4]}, {"promptFeedback": 1}, {"choices": []}])
def test_an_answer_of_a_strange_shape_is_an_answer(data: Any) -> None:
    assert asked(answers(data))[0].state == "ok"


@pytest.mark.parametrize("content", [b"[1]", b"<p>hi", b"", b'{"a": "\xff"}'])
def test_an_answer_that_is_no_json_object_has_failed(content: bytes) -> None:
    outcome, _ = asked(answers(content))
    assert (outcome.state, outcome.message, outcome.body) == ("failed", "an answer that is no JSON object", b"")


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_row_at_fault_is_sent_once_and_its_error_kept(status: int) -> None:
    outcome, backend = asked(status)
    assert (outcome.state, outcome.status, outcome.attempts) == ("rejected", status, 1)
    assert outcome.message == f"made up {status}"
    assert json.loads(outcome.body)["error"]["code"] == status
    assert len(backend.sent) == 1
    assert not outcome.hopeless


def test_lack_of_capacity_is_bounded_by_the_deadline_alone() -> None:
    outcome, backend = asked(429, row_deadline_s=1800)
    assert (outcome.state, outcome.status) == ("failed", 429)
    assert outcome.attempts == outcome.throttled == len(backend.sent) > MOST_FAULTS
    assert not outcome.hopeless


def test_faults_are_bounded_by_their_number() -> None:
    outcome, backend = asked(503)
    assert (outcome.state, outcome.status) == ("failed", 503)
    assert len(backend.sent) == MOST_FAULTS
    assert sum(outcome.faults_at.values()) == MOST_FAULTS
    assert set(outcome.faults_at) == {(place, "503") for place in ("eu", "europe-west1", "europe-west4")}


GONE = {"message": "Publisher Model `x` was not found or your project does not have access", "code": 404}


@pytest.mark.parametrize("reply", [403, answers({"error": GONE}, 404)])
def test_what_would_fail_any_row_is_hopeless(reply: Any) -> None:
    outcome, _ = asked(reply)
    assert outcome.state == "failed"
    assert outcome.hopeless


SEARCH = {"request": {"contents": [{"parts": [{"text": "a"}]}], "tools": [{"googleSearch": {}}]}}
CACHED = {
    "request": {"contents": [{"parts": [{"text": "a"}]}], "cachedContent": "projects/p/locations/us/cachedContents/1"}
}


@pytest.mark.parametrize("row", [SEARCH, CACHED])
def test_what_the_policy_refuses_of_a_row_stops_no_others(row: dict[str, Any]) -> None:
    router, backend, given = scripted({})
    summary = router.batch([row] * (ALIKE + 5) + ["hello"], **{**given, "concurrency": 1}).run()
    assert (summary.states, summary.stopped) == ({"failed": ALIKE + 5, "ok": 1}, "")
    assert len(backend.sent) == 1


def test_while_this_sides_network_is_down_the_row_waits() -> None:
    clock = Clock()
    gone_once = {place: ["ConnectError"] for place in ("eu", "europe-west1", "europe-west4")}
    router, backend, given = scripted(gone_once, clock=clock)
    summary = router.batch(["hello"], **given).run()
    assert summary.states == {"ok": 1}
    assert NETWORK_PAUSES_S[0] in clock.slept
    assert len(backend.sent) == summary.attempts == 4
    assert summary.faults_at == {place: {"connect": 1} for place in gone_once}


def test_a_network_that_stays_down_is_hopeless_in_the_end() -> None:
    outcome, _ = asked("ConnectError")
    assert outcome.state == "failed"
    assert outcome.hopeless
    assert outcome.attempts == 3 * (1 + len(NETWORK_PAUSES_S))
    assert re.fullmatch(
        r"no answer: network; request 3, the last, at [\w-]+: connect: .*ConnectError.*", outcome.message
    )


def test_a_row_that_the_policy_refuses_is_not_sent_and_says_where_the_reason_lies() -> None:
    rows = [{"custom_id": "a", "url": "/v1/chat/completions", "body": {"model": MODEL, "messages": []}}]
    router, backend, given = scripted({}, Policy(residency="eu", deny_models=[MODEL]))
    given["model"] = ""
    ended: list[Outcome] = []

    async def run() -> None:
        async with router.batch(rows, **given) as batch:
            ended.extend([each.outcome async for each in batch])

    anyio.run(run)
    assert ended[0].state == "failed"
    assert ended[0].hopeless
    assert "model-denied: the policy's deny_models names gemini-3.8-flash" in ended[0].message
    assert backend.sent == []


class Sender:
    """One whose sending raises these, one after another, and then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Any:
        if self.errors:
            raise self.errors.pop(0)
        return httpx.Response(200, json=SAID)


def ask(*errors: Exception) -> tuple[Outcome, list[float]]:
    clock = Clock()
    router, *_ = scripted({})
    asker = Asker(
        *(Sender(*errors), CATALOG, "p", router.explain, load_prices()),
        *(lambda: TODAY, clock.async_sleep),
    )
    row = read(b'{"prompt": "hello"}', CATALOG, Settings(model=MODEL))
    return anyio.run(asker.ask, row), clock.slept


def test_a_token_that_cant_be_had_for_a_while_is_waited_for() -> None:
    outcome, slept = ask(CredentialError("away"), CredentialError("away"))
    assert outcome.state == "ok"
    assert slept == list(NETWORK_PAUSES_S[:2])


def test_too_many_open_files_are_waited_for_and_other_errors_of_this_side_are_not() -> None:
    outcome, slept = ask(OSError(errno.EMFILE, "Too many open files"))
    assert (outcome.state, slept) == ("ok", list(NETWORK_PAUSES_S[:1]))
    outcome, slept = ask(ValueError("odd"))
    assert (outcome.state, outcome.message, outcome.hopeless, slept) == ("failed", "ValueError: odd", False, [])


def test_a_token_that_cant_be_had_at_all_is_hopeless() -> None:
    outcome, slept = ask(*[CredentialError("Google credentials: revoked")] * 20)
    assert (outcome.state, outcome.message, outcome.hopeless) == ("failed", "Google credentials: revoked", True)
    assert slept == list(NETWORK_PAUSES_S)


def test_an_error_that_nobody_expected_is_this_rows_own() -> None:
    outcome, slept = ask(ZeroDivisionError("of ours"))
    assert (outcome.state, outcome.message) == ("failed", "ZeroDivisionError: of ours")
    assert not outcome.hopeless
    assert slept == []
