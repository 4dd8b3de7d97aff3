"""The service's answers and refusals, in their order, and what it logs."""

from __future__ import annotations

import pytest

from router.emulator import Behaviour, Failure, Latency, Quota
from router.emulator.records import fingerprint
from router.emulator.wire import Break, Wait

GENERATE = "publishers/google/models/gemini-3.8-flash:generateContent"
NO_TOKEN = {"authorization": ""}


@pytest.mark.parametrize(
    "host",
    ["eu-aiplatform.googleapis.com", "global-aiplatform.googleapis.com", "storage.googleapis.com", "localhost"],
)
def test_a_host_that_is_not_canonical_for_anything_shows_googles_page(service, host):
    answer = service().send("eu", GENERATE, {}, host=host)
    assert answer.status == 404
    assert answer.headers["content-type"] == "text/html; charset=UTF-8"
    assert answer.body.startswith(b"<!DOCTYPE html>")


def test_a_path_that_leads_nowhere_shows_googles_page(service):
    answer = service().send("eu", "publishers/google/models/gemini-3.8-flash:drawPicture", {})
    assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=UTF-8")


def test_host_and_path_have_to_agree(service):
    answer = service().send("europe-west1", GENERATE, {}, host="aiplatform.eu.rep.googleapis.com")
    assert answer.status == 400
    assert answer.error == {
        "code": 400,
        "message": "The provided location ID doesn't match the endpoint",
        "status": "INVALID_ARGUMENT",
    }


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic abc"])
def test_a_request_without_a_token_is_not_let_in(service, value):
    answer = service().send("eu", GENERATE, {}, headers={"authorization": value})
    assert answer.status == 401
    assert answer.error["status"] == "UNAUTHENTICATED"
    assert answer.error["message"].startswith("Request is missing required authentication credential. ")
    assert answer.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(("target", "headers"), [(f"{GENERATE}?key=k", {}), (GENERATE, {"x-goog-api-key": "k"})])
def test_a_key_is_not_a_token(service, target, headers):
    answer = service().send("eu", target, {}, headers=headers | NO_TOKEN)
    assert answer.status == 401
    assert answer.error["details"][0]["reason"] == "CREDENTIALS_MISSING"


def test_a_revoked_token_is_refused_and_another_one_is_not(service):
    ours = service()
    assert ours.gemini("eu").status == 200
    ours.tokens.revoke("t")
    answer = ours.gemini("eu")
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert ours.gemini("eu", headers={"authorization": "Bearer other"}).status == 200


def test_revoking_without_a_name_ends_all_tokens_seen_or_issued(service):
    ours = service()
    fresh = ours.tokens.issue("gce")
    ours.gemini("eu")
    ours.tokens.revoke()
    assert ours.gemini("eu").status == 401
    assert ours.gemini("eu", headers={"authorization": f"Bearer {fresh}"}).status == 401
    assert ours.gemini("eu", headers={"authorization": f"Bearer {ours.tokens.issue('gce')}"}).status == 200


def test_an_issued_token_expires_with_the_clock(service, clock):
    ours = service()
    bearer = {"authorization": f"Bearer {ours.tokens.issue('gce')}"}
    clock.now += 3599
    assert ours.gemini("eu", headers=bearer).status == 200
    clock.now += 1
    assert ours.gemini("eu", headers=bearer).status == 401


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"[" * 100_000])
@pytest.mark.parametrize("method", ["generateContent", "countTokens", "embedContent", "predict", "rawPredict"])
def test_a_body_that_is_not_a_json_object_is_an_invalid_argument(service, body, method):
    answer = service().send("eu", f"publishers/google/models/gemini-3.8-flash:{method}", body)
    assert answer.status == 400
    assert (answer.error["code"], answer.error["status"]) == (400, "INVALID_ARGUMENT")
    assert answer.error["message"].startswith("Invalid JSON payload received. ")


