"""The guard holds alone: whatever else is broken on purpose, nothing leaves; broken itself, it is noticed.

Real transports over a scripted backend, which is the witness: it sees each request as it would have
gone over the wire.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest

import catalog
from router import GuardStop, Policy, Router
from router.batch import BatchError
from router.endpoints import Address
from router.rules import Rules
from tests.proof import rule
from tests.proof.broken import at_random, break_address, break_guard, break_planner, only
from tests.router.batch.batching import scripted
from tests.router.support import each_stack
from tests.world import GEMINI, TODAY, Backend, gemini_url, location_in, make_router

CATALOG = catalog.load()
EU = Policy(residency="eu", attempts=8)
CLAUDE = "claude-sonnet-4-5"


def inside(model: str) -> set[str]:
    """The locations in which the processing of a model stays in the EU, by the naive rule."""
    homes = {name: rule.stays(model, name, "medium", TODAY, None) for name in rule.LOCATIONS}
    return {name for name, home in homes.items() if home is not None and home <= rule.countries("eu")}


def claude_url(location: str, model: str = CLAUDE, method: str = "rawPredict") -> str:
    return gemini_url(location, model, method).replace("publishers/google", "publishers/anthropic")


REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "generateContent": (GEMINI, gemini_url(), {"contents": []}),
    "streamGenerateContent": (GEMINI, gemini_url(method="streamGenerateContent") + "?alt=sse", {"contents": []}),
    "countTokens": (GEMINI, gemini_url(method="countTokens"), {"contents": []}),
    "rawPredict": (CLAUDE, claude_url("europe-west1"), {"messages": []}),
    "streamRawPredict": (CLAUDE, claude_url("europe-west1", method="streamRawPredict"), {"messages": []}),
    "count-tokens": ("count-tokens", claude_url("europe-west1", "count-tokens"), {"model": CLAUDE, "messages": []}),
    "chat/completions": (
        GEMINI,
        gemini_url().partition("publishers/")[0] + "endpoints/openapi/chat/completions",
        {"model": f"google/{GEMINI}"},
    ),
}

each_request = pytest.mark.parametrize("name", REQUESTS)


def send(router: Router, backend: Backend, name: str, colour: str = "sync") -> Exception | None:
    """Sends a request of a kind through a router; gives the error that came of it."""
    _, url, body = REQUESTS[name]
    module = backend.stack
    transport = router.transport(transport=backend.transport)

    async def main() -> None:
        async with module.AsyncClient(transport=transport) as client:
            await client.post(url, json=body)

    try:
        if colour == "async":
            anyio.run(main)
        else:
            with module.Client(transport=transport) as client:
                client.post(url, json=body)
    except Exception as error:
        return error
    return None


def outside(backend: Backend, name: str) -> list[tuple[str, str]]:
    """What the backend got that it must not: another host than the location's own, or a location outside."""
    allowed = inside(REQUESTS[name][0])
    hosts = {place: CATALOG.locations[place].host for place in allowed}
    return [(host, place) for host, place in backend.sent if hosts.get(place) != host]


# The planner


@each_request
def test_a_planner_that_admits_any_location_lets_nothing_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each location of the catalog in turn, as the only one of the plan."""
    allowed = inside(REQUESTS[name][0])
    assert allowed
    for location in CATALOG.locations:
        with monkeypatch.context() as broken:
            break_planner(broken, CATALOG, only(location))
            backend = Backend(httpx)
            error = send(make_router(EU), backend, name)
        assert backend.locations == ([location] if location in allowed else []), location
        assert (error is None) == (location in allowed), location
        assert error is None or isinstance(error, GuardStop), location


@each_stack
@each_request
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_planner_that_chooses_at_random_lets_nothing_out(
    name: str, colour: str, module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a day on which nothing answers, so that every attempt is made."""
    first = sorted(inside(REQUESTS[name][0]))
    for seed in range(8):
        with monkeypatch.context() as broken:
            break_planner(broken, CATALOG, at_random(CATALOG, seed, first))
            backend = Backend(module, dict.fromkeys(CATALOG.locations, 503))
            send(make_router(EU), backend, name, colour)
        assert outside(backend, name) == []
        assert backend.sent, "the first one is inside, and was not tried"


