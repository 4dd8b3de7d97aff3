from __future__ import annotations

import dataclasses
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest

from router import NoRoute, Policy
from router.auth import CredentialError
from router.batch.settings import BatchError, Settings
from router.batch.summary import Stand
from router.batch.world import MOST_ATTEMPTS, MOST_FAULTS, RouterWorld, _limits, _stack, _stand
from router.plan import Pool
from router.status import PoolStatus
from tests.router.batch.batching import MODEL, prompts, scripted
from tests.router.probe.probing import Credentials
from tests.router.support import STACKS


def world(policy: Policy) -> RouterWorld:
    router, *_ = scripted({}, policy)
    return RouterWorld(router._scopes, router.google_auth(Credentials()), {})


def test_the_routers_policy_is_kept_but_for_times_and_attempts() -> None:
    own = Policy(residency="eu", deny_locations=["europe-west1"], prefer=["region"], attempts=2)
    made = world(own).policy(Settings(row_deadline_s=10))
    times = {
        "deadline_s": 10.0,
        "attempts": MOST_ATTEMPTS,
        "faults": MOST_FAULTS,
        "attempt_timeout_s": 10.0,
        "connect_timeout_s": None,
    }
    assert made == dataclasses.replace(own, **times)


def test_the_policys_own_limits_hold_where_they_are_shorter() -> None:
    own = Policy(faults=3, attempt_timeout_s=30, connect_timeout_s=20)
    made = world(own).policy(Settings(row_deadline_s=600))
    assert (made.faults, made.attempt_timeout_s, made.connect_timeout_s) == (3, 30, 20)
    assert world(own).policy(Settings(row_deadline_s=10)).connect_timeout_s == 10


def run(out: Path, policy: Policy, **given: Any) -> Any:
    router, backend, usual = scripted({}, policy)
    try:
        return router.batch(prompts(3), out, **{**usual, **given}).run()
    finally:
        assert backend.sent == []
        assert not list(out.parent.iterdir())


def test_nothing_is_sent_when_the_policy_allows_nothing_for_the_model(tmp_path: Path) -> None:
    with pytest.raises(NoRoute) as refusal:
        run(tmp_path / "out", Policy(residency="de"))
    assert refusal.value.plan.model == MODEL


def test_nothing_is_sent_without_credentials(tmp_path: Path) -> None:
    class Spent(Credentials):
        universe_domain = "example.org"

    with pytest.raises(CredentialError, match="universe"):
        run(tmp_path / "out", Policy(), credentials=Spent())


def test_a_policy_that_keeps_requests_at_a_clients_own_location_has_none_here(tmp_path: Path) -> None:
    with pytest.raises(BatchError, match="a batch has none; give the router a policy without caller_location"):
        run(tmp_path / "out", Policy(caller_location="wall"))


def test_nothing_is_sent_when_so_many_connections_cant_be_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    expected = r"a concurrency of 400 takes as many open connections, and .* 256 files open; .*`ulimit -n 432`"
    with pytest.raises(BatchError, match=expected):
        run(tmp_path / "out", Policy(), concurrency=400)
    router, _, given = scripted({}, Policy())
    assert router.batch(prompts(3), **{**given, "concurrency": 200}).run().states == {"ok": 3}


def test_costs_that_cant_be_known_cant_be_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BatchError, match=r"costs can't be limited: .*gemini-embedding-2"):
        run(tmp_path / "out", Policy(), model="gemini-embedding-2", max_cost_usd=1)


def test_how_locations_stand_is_known_once_rows_may_go_there(tmp_path: Path) -> None:
    seen: list[dict[str, Stand]] = []
    router, backend, given = scripted({"eu": 429})
    router.batch(["a"], **{**given, "progress": lambda tally: seen.append(dict(tally.standing))}).run()
    assert set(seen[-1]) == {"eu", "europe-west1", "europe-west4"}
    first = backend.locations[0]
    assert first == "eu"
    assert seen[-1]["eu"].closed
    assert seen[-1]["eu"].text.startswith("closed for ")
    assert "429" in seen[-1]["eu"].text
    assert not seen[-1]["europe-west1"].closed
    assert seen[-1]["europe-west4"].text == "not used yet"


def test_why_a_location_is_slow_is_in_its_state() -> None:
    pool = PoolStatus(
        pool=Pool("p", MODEL, "eu", "standard"),
        rate=2.25,
        measured=6.9,
        in_flight=3,
        latency_s=1.0,
        breaker="closed",
        closed_s=0.0,
        by_chance=0.4,
    )
    assert _stand(pool) == (False, "pace 2.2/s, limit about 6.9/s, 40% rejected by chance, 3 under way")
    silent = msgspec.structs.replace(pool, silent_s=9.4, in_flight=25)
    assert _stand(silent) == (True, "silent for 9 s and avoided, 25 under way")
    closed = msgspec.structs.replace(pool, closed_s=0.2, why="connect: ConnectError")
    assert _stand(closed) == (True, "closed for 1 s: connect: ConnectError")


def test_it_sends_by_httpx2_where_that_is_there() -> None:
    assert _stack().__name__ == ("httpx2" if find_spec("httpx2") else "httpx")


def test_the_pools_of_httpx_are_not_as_small_as_the_concurrency() -> None:
    """Its pool looks through all idle connections for each request when it is full."""
    for stack in STACKS:
        limits = _limits(stack, 64)
        kept, most = limits.max_keepalive_connections, limits.max_connections
        assert (kept, most) == ((64, 64) if stack.__name__ == "httpx2" else (20, 100))
        assert _limits(stack, 500).max_connections == 500
