"""Error bodies as they really come: every shape of the wire, read into one value.

Five shapes are known: Google's `{"error": {...}}`, the same in a list of one, an older form with
`errors[].reason` beside it, Anthropic's `{"type": "error", ...}` envelope, and Google's HTML page for
a wrong host or path. Anything else is an unknown body, judged by its HTTP status alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

# google.rpc.Code as HTTP statuses. Source: the api-errors page of the generative AI reference.
GOOGLE_STATUS: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INTERNAL": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
_GOOGLE_REASON = {"rateLimitExceeded": 429, "userRateLimitExceeded": 429, "quotaExceeded": 429, "backendError": 503}
_ANTHROPIC_TYPE = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}

ROUTER_HEADERS = "x-vertex-router"
"""How the names of headers begin that are between caller and router, and are never sent."""

_LONGEST_HINT_S = 900.0
_TRAFFIC = re.compile(rb'"trafficType"\s*:\s*"([A-Z_]{1,64})"')
_DURATION = re.compile(r"(\d+(?:\.\d+)?)s")


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """What an error body says.

    `status` is the HTTP status that the body itself stands for, None when it names none; `text` is
    its message and details together, for rules to search; `html` marks Google's HTML error page.
    """

    status: int | None = None
    name: str = ""
    message: str = ""
    text: str = ""
    html: bool = False
    anthropic: bool = False
    retry_after_s: float | None = None


NO_ERROR_BODY = ErrorBody()

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading JSON from the wire may raise."""


def parse_error(body: bytes, content_type: str = "") -> ErrorBody:
    """The error in a response body or a stream event; `NO_ERROR_BODY` where none can be read."""
    if is_html(content_type) or body[:64].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return ErrorBody(html=True, message="an HTML page: the host or the path is wrong")
    try:
        data = msgspec.json.decode(body)
    except UNREADABLE:
        return NO_ERROR_BODY
    return error_in(data)


def is_html(content_type: str) -> bool:
    """Whether a response is a page, which no model's answer is."""
    return content_type.lower().startswith("text/html")


def error_in(data: Any) -> ErrorBody:
    """The error in decoded JSON; `NO_ERROR_BODY` when there is none."""
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    error = data.get("error") if isinstance(data, dict) else None
    if isinstance(error, str):
        return ErrorBody(name=error, message=error, text=error)
    if not isinstance(error, dict):
        return NO_ERROR_BODY
    anthropic = data.get("type") == "error"
    message = str(error.get("message") or "")
    details = error.get("details")
    return ErrorBody(
        status=_anthropic_status(error) if anthropic else _google_status(error),
        name=str(error.get("status") or error.get("type") or ""),
        message=message,
        text=f"{message} {msgspec.json.encode(details).decode()}" if details else message,
        anthropic=anthropic,
        retry_after_s=_retry_info_s(details),
    )


def traffic_in(content: bytes | bytearray) -> str:
    """How an answer, whole or as a stream of events, says that its capacity was bought; empty where it does not.

    The last word counts: of a stream, the last event. In a text of the model's the name would be escaped.
    """
    at = content.rfind(b'"trafficType"')
    found = _TRAFFIC.match(content, at) if at >= 0 else None
    return found[1].decode() if found else ""


def retry_hint_s(headers: Mapping[str, str], error: ErrorBody) -> float | None:
    """How long the server asks to wait, in seconds; None without a hint, at most 15 minutes.

    Reads `retry-after-ms`, `Retry-After` (seconds, or a date against the response's own `Date`) and
    RetryInfo in the body, and takes the longest.
    """
    hints = [error.retry_after_s, _number(headers.get("retry-after-ms", ""), 1000.0), _retry_after_s(headers)]
    given = [hint for hint in hints if hint is not None and hint >= 0]
    return min(max(given), _LONGEST_HINT_S) if given else None


def _google_status(error: dict[str, Any]) -> int | None:
    if (named := GOOGLE_STATUS.get(str(error.get("status")))) is not None:
        return named
    inner_errors = error.get("errors")
    for inner in inner_errors if isinstance(inner_errors, list) else ():
        if isinstance(inner, dict) and (known := _GOOGLE_REASON.get(str(inner.get("reason")))) is not None:
            return known
    code = str(error.get("code"))  # the OpenAI-compatible endpoint writes it as text
    return int(code) if re.fullmatch("[1-5][0-9][0-9]", code) else None


def _anthropic_status(error: dict[str, Any]) -> int | None:
    return _ANTHROPIC_TYPE.get(str(error.get("type")))


def _retry_info_s(details: Any) -> float | None:
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and str(detail.get("@type", "")).endswith("google.rpc.RetryInfo"):
            found = _DURATION.fullmatch(str(detail.get("retryDelay", "")))
            return float(found[1]) if found else None
    return None


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after", "")
    if (seconds := _number(value)) is not None:
        return seconds
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - costs as much to import as all the rest here

    try:
        until = parsedate_to_datetime(value)
        return (until - parsedate_to_datetime(headers.get("date", ""))).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _number(text: str, per_second: float = 1.0) -> float | None:
    try:
        number = float(text) / per_second
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
