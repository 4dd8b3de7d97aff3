"""Error bodies, field by field."""

from __future__ import annotations

import json

import pytest

from router.emulator import bodies
from router.emulator.wording import Subject

GEMINI = Subject(
    project="p",
    location="us-central1",
    publisher="google",
    model="gemini-2.5-flash",
    base_model="gemini-2.5-flash",
)
CLAUDE = Subject(
    project="p", location="eu", publisher="anthropic", model="claude-opus-5", base_model="anthropic-claude-opus"
)
RESOURCE = "projects/p/locations/us-central1/publishers/google/models/gemini-2.5-flash"
DOCS = "https://cloud.google.com/vertex-ai/generative-ai/docs"


def error(name: str, about: Subject = GEMINI) -> dict[str, object]:
    content = bodies.named(name, about).content
    assert isinstance(content, dict)
    assert content.keys() == {"error"}
    return dict(content["error"])


def test_shared_capacity_exhausted_is_429_without_details():
    assert error("resource_exhausted") == {
        "code": 429,
        "message": "Resource exhausted. Please try again later. "
        f"Please refer to {DOCS}/error-code-429 for more details.",
        "status": "RESOURCE_EXHAUSTED",
    }


@pytest.mark.parametrize(
    ("delay_s", "written"),
    [(39, "39s"), (45.837906927, "45.837906927s"), (0.5, "0.5s"), (0, "0s"), (1e-9, "0.000000001s")],
)
def test_a_retry_delay_comes_as_retry_info_and_without_message(delay_s, written):
    body = bodies.named("resource_exhausted", GEMINI, delay_s)
    assert body.content == {
        "error": {
            "code": 429,
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": written}],
        }
    }


def test_claude_quota_names_the_metric_and_the_base_model():
    assert error("claude_quota", CLAUDE) == {
        "code": 429,
        "message": (
            "Quota exceeded for aiplatform.googleapis.com/"
            "eu_multi_region_online_prediction_input_tokens_per_minute_per_base_model with base model: "
            f"anthropic-claude-opus. Please submit a quota increase request. {DOCS}/quotas"
        ),
        "status": "RESOURCE_EXHAUSTED",
    }


def test_claude_quota_with_a_delay_keeps_its_message():
    body = bodies.named("claude_quota", CLAUDE, 2)
    assert isinstance(body.content, dict)
    assert body.content["error"]["message"].startswith("Quota exceeded for ")
    assert body.content["error"]["details"][0]["retryDelay"] == "2s"


@pytest.mark.parametrize(
    ("location", "scope"),
    [
        ("global", "global_online_prediction_requests"),
        ("us", "us_multi_region_online_prediction_requests"),
        ("eu", "eu_multi_region_online_prediction_requests"),
        ("europe-west1", "online_prediction_requests"),
    ],
)
def test_quota_metrics_begin_with_the_kind_of_location(location, scope):
    about = Subject(project="p", location=location, base_model="claude-opus-4-5")
    assert f"aiplatform.googleapis.com/{scope}_per_base_model with base model: claude-opus-4-5." in str(
        error("request_quota", about)["message"]
    )


@pytest.mark.parametrize(
    ("name", "status", "code", "message"),
    [
        ("provisioned_exceeded", 429, "RESOURCE_EXHAUSTED", "Too many requests. Exceeded the Provisioned Throughput."),
        (
            "out_of_capacity",
            429,
            "RESOURCE_EXHAUSTED",
            "Unable to submit request because the service is temporarily out of capacity. Try again later.",
        ),
        (
            "not_servable",
            400,
            "FAILED_PRECONDITION",
            f"Publisher Model `{RESOURCE}` is not servable in region us-central1.",
        ),
        ("caller_country", 400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
        ("host_mismatch", 400, "INVALID_ARGUMENT", "The provided location ID doesn't match the endpoint"),
        (
            "thought_signature",
            400,
            "INVALID_ARGUMENT",
            "Unable to submit request because Thought signature is not valid..",
        ),
        ("internal", 500, "INTERNAL", "Internal error encountered."),
        ("unavailable", 503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    ],
)
def test_errors_of_google_without_details(name, status, code, message):
    assert bodies.named(name, GEMINI).status == status
    assert error(name) == {"code": status, "message": message, "status": code}


def test_not_found_names_the_model_and_both_reasons():
    found = error("not_found")
    assert (found["code"], found["status"]) == (404, "NOT_FOUND")
    assert str(found["message"]).startswith(
        f"Publisher Model `{RESOURCE}` was not found or your project does not have access to it. "
    )


def test_not_allowed_carries_debug_info():
    message = f"Project `p` is not allowed to use Publisher Model `{RESOURCE}`"
    assert error("not_allowed") == {
        "code": 400,
        "message": message,
        "status": "FAILED_PRECONDITION",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.DebugInfo",
                "detail": f"[ORIGINAL ERROR] generic::failed_precondition: {message}",
            }
        ],
    }


