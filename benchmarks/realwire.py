"""A batch over eight locations whose quotas nobody knows, with real bytes on loopback.

3,000 requests at a concurrency of 64 against one server process with a token bucket for each location
(20 a second, or 4), 50 ms for an answer, 429 at once. Beside it tenacity on one location (an eighth of
the batch, by an eighth of the workers), and litellm's Router over eight deployments, if `make .venv-litellm`
could install it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from tenacity import AsyncRetrying, RetryError, retry_if_result, stop_after_attempt, wait_random_exponential
from wire.way import Loopback, counts, server

from router import Policy, Router

HERE = Path(__file__).parent
LITELLM = HERE.parent / ".venv-litellm" / "bin" / "python"
MODEL = "gemini-2.5-flash"
LOCATIONS = (
    "europe-central2",
    "europe-north1",
    "europe-southwest1",
    "europe-west1",
    "europe-west4",
    "europe-west8",
    "us-central1",
    "us-east4",
)
SERVICE_S = 0.05
BODY = {"contents": [{"role": "user", "parts": [{"text": "x" * 200}]}]}


class Regime(NamedTuple):
    """Quotas of each location, and how many requests there are."""

    rate: float
    burst: float
    requests: int

    def oracle_s(self, locations: int, requests: int) -> float:
        """How long it takes one who knows the quotas."""
        return (requests - locations * self.burst) / (locations * self.rate) + SERVICE_S


class Row(NamedTuple):
    """What became of a contestant."""

    name: str
    ok: int
    failed: int
    wall_s: float
    oracle_s: float
    rejected: int
    p99_s: float
    cpu_us: float


async def crowd(send: Callable[[int], Awaitable[bool]], requests: int, workers: int) -> tuple[int, list[float]]:
    """Workers that send so many requests; gives how many were answered, and how long each took."""
    numbers, ok, took = iter(range(requests)), 0, []

    async def work() -> None:
        nonlocal ok
        for number in numbers:
            begin = time.perf_counter()
            answered = await send(number)
            ok += answered
            took.append(time.perf_counter() - begin)

    await asyncio.gather(*(work() for _ in range(workers)))
    return ok, took


def url(location: str) -> str:
    """An address as a client builds it."""
    host = f"{location}-aiplatform.googleapis.com"
    return f"https://{host}/v1/projects/p/locations/{location}/publishers/google/models/{MODEL}:generateContent"


def inner(port: int) -> Any:
    """The way to the server for as many connections as it takes."""
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    return Loopback(httpx2, port, httpx2.AsyncHTTPTransport(limits=limits))


def row(
    name: str,
    regime: Regime,
    locations: int,
    requests: int,
    workers: int,
    port: int,
    send_with: Callable[[Any], Callable[[int], Awaitable[bool]]],
    transport: Any,
) -> Row:
    """Runs a crowd through a transport."""
    counts(port)
    begin, cpu = time.perf_counter(), time.process_time()

    async def go() -> tuple[int, list[float]]:
        async with httpx2.AsyncClient(transport=transport, timeout=300) as client:
            return await crowd(send_with(client), requests, workers)

    ok, took = asyncio.run(go())
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    told = counts(port)
    assert told["admitted"] == ok, f"every answer was admitted once: {told}, {ok} answered"
    p99 = statistics.quantiles(took, n=100)[98]
    return Row(
        name, ok, requests - ok, wall, regime.oracle_s(locations, requests), told["rejected"], p99, cpu / requests * 1e6
    )


def ours(regime: Regime, port: int) -> Row:
    """This library."""
    policy = Policy(allow_locations=LOCATIONS, kinds=["region"], deadline_s=120, attempts=1000)
    router = Router(policy, observe=lambda _: None)
    assert len(router.explain(MODEL).allowed) == len(LOCATIONS)

    def send_with(client: Any) -> Callable[[int], Awaitable[bool]]:
        async def send(_: int) -> bool:
            answer = await client.post(url(LOCATIONS[0]), json=BODY)
            return answer.status_code == 200 and "candidates" in answer.json()

        return send

    return row("this library", regime, 8, regime.requests, 64, port, send_with, router.transport(transport=inner(port)))


def tenacity(regime: Regime, port: int) -> Row:
    """tenacity's exponential back-off with jitter on one location."""

    def send_with(client: Any) -> Callable[[int], Awaitable[bool]]:
        async def send(_: int) -> bool:
            retrying = AsyncRetrying(
                retry=retry_if_result(lambda answer: answer.status_code == 429),
                wait=wait_random_exponential(multiplier=1, max=60),
                stop=stop_after_attempt(10),
            )
            try:
                answer = await retrying(client.post, url(LOCATIONS[0]), json=BODY)
            except RetryError:
                return False
            return bool(answer.status_code == 200)

        return send

    return row("tenacity, one location", regime, 1, regime.requests // 8, 8, port, send_with, inner(port))


def litellm(regime: Regime, port: int, retries: int) -> Row | None:
    """litellm's Router over eight deployments, in its own environment; None if that is not there."""
    if not LITELLM.exists():
        return None
    counts(port)
    command = [
        str(LITELLM),
        str(HERE / "peers" / "litellm_router.py"),
        str(port),
        str(regime.requests),
        "64",
        str(retries),
    ]
    found = json.loads(
        subprocess.run([*command, *LOCATIONS], capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    )
    told = counts(port)
    name = f"litellm Router, {retries} retries" if retries >= 0 else "litellm Router, defaults"
    ok, oracle_s = found["ok"], regime.oracle_s(8, regime.requests)
    return Row(
        name, ok, regime.requests - ok, found["wall_s"], oracle_s, told["rejected"], found["p99_s"], found["cpu_us"]
    )


def show(each: Row) -> None:
    """Prints a line."""
    ratio, waste = each.wall_s / each.oracle_s, each.rejected / max(1, each.ok)
    numbers = f"{each.wall_s:7.1f} {ratio:7.2f} {waste:7.3f} {each.p99_s:6.2f} {each.cpu_us:7.0f}"
    print(f"  {each.name:28} {each.ok:5} {each.failed:6} {numbers}", flush=True)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="one regime, without litellm")
    options = parser.parse_args()
    for regime in (Regime(20.0, 5.0, 3000), Regime(4.0, 4.0, 640))[: 1 if options.short else 2]:
        each_s, version = f"{regime.rate:.0f}/s, burst {regime.burst:.0f}", sys.version.split()[0]
        print(f"\n{regime.requests} requests, 8 locations of {each_s}; Python {version}")
        heads = f"{'ok':>5} {'failed':>6} {'wall s':>7} {'/oracle':>7} {'429/ok':>7} {'p99 s':>6} {'CPU us':>7}"
        print(f"  {'':28} {heads}")
        with server(regime.rate, regime.burst, SERVICE_S) as port:
            mine = ours(regime, port)
            assert mine.failed == 0
            show(mine)
            show(tenacity(regime, port))
            for retries in () if options.short else (-1, 10):
                if found := litellm(regime, port, retries):
                    show(found)
    if not options.short and not LITELLM.exists():
        print("\nlitellm is not there: make .venv-litellm")


if __name__ == "__main__":
    main()
