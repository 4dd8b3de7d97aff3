"""The error answers of Vertex AI, by name.

Two services answer: Google's own, whose errors are `{"error": {"code", "message", "status"}}`, and
Anthropic's behind it, whose errors are `{"type": "error", "error": {"type", "message"}}`. A wrong
host or path gets a page of HTML from Google's front end. docs/emulator.md says which of these are
documented, which were reported by users of the service, and which are this emulator's choice.
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, replace
from typing import Any

from router.emulator.wording import ANTHROPIC, DETAILS, GOOGLE, HTML, STATUS_WORDS, Subject, detail

Json = dict[str, Any]
Headers = tuple[tuple[str, str], ...]

NAMES: tuple[str, ...] = (*GOOGLE, *ANTHROPIC, *HTML)
"""Every name that `named` knows."""

_OF_STATUS = {
    400: "invalid_argument",
    401: "invalid_token",
    403: "service_disabled",
    404: "not_found",
    429: "resource_exhausted",
    500: "internal",
    502: "bad_gateway",
    503: "unavailable",
    504: "deadline_exceeded",
    529: "overloaded",
}
_HEADERS: dict[str, Headers] = {
    "invalid_token": (("www-authenticate", 'Bearer realm="https://accounts.google.com/", error="invalid_token"'),),
    "missing_token": (("www-authenticate", 'Bearer realm="https://accounts.google.com/"'),),
}
_OF_STATUS_CLAUDE = {413: "prompt_too_long", 429: "claude_quota"}


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """An error answer: a JSON object, or text."""

    name: str
    status: int
    content: Json | str
    headers: Headers = ()

    @property
    def from_google(self) -> bool:
        """Whether this is Google's JSON, which some methods wrap in a list."""
        return not isinstance(self.content, str) and "type" not in self.content

    def encoded(self, *, listed: bool = False) -> tuple[str, bytes]:
        """The content type and the bytes; `listed` wraps Google's JSON in a list."""
        if isinstance(self.content, str):
            kind = "text/html" if self.content.startswith("<") else "text/plain"
            return f"{kind}; charset=UTF-8", self.content.encode()
        if not self.from_google:
            return "application/json", json.dumps(self.content).encode()
        content = [self.content] if listed else self.content
        return "application/json; charset=UTF-8", json.dumps(content, indent=2).encode()


def named(name: str, about: Subject, retry_delay_s: float | None = None) -> ErrorBody:
    """The error body of a name of `NAMES`.

    Args:
        retry_delay_s: adds the detail `RetryInfo` to a body of Google's; None adds none.
    """
    if name in HTML:
        return ErrorBody(name, HTML[name][0], page(*HTML[name]))
    if name in ANTHROPIC:
        status, kind, text = ANTHROPIC[name]
        return ErrorBody(name, status, _anthropic(kind, text))
    status, code, text = GOOGLE[name]
    details = DETAILS[name](about) if name in DETAILS else []
    body = ErrorBody(name, status, _google(status, code, about.fill(text), details), _HEADERS.get(name, ()))
    return _advised(body, retry_delay_s) if retry_delay_s is not None else body


def of_status(status: int, about: Subject, retry_delay_s: float | None = None) -> ErrorBody:
    """The error body that comes with an HTTP status, from the publisher's own backend where that answers."""
    special = _OF_STATUS_CLAUDE.get(status) if about.publisher == "anthropic" else None
    if name := special or _OF_STATUS.get(status):
        return named(name, about, retry_delay_s)
    code = STATUS_WORDS.get(status, "UNKNOWN")
    body = ErrorBody(f"status_{status}", status, _google(status, code, f"The request failed with {status}.", []))
    return _advised(body, retry_delay_s) if retry_delay_s is not None else body


def invalid_argument(message: str) -> ErrorBody:
    """A request that Google's own service can't understand."""
    return ErrorBody("invalid_argument", 400, _google(400, "INVALID_ARGUMENT", message, []))


def invalid_request(message: str) -> ErrorBody:
    """A request that Anthropic's backend can't understand."""
    return ErrorBody("invalid_request", 400, _anthropic("invalid_request_error", message))


def page_not_found(path: str) -> ErrorBody:
    """What Google's front end shows for a host or path that leads nowhere."""
    text = f"The requested URL <code>{html.escape(path)}</code> was not found on this server."
    return ErrorBody("page_not_found", 404, page(404, "Not Found", text))


def page(status: int, title: str, text: str) -> str:
    """A page of Google's front end."""
    return (
        f"<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  <title>Error {status} ({title})!!1</title>\n"
        f"  <p><b>{status}.</b> <ins>That\u2019s an error.</ins>\n  <p>{text}  <ins>That\u2019s all we know.</ins>\n"
    )


def _google(status: int, code: str, message: str, details: list[Json]) -> Json:
    error: Json = {"code": status, "message": message, "status": code}
    return {"error": {**error, "details": details} if details else error}


def _anthropic(kind: str, message: str) -> Json:
    if kind == "overloaded_error":  # seen in this form only
        return {"type": "error", "error": {"details": None, "type": kind, "message": message}}
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_vrtx_emulated"}


def _advised(body: ErrorBody, retry_delay_s: float) -> ErrorBody:
    """The body with a `RetryInfo`. As reported, Gemini's 429 then comes without a message."""
    if isinstance(body.content, str) or not body.from_google:
        return body
    error = dict(body.content["error"])
    if body.name == "resource_exhausted":
        del error["message"]
    delay = f"{retry_delay_s:.9f}".rstrip("0").rstrip(".") + "s"
    error["details"] = [*error.get("details", ()), detail("RetryInfo", retryDelay=delay)]
    return replace(body, content={"error": error})