@each_request
def test_a_broken_guard_is_noticed_by_the_same_witness(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    break_planner(monkeypatch, CATALOG, at_random(CATALOG, 1, sorted(inside(REQUESTS[name][0]))))
    break_guard(monkeypatch)
    backend = Backend(httpx, dict.fromkeys(CATALOG.locations, 503))
    send(make_router(EU), backend, name)
    assert outside(backend, name)


def called_with(policy: Policy = EU) -> list[str]:
    """The locations that a function is given which makes its calls with a client of its own."""
    seen: list[str] = []
    with contextlib.suppress(GuardStop):
        make_router(policy).call(lambda to: seen.append(to.location), model=GEMINI, project="p")
    return seen


def test_a_broken_planner_gives_a_function_no_destination_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = inside(GEMINI)
    for location in CATALOG.locations:
        with monkeypatch.context() as broken:
            break_planner(broken, CATALOG, only(location))
            assert called_with() == ([location] if location in allowed else [])


def test_a_broken_planner_gives_an_async_function_no_destination_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    break_planner(monkeypatch, CATALOG, only("us-central1"))
    seen = []

    async def use(to: Any) -> None:
        seen.append(to.location)

    async def main() -> None:
        with pytest.raises(GuardStop):
            await make_router(EU).acall(use, model=GEMINI, project="p")

    anyio.run(main)
    assert seen == []


# The address


def test_an_address_made_wrong_lets_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(5)
    hosts = [place.host for place in CATALOG.locations.values()]
    hosts += ["example.com", "aiplatform.googleapis.com.example.com", "eu-aiplatform.googleapis.com", ""]
    places = [*CATALOG.locations, "", "..", "eu/../us", "EU", "%65u", "europe-west4%2f..%2fus"]
    allowed = {(CATALOG.locations[place].host, place) for place in inside(GEMINI)}
    sent = 0

    def anywhere(host: str, path: str) -> Address:
        right = location_in(path)
        place = chance.choice([right, chance.choice(places)])
        return Address(
            chance.choice([host, chance.choice(hosts)]), path.replace(f"/{location_in(path)}/", f"/{place}/")
        )

    break_address(monkeypatch, anywhere)
    for _ in range(300):
        backend = Backend(httpx)
        error = send(make_router(EU), backend, "generateContent")
        assert set(backend.sent) <= allowed
        assert error is None or not backend.sent
        sent += len(backend.sent)
    assert sent, "no address was right by chance, so nothing was tried"


def elsewhere(first: int) -> Callable[[str, str], Address]:
    """Right until the n-th address that is asked for, and from there on in the US."""
    asked = []

    def choose(host: str, path: str) -> Address:
        asked.append(host)
        if len(asked) < first:
            return Address(host, path)
        return Address("us-central1-aiplatform.googleapis.com", path.replace("europe-west1", "us-central1"))

    return choose


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_second_try_that_goes_elsewhere_is_stopped(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token's replay (401) as well as a failover: the guard is asked before every send."""
    break_planner(monkeypatch, CATALOG, only("europe-west1"))
    backend = Backend(httpx, {"europe-west1": status, "us-central1": 200})
    router = make_router(EU)

    class Token:
        valid, token = True, "secret"

        def before_request(self, request: Any, method: str, url: str, headers: dict[str, str]) -> None:
            headers["authorization"] = f"Bearer {self.token}"

        def refresh(self, request: Any) -> None:
            self.token = "renewed"
            break_address(monkeypatch, elsewhere(1))

    if status != 401:
        original = backend.script

        def then_elsewhere(stack: ModuleType, request: Any) -> Any:
            break_address(monkeypatch, elsewhere(1))
            return stack.Response(status, json={})

        backend.script = {**original, "europe-west1": then_elsewhere}
    transport = router.transport(transport=backend.transport)
    with httpx.Client(transport=transport, auth=router.google_auth(Token())) as client, pytest.raises(GuardStop):
        client.post(gemini_url(), json={"contents": []})
    assert backend.locations == ["europe-west1"]
    assert "us-central1" not in str([request.url for request in backend.requests])


def test_without_its_guard_a_second_try_would_have_gone_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    break_planner(monkeypatch, CATALOG, only("europe-west1"))
    break_guard(monkeypatch)
    backend = Backend(httpx, {"europe-west1": 503})
    break_address(monkeypatch, elsewhere(3))
    assert send(make_router(EU), backend, "generateContent") is None
    assert backend.locations[-1] == "us-central1"


# Batches, jobs and resources


@pytest.mark.parametrize("guarded", [True, False])
def test_a_broken_planner_lets_no_row_of_a_batch_out(guarded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """And with a broken guard, too, the same witness sees where the rows went."""
    router, backend, given = scripted({})
    break_planner(monkeypatch, router.catalog, only("us-central1"))
    if not guarded:
        break_guard(monkeypatch)
    with contextlib.suppress(GuardStop, BatchError):
        router.batch(["one", "two"], **given).run()
    assert set(backend.locations) == (set() if guarded else {"us-central1"})


AT_REST = {
    "a poll": ("GET", "operations/1"),
    "a poll of a long-running call": ("POST", f"publishers/google/models/{GEMINI}:fetchPredictOperation"),
    "a batch job": ("GET", "batchPredictionJobs/1"),
    "a cache": ("GET", "cachedContents/1"),
}


@pytest.mark.parametrize("what", AT_REST)
@pytest.mark.parametrize("location", ["us-central1", "europe-west2", "global", "europe-west1"])
def test_a_rule_that_keeps_every_resource_lets_none_outside_be_asked(
    what: str, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, path = AT_REST[what]
    for refusals in ("_placed", "_featured", "_unwanted"):
        monkeypatch.setattr(Rules, refusals, lambda *_: iter(()))
    backend = Backend(httpx)
    url = gemini_url(location).partition("publishers/")[0] + path
    url = url.replace(f"{location}-aiplatform", "aiplatform") if location == "global" else url
    stopped = contextlib.nullcontext() if location == "europe-west1" else pytest.raises(GuardStop)
    with httpx.Client(transport=make_router(EU).transport(transport=backend.transport)) as client, stopped:
        client.request(method, url, **({"json": {}} if method == "POST" else {}))
    assert backend.locations == ([location] if location == "europe-west1" else [])


# What is not understood


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/v1/projects/p/locations/eu/publishers/google/models/m:generateContent",
        "https://aiplatform.googleapis.com/v1/publishers/google/models/gemini-3.8-flash:generateContent",
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-3.8-flash:generateContent",
        "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/unheard-of",
    ],
)
def test_a_reader_that_lets_everything_through_unread_lets_nothing_out(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("router.core.Core.admit", lambda *_: None)
    backend = Backend(httpx)
    transport = make_router(EU).transport(transport=backend.transport)
    with httpx.Client(transport=transport) as client, pytest.raises(GuardStop):
        client.post(url, json={})
    assert backend.requests == []


# Lists


def test_the_guard_heeds_what_an_overlay_denies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    overlay = tmp_path / "own.toml"
    overlay.write_text('[[denied]]\nlocations = ["europe-west1"]\nreason = "a contract"\n', "utf-8")
    known = catalog.load(overlay=overlay)
    break_planner(monkeypatch, known, only("europe-west1"))
    for policy in (EU, Policy()):
        backend = Backend(httpx)
        assert isinstance(send(make_router(policy, catalog=known), backend, "generateContent"), GuardStop)
        assert backend.requests == []
