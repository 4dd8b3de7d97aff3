from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from router import NotSent, Policy
from router.target import Incoming, Target, parse
from router.telemetry import Telemetry, TelemetryError, operation
from tests.world import GEMINI, Backend, gemini_url, make_router, piece, roomy_catalog, sse

EU = Policy(residency="eu")


class Told:
    """A router whose telemetry is kept in memory; its clock moves a second with each look."""

    def __init__(self, policy: Policy | None = EU, script: dict[str, Any] | None = None, **options: Any) -> None:
        self.exporter, self.reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        now = iter(range(10**9, 10**15, 10**9))
        telemetry = Telemetry(
            tracer_provider=self.tracers,
            meter_provider=MeterProvider([self.reader]),
            now_ns=lambda: next(now),
        )
        self.backend = Backend(httpx, script)
        self.router = make_router(policy, observers=[telemetry], **options)

    def send(self, url: str = "", **body: Any) -> Any:
        with httpx.Client(transport=self.router.transport(transport=self.backend.transport)) as client:
            return client.post(url or gemini_url(), json=body)

    @property
    def spans(self) -> list[Any]:
        return list(self.exporter.get_finished_spans())

    def points(self, name: str) -> list[Any]:
        """The data points of a metric."""
        data = self.reader.get_metrics_data()
        found = [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]
        assert found, f"no points of {name}"
        return found


def test_a_request_has_a_span_and_each_attempt_one_below_it() -> None:
    told = Told(script={"europe-west1": 429})
    told.send()
    first, second, request = told.spans
    assert (request.name, request.kind, request.status.status_code) == (
        f"generate_content {GEMINI}",
        SpanKind.CLIENT,
        StatusCode.UNSET,
    )
    attributes = dict(request.attributes)
    assert len(attributes.pop("vertex_router.request.id")) == 16
    assert attributes == {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "gcp.vertex_ai",
        "gen_ai.request.model": GEMINI,
        "gen_ai.response.model": GEMINI,
        "server.address": "europe-west4-aiplatform.googleapis.com",
        "server.port": 443,
        "vertex_router.attempts": 2,
        "vertex_router.caller_location": "europe-west1",
        "vertex_router.location": "europe-west4",
        "vertex_router.outcome": "answered",
        "vertex_router.policy": "residency eu, by processing",
        "vertex_router.waited_s": 0.0,
    }
    assert dict(first.attributes) == {
        "error.type": "exhausted",
        "http.response.status_code": 429,
        "server.address": "europe-west1-aiplatform.googleapis.com",
        "server.port": 443,
        "vertex_router.attempt": 1,
        "vertex_router.location": "europe-west1",
        "vertex_router.mode": "standard",
        "vertex_router.verdict": "exhausted",
    }
    assert (first.name, first.status.status_code) == ("attempt europe-west1", StatusCode.ERROR)
    assert (second.attributes["vertex_router.verdict"], second.status.status_code) == ("ok", StatusCode.UNSET)
    assert {first.parent.span_id, second.parent.span_id} == {request.context.span_id}
    assert request.start_time <= first.start_time <= second.start_time <= request.end_time


def test_it_stands_below_what_the_program_is_doing() -> None:
    told = Told()
    with told.tracers.get_tracer("app").start_as_current_span("page") as page:
        told.send()
    request = next(span for span in told.spans if span.name.startswith("generate"))
    assert request.parent.span_id == page.get_span_context().span_id


def test_a_request_that_fails_has_an_error() -> None:
    told = Told(script={"europe-west1": 400})
    assert told.send().status_code == 400
    request = told.spans[-1]
    assert (request.attributes["error.type"], request.attributes["vertex_router.outcome"]) == ("rejected", "stopped")
    assert request.status.status_code is StatusCode.ERROR
    assert request.status.description is None, "a message may repeat what was sent"


def test_a_refused_request_has_a_span_and_is_counted() -> None:
    told = Told()
    for url in (gemini_url(model="gemini-3.1-pro-preview"), gemini_url(model="made-up-by-a-stranger")):
        with pytest.raises(NotSent):
            told.send(url)
    assert [span.attributes["error.type"] for span in told.spans] == ["NoRoute", "RequestNotUnderstood"]
    points = told.points("vertex_router.requests.refused")
    counted = {point.attributes["gen_ai.request.model"]: point.value for point in points}
    assert counted == {"gemini-3.1-pro-preview": 1, "_OTHER": 1}


