from __future__ import annotations

import logging

import pytest

from router.redaction import Redacting, redacted

TOKEN = "ya29.a0AfSECRET-x_y.z"
KEY = "AIzaSySECRET_0123456789-abcdefghijk"
WEB = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJTRUNSRVQifQ.c2lnbmF0dXJlU0VDUkVU"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"POST https://h/v1/m:generate?key={KEY}&alt=sse", "POST https://h/v1/m:generate?key=[redacted]&alt=sse"),
        ("https://h/p?alt=sse&key=SECRET", "https://h/p?alt=sse&key=[redacted]"),
        ("https://h/p?access_token=SECRET#x", "https://h/p?access_token=[redacted]#x"),
        ("Authorization: Bearer SECRETSECRET", "Authorization: Bearer [redacted]"),
        ("authorization=Basic U0VDUkVU", "authorization=Basic [redacted]"),
        ("{'authorization': 'Bearer SECRET'}", "{'authorization': 'Bearer [redacted]'}"),
        ("(b'x-goog-api-key', b'SECRET')", "(b'x-goog-api-key', b'[redacted]')"),
        ('"X-Goog-Api-Key": "SECRET"', '"X-Goog-Api-Key": "[redacted]"'),
        (f"token {TOKEN} has expired", "token [redacted] has expired"),
        (f"API key not valid: {KEY}.", "API key not valid: [redacted]."),
        (f"subject {WEB}", "subject [redacted]"),
        ("bearer abcdefghij", "bearer [redacted]"),
        ("proxy http://user:SECRET@proxy:3128", "proxy http://[redacted]@proxy:3128"),
    ],
)
def test_a_credential_is_taken_out_and_the_rest_stays(text: str, left: str) -> None:
    assert redacted(text) == left
    assert redacted(left) == left


@pytest.mark.parametrize(
    "text",
    [
        "Resource exhausted. Please try again later.",
        "https://eu-aiplatform.googleapis.com/v1/projects/p/locations/eu/publishers/google/models/m:generateContent",
        "the key of the cache is eu",
        "monkey=banana",
        "authorization of the project is needed",
        "at 12:30:00 user@example.com asked",
        "bearer of bad news",
    ],
)
def test_what_is_none_stays(text: str) -> None:
    assert redacted(text) == text


def test_a_log_line_is_rewritten_with_its_arguments_and_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("tests.redaction")
    logger.addFilter(Redacting())
    with caplog.at_level(logging.INFO, "tests.redaction"):
        logger.info("HTTP Request: %s %s", "POST", f"https://h/p?key={KEY}")
        try:
            int(f"Bearer {TOKEN}")
        except ValueError:
            logger.exception("it failed")
    assert "key=[redacted]" in caplog.text
    assert "ValueError" in caplog.text
    assert "SECRET" not in caplog.text
