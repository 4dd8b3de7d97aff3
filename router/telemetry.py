"""Spans and metrics of a router, by OpenTelemetry: one span for each request, one below it for each attempt.

Names follow the semantic conventions for generative AI where they have one, and begin with `vertex_router.`
where they have none. No prompt, no answer, no credential and no message of the service is in them.

Source: https://github.com/open-telemetry/semantic-conventions-genai, spans and metrics, read on 2026-11-26.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from catalog.query import Catalog
from router.core import Call, Core
from router.errors import NotSent, RouterError
from router.rules import Question
from router.signals import Signal
from router.target import Target
from router.trace import Attempt, Trace, Tried

SCOPE = "vertex_router"
"""The name under which spans and metrics are made."""

PROVIDER = "gcp.vertex_ai"
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_GENERATING = frozenset({"generateContent", "streamGenerateContent"})
_CHATTING = frozenset({"rawPredict", "streamRawPredict", "chat/completions", "responses"})
_STREAMING = frozenset({"streamGenerateContent", "streamRawPredict"})
_OTHER = "_OTHER"


class TelemetryError(RouterError):
    """OpenTelemetry is not installed."""


class _Open(msgspec.Struct):
    """A request under way: its span, when it began, and the attempts that were sent, by number."""

    span: Any
    began_ns: int
    sent: dict[int, tuple[Attempt, str, int]] = {}


class Telemetry:
    """Tells OpenTelemetry of every request: `Router(policy, observers=[Telemetry()])`.

    Needs the extra `otel`; without a configured SDK it costs next to nothing and tells nobody.

    Args:
        tracer_provider, meter_provider: by default those that the program has set.
        now_ns: the time in nanoseconds since 1970.

    Raises:
        TelemetryError: OpenTelemetry is not installed.
    """

    def __init__(
        self, *, tracer_provider: Any = None, meter_provider: Any = None, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        try:
            from opentelemetry import metrics, trace  # noqa: PLC0415 - an extra
        except ModuleNotFoundError:
            raise TelemetryError("OpenTelemetry is not installed: pip install 'vertex-router[otel]'") from None
        self._kinds = trace.SpanKind
        self._error = trace.Status(trace.StatusCode.ERROR)
        self._context = trace.set_span_in_context
        self._tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
        self._metrics = _Metrics(metrics.get_meter(SCOPE, meter_provider=meter_provider))
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._open: dict[str, _Open] = {}

    def began(self, call: Call) -> None:
        """See `Observer`."""
        now = self._now_ns()
        attributes = {
            **_asked(call.target, call.core.catalog, call.plan.model),
            "vertex_router.request.id": call.trace.id,
            "vertex_router.caller_location": call.target.location,
            "vertex_router.policy": call.core.policy.summary,
        }
        if call.trace.exceptions:
            attributes["vertex_router.exceptions"] = list(call.trace.exceptions)
        name = f"{attributes['gen_ai.operation.name']} {call.plan.model}"
        span = self._tracer.start_span(name, kind=self._kinds.CLIENT, attributes=attributes, start_time=now)
        with self._lock:
            self._open[call.trace.id] = _Open(span, now)

    def refused(self, core: Core, error: NotSent, question: Question | None, call: Call | None) -> None:
        """See `Observer`."""
        kind = type(error).__name__
        model = question.model if question else ""
        self._metrics.refused.add(1, {"error.type": kind, "gen_ai.request.model": _known(model, core.catalog)})
        if call is not None:
            return  # its span ends with it
        attributes = {"error.type": kind, "vertex_router.policy": core.policy.summary, "gen_ai.provider.name": PROVIDER}
        if model:
            attributes["gen_ai.request.model"] = model
        span = self._tracer.start_span("refused", attributes=attributes, start_time=self._now_ns())
        span.set_status(self._error)
        span.end(self._now_ns())

    def unrouted(self, core: Core, host: str) -> None:
        """See `Observer`."""
        del core, host  # a name from outside is no value to count by
        self._metrics.unrouted.add(1)

    def passed(self, call: Call, attempt: Attempt, host: str) -> None:
        """See `Observer`."""
        request = self._open.get(call.trace.id)
        if request is not None:
            request.sent[attempt.number] = (attempt, host, self._now_ns())

    def ended(self, call: Call) -> None:
        """See `Observer`."""
        with self._lock:
            request = self._open.pop(call.trace.id, None)
        if request is None:
            return
        now, trace = self._now_ns(), call.trace
        heard = {each.attempt.number: each for each in trace.tried}
        for number, (attempt, host, sent_ns) in request.sent.items():
            self._attempt(request, attempt, host, sent_ns, heard.get(number), now)
        failure = _failure(trace)
        ended: dict[str, Any] = {"error.type": failure} if failure else {}
        if request.sent:
            attempt, host, _ = request.sent[max(request.sent)]
            place = {"server.address": host, "vertex_router.location": attempt.candidate.location}
            ended |= {**place, "server.port": 443, "gen_ai.response.model": attempt.candidate.model}
        told = {
            "vertex_router.outcome": trace.outcome or "not-sent",
            "vertex_router.attempts": len(request.sent),
            "vertex_router.waited_s": round(trace.waited_s, 6),
            **({"vertex_router.traffic_type": trace.traffic} if trace.traffic else {}),
        }
        request.span.set_attributes({**ended, **told})
        if failure:
            request.span.set_status(self._error)
        request.span.end(now)
        asked = _asked(call.target, call.core.catalog, _known(call.plan.model, call.core.catalog))
        asked.pop("gen_ai.request.stream", None)
        if "gen_ai.response.model" in ended:
            ended["gen_ai.response.model"] = _known(ended["gen_ai.response.model"], call.core.catalog)
        self._metrics.duration.record((now - request.began_ns) / 1e9, {**asked, **ended})
        if trace.waited_s:
            self._metrics.waited.record(trace.waited_s, asked)

    def broke(self, call: Call, signal: Signal) -> None:
        """See `Observer`."""
        labels = {
            "gen_ai.request.model": _known(call.plan.model, call.core.catalog),
            "vertex_router.location": call.trace.location,
            "error.type": signal.kind,
        }
        self._metrics.broken.add(1, labels)

    def finished(self, call: Call) -> None:
        """See `Observer`. The span ended when the caller was given the stream."""

    def _attempt(
        self, request: _Open, attempt: Attempt, host: str, sent_ns: int, tried: Tried | None, now: int
    ) -> None:
        """The span of an attempt, made when all of it is known."""
        verdict = tried.signal.kind if tried else "cancelled"
        labels: dict[str, Any] = {
            "server.address": host,
            "server.port": 443,
            "vertex_router.location": attempt.candidate.location,
            "vertex_router.mode": attempt.candidate.mode,
            "vertex_router.verdict": verdict,
        }
        if verdict != "ok":
            labels["error.type"] = verdict
        status = {"http.response.status_code": tried.signal.status} if tried and tried.signal.status else {}
        span = self._tracer.start_span(
            f"attempt {attempt.candidate.location}",
            context=self._context(request.span),
            kind=self._kinds.CLIENT,
            attributes={**labels, **status, "vertex_router.attempt": attempt.number},
            start_time=sent_ns,
        )
        if verdict != "ok":
            span.set_status(self._error)
        took_ns = int(tried.took_s * 1e9) if tried else now - sent_ns
        span.end(sent_ns + took_ns)
        self._metrics.attempts.record(took_ns / 1e9, labels)


class _Metrics:
    """The instruments."""

    def __init__(self, meter: Any) -> None:
        def seconds(name: str, description: str) -> Any:
            return meter.create_histogram(
                name, unit="s", description=description, explicit_bucket_boundaries_advisory=_SECONDS
            )

        self.duration = seconds("gen_ai.client.operation.duration", "How long requests took, of streams until content")
        self.attempts = seconds("vertex_router.attempt.duration", "How long single attempts took")
        self.waited = seconds("vertex_router.request.wait", "How long requests waited for capacity, if they did")
        self.refused = meter.create_counter(
            "vertex_router.requests.refused", unit="{request}", description="Requests that the policy refused"
        )
        self.unrouted = meter.create_counter(
            "vertex_router.requests.unrouted", unit="{request}", description="Requests that were sent on unread"
        )
        self.broken = meter.create_counter(
            "vertex_router.streams.broken", unit="{stream}", description="Streams that broke after their first content"
        )


def _asked(target: Target, catalog: Catalog, model: str) -> dict[str, Any]:
    """What is asked for, as the conventions name it."""
    found: dict[str, Any] = {
        "gen_ai.operation.name": operation(target, catalog),
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": model,
    }
    if target.method in _STREAMING:
        found["gen_ai.request.stream"] = True
    return found


def operation(target: Target, catalog: Catalog) -> str:
    """The name of an operation: one of the conventions where it fits, else the method's own."""
    known = catalog.find(target.model) if target.model else None
    if target.counted or target.method == "countTokens" or (known and known.task == "count"):
        return "count_tokens"
    if target.method in ("embedContent", "embeddings") or (known and known.task == "embedding"):
        return "embeddings"
    if target.method in _GENERATING:
        return "generate_content"
    if target.method in _CHATTING:
        return "chat"
    return target.method or "call"


def _failure(trace: Trace) -> str:
    """What a request failed by, as one of a few names; empty if it was answered."""
    if trace.outcome in ("answered", "cancelled"):
        return "" if trace.outcome == "answered" else "cancelled"
    return trace.last.kind if trace.last else trace.outcome or "not-sent"


def _known(model: str, catalog: Catalog) -> str:
    """A model as a value to count by: no name from outside makes a series of its own."""
    found = catalog.find(model) if model else None
    return found.id if found else _OTHER