def test_metrics_tell_durations_by_place_and_verdict() -> None:
    told = Told(script={"europe-west1": [429]})
    for _ in range(3):
        told.send()
    (duration,) = told.points("gen_ai.client.operation.duration")
    assert (duration.count, duration.attributes["vertex_router.location"]) == (3, "europe-west4")
    assert duration.explicit_bounds[:3] == (0.01, 0.02, 0.04)
    attempts = {
        (point.attributes["vertex_router.location"], point.attributes["vertex_router.verdict"]): point.count
        for point in told.points("vertex_router.attempt.duration")
    }
    assert attempts == {("europe-west1", "exhausted"): 1, ("europe-west4", "ok"): 3}


def test_no_label_of_a_metric_comes_from_outside() -> None:
    told = Told(Policy())
    told.send(gemini_url(model="made-up-by-a-stranger"))
    told.send("https://made-up-by-a-stranger.example/v1/x")
    for name in ("gen_ai.client.operation.duration", "vertex_router.attempt.duration"):
        for point in told.points(name):
            assert "made-up-by-a-stranger" not in str(point.attributes)
    assert told.points("vertex_router.requests.unrouted")[0].value == 1


def test_a_stream_is_marked_and_counted_when_it_breaks() -> None:
    told = Told(script={"europe-west1": sse(piece("a"))})
    with pytest.raises(httpx.RemoteProtocolError):
        told.send(gemini_url(method="streamGenerateContent"))
    assert told.spans[-1].attributes["gen_ai.request.stream"] is True
    (broken,) = told.points("vertex_router.streams.broken")
    assert (broken.value, broken.attributes["error.type"]) == (1, "stream-cut")


def test_waiting_for_capacity_is_measured() -> None:
    told = Told(Policy(residency="eu", allow_locations=["europe-west1"]), {"europe-west1": [429]})
    assert told.send().status_code == 200
    (waited,) = told.points("vertex_router.request.wait")
    assert waited.sum == told.spans[-1].attributes["vertex_router.waited_s"] > 0


def test_exceptions_of_the_policy_are_named() -> None:
    told = Told(Policy(residency="eu", allow_features=["google-search"]))
    told.send(contents=[], tools=[{"googleSearch": {}}])
    assert told.spans[-1].attributes["vertex_router.exceptions"] == ("google-search",)


def test_a_function_that_raises_ends_its_span() -> None:
    told = Told()
    with pytest.raises(ZeroDivisionError):
        told.router.call(lambda _: 1 / 0, model=GEMINI)
    attempt, request = told.spans
    assert (attempt.attributes["vertex_router.verdict"], request.attributes["error.type"]) == ("cancelled", "cancelled")


def requests() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Addresses and bodies, each with the operation that it is."""
    yield "generate_content", gemini_url(), {}
    yield "generate_content", gemini_url(method="streamGenerateContent"), {}
    yield "count_tokens", gemini_url(method="countTokens"), {}
    yield "embeddings", gemini_url(model="text-embedding-005", method="predict"), {}
    yield "embeddings", gemini_url(model="gemini-embedding-2", method="embedContent"), {}
    parent = gemini_url().partition("/publishers")[0]
    claude = f"{parent}/publishers/anthropic/models"
    yield "chat", f"{claude}/claude-opus-4-7:rawPredict", {}
    yield "count_tokens", f"{claude}/count-tokens:rawPredict", {"model": "claude-opus-4-7"}
    yield "chat", f"{parent}/endpoints/openapi/chat/completions", {"model": "google/x"}


@pytest.mark.parametrize(("name", "url", "body"), list(requests()), ids=str)
def test_operations_are_named_as_the_conventions_name_them(name: str, url: str, body: dict[str, Any]) -> None:
    asked = httpx.Request("POST", url, json=body)
    raw_path = asked.url.raw_path.decode()
    target = parse(Incoming("POST", "https", asked.url.host, None, raw_path, asked.headers, asked.content))
    assert isinstance(target, Target)
    assert operation(target, roomy_catalog()) == name


def test_without_opentelemetry_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(TelemetryError, match=r"pip install 'vertex-router\[otel\]'"):
        Telemetry()


def test_it_costs_no_import_while_it_is_off() -> None:
    code = "import router, sys; from router import Policy, Router; Router(Policy(residency='eu')).transport()"
    code += "; assert not {name for name in sys.modules if name.startswith('opentelemetry')}"
    code += "; import router.telemetry; assert not {name for name in sys.modules if name.startswith('opentelemetry')}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_without_an_sdk_it_tells_nobody_and_breaks_nothing() -> None:
    router = make_router(EU, observers=[Telemetry()])
    assert router.call(lambda to: to.location, model=GEMINI)
