"""Exceptions of clients, real ones where the package is here and look-alikes of its classes where not."""

from __future__ import annotations

import enum
import json
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import requests
from google.auth.exceptions import RefreshError

from router.faults import signal_of
from router.signals import Action, Scope

QUOTA = {
    "error": {
        "code": 429,
        "message": "Quota exceeded for aiplatform.googleapis.com/global_requests with base model: claude-x. Ask.",
        "status": "RESOURCE_EXHAUSTED",
    }
}
NOT_HERE = "Publisher Model `projects/p/locations/eu/publishers/a/models/m` is not servable in region eu."


def httpx_error(status: int, body: Any, **headers: str) -> httpx.HTTPStatusError:
    request = httpx.Request("POST", "https://x")
    response = httpx.Response(status, json=body, headers=headers, request=request)
    return httpx.HTTPStatusError("bad", request=request, response=response)


def requests_error(status: int, body: Any) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    response._content = json.dumps(body).encode()
    return requests.HTTPError("bad", response=response)


class GrpcCode(enum.Enum):
    RESOURCE_EXHAUSTED = (8, "resource exhausted")
    UNAVAILABLE = (14, "unavailable")
    INVALID_ARGUMENT = (3, "invalid argument")


class RpcError(Exception):
    """As `grpc.RpcError`: methods where others have attributes."""

    def __init__(self, code: GrpcCode, details: str) -> None:
        super().__init__(details)
        self._code, self._details = code, details

    def code(self) -> GrpcCode:
        return self._code

    def details(self) -> str:
        return self._details


class ResourceExhausted(Exception):
    """As `google.api_core.exceptions.ResourceExhausted`, with details as protobuf messages."""

    code = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, message: str, *details: Any) -> None:
        super().__init__(f"429 {message}")
        self.message = message
        self.details = list(details)


class APIError(Exception):
    """As `google.genai.errors.APIError`: a status in words, the whole body in `details`."""

    def __init__(self, code: int, status: str, details: Any) -> None:
        super().__init__(f"{code} {status}")
        self.code, self.status, self.details = code, status, details


class StatusError(Exception):
    """As the errors of anthropic and openai; openai's `body` is what stands inside `error`."""

    def __init__(self, status_code: int, body: Any, code: str | None = None) -> None:
        super().__init__(f"Error code: {status_code}")
        self.status_code, self.body, self.code = status_code, body, code


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (httpx_error(429, QUOTA), "quota", 429),
        (httpx_error(503, {}), "unavailable", 503),
        (requests_error(429, QUOTA), "quota", 429),
        (RpcError(GrpcCode.RESOURCE_EXHAUSTED, "Resource exhausted"), "exhausted", 429),
        (RpcError(GrpcCode.UNAVAILABLE, "down"), "unavailable", 503),
        (RpcError(GrpcCode.INVALID_ARGUMENT, "bad"), "rejected", 400),
        (ResourceExhausted("Exceeded the Provisioned Throughput."), "reservation-exceeded", 429),
        (APIError(429, "RESOURCE_EXHAUSTED", QUOTA), "quota", 429),
        (APIError(400, "FAILED_PRECONDITION", {"error": {"message": NOT_HERE}}), "not-servable", 400),
        (StatusError(429, QUOTA["error"], "429"), "quota", 429),
        (StatusError(529, {"type": "error", "error": {"type": "overloaded_error"}}), "overloaded", 529),
        (StatusError(200, {"type": "error", "error": {"type": "overloaded_error"}}), "overloaded", 529),
        (StatusError(429, [QUOTA]), "quota", 429),
    ],
)
def test_a_status_tells_whatever_the_client_keeps_it_in(error: Exception, kind: str, status: int) -> None:
    signal = signal_of(error, "eu")
    assert signal is not None
    assert (signal.kind, signal.status) == (kind, status)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("no"), "connect"),
        (httpx.ReadTimeout("slow"), "timeout"),
        (httpx.RemoteProtocolError("cut"), "reset"),
        (requests.ConnectTimeout("no"), "connect"),
        (requests.ReadTimeout("slow"), "timeout"),
        (requests.ConnectionError("no"), "connect"),
        (requests.exceptions.ChunkedEncodingError("cut"), "reset"),
        (TimeoutError("slow"), "timeout"),
        (ConnectionResetError("cut"), "reset"),
        (ConnectionRefusedError("no"), "connect"),
    ],
)
def test_without_a_status_the_class_tells(error: Exception, kind: str) -> None:
    signal = signal_of(error, "eu")
    assert signal is not None
    assert (signal.kind, signal.status, signal.action) == (kind, None, Action.NEXT)


def test_what_caused_an_error_is_looked_into() -> None:
    wrapped = RuntimeError("the SDK could not")
    wrapped.__cause__ = httpx_error(503, {})
    assert signal_of(wrapped, "eu").kind == "unavailable"  # type: ignore[union-attr]


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("code"), ZeroDivisionError(), StopIteration()])
def test_an_error_of_the_program_is_none_of_a_location(error: Exception) -> None:
    assert signal_of(error, "eu") is None


def test_a_credential_that_can_not_be_had_is_no_locations_fault() -> None:
    signal = signal_of(RefreshError("no"), "eu")
    assert signal is not None
    assert (signal.action, signal.scope) == (Action.STOP, Scope.CREDENTIAL)


def test_a_token_that_the_client_owns_is_not_renewed_here() -> None:
    assert signal_of(httpx_error(401, {}), "eu").action is Action.STOP  # type: ignore[union-attr]


def test_only_an_error_that_names_this_location_tells_that_it_does_not_serve() -> None:
    error = httpx_error(400, {"error": {"message": NOT_HERE, "status": "FAILED_PRECONDITION"}})
    assert [signal_of(error, place).not_served for place in ("eu", "us")] == [True, False]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [
        (SimpleNamespace(seconds=39, nanos=500_000_000), 39.5),
        (SimpleNamespace(total_seconds=lambda: 7.0), 7.0),
    ],
)
def test_the_hint_of_a_grpc_error_is_read(delay: Any, seconds: float) -> None:
    error = ResourceExhausted("Resource exhausted", SimpleNamespace(), SimpleNamespace(retry_delay=delay))
    assert signal_of(error, "eu").retry_after_s == seconds  # type: ignore[union-attr]


def test_the_hint_of_an_http_error_is_read() -> None:
    error = httpx_error(429, {}, **{"Retry-After": "12"})
    assert signal_of(error, "eu").retry_after_s == 12.0  # type: ignore[union-attr]


def test_a_response_whose_body_was_never_read_tells_by_its_status() -> None:
    request = httpx.Request("POST", "https://x")
    response = httpx.Response(503, stream=_Unread(), request=request)
    error = httpx.HTTPStatusError("bad", request=request, response=response)
    assert signal_of(error, "eu").kind == "unavailable"  # type: ignore[union-attr]


class _Unread(httpx.SyncByteStream):
    def __iter__(self) -> Any:
        raise AssertionError("it must not be read")
