"""What many tests stand on: a small catalog, a clock that only moves when told, and a scripted backend."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from types import ModuleType
from typing import Any

import catalog
from catalog import Availability, Catalog, Model, Own, Processing
from router import Policy, Router

TODAY = date(2026, 11, 21)
GEMINI = "gemini-2.5-flash-image"
"""A model of six EU regions in the shipped catalog."""

EU_REGIONS = (
    "europe-west1",
    "europe-west4",
    "europe-west8",
    "europe-north1",
    "europe-central2",
    "europe-southwest1",
)


class Clock:
    """Seconds that pass only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds

    async def async_sleep(self, seconds: float) -> None:
        self.sleep(seconds)


def make_router(policy: Policy | None = None, *, clock: Clock | None = None, **options: Any) -> Router:
    """A router in a world where time stands still, today is 2026-11-21, and jitter is nil."""
    clock = clock or Clock()
    settings: dict[str, Any] = {
        "clock": clock,
        "sleep": clock.sleep,
        "async_sleep": clock.async_sleep,
        "today": lambda: TODAY,
        "random": lambda: 0.0,
    }
    return Router(policy, **{**settings, **options})


def claim(**fields: Any) -> dict[str, Any]:
    """The fields that every claim has."""
    return {"since": date(2026, 1, 1), "source": "google-locations", "where": "a test", "checked": TODAY, **fields}


def model_at(locations: Mapping[str, str], model: str, publisher: str = "google", **fields: Any) -> Model:
    """A model served on demand at these locations, with the boundary of each."""
    return Model(
        id=model,
        name=model,
        publisher=publisher,
        family=fields.pop("family", model),
        task=fields.pop("task", "text"),
        methods=(
            *("generateContent", "streamGenerateContent", "countTokens", "embedContent", "predict"),
            *("rawPredict", "streamRawPredict", "count-tokens", "chat/completions", "embeddings", "responses"),
        ),
        stage="ga",
        availability=(Availability(**claim(locations=tuple(locations), modes=("standard",), served="yes")),),
        processing=tuple(
            Processing(**claim(locations=(location,), boundary=boundary))
            for location, boundary in locations.items()
            if boundary
        ),
        **fields,
    )


EU_PLACES = {"eu": "eu", "europe-west1": "eu", "europe-west4": "eu", "global": "", "us": "us", "us-east5": "us"}


def roomy_catalog(*models: Model, own: Own | None = None) -> Catalog:
    """The shipped locations, and models of every publisher that all live at `EU_PLACES`."""
    shipped = catalog.load()
    models = models or (
        model_at(EU_PLACES, "gemini-3.8-flash"),
        model_at(EU_PLACES, "claude-opus-4-7", "anthropic"),
        model_at(EU_PLACES, "count-tokens", "anthropic", task="count"),
        model_at(EU_PLACES, "mistral-medium-3", "mistralai"),
        model_at(EU_PLACES, "gpt-oss-120b-maas", "openai"),
        model_at(EU_PLACES, "text-embedding-005", task="embedding"),
        model_at(EU_PLACES, "gemini-embedding-2", task="embedding"),
    )
    return Catalog(
        sources=shipped.sources.values(),
        jurisdictions=shipped.jurisdictions.values(),
        locations=shipped.locations.values(),
        models=models,
        features=shipped.features.values(),
        own=own or Own(),
    )


def gemini_url(location: str = "europe-west1", model: str = GEMINI, method: str = "generateContent") -> str:
    """An address as a client builds it."""
    host = f"{location}-aiplatform.googleapis.com"
    return f"https://{host}/v1/projects/p/locations/{location}/publishers/google/models/{model}:{method}"


def error_body(status: int) -> dict[str, Any]:
    """Google's error body for a status."""
    names = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED"}
    return {"error": {"code": status, "message": f"made up {status}", "status": names.get(status, "UNAVAILABLE")}}


ANSWER = {"candidates": [{"content": {"parts": [{"text": "hello"}]}, "finishReason": "STOP"}]}

Reply = Any
"""A status; a callable (stack, request) -> response; bytes (a stream); an exception's name."""


class Backend:
    """A scripted service behind an inner client's `transport=`: no sockets.

    `script` gives for each location a reply or a list of replies, consumed one for each request; a
    location without any answers 200. `sent` lists what came, as (host, location).
    """

    def __init__(self, stack: ModuleType, script: Mapping[str, Reply] | None = None) -> None:
        self.stack = stack
        self.script = {name: list(each) if isinstance(each, list) else each for name, each in (script or {}).items()}
        self.requests: list[Any] = []
        self.transport = stack.MockTransport(self._answer)

    @property
    def sent(self) -> list[tuple[str, str]]:
        return [(request.url.host, location_in(str(request.url))) for request in self.requests]

    @property
    def locations(self) -> list[str]:
        return [location for _, location in self.sent]

    def _answer(self, request: Any) -> Any:
        self.requests.append(request)
        reply = self.script.get(location_in(str(request.url)), 200)
        if isinstance(reply, list):
            reply = reply.pop(0) if reply else 200
        if callable(reply):
            return reply(self.stack, request)
        if isinstance(reply, str):
            raise getattr(self.stack, reply)(f"made up {reply}")
        if isinstance(reply, bytes):
            return self.stack.Response(200, headers={"content-type": "text/event-stream"}, content=reply)
        return self.stack.Response(reply, json=ANSWER if reply == 200 else error_body(reply))


def location_in(url: str) -> str:
    return url.partition("/locations/")[2].partition("/")[0]


def sse(*events: str) -> bytes:
    """Server-sent events, each a JSON text."""
    return b"".join(f"data: {event}\r\n\r\n".encode() for event in events)


def piece(text: str, *, last: bool = False) -> str:
    """One event of a Gemini stream."""
    finish = ', "finishReason": "STOP"' if last else ""
    return f'{{"candidates": [{{"content": {{"parts": [{{"text": "{text}"}}]}}{finish}}}]}}'


ERROR_EVENT = '{"error": {"code": 429, "message": "Resource exhausted", "status": "RESOURCE_EXHAUSTED"}}'


def only(values: Iterable[Any], test: Callable[[Any], bool]) -> Any:
    """The one value that passes."""
    (found,) = [value for value in values if test(value)]
    return found
