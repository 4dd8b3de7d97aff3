"""What a batch needs of a router, made of its parts."""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from catalog.costs import UnknownPrice, Usage
from catalog.prices import load as load_prices
from catalog.query import Catalog
from catalog.schema import Mode
from router.auth import GoogleAuth
from router.batch.asking import Asker
from router.batch.forecast import Forecast, forecast
from router.batch.job import Ask
from router.batch.settings import BatchError, Settings
from router.batch.source import Source
from router.batch.summary import Stand
from router.errors import NoRoute
from router.plan import Plan
from router.policy import Policy
from router.rules import Question
from router.scope import Scopes
from router.stack import NAMES, installed
from router.status import PoolStatus
from router.trace import Wait
from router.transport import RoutedTransport

MOST_ATTEMPTS = 100_000
"""Of a row: what bounds it is its deadline, since a rejection for lack of capacity costs nothing but time."""

MOST_FAULTS = 20
"""Of a row: with the pauses between them, an outage of some minutes at every location is waited for."""

PRIORITY = 10
"""Behind the requests of other clients of the same router, whose priority is 0."""

_UNUSED = Stand(False, "not used yet")
_ANY_URL = "https://aiplatform.googleapis.com/"
_ANY_USAGE = Usage.tokens(input=1, output=1)

_OTHER_FILES = 32
"""So many files, about, a process has open besides its connections."""

# httpx takes long to find a free connection among many idle ones, httpx2 does not.
_IDLE_OF_HTTPX = 20
_CONNECTIONS_OF_HTTPX = 100


class RouterWorld:
    """A router, as a batch sees it.

    Args:
        auth: by which requests are signed.
        options: for the client that it sends with, as for `Router.transport`.
    """

    def __init__(self, scopes: Scopes, auth: GoogleAuth, options: dict[str, Any]) -> None:
        self._scopes = scopes
        self._auth = auth
        self._options = options
        self._plans: dict[str, Plan] = {}

    @property
    def catalog(self) -> Catalog:
        """The catalog."""
        return self._scopes.core().catalog

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds, monotonic."""
        return self._scopes.core().clock

    def policy(self, settings: Settings) -> Policy:
        """The router's policy, with the time that a row may take."""
        policy = self._scopes.core().policy
        within = min(policy.attempt_limit_s, settings.row_deadline_s)
        connecting = policy.connect_timeout_s and min(policy.connect_timeout_s, within)
        return replace(
            policy,
            deadline_s=settings.row_deadline_s,
            attempts=MOST_ATTEMPTS,
            faults=policy.faults or MOST_FAULTS,
            attempt_timeout_s=within,
            connect_timeout_s=connecting,
        )

    async def ready(self, settings: Settings) -> None:
        """Sees that rows can be asked at all; asks for a token."""
        if not settings.project:
            raise BatchError(
                "no project is given, that is `project`, the Google Cloud project that the requests are for"
            )
        _check_open_files(settings.concurrency)
        policy = self._scopes.core().policy
        if policy.caller_location == "wall":
            raise BatchError(
                "the policy keeps requests at the client's own location, and a batch has none; give the router a "
                'policy without caller_location = "wall", such as Policy()'
            )
        if settings.model:
            plan = self._plan(settings.model)
            if not plan.allowed:
                raise NoRoute(plan)
            if settings.max_cost_usd is not None:
                self._priced(plan)
        await self._auth.aheaders(_ANY_URL)

    def _priced(self, plan: Plan) -> None:
        core = self._scopes.core()
        prices, today = load_prices(known=core.catalog), core.today()
        for each in plan.allowed:
            model, location, mode = each.candidate
            try:
                prices.cost(_ANY_USAGE, model, location, mode, today)
            except UnknownPrice as error:
                raise BatchError(f"costs can't be limited: {error}") from None

    @asynccontextmanager
    async def asking(self, settings: Settings) -> AsyncIterator[Ask]:
        """What has rows answered, by the policy of the batch."""
        stack = _stack()
        options = {"limits": _limits(stack, settings.concurrency), **self._options}
        transport = RoutedTransport(self._scopes, options, PRIORITY)
        with self._scopes.entered(self.policy(settings)):
            core = self._scopes.core()
            prices = load_prices(known=core.catalog)
            async with transport:
                asker = Asker(
                    *(_Sender(stack, transport, self._auth), core.catalog, settings.project, self._plan, prices),
                    *(core.today, lambda seconds: core.async_sleep(Wait(seconds))),
                )
                yield asker.ask

    def standing(self, settings: Settings) -> dict[str, Stand]:
        """How every location stands that may be used for the rows so far; of several models the one that is closed."""
        core = self._scopes.core()
        found = {each.location: _UNUSED for plan in self._plans.values() for each in plan.candidates}
        for pool in core.health.status(core.clock()).pools:
            project, model, location, _ = pool.pool
            if project == settings.project and model in self._plans and not found[location].closed:
                found[location] = _stand(pool)
        return found

    def forecast(self, source: Source, settings: Settings, expected_output: int | None, rate: float | None) -> Forecast:
        """What a batch would take and cost."""
        core = self._scopes.core()
        return forecast(
            source,
            core.catalog,
            settings,
            self._explained,
            load_prices(known=core.catalog),
            core.today(),
            expected_output=expected_output,
            rate=rate,
        )

    def _plan(self, model: str) -> Plan:
        """Where rows for a model may go."""
        if model not in self._plans:
            self._plans[model] = self._explained("standard", model)
        return self._plans[model]

    def _explained(self, mode: Mode, model: str) -> Plan:
        """Where a model may be asked; as a batch prediction job, whether or not the policy lets requests be."""
        core = self._scopes.core()
        if mode == "batch" and mode not in core.policy.modes:
            core = self._scopes.under(replace(core.policy, modes=(mode,)))
        return core.decisions.explain(Question(model, (mode,), core.today()))


