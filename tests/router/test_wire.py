"""Error bodies, read field by field; the vectors are in `tests/vectors/errors.toml`.

None of them is certain to be what it claims to be: whatever a proxy, a broken connection or a
stranger sends is read, or is no error body; it never raises.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from router.wire import NO_ERROR_BODY, ErrorBody, error_in, parse_error, retry_hint_s
from tests.router.support import each, unexplained, vectors

RESPONSES = vectors("errors.toml", "response")
EVENTS = vectors("errors.toml", "event")
HINTS = vectors("errors.toml", "hint")

FIELDS = ("status", "name", "html", "anthropic", "retry_after_s")


def content(vector: dict[str, Any]) -> bytes:
    return bytes.fromhex(vector["hex"]) if "hex" in vector else vector["body"].encode()


def content_type(vector: dict[str, Any]) -> Any:
    return vector.get("headers", {"content-type": "application/json"}).get("content-type", "")


def fields(error: ErrorBody) -> dict[str, Any]:
    return {name: getattr(error, name) for name in FIELDS}


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def retry_info(delay: Any) -> dict[str, Any]:
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    return {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [detail]}}


@pytest.mark.parametrize("entries", [RESPONSES, EVENTS, HINTS], ids=["response", "event", "hint"])
def test_every_vector_says_what_it_is_and_where_it_comes_from(entries: list[dict[str, Any]]) -> None:
    assert unexplained(entries) == []


@each(RESPONSES)
def test_a_body_says_what_it_is_known_to_say(vector: dict[str, Any]) -> None:
    error = parse_error(content(vector), content_type(vector))
    assert fields(error) == {**fields(NO_ERROR_BODY), **vector["error"]}


@each([vector for vector in RESPONSES if "list" in vector["shapes"]])
def test_a_list_of_one_says_the_same_as_what_is_in_it(vector: dict[str, Any]) -> None:
    body = content(vector)
    assert parse_error(b" [\n" + body + b"]\r\n") == parse_error(body)


def test_a_list_of_several_is_no_error_body() -> None:
    error = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}
    assert error_in([error, error]) == NO_ERROR_BODY
    assert error_in([]) == NO_ERROR_BODY


def test_the_text_holds_message_and_details_for_rules_to_search() -> None:
    body = {
        "error": {"message": "Refused.", "details": [{"violations": [{"type": "constraints/gcp.resourceLocations"}]}]}
    }
    error = error_in(body)
    assert error.message == "Refused."
    assert error.text.startswith("Refused. ")
    assert "constraints/gcp.resourceLocations" in error.text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"status": "RESOURCE_EXHAUSTED", "code": 400}, 429),
        ({"status": "NOT_FOUND", "errors": [{"reason": "rateLimitExceeded"}]}, 404),
        ({"errors": [{"reason": "unheard"}, {"reason": "backendError"}], "code": 500}, 503),
        ({"code": 503}, 503),
        ({"code": "503"}, 503),
        ({"code": 42}, None),
        ({"code": 4290}, None),
        ({"code": True}, None),
        ({"code": 429.0}, None),
        ({"code": "rate_limit_exceeded"}, None),
        ({"status": "MADE_UP", "code": 503}, 503),
        ({}, None),
    ],
)
def test_the_name_of_a_status_comes_before_a_reason_and_a_reason_before_the_code(
    error: dict[str, Any], status: int | None
) -> None:
    assert error_in({"error": error}).status == status


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>",
        b"<!doctype HTML>",
        b"\r\n\t <html>",
        b"<HTML lang=en>",
    ],
)
def test_a_page_is_known_by_its_beginning_or_its_type(page: bytes) -> None:
    assert parse_error(page).html
    assert parse_error(page, "application/json").html
    assert parse_error(b"anything", "text/html; charset=UTF-8").html


def test_a_json_body_that_speaks_of_html_is_no_page() -> None:
    assert not parse_error(b'{"error":{"message":"<!DOCTYPE html>"}}').html


@pytest.mark.parametrize("depth", [10, 500, 100_000])
@pytest.mark.parametrize("around", [b"%s", b'{"error":%s}', b'{"error":{"details":%s,"code":429}}'])
def test_no_depth_of_nesting_is_too_much(depth: int, around: bytes) -> None:
    assert parse_error(around % nested(depth)).status in (None, 429)


@pytest.mark.parametrize(
    "error",
    [
        {"errors": 5},
        {"errors": [{"reason": []}]},
        {"errors": [{"reason": {}}]},
        {"errors": ["rateLimitExceeded"]},
        {"errors": {"reason": "rateLimitExceeded"}},
        {"code": "²"},
        {"code": "9" * 5000},
        {"code": None, "message": None, "status": None, "details": None},
        {"status": ["RESOURCE_EXHAUSTED"], "message": {"a": 1}},
        {"details": "soon"},
        {"details": ["soon", 5, None]},
        {"details": {"@type": "google.rpc.RetryInfo"}},
        {"details": [{"@type": 5}]},
    ],
)
def test_fields_of_another_type_than_known_say_nothing(error: dict[str, Any]) -> None:
    read = error_in({"error": error})
    assert read.status is None
    assert read.retry_after_s is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
error_fields = st.dictionaries(
    st.sampled_from(["code", "message", "status", "type", "details", "errors"]), json_values, max_size=6
)


@given(st.binary(max_size=200), st.sampled_from(["", "application/json", "text/plain"]))
@example(b'{"error":{"message":"\xff"}}', "")
@example(b"\xef\xbb\xbf{}", "application/json")
def test_no_bytes_whatsoever_make_reading_fail(body: bytes, type_: str) -> None:
    assert isinstance(parse_error(body, type_), ErrorBody)


@given(st.fixed_dictionaries({"error": json_values | error_fields}, optional={"type": st.just("error") | json_values}))
@example({"error": {"errors": 1}})
def test_no_json_whatsoever_makes_reading_fail(body: dict[str, Any]) -> None:
    error = parse_error(json.dumps(body).encode())
    assert error.status is None or 100 <= error.status < 600
    assert not error.html


# Hints


@each(HINTS)
def test_a_hint_is_the_longest_that_can_be_read_and_at_most_a_quarter_of_an_hour(vector: dict[str, Any]) -> None:
    error = error_in(retry_info(vector["retry_delay"])) if "retry_delay" in vector else NO_ERROR_BODY
    assert retry_hint_s(vector["headers"], error) == vector.get("retry_after_s")


@pytest.mark.parametrize("delay", [39, 39.5, None, ["39s"], {"seconds": 39}, "", "s", "39s ", "1e3s", "39 s", "39m"])
def test_what_is_no_duration_is_no_hint(delay: Any) -> None:
    assert error_in(retry_info(delay)).retry_after_s is None


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_headers_whatsoever_make_a_hint_fail_or_exceed_its_cap(after: str, after_ms: str, date: str) -> None:
    hint = retry_hint_s({"retry-after": after, "retry-after-ms": after_ms, "date": date}, NO_ERROR_BODY)
    assert hint is None or 0 <= hint <= 900
