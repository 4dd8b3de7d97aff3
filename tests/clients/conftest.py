"""Real SDK clients against the emulator: real TLS, real host names, and the proxy as witness."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from router import Policy, Router, Trace
from router.emulator import Emulator
from tests.clients.matrix.driver import is_there
from tests.clients.matrix.report import Ran
from tests.world import EU_PLACES, TODAY, roomy_catalog

CATALOG = roomy_catalog()
EU_HOSTS = {CATALOG.locations[name].host for name, boundary in EU_PLACES.items() if boundary == "eu"}
PROJECT = "emulated-project"

T = TypeVar("T")


RAN = Ran()
REPORT = os.environ.get("CLIENTS_REPORT", "")
"""The file in which it is told what ran; with it, the tests of all clients run."""

# A client that is not here can't be tried here.
NEEDS = {
    "test_aiohttp.py": "aiohttp",
    "test_aiplatform.py": "google.cloud.aiplatform_v1",
    "test_anthropic.py": "anthropic",
    "test_genai.py": "google.genai",
    "test_litellm.py": "litellm",
    "test_live.py": "websockets",
    "test_openai.py": "openai",
    "test_verify.py": "anthropic",
}
collect_ignore = [file for file, module in NEEDS.items() if not is_there(module)]
if not REPORT:
    collect_ignore.append("test_matrix.py")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if REPORT:
        rows = RAN.rows(("failover", "storm", "verify"))
        Path(REPORT).write_text(json.dumps(rows, indent=1), "utf-8")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The SDKs leave the connections open by which they fetch tokens; that is not what is tested here."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


def has_grpc() -> bool:
    """Whether Google's clients for gRPC are here."""
    return all(is_there(each) for each in ("grpc", "google.cloud.aiplatform_v1"))


class World:
    """An emulator in which every model lives at `eu`, europe-west1 and europe-west4, and a router over it."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.traces: list[Trace] = []
        self._clients: list[Any] = []

    def keep(self, client: T) -> T:
        """A sync client that is closed after the test."""
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def router(self, policy: Policy | None = None) -> Router:
        """A router that keeps the processing in the EU, unless told otherwise."""
        return Router(
            policy or Policy(residency="eu"),
            catalog=CATALOG,
            today=lambda: TODAY,
            random=lambda: 0.0,
            observe=self.traces.append,
        )

    @property
    def way(self) -> str:
        """The way of the last request."""
        return self.traces[-1].header()

    def check_hosts(self) -> None:
        """The witness saw connections, and none outside the EU."""
        contacted = set(self.emulator.witness.hosts)
        assert contacted
        assert contacted <= EU_HOSTS


@pytest.fixture(scope="package")
def emulated() -> Iterator[Emulator]:
    """One emulator for all clients: gRPC reads the certificates that it trusts once in the life of a process."""
    with Emulator(catalog=CATALOG, on=TODAY, grpc=has_grpc()) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def running(emulated: Emulator) -> Iterator[Emulator]:
    """The emulator, reached by the clients that the tests of one module make."""
    with emulated.activated():
        yield emulated


@pytest.fixture
def world(running: Emulator) -> Iterator[World]:
    """A fresh day, and afterwards the proof that no connection went outside."""
    for location in EU_PLACES:
        running.script(location)
    running.clear()
    fresh = World(running)
    yield fresh
    fresh.close()
    gc.collect()


@pytest.fixture
def bad_day(world: World) -> World:
    """The first location answers 429, the next 503, another answers."""
    world.emulator.script("eu", errors=[429])
    world.emulator.script("europe-west1", errors=[503])
    return world


WAY = "eu=429, europe-west1=503, europe-west4=200"