class _Sender:
    """Sends requests through the transport itself: a client around it would cost as much again as the rest."""

    def __init__(self, stack: Any, transport: RoutedTransport, auth: GoogleAuth) -> None:
        self._stack = stack
        self._transport = transport
        self._auth = auth
        self._url = functools.lru_cache(stack.URL)

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Any:
        request = self._stack.Request("POST", self._url(url), headers=headers, content=content)
        response = await self._transport.handle_async_request(self._auth(request))
        await response.aread()
        return response


def _check_open_files(concurrency: int) -> None:
    """Sees that this process may have a connection for each row under way.

    Raises:
        BatchError: it may not; rows would fail for want of one.
    """
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ModuleNotFoundError:
        return
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and concurrency + _OTHER_FILES > most:
        raise BatchError(
            f"a concurrency of {concurrency:,} takes as many open connections, and this process may have {most:,} "
            f"files open; raise that first (`ulimit -n {concurrency + _OTHER_FILES}`), or ask fewer at once"
        )


def _stand(pool: PoolStatus) -> Stand:
    if pool.closed_s or pool.breaker == "open":
        return Stand(True, f"closed for {math.ceil(pool.closed_s)} s: {pool.why}")
    if pool.silent_s:
        return Stand(True, f"silent for {pool.silent_s:.0f} s and avoided, {pool.in_flight} under way")
    limit = "" if pool.measured is None else f", limit about {pool.measured:.1f}/s"
    chance = f", {pool.by_chance:.0%} rejected by chance" if pool.by_chance else ""
    return Stand(False, f"pace {pool.rate:.1f}/s{limit}{chance}, {pool.in_flight} under way")


def _stack() -> Any:
    """httpx2 where it is there: with many requests side by side it costs less."""
    try:
        return importlib.import_module(NAMES[0])
    except ModuleNotFoundError:
        return installed()


def _limits(stack: Any, concurrency: int) -> Any:
    if stack.__name__ == "httpx2":
        return stack.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    return stack.Limits(
        max_connections=max(_CONNECTIONS_OF_HTTPX, concurrency), max_keepalive_connections=_IDLE_OF_HTTPX
    )
