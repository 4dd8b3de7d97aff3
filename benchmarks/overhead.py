"""What routing adds to a call that needs no failover: CPU time of this process, by turns with the bare client.

Calls go to a server process on loopback, without TLS: the least that a call can cost, so the shares are upper bounds.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import importlib
import json
import pstats
import statistics
import subprocess
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx_retries
import tenacity
from google import genai
from google.oauth2.credentials import Credentials
from wire.server import TEXT
from wire.way import Loopback, server

from router import Controller, Policy, Router
from router.capacity.choice import choose
from router.exchange import Exchange
from router.health import Ask, Ticket
from router.plan import Allowed, Candidate, Plan, Pool
from router.rules import Question
from router.signals import OK
from router.stack import stack_of
from router.transport import _incoming

HERE = Path(__file__).parent
LITELLM = HERE.parent / ".venv-litellm" / "bin" / "python"
MODEL = "gemini-2.5-flash-image"
URL = (
    "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1"
    f"/publishers/google/models/{MODEL}:generateContent"
)
JSON = {"content-type": "application/json"}
EU = Policy(residency="eu")


def body_of(size: int) -> bytes:
    """A request of about so many bytes."""
    return json.dumps({"contents": [{"role": "user", "parts": [{"text": "x" * size}]}]}).encode()


def quiet(policy: Policy = EU) -> Router:
    """A router that logs nothing."""
    return Router(policy, observe=lambda _: None)


def report(name: str, bare_us: list[float], other_us: list[float]) -> None:
    """Prints a line: medians, and the medians of what pairs of rounds differ by."""
    added = statistics.median(other - bare for bare, other in zip(bare_us, other_us, strict=True))
    ratio = statistics.median(other / bare for bare, other in zip(bare_us, other_us, strict=True))
    print(
        f"  {name:44} {statistics.median(bare_us):8.0f} {statistics.median(other_us):8.0f} {added:8.0f} {ratio:7.2f}",
        flush=True,
    )


def by_turns(runs: list[Callable[[], float]], rounds: int) -> list[list[float]]:
    """Microseconds of CPU for each call, of each run in each round."""
    columns: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for column, run in zip(columns, runs, strict=True):
            column.append(run())
    return columns


def cpu_us(run: Callable[[], object], calls: int) -> float:
    """Microseconds of CPU for one call."""
    begin = time.process_time()
    for _ in range(calls):
        run()
    return (time.process_time() - begin) / calls * 1e6


# Calls over the wire


def sync_calls(name: str, port: int, size: int, rounds: int, calls: int) -> None:
    """The bare client and the routed one."""
    stack, body = importlib.import_module(name), body_of(size)

    def way() -> Any:
        return Loopback(stack, port, stack.HTTPTransport())

    with stack.Client(transport=way()) as bare, stack.Client(transport=quiet().transport(transport=way())) as routed:

        def call(client: Any) -> Any:
            return client.post(URL, content=body, headers=JSON)

        assert call(bare).json() == call(routed).json()
        assert call(routed).headers["x-vertex-router"] == "europe-west1=200"
        runs = [lambda client=client: cpu_us(lambda: call(client), calls) for client in (bare, routed)]
        report(f"{name}, sync, {size:,} bytes", *by_turns(runs, rounds))


def async_calls(name: str, port: int, size: int, flight: int, rounds: int, calls: int) -> None:
    """The same with so many calls in flight."""
    stack, body = importlib.import_module(name), body_of(size)
    limits = stack.Limits(max_connections=flight, max_keepalive_connections=flight)

    def way() -> Any:
        return Loopback(stack, port, stack.AsyncHTTPTransport(limits=limits))

    async def crowd(client: Any, most: int) -> float:
        numbers = iter(range(most))

        async def work() -> None:
            for _ in numbers:
                answer = await client.post(URL, content=body, headers=JSON)
                assert answer.status_code == 200

        begin = time.process_time()
        await asyncio.gather(*(work() for _ in range(flight)))
        return (time.process_time() - begin) / most * 1e6

    async def go() -> list[list[float]]:
        routed = quiet().transport(transport=way())
        async with stack.AsyncClient(transport=way()) as bare, stack.AsyncClient(transport=routed) as through:
            for client in (bare, through):
                await crowd(client, 2 * flight)
            columns: list[list[float]] = [[], []]
            for _ in range(rounds):
                for column, client in zip(columns, (bare, through), strict=True):
                    column.append(await crowd(client, max(calls, 2 * flight)))
            return columns

    report(f"{name}, async, {flight} in flight, {size:,} bytes", *asyncio.run(go()))


def function_calls() -> None:
    """How many functions a call calls: the one figure here that a busy machine does not change."""
    stack, body = importlib.import_module("httpx2"), body_of(500)

    def way() -> Any:
        return stack.MockTransport(lambda _: stack.Response(200, json={"candidates": []}))

    found = []
    for transport in (way(), quiet().transport(transport=way())):
        with stack.Client(transport=transport) as client, cProfile.Profile() as profile:
            profile.disable()
            for _ in range(20):  # what is made once
                client.post(URL, content=body, headers=JSON)
            profile.enable()
            for _ in range(100):
                assert client.post(URL, content=body, headers=JSON).status_code == 200
        profile.disable()
        found.append(pstats.Stats(profile).total_calls / 100)  # type: ignore[attr-defined]  # it is documented
    bare, routed = found
    added, ratio = routed - bare, routed / bare
    print(f"  {'functions called, without a network':44} {bare:8.0f} {routed:8.0f} {added:8.0f} {ratio:7.2f}")


class Forgetful:
    """Health that learns nothing: each request goes down its plan, whatever happened before."""

    def acquire(self, ask: Ask, now: float) -> Ticket:
        allowed = ask.plan.allowed[ask.sent]
        ask.sent += 1
        return Ticket(Pool(ask.project, *allowed.candidate), allowed, now)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


class Refusing(Loopback):
    """The way to a server that admits, but for one location: that is at a server which refuses all."""

    def __init__(self, stack: Any, port: int, inner: Any, refuses: int) -> None:
        super().__init__(stack, port, inner)
        self._refuses = Loopback(stack, refuses, inner)

    def handle_request(self, request: Any) -> Any:
        refused = b"/locations/europe-west1/" in request.url.raw_path
        return self._refuses.handle_request(request) if refused else super().handle_request(request)


def failover(port: int, rounds: int, calls: int) -> None:
    """A call whose first location answers 429, beside one whose first location answers, and the bare client."""
    stack, body = importlib.import_module("httpx2"), body_of(500)
    with server(1e-9, 0.0, 0.0) as refuses:
        health: Any = Forgetful()
        router = Router(EU, observe=lambda _: None, health=health)
        ways = (
            Loopback(stack, port, stack.HTTPTransport()),
            router.transport(transport=Loopback(stack, port, stack.HTTPTransport())),
            router.transport(transport=Refusing(stack, port, stack.HTTPTransport(), refuses)),
        )
        clients = [stack.Client(transport=way) for way in ways]

        def call(client: Any) -> Any:
            return client.post(URL, content=body, headers=JSON)

        told = [call(client).headers.get("x-vertex-router") for client in clients]
        assert told == [None, "europe-west1=200", "europe-west1=429, europe-west4=200"]
        runs = [lambda client=client: cpu_us(lambda: call(client), calls) for client in clients]
        bare, well, twice = by_turns(runs, rounds)
    report("httpx2, sync, a failover in each call", bare, twice)
    more = statistics.median(two - one - plain for plain, one, two in zip(bare, well, twice, strict=True))
    print(f"    the failover alone is one bare call and {more:.0f} us")


def sdk_calls(port: int, rounds: int, calls: int) -> None:
    """google-genai, over httpx2, as it is and through the router."""
    stack = importlib.import_module("httpx2")

    def client(transport: Any) -> Any:
        options = genai.types.HttpOptions(httpx_client=stack.Client(transport=transport))
        credentials: Any = Credentials("a-token")  # type: ignore[no-untyped-call]  # google-auth has no types
        return genai.Client(
            vertexai=True, project="p", location="europe-west1", credentials=credentials, http_options=options
        )

    def way() -> Any:
        return Loopback(stack, port, stack.HTTPTransport())

    def call(client: Any) -> Any:
        return client.models.generate_content(model=MODEL, contents="x" * 500)

    clients = [client(way()), client(quiet().transport(transport=way()))]
    assert [call(each).text for each in clients] == [TEXT, TEXT]
    runs = [lambda each=each: cpu_us(lambda: call(each), calls) for each in clients]
    report("google-genai, sync, 500 bytes", *by_turns(runs, rounds))


def peers(port: int, rounds: int, calls: int) -> None:
    """What retries alone cost elsewhere, over the same bare httpx."""
    stack, body = importlib.import_module("httpx"), body_of(500)
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda answer: answer.status_code == 429), stop=tenacity.stop_after_attempt(5)
    )
    native = type("Way", (Loopback, stack.BaseTransport), {})  # which it insists on
    retry = httpx_retries.Retry(total=3, allowed_methods=["POST"])
    wrapped = httpx_retries.RetryTransport(native(stack, port, stack.HTTPTransport()), retry=retry)
    with (
        stack.Client(transport=Loopback(stack, port, stack.HTTPTransport())) as bare,
        stack.Client(transport=wrapped) as retried,
    ):

        def post(client: Any) -> Any:
            return client.post(URL, content=body, headers=JSON)

        ways: list[Callable[[], Any]] = [lambda: post(bare), lambda: retrying(post, bare), lambda: post(retried)]
        assert all(way().status_code == 200 for way in ways)
        plain, *others = by_turns([lambda way=way: cpu_us(way, calls) for way in ways], rounds)
    for name, column in zip(("httpx with tenacity", "httpx with httpx-retries"), others, strict=True):
        report(name, plain, column)


def litellm(port: int, rounds: int, calls: int) -> None:
    """litellm's Router over eight deployments, each call alone; its environment has a bare httpx of its own."""
    if not LITELLM.exists():
        print("  litellm is not there: make .venv-litellm")
        return
    script = HERE / "peers" / "litellm_overhead.py"
    printed = subprocess.run(
        [str(LITELLM), str(script), str(port), str(rounds), str(calls)], capture_output=True, text=True, check=True
    ).stdout
    report("litellm Router over 8, async, one in flight", *json.loads(printed.splitlines()[-1]))


