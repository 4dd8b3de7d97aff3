"""One call through a faulty world by each stack, sync and async, and what must hold after it."""

from __future__ import annotations

import asyncio
import itertools
import time
from types import ModuleType
from typing import Any, NamedTuple, Self

from router import Policy, Router, StreamBroken, Trace
from router.errors import RouterError
from tests.chaos.faults import ATTEMPTS
from tests.chaos.wire import STREAM, WHOLE, Act, Door, Wire
from tests.world import EU_PLACES, TODAY, gemini_url, roomy_catalog

CATALOG = roomy_catalog()
EU_HOSTS = {CATALOG.locations[name].host for name, boundary in EU_PLACES.items() if boundary == "eu"}
MODEL = "gemini-3.8-flash"
CONNECTIONS = 2
"""As few as this, so that two that were not given back would stop everything."""

DEADLINE_S = 3.0
SILENCE_S = 0.4
POLICY = Policy(
    residency="eu", deadline_s=DEADLINE_S, attempt_timeout_s=SILENCE_S, connect_timeout_s=SILENCE_S, attempts=ATTEMPTS
)
SLACK_S = 2.0
"""What a busy machine may add to a deadline; a call that hangs takes for ever."""

_BETWEEN_S = 600.0
"""By so much the clock is put forward after each call: longer than anything that a fault may close."""


_NUMBERS = itertools.count(1)
"""Of all calls of the process: the callers of one wire, which remembers them, never share a number."""