def test_org_policy_on_locations_carries_the_constraint():
    found = error("org_policy_location")
    assert (found["code"], found["status"]) == (400, "FAILED_PRECONDITION")
    assert str(found["message"]).startswith("The request has violated one or more Org Policies.")
    [detail] = found["details"]  # type: ignore[misc]
    assert detail["@type"] == "type.googleapis.com/google.rpc.PreconditionFailure"
    assert [violation["type"] for violation in detail["violations"]] == ["constraints/gcp.resourceLocations"]


def test_org_policy_on_models_names_the_constraint():
    assert "Organization Policy constraint constraints/vertexai.allowedModels violated" in str(
        error("org_policy_model")["message"]
    )


def test_a_disabled_service_says_so_in_error_info():
    found = error("service_disabled")
    assert (found["code"], found["status"]) == (403, "PERMISSION_DENIED")
    info, local, hint = found["details"]  # type: ignore[misc]
    assert info["reason"] == "SERVICE_DISABLED"
    assert info["domain"] == "googleapis.com"
    assert info["metadata"]["service"] == "aiplatform.googleapis.com"
    assert info["metadata"]["serviceTitle"] == "Agent Platform API"
    assert info["metadata"]["consumer"] == "projects/p"
    assert local["@type"].endswith("LocalizedMessage")
    assert hint["links"][0]["url"] == info["metadata"]["activationUrl"]


def test_an_invalid_token_comes_with_a_challenge():
    body = bodies.named("invalid_token", GEMINI)
    assert body.status == 401
    assert body.headers == (("www-authenticate", 'Bearer realm="https://accounts.google.com/", error="invalid_token"'),)
    assert str(error("invalid_token")["message"]).startswith("Request had invalid authentication credentials. ")


def test_a_key_is_refused_with_error_info():
    found = error("api_key_refused")
    assert (found["code"], found["status"]) == (401, "UNAUTHENTICATED")
    [info] = found["details"]  # type: ignore[misc]
    assert info["reason"] == "CREDENTIALS_MISSING"
    assert info["metadata"]["method"] == "google.cloud.aiplatform.v1beta1.PredictionService.GenerateContent"


def test_overload_of_claude_has_anthropics_envelope():
    body = bodies.of_status(529, CLAUDE)
    assert body.status == 529
    assert body.content == {
        "type": "error",
        "error": {"details": None, "type": "overloaded_error", "message": "Overloaded"},
    }


def test_a_prompt_that_is_too_long_has_a_request_id():
    body = bodies.of_status(413, CLAUDE)
    assert isinstance(body.content, dict)
    assert body.content["error"] == {"type": "invalid_request_error", "message": "Prompt is too long"}
    assert str(body.content["request_id"]).startswith("req_vrtx_")


@pytest.mark.parametrize(("about", "name"), [(GEMINI, "resource_exhausted"), (CLAUDE, "claude_quota")])
def test_the_body_of_a_429_depends_on_the_publisher(about, name):
    assert bodies.of_status(429, about).name == name


@pytest.mark.parametrize("status", range(400, 600))
def test_every_error_status_has_a_body_with_its_code(status):
    body = bodies.of_status(status, GEMINI)
    assert body.status == status
    if isinstance(body.content, dict) and body.from_google:
        assert body.content["error"]["code"] == status


@pytest.mark.parametrize("name", bodies.NAMES)
def test_every_name_has_a_body_that_can_be_sent(name):
    body = bodies.named(name, CLAUDE, 1.5)
    kind, content = body.encoded()
    assert 400 <= body.status <= 599
    assert "<" not in content.decode() or kind.startswith("text/html")
    if kind.startswith("application/json"):
        assert isinstance(json.loads(content), dict)


def test_only_googles_json_is_listed():
    listed = json.loads(bodies.named("unavailable", GEMINI).encoded(listed=True)[1])
    assert [each["error"]["code"] for each in listed] == [503]
    assert json.loads(bodies.named("overloaded", CLAUDE).encoded(listed=True)[1])["type"] == "error"
    assert bodies.named("bad_gateway", GEMINI).encoded(listed=True)[0] == "text/html; charset=UTF-8"


def test_the_page_for_what_is_not_there_escapes_the_path():
    kind, content = bodies.page_not_found('/v1/<script>"').encoded()
    text = content.decode()
    assert kind == "text/html; charset=UTF-8"
    assert text.startswith("<!DOCTYPE html>")
    assert "Error 404 (Not Found)!!1" in text
    assert "The requested URL <code>/v1/&lt;script&gt;&quot;</code> was not found on this server." in text