# Parts of a decision


def plan_over(count: int) -> Plan:
    """A plan over so many locations in tiers of four."""
    allowed = tuple(
        Allowed(
            candidate=Candidate("m", f"place-{number}", "standard"),
            kind="region",
            host="h",
            boundary="eu",
            source="",
            checked=None,
            why="",
            tier=number // 4,
        )
        for number in range(count)
    )
    return Plan(model="m", modes=("standard",), on=date(2026, 1, 1), policy={}, summary="", allowed=allowed, refused=())


def pick_of(count: int, closed: int, rounds: int) -> None:
    """Prints what a pick and all bookkeeping for a request cost among so many locations."""
    controller, plan, now = Controller(random=lambda: 0.5), plan_over(count), 1.0
    first = controller.acquire(Ask(plan, "p", arrived=now, until=1e9), now)
    assert isinstance(first, Ticket)
    controller.result(first, OK, now)
    lane = first.lane
    for state in lane.states[:closed]:
        state.held_until = 1e9
        state.refresh()

    def once() -> None:
        nonlocal now
        now += 0.001
        ticket = controller.acquire(ask := Ask(plan, "p", arrived=now, until=1e9), now)
        controller.result(ticket, OK, now)  # type: ignore[arg-type]  # a Ticket, while there is room
        controller.leave(ask, now)

    ask = Ask(plan, "p", arrived=now, until=1e9)
    assert choose(ask, lane, None, now) is lane.states[closed]
    pick, whole = by_turns(
        [lambda: cpu_us(lambda: choose(ask, lane, None, now), 2000), lambda: cpu_us(once, 1000)], rounds
    )
    print(f"  {count:4} {closed:4} {'':20} {statistics.median(pick):10.2f} {statistics.median(whole):10.2f}")