class Clock:
    """The real clock, which may be put forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


class End(NamedTuple):
    """How a call ended, seen by its caller: `given` is the body as far as it came."""

    number: str
    status: int | None
    given: bytes
    error: Exception | None
    traces: tuple[Trace, ...]
    took_s: float


class Broken(AssertionError):
    """A promise was not kept."""


class Caller:
    """A client of one stack and colour over a router of its own.

    Args:
        proxy_url: where it looks for the proxy.
        keeps: whether it keeps connections; if not, each attempt opens one.
    """

    def __init__(
        self, module: ModuleType, *, is_async: bool, wire: Wire, proxy_url: str = "", keeps: bool = True
    ) -> None:
        self.name = f"{module.__name__} {'async' if is_async else 'sync'}"
        self.clock = Clock()
        self.wire = wire
        self.today = TODAY
        self._seen: list[Trace] = []
        self.router = Router(
            POLICY, catalog=CATALOG, clock=self.clock, today=lambda: self.today, observe=self._seen.append
        )
        limits = module.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS if keeps else 0)
        self._transport = self.router.transport(
            proxy=proxy_url or wire.proxy_url, verify=wire.client_tls, limits=limits, trust_env=False
        )
        self._runner = asyncio.Runner() if is_async else None
        make = module.AsyncClient if is_async else module.Client
        self._client = make(transport=self._transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._runner is None:
            self._client.close()
        else:
            self._runner.run(self._client.aclose())
            self._runner.close()

    def meet(self, act: Act | None = None, doors: tuple[Door, ...] = (), *, stream: bool) -> End:
        """One call whose first attempt meets a fault, and whose first connections meet these doors."""
        number = str(next(_NUMBERS))
        if act is not None:
            self.wire.acts[number] = act
        self.wire.doors.extend(doors)
        end = self.call(number, stream=stream)
        self.wire.acts.pop(number, None)
        self.wire.doors.clear()
        return end

    def call(self, number: str, *, stream: bool) -> End:
        """One call."""
        self._seen.clear()
        url = gemini_url("europe-west1", MODEL, "streamGenerateContent" if stream else "generateContent")
        request = self._client.build_request(
            "POST", f"{url}?alt=sse" if stream else url, json={}, headers={"x-number": number}
        )
        begin = time.monotonic()
        given: list[bytes] = []
        status, error = None, None
        try:
            status = (
                self._sent(request, given) if self._runner is None else self._runner.run(self._asent(request, given))
            )
        except Exception as raised:  # whatever it is, it is judged
            error = raised
        took_s = time.monotonic() - begin
        self.clock.ahead_s += _BETWEEN_S
        traces = tuple({id(each): each for each in self._seen}.values())
        return End(number, status, b"".join(given), error, traces, took_s)

    def _sent(self, request: Any, given: list[bytes]) -> int:
        response = self._client.send(request, stream=True)
        try:
            given.extend(response.iter_bytes())
        finally:
            response.close()
        return int(response.status_code)

    async def _asent(self, request: Any, given: list[bytes]) -> int:
        response = await self._client.send(request, stream=True)
        try:
            async for chunk in response.aiter_bytes():
                given.append(chunk)  # noqa: PERF401 - what came before an error is wanted too
        finally:
            await response.aclose()
        return int(response.status_code)

    def forget_connections(self) -> None:
        """Closes the kept connections, so that the next call opens one."""
        if self._runner is None:
            self._transport.close()
        else:
            self._runner.run(self._transport.aclose())

    def judge(self, end: End, *, stream: bool, as_it_came: bytes | None = None) -> str:
        """How a call ended, in a word, once it is certain that every promise was kept.

        Args:
            as_it_came: a body that is not the service's own and is handed over for all that.

        Raises:
            Broken: one was not.
        """
        got = [each for each in self.wire.got if each.number == end.number]
        _check(len(end.traces) == 1, f"one trace for one call, not {len(end.traces)}: {end.error!r}")
        trace = end.traces[0]
        way = [each.location for each in got]
        _check(agree(trace, way), f"the service got {way}, and the trace tells\n{trace}")
        _check(all(each.host == CATALOG.locations[each.location].host for each in got), "host and path differ")
        _check(end.took_s <= POLICY.deadline_s + SLACK_S, f"took {end.took_s:.1f} s")
        _check(len(trace.tried) <= POLICY.attempts, "more attempts than allowed")
        _check(self.wire.hosts <= EU_HOSTS, f"outside the policy: {self.wire.hosts - EU_HOSTS}")
        self.check_given_back()
        whole = STREAM if stream else WHOLE
        if end.error is not None:
            return self._failed(end, whole, trace)
        if trace.outcome != "answered":
            _check(end.status is not None and end.status >= 400, f"{trace.outcome}, and the caller sees {end.status}")
            return "failed, told"
        if end.given == whole:
            return "answered" if len(trace.tried) == 1 else "answered elsewhere"
        _check(as_it_came is not None and end.given == as_it_came, f"a body that nobody sent: {end.given!r}")
        return "passed on as it came"

    def _failed(self, end: End, whole: bytes, trace: Trace) -> str:
        error = end.error
        _check(isinstance(error, RouterError), f"an error without a type of its own: {error!r}")
        _check(getattr(error, "trace", None) is trace, "an error without its trace")
        if isinstance(error, StreamBroken):
            _check(trace.outcome == "broken", f"a broken stream is told as {trace.outcome}")
            _check(whole.startswith(error.received), "received what was never sent")
            _check(end.given == error.received, "the error keeps other bytes than the caller was given")
            return "broken, told"
        _check(trace.outcome in ("attempts", "deadline", "network", "stopped"), f"an error, told as {trace.outcome!r}")
        return "failed, told"

    def check_given_back(self) -> None:
        """Nothing is in flight and nobody waits.

        Raises:
            Broken: something is, or somebody does.
        """
        status = self.router.status()
        left = [str(each) for each in status.pools if each.in_flight]
        _check(not left and not status.waiting, f"not given back: {left}, {status.waiting} waiting")

    def check_well(self) -> None:
        """After any fault calls are answered; the first may meet a kept connection that is stale, others may not.

        Raises:
            Broken: they are not: a location or the connections stay locked.
        """
        for right in ({"answered", "answered elsewhere"}, {"answered"}):
            for stream in (False, True):
                end = self.meet(stream=stream)
                said = self.judge(end, stream=stream)
                _check(said in right, f"all is well again, and a call is {said}: {end.traces[0]}")


def agree(trace: Trace, way: list[str]) -> bool:
    """Whether a trace tells of every request that arrived, in order, and of no other but those that may not have.

    Args:
        way: the locations at which they arrived; of a cancelled call the last may not be told.
    """
    heard = {0}  # how many of the requests may be told so far
    for each in trace.tried:
        here = each.attempt.candidate.location
        more = {at + 1 for at in heard if at < len(way) and way[at] == here}
        if each.signal.kind in ("connect", "busy"):
            continue
        heard = heard | more if each.signal.kind in ("reset", "stale", "timeout") else more
    return len(way) in heard or (trace.outcome == "cancelled" and len(way) - 1 in heard)


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise Broken(what)
