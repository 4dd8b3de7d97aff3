"""Real SDK clients against the emulator: real TLS, real host names, and the proxy as witness."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from router import Policy, Router, Trace
from router.emulator import Emulator
from tests.world import EU_PLACES, TODAY, roomy_catalog

CATALOG = roomy_catalog()
EU_HOSTS = {CATALOG.locations[name].host for name, boundary in EU_PLACES.items() if boundary == "eu"}
PROJECT = "emulated-project"

T = TypeVar("T")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The SDKs leave the connections open by which they fetch tokens; that is not what is tested here."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


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


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    """One emulator for the tests of one client."""
    with Emulator(catalog=CATALOG, on=TODAY) as emulator, emulator.activated():
        yield emulator


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