def test_what_is_nested_too_deeply_is_an_invalid_argument(service):
    deep = b'{"parts": [' * 480 + b"{}" + b"]}" * 480
    answer = service().send("eu", GENERATE, b'{"contents": [' + deep + b"]}")
    assert (answer.status, answer.error["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("target", "listed"),
    [
        ("publishers/google/models/gemini-3.8-flash:generateContent", False),
        ("publishers/google/models/gemini-3.8-flash:streamGenerateContent", True),
        ("publishers/google/models/gemini-3.8-flash:streamGenerateContent?alt=sse", False),
        ("publishers/anthropic/models/claude-sonnet-5:rawPredict", False),
        ("publishers/anthropic/models/claude-sonnet-5:streamRawPredict", True),
        ("endpoints/openapi/chat/completions", True),
    ],
)
def test_errors_come_in_a_list_where_the_answer_could_be_a_stream(service, target, listed):
    content = service().send("eu", target, {}, headers=NO_TOKEN).json()
    assert isinstance(content, list) is listed
    assert (content[0] if listed else content)["error"]["code"] == 401


def test_an_outage_comes_before_the_token(service):
    answer = service(Behaviour(location="eu", outage="unavailable")).gemini("eu", headers=NO_TOKEN)
    assert answer.status == 503
    assert answer.error["status"] == "UNAVAILABLE"


@pytest.mark.parametrize(("outage", "broken"), [("refused", Break.RESET), ("silent", Break.HANG)])
def test_some_outages_give_no_answer(service, outage, broken):
    answer = service(Behaviour(location="eu", outage=outage)).gemini("eu")
    assert (answer.status, answer.broken) == (None, broken)


def test_an_outage_of_one_location_leaves_the_others_alone(service):
    ours = service(Behaviour(location="eu", outage="unavailable"))
    assert [ours.gemini(location).status for location in ("eu", "us", "global")] == [503, 200, 200]


def test_a_request_that_could_not_be_served_uses_up_no_error(service):
    ours = service(Behaviour(location="eu", errors=(503,)))
    assert ours.gemini("eu", headers=NO_TOKEN).status == 401
    assert ours.send("eu", GENERATE, {}).status == 400
    assert ours.gemini("eu", "gemini-2.5-flash-image").status == 404
    assert [ours.gemini("eu").status for _ in range(2)] == [503, 200]


def test_scripted_errors_are_answered_in_turn(service):
    details = Failure(status=429, retry_delay_s=39, headers={"retry-after": "39"})
    odd = Failure(status=500, text="<html>")
    ours = service(Behaviour(location="eu", errors=(429, "not_allowed", details, odd, "reset", "hang", "ok")))
    first, second, third, fourth, fifth, sixth, seventh = (ours.gemini("eu") for _ in range(7))
    assert (first.status, first.error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert (second.status, second.error["status"]) == (400, "FAILED_PRECONDITION")
    assert third.error["details"][0]["retryDelay"] == "39s"
    assert third.headers["retry-after"] == "39"
    assert (fourth.status, fourth.body, fourth.headers["content-type"]) == (500, b"<html>", "text/html; charset=UTF-8")
    assert (fifth.status, fifth.broken) == (None, Break.RESET)
    assert (sixth.status, sixth.broken) == (None, Break.HANG)
    assert seventh.status == 200


def test_a_status_beside_a_body_wins(service):
    answer = service(Behaviour(location="eu", errors=(Failure(status=503, body="overloaded"),))).claude("eu")
    assert (answer.status, answer.error["type"]) == (503, "overloaded_error")


def test_quota_is_answered_as_the_publisher_does(service, clock):
    ours = service(Behaviour(location="eu", quota=Quota(per_second=1, burst=1, retry_delay_s=1)))
    assert ours.claude("eu").status == 200
    assert ours.claude("eu").error["message"].startswith("Quota exceeded for ")
    answer = ours.gemini("eu")
    assert answer.error["details"] == [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}]
    clock.now += 1
    assert ours.gemini("eu").status == 200


def test_latency_comes_before_answers_and_errors(service):
    ours = service(Behaviour(location="eu", latency=Latency(first_byte_s=0.25), errors=(503,)))
    for _ in range(2):
        steps = ours.steps("POST", ours.hosts["eu"], f"/v1/projects/p/locations/eu/{GENERATE}", b"{}", {})
        assert steps[0] == Wait(0.25)


def test_a_model_alone_can_be_out(service):
    ours = service(Behaviour(location="eu", model="gemini-3.8-flash", outage="unavailable"))
    assert (ours.gemini("eu").status, ours.claude("eu").status) == (503, 200)


def test_every_request_is_logged_as_it_was_understood(service, clock):
    ours = service(Behaviour(location="us", errors=("reset",)))
    clock.now = 1000.5
    ours.gemini("eu", headers={"x-request": "1"})
    ours.claude("us")
    ours.send("eu", GENERATE, {}, host="example.com")
    good, broken, lost = ours.log.all()
    assert (good.at_s, good.verb, good.host) == (1000.5, "POST", "aiplatform.eu.rep.googleapis.com")
    assert (good.project, good.location, good.publisher, good.model) == ("p", "eu", "google", "gemini-3.8-flash")
    assert (good.method, good.outcome, good.status) == ("generateContent", "ok", 200)
    assert good.headers["x-request"] == "1"
    assert good.json()["contents"][0]["parts"][0]["text"] == "Good morning"
    assert (broken.outcome, broken.status) == ("reset", None)
    assert (lost.outcome, lost.status, lost.location) == ("page_not_found", 404, "")


def test_secrets_are_not_logged_but_can_be_told_apart(service):
    ours = service()
    for token in ("secret-a", "secret-b", "secret-a", "secret secret"):
        ours.gemini("eu", headers={"authorization": f"Bearer {token}", "x-goog-api-key": "secret key"})
        ours.gemini("eu", headers={"authorization": token, "cookie": "Bearer secret"})
    first, _, second, _, third, *_ = (entry.headers["authorization"] for entry in ours.log.all())
    assert first == third != second
    assert first == f"Bearer <redacted {fingerprint('secret-a')}>"
    assert "secret" not in repr(ours.log.all())


def test_a_logged_request_reads_as_one_line(service):
    ours = service()
    ours.gemini("eu")
    [line] = [str(entry) for entry in ours.log.all()]
    assert line.endswith("aiplatform.eu.rep.googleapis.com  eu  gemini-3.8-flash:generateContent  200 ok")