def picks(rounds: int) -> None:
    """Prints what picks cost, by how many locations there are and how many of them are closed."""
    print("  pick among, of which closed        pick us   with result us")
    for count, closed in ((1, 0), (10, 0), (10, 5), (30, 0), (30, 29), (40, 0), (40, 39)):
        pick_of(count, closed, rounds)


def decision(rounds: int) -> None:
    """What each part of the way from a client's request to the request that is sent costs, and a plan."""
    stack = importlib.import_module("httpx2")
    router = quiet()
    core = router._core
    request = stack.Request("POST", URL, content=body_of(500), headers=JSON)
    mine, clock = stack_of(request), time.perf_counter

    def decided() -> tuple[float, Any]:
        began = clock()
        call = core.admit(_incoming(mine, request))
        assert call is not None
        steps = call.steps()
        address = call.address(next(steps))
        took_s = clock() - began
        assert address.host == "europe-west1-aiplatform.googleapis.com"
        return took_s, steps

    def ready() -> tuple[float, Any]:
        began = clock()
        asked = _incoming(mine, request)
        call = core.admit(asked)
        assert call is not None
        steps = call.steps()
        sent = Exchange(call, mine, request, asked.headers, None).outgoing(next(steps), {})
        took_s = clock() - began
        assert sent.url.host == "europe-west1-aiplatform.googleapis.com"
        return took_s, steps

    def each_us(run: Callable[[], tuple[float, Any]]) -> float:
        found = []
        for _ in range(1000):
            took_s, steps = run()
            found.append(took_s)
            _end(steps)
        return statistics.median(found) * 1e6

    question = Question(MODEL, ("standard",), core.today(), caller="europe-west1")
    planner = core.decisions.planner
    assert planner.plan(question).allowed[0].candidate.location == "europe-west1"
    runs = {
        "URL parsed, admitted, picked, address made": lambda: each_us(decided),
        "the same, and the request made and guarded": lambda: each_us(ready),
        "a plan that is remembered": lambda: cpu_us(lambda: planner.plan(question), 1000),
        "a plan made anew over 41 locations": lambda: cpu_us(lambda: planner._make(question), 20),
    }
    for name, column in zip(runs, by_turns(list(runs.values()), rounds), strict=True):
        print(f"  {name:44} {statistics.median(column):8.1f} us")


