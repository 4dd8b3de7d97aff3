"""No credential is in anything that the router lets out besides the request itself.

Real requests carry marked ones, on good and bad days; then all that was said is searched: log lines at the
lowest level of every logger, traces, audits, spans, metrics, errors with all that hangs on them, reprs.
"""

from __future__ import annotations

import copy
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.auth.credentials import Credentials
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from router import CredentialError, GoogleAuth, Policy, Router, trace_of
from router.emulator import Emulator
from router.telemetry import Telemetry
from tests.router.support import STACKS
from tests.world import Backend, gemini_url, make_router, piece, sse

MARK = "S3CR3T"
TOKEN = f"ya29.{MARK}-token"
KEY = f"AIzaSy{MARK}-0123456789-abcdefgh"
PROMPT = f"a prompt with {MARK} in it"
EXPRESS = "https://aiplatform.googleapis.com/v1/publishers/google/models/gemini-3.8-flash:generateContent"


class Marked(Credentials):
    """Credentials whose token is marked."""

    def refresh(self, request: Any) -> None:
        self.token = TOKEN


class Broken(Credentials):
    """Credentials whose refresh fails with an error that quotes a token."""

    def refresh(self, request: Any) -> None:
        raise ValueError(f"invalid_grant: {{'access_token': 'x', 'Authorization': 'Bearer {TOKEN}'}}")


def echo(status: int) -> Any:
    """A service whose error repeats what it was sent."""

    def answer(stack: Any, request: Any) -> Any:
        said = f"not valid: {dict(request.headers)} {request.url.raw_path.decode()}"
        return stack.Response(status, json={"error": {"code": status, "message": said, "status": "UNAVAILABLE"}})

    return answer


DAYS: dict[str, Any] = {
    "good": 200,
    "busy": [429, 503],
    "forbidden": echo(403),
    "echoing": echo(503),
    "unauthorised": echo(401),
    "unreachable": "ConnectError",
    "silent": "ReadTimeout",
    "broken": sse(piece("a")),
}
WAYS: dict[str, tuple[str, dict[str, str], Any]] = {
    "token of the router": (gemini_url(), {}, GoogleAuth(Marked())),
    "token of the client": (gemini_url(), {"authorization": f"Bearer {TOKEN}"}, None),
    "key in a header": (gemini_url(), {"x-goog-api-key": KEY}, None),
    "key in the address": (f"{gemini_url()}?key={KEY}&alt=sse", {}, None),
    "express mode": (f"{EXPRESS}?key={KEY}", {"x-goog-api-key": KEY}, None),
    "user in the address": (gemini_url().replace("https://", f"https://user:{MARK}@"), {}, None),
}
POLICIES = {"residency": {"residency": "eu"}, "anywhere": {}}


class Ear:
    """Hears all that a router says."""

    def __init__(self, folder: Path, fields: dict[str, Any], **options: Any) -> None:
        self.spans, self.metrics = InMemorySpanExporter(), InMemoryMetricReader()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        telemetry = Telemetry(tracer_provider=tracers, meter_provider=MeterProvider([self.metrics]))
        self.traces: list[Any] = []
        self.audit = folder / "audit.jsonl"
        self.router: Router = make_router(
            Policy(**fields, audit=self.audit, deadline_s=20), observers=[telemetry], **options
        )

    def heard(self) -> Iterator[str]:
        assert self.router.audit is not None
        self.router.audit.close()
        yield self.audit.read_text() if self.audit.exists() else ""
        yield from (str(span.to_json()) for span in self.spans.get_finished_spans())
        data = self.metrics.get_metrics_data()
        yield data.to_json() if data else ""
        yield repr(self.router)
        yield repr(vars(self.router))
        yield repr(self.router.policy)


def told_by(error: BaseException | None) -> Iterator[str]:
    """All that hangs on an error, as a program or a person may print it."""
    while error is not None:
        yield str(error)
        yield repr(error)
        yield from getattr(error, "__notes__", ())
        yield "".join(traceback.format_exception_only(error))
        yield from map(str, error.args)
        request = getattr(error, "_request", None)
        yield repr(request)
        error = error.__cause__ or error.__context__


def told_of(trace: Any) -> Iterator[str]:
    if trace is not None:
        yield from (str(trace), repr(trace), repr(trace.as_dict()), trace.header())


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("module", STACKS, ids=lambda module: module.__name__)
def test_no_credential_is_said(
    module: Any, way: str, day: str, policy: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url, headers, auth = WAYS[way]
    ear = Ear(tmp_path, POLICIES[policy])
    names = ear.router.catalog.locations
    backend = Backend(module, {name: copy.copy(DAYS[day]) for name in (*names, "")})
    said: list[str] = []
    with caplog.at_level(logging.DEBUG):
        transport = ear.router.transport(transport=backend.transport)
        request = module.Request("POST", url, headers=headers, json={"contents": PROMPT})
        if auth is not None:
            request = auth(request)
        try:
            response = transport.handle_request(request)
            said += told_of(trace_of(response))
            said += [repr(response), repr(response.headers)]
            response.read()
        except Exception as error:  # whatever it is, it says nothing
            said += told_by(error)
            said += told_of(trace_of(error))
        transport.close()
    said += [record.getMessage() + str(record.exc_text) for record in caplog.records]
    said += ear.heard()
    said += [repr(auth), repr(transport)]
    for text in said:
        assert MARK not in text
    if way != "user in the address":  # of which clients make a header, and the router's addresses have no such part
        carried = [each for each in backend.requests if MARK in repr(each.headers.raw) + str(each.url.raw_path)]
        assert len(carried) == len(backend.requests), "the marked credential did not travel"


def test_an_error_of_credentials_quotes_none(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(CredentialError) as caught:
        GoogleAuth(Broken()).headers(gemini_url())
    assert MARK not in str(caught.value)
    assert MARK not in repr(caught.value)
    assert MARK not in caplog.text


def test_nothing_is_said_over_real_connections_either(
    vertex_emulator: Emulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The HTTP stack's own loggers are heard too: they tell of addresses and headers."""
    vertex_emulator.script("eu", errors=[429])
    ear = Ear(tmp_path, {"residency": "eu"})
    url = gemini_url("eu", "gemini-3.8-flash").replace("eu-aiplatform", "aiplatform.eu.rep")
    with caplog.at_level(logging.DEBUG):
        transport = ear.router.transport()
        request = httpx.Request(
            "POST", f"{url}?key={KEY}", headers={"authorization": f"Bearer {TOKEN}"}, json={"contents": [PROMPT]}
        )
        response = transport.handle_request(request)
        response.read()
        transport.close()
    assert any(record.name.startswith("httpcore") for record in caplog.records)
    assert any("HTTP Request: POST" in record.getMessage() for record in caplog.records)
    for text in [*(record.getMessage() for record in caplog.records), *ear.heard()]:
        assert MARK not in text
