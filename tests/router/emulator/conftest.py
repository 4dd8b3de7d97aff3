"""A small catalog of its own, so that these tests don't change with the facts of the shipped one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
import pytest

from catalog import Availability, Catalog, Location, Model, Source
from catalog.schema import Mode
from router.emulator import Behaviour, Emulator, Scenario
from router.emulator.records import Log, Received
from router.emulator.scenario import valid
from router.emulator.script import Script
from router.emulator.serving import Servings
from router.emulator.tokens import Tokens
from router.emulator.vertex import Vertex
from router.emulator.wire import Break, Head, Request, Step

DAY = date(2026, 11, 21)
ASK_GEMINI = {"contents": [{"role": "user", "parts": [{"text": "Good morning"}]}]}
ASK_CLAUDE = {
    "anthropic_version": "vertex-2023-10-16",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Good morning"}],
}
ASK_CHAT = {"model": "google/gemini-3.8-flash", "messages": [{"role": "user", "content": "Good morning"}]}


def _location(name: str) -> Location:
    hosts = {
        "global": "aiplatform.googleapis.com",
        "us": "aiplatform.us.rep.googleapis.com",
        "eu": "aiplatform.eu.rep.googleapis.com",
    }
    kind = {"global": "global", "us": "multi_region", "eu": "multi_region"}.get(name, "region")
    host = hosts.get(name, f"{name}-aiplatform.googleapis.com")
    return Location(id=name, kind=kind, name=name, host=host, source="made-up")  # type: ignore[arg-type]


def _served(*locations: str, modes: tuple[Mode, ...] = ("standard",), since: date = date(2025, 1, 1)) -> Availability:
    return Availability(
        locations=locations, modes=modes, served="yes", since=since, source="made-up", where="here", checked=DAY
    )


def _model(name: str, publisher: str, methods: str, *availability: Availability, **more: Any) -> Model:
    return Model(
        id=name,
        name=name,
        publisher=publisher,
        methods=tuple(methods.split()),
        availability=availability,
        **{"family": name, "task": "text", "stage": "ga", **more},
    )


GEMINI = "generateContent streamGenerateContent countTokens chat/completions responses"
CLAUDE = "rawPredict streamRawPredict count-tokens"


@pytest.fixture(scope="session")
def small() -> Catalog:
    """A catalog with one model of each sort."""
    ids = ("global", "us", "eu", "europe-west1", "europe-west3", "europe-west4", "us-central1")
    multi = ("global", "us", "eu")
    return Catalog(
        sources=[Source(id="made-up", title="Made up", published=DAY, retrieved=DAY)],
        jurisdictions=[],
        locations=[_location(name) for name in ids],
        models=[
            _model(
                "gemini-3.8-flash",
                "google",
                GEMINI,
                _served(*multi, since=date(2026, 9, 1)),
                _served("global", modes=("flex", "priority")),
                _served("europe-west3", modes=("provisioned",)),
            ),
            _model("gemini-2.5-flash-image", "google", GEMINI, _served("europe-west4", "europe-west1"), task="image"),
            _model(
                "claude-sonnet-5",
                "anthropic",
                CLAUDE,
                _served(*multi),
                family="claude-sonnet",
                released=date(2026, 6, 30),
            ),
            _model(
                "claude-sonnet-4-5",
                "anthropic",
                CLAUDE,
                _served("global", "europe-west1"),
                family="claude-sonnet",
                released=date(2025, 9, 29),
                aliases=("claude-sonnet-4-5@20250929",),
            ),
            _model("count-tokens", "anthropic", "rawPredict", _served(*multi), task="count"),
            _model("mistral-medium-3", "mistralai", "rawPredict streamRawPredict", _served("europe-west4")),
            _model("text-embedding-005", "google", "predict embeddings", _served("europe-west4"), task="embedding"),
            _model("gemini-embedding-2", "google", "embedContent", _served(*multi), task="embedding"),
        ],
    )


@pytest.fixture
def emulator(small: Catalog) -> Iterator[Emulator]:
    """A running emulator to which the environment leads."""
    with Emulator(catalog=small, on=DAY) as running, running.activated():
        yield running


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@dataclass(frozen=True)
class Answer:
    """What the service does with a request, without a socket."""

    status: int | None
    headers: dict[str, str]
    body: bytes
    broken: Break | None

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json()["error"]


def played(steps: list[Step]) -> Answer:
    """The answer that steps come to."""
    head = next((step for step in steps if isinstance(step, Head)), Head(0))
    body = b"".join(step for step in steps if isinstance(step, bytes))
    broken = next((step for step in steps if isinstance(step, Break)), None)
    return Answer(head.status or None, dict(head.headers), body, broken)


class Service:
    """The emulated service without its doors."""

    def __init__(self, small: Catalog, clock: Clock, scenario: Scenario) -> None:
        self.log: Log[Received] = Log()
        self.hosts = {location.id: location.host for location in small.locations.values()}
        servings = Servings(small, scenario.serving, DAY)
        self.tokens = Tokens(3600, (), clock)
        self.script = Script(scenario.behaviours, servings.resolve, clock)
        self.vertex = Vertex(
            catalog=small,
            servings=servings,
            script=self.script,
            tokens=self.tokens,
            elsewhere={},
            log=self.log,
            clock=clock,
        )

    def steps(self, verb: str, host: str, target: str, body: bytes, headers: dict[str, str]) -> list[Step]:
        all_headers = {"host": host, "authorization": "Bearer t", **headers}
        return list(self.vertex.respond(Request(verb, target, tuple(all_headers.items()), body)))

    def send(
        self,
        location: str,
        rest: str,
        body: Any = None,
        *,
        host: str | None = None,
        verb: str = "POST",
        version: str = "v1",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Sends to `projects/p/locations/{location}/{rest}`."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        target = f"/{version}/projects/p/locations/{location}/{rest}"
        return played(self.steps(verb, host or self.hosts[location], target, content, headers or {}))

    def gemini(self, location: str, model: str = "gemini-3.8-flash", **more: Any) -> Answer:
        return self.send(location, f"publishers/google/models/{model}:generateContent", ASK_GEMINI, **more)

    def claude(self, location: str, model: str = "claude-sonnet-5", **more: Any) -> Answer:
        return self.send(location, f"publishers/anthropic/models/{model}:rawPredict", ASK_CLAUDE, **more)


@pytest.fixture
def service(small: Catalog, clock: Clock) -> Callable[..., Service]:
    """Makes a service, with behaviours and other parts of a scenario."""

    def make(*behaviours: Behaviour, **more: Any) -> Service:
        return Service(small, clock, valid(Scenario(behaviours=behaviours, **more), small))

    return make


@pytest.fixture
def post(emulator: Emulator) -> Iterator[Callable[..., httpx.Response]]:
    """Posts to a method of a model at a location, as an application does."""
    with httpx.Client(headers={"authorization": "Bearer t"}, timeout=5) as client:

        def send(location: str, rest: str, body: Any, **more: Any) -> httpx.Response:
            host = emulator.catalog.location(location).host
            url = f"https://{host}/v1/projects/p/locations/{location}/publishers/{rest}"
            return client.post(url, json=body, **more)

        yield send
