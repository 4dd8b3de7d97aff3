"""Crowds against the emulator: many calls at once, many of them cancelled or left, on a day full of faults."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import ssl
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import Any

from router import Policy, Router, StreamBroken, Trace
from router.emulator import Emulator, Failure, Latency, Quota, StreamFault
from router.errors import RouterError
from tests.chaos.calls import CATALOG, EU_HOSTS, MODEL, Broken, agree
from tests.world import TODAY, gemini_url

SPREAD_S = 4.0
"""Half of the calls are cancelled, at some moment of so many seconds unless told otherwise."""

CALLS_OF_A_CLIENT = 500
CONNECTIONS = 8
"""Of each client. The queue of one for its connections takes a time that grows with the square of its length."""

THREADS = 16
_asking: ContextVar[int] = ContextVar("asking")
_POLICY = Policy(residency="eu", deadline_s=300.0, attempts=8)


def open_files() -> int:
    """How many file descriptors this process has open."""
    return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0


@contextmanager
def bad_day() -> Iterator[Emulator]:
    """An emulator at whose locations everything goes wrong from time to time; models say what they were asked."""
    with Emulator(catalog=CATALOG, on=TODAY) as emulator, emulator.activated():
        well, page = ["ok"] * 12, Failure(status=502, text="<html>Sorry</html>")
        quota = Quota(per_second=150, burst=50)
        emulator.script("*", answer="{prompt}", latency=Latency(first_byte_s=0.005))
        emulator.script("europe-west1", quota=quota, errors=[*well, 503, *well, "reset"], repeat=True)
        emulator.script("eu", errors=[*well, page, *well, 429], repeat=True)
        emulator.script("europe-west4", stream=StreamFault(cut_after=1), errors=[*well, 529], repeat=True)
        yield emulator


class Crowd:
    """Calls of one stack through one router, and how they ended.

    Args:
        spread_s: calls are cancelled at some moment of so many seconds.
        shared: whether others use this emulator too, so that its log tells of their calls as well.
    """

    def __init__(
        self, module: ModuleType, emulator: Emulator, *, spread_s: float = SPREAD_S, shared: bool = False
    ) -> None:
        self.module = module
        self.emulator = emulator
        self.random = random.Random(0)
        self._spread_s = spread_s
        self._shared = shared
        self._tls = ssl.create_default_context(cafile=str(emulator.place.authority))
        self.ends: Counter[str] = Counter()
        self.calls = 0
        self._traces: dict[int, Trace] = {}
        self.router = Router(_POLICY, catalog=CATALOG, today=lambda: TODAY, observe=self._observe)
        if not shared:
            emulator.clear()

    def forget(self) -> None:
        """Begins to count anew; the router keeps what it has learnt."""
        self.ends, self.calls = Counter(), 0
        self._traces.clear()

    def _observe(self, trace: Trace) -> None:
        if self._traces.setdefault(_asking.get(), trace) is not trace:
            raise Broken(f"two traces of one call\n{trace}")

    def cancelled_at_random(self, calls: int) -> None:
        """So many calls at once in one event loop; half of them are cancelled at any moment.

        Raises:
            Broken: a promise was not kept.
        """

        numbers = self._numbers(calls)

        async def run() -> None:
            async with contextlib.AsyncExitStack() as stack:
                clients = [
                    await stack.enter_async_context(self._client(self.module.AsyncClient))
                    for _ in range(0, calls + 1, CALLS_OF_A_CLIENT)
                ]
                tasks = [asyncio.create_task(self._acall(clients[number % len(clients)], number)) for number in numbers]
                loop = asyncio.get_running_loop()
                for task in tasks[::2]:
                    loop.call_later(self.random.uniform(0.0, self._spread_s), task.cancel)
                found = await asyncio.gather(*tasks, return_exceptions=True)
                for each in found:
                    self._count(each)
                self._check_over()
                for number, client in enumerate(clients, numbers.stop):
                    self._count(await self._acall(client, number, leaves=False))
                    self.calls += 1

        asyncio.run(run())
        self.calls += calls
        self._check_counts()

    def left_at_random(self, calls: int) -> None:
        """So many calls by threads; a third of the streams is left after its first piece.

        Raises:
            Broken: a promise was not kept.
        """
        client, numbers = self._client(self.module.Client), self._numbers(calls)
        with client, ThreadPoolExecutor(THREADS) as threads:
            for end in threads.map(lambda number: self._call(client, number), numbers):
                self._count(end)
            self._check_over()
            self._count(self._call(client, numbers.stop, leaves=False))
        self.calls += calls + 1
        self._check_counts()

    def _numbers(self, calls: int) -> range:
        """Numbers for so many calls that none before them had; those behind them are free too."""
        return range(self.calls, self.calls + calls)

    def _client(self, kind: Any) -> Any:
        limits = self.module.Limits(max_connections=CONNECTIONS)
        return kind(transport=self.router.transport(limits=limits, verify=self._tls), timeout=None)

    def _request(self, client: Any, number: int) -> Any:
        stream = number % 3 == 0
        url = gemini_url("europe-west1", MODEL, "streamGenerateContent?alt=sse" if stream else "generateContent")
        body = {"contents": [{"role": "user", "parts": [{"text": f"number-{number}-end"}]}]}
        headers = {"authorization": "Bearer made-up", "x-number": str(number)}
        return client.build_request("POST", url, json=body, headers=headers)

    async def _acall(self, client: Any, number: int, *, leaves: bool = True) -> str:
        _asking.set(number)
        try:
            response = await client.send(self._request(client, number), stream=True)
            try:
                parts = []
                async for part in response.aiter_bytes():
                    parts.append(part)
                    if leaves and number % 9 == 0:
                        return "left"
            finally:
                await response.aclose()
        except Exception as error:
            return _told(error)
        return _answered(response.status_code, b"".join(parts), number)

    def _call(self, client: Any, number: int, *, leaves: bool = True) -> str:
        _asking.set(number)
        try:
            response = client.send(self._request(client, number), stream=True)
            try:
                parts = []
                for part in response.iter_bytes():
                    parts.append(part)
                    if leaves and number % 9 == 0:
                        return "left"
            finally:
                response.close()
        except Exception as error:
            return _told(error)
        return _answered(response.status_code, b"".join(parts), number)

    def _count(self, end: Any) -> None:
        if isinstance(end, asyncio.CancelledError):
            end = "cancelled"
        elif isinstance(end, BaseException):
            raise end
        self.ends[end] += 1

    def _check_over(self) -> None:
        status = self.router.status()
        left = [str(each) for each in status.pools if each.in_flight]
        if left or status.waiting:
            raise Broken(f"not given back: {left}, {status.waiting} waiting")
        outside = set(self.emulator.witness.hosts) - EU_HOSTS
        if outside:
            raise Broken(f"outside the policy: {outside}")

    def _check_counts(self) -> None:
        if sum(self.ends.values()) != self.calls:
            raise Broken(f"{self.calls} calls, and {dict(self.ends)}")
        if not self.ends["answered"]:
            raise Broken(f"nothing was answered: {dict(self.ends)}")
        if not self._shared:
            self._check_traces()

    def _check_traces(self) -> None:
        """Each trace tells, in order, what the emulator got; of a cancelled call one request more may have come."""
        ways: dict[int, list[str]] = {}
        for request in self.emulator.requests:
            ways.setdefault(int(request.headers["x-number"]), []).append(request.location)
        unheard = ways.keys() - self._traces.keys()
        if unheard:
            raise Broken(f"{len(unheard)} calls were sent and have no trace")
        for number, trace in self._traces.items():
            if not agree(trace, ways.get(number, [])):
                raise Broken(f"the emulator got {ways.get(number)}, and the trace tells\n{trace}")


def _told(error: Exception) -> str:
    if not isinstance(error, RouterError) or getattr(error, "trace", None) is None:
        raise Broken(f"an error without a type of its own, or without its trace: {error!r}") from error
    return "broken, told" if isinstance(error, StreamBroken) else "failed, told"


def _answered(status: int, body: bytes, number: int) -> str:
    if status != 200:
        return "failed, told"
    asked = f"number-{number}-end"
    events = [line[5:] for line in body.splitlines() if line.startswith(b"data:")] or [body]
    said = "".join(
        part.get("text", "")
        for event in events
        for candidate in json.loads(event)["candidates"]
        for part in candidate.get("content", {}).get("parts", ())
    )
    if said != asked:
        raise Broken(f"asked {asked!r}, and answered {said!r}")
    return "answered"