def _end(steps: Any) -> None:
    try:
        steps.send(OK)
    except StopIteration:
        return


def memory() -> None:
    """What a router holds when 100 models have been used, each at its first of 40 locations."""
    controller = Controller()
    plans = [plan_over(40) for _ in range(100)]
    tracemalloc.start()
    for number, plan in enumerate(plans):
        ticket = controller.acquire(Ask(plan, f"project-{number}", arrived=1.0, until=1e9), 1.0)
        controller.result(ticket, OK, 1.0)  # type: ignore[arg-type]  # a Ticket: everything is fresh
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"  state of 100 models at 40 locations        {held / 2**20:8.2f} MiB")


@contextmanager
def loopback() -> Iterator[int]:
    """A server that admits everything at once."""
    with server(0.0, 1.0, 0.0) as port:
        yield port


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer rounds and fewer kinds of calls")
    short = parser.parse_args().short
    rounds, calls = (7, 100) if short else (21, 200)
    print(f"  {'CPU us per call':44} {'bare':>8} {'with':>8} {'added':>8} {'ratio':>7}")
    with loopback() as port:
        for name in ("httpx2", "httpx"):
            sync_calls(name, port, 500, rounds, calls)
        sync_calls("httpx2", port, 1_000_000, rounds, calls // 4)
        for flight in (32,) if short else (1, 32, 256):
            async_calls("httpx2", port, 500, flight, rounds, calls)
        if not short:
            async_calls("httpx", port, 500, 1, rounds, calls)
            async_calls("httpx2", port, 1_000_000, 8, rounds, calls // 4)
        failover(port, rounds, calls)
        function_calls()
        sdk_calls(port, rounds, calls)
        peers(port, rounds, calls)
        if not short:
            litellm(port, rounds, 30)
    picks(rounds)
    decision(rounds)
    memory()


if __name__ == "__main__":
    main()
