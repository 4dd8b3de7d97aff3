"""`Router`: a policy and a catalog, made into something to send with."""

from __future__ import annotations

import functools
import inspect
import logging
import os
import random as _random
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import catalog as _catalog
from catalog.query import Catalog
from catalog.schema import Mode
from router.affinity import Affinity
from router.auth import GoogleAuth
from router.capacity import Controller
from router.core import Core, Observer
from router.decisions import Decisions
from router.guard import Guard
from router.health import Health
from router.plan import Plan
from router.policy import Policy
from router.redaction import redacted
from router.rules import Question
from router.scope import Scopes
from router.status import Status
from router.trace import Attempt, Trace
from router.transport import RoutedTransport
from router.waiting import async_seconds, async_wait, seconds, wait

if TYPE_CHECKING:
    from router.audit.audit import Audit
    from router.batch.job import Batch
    from router.batch.source import Rows
    from router.batch.summary import Tally
    from router.destination import Destination

T = TypeVar("T")

_logger = logging.getLogger("router")


def _today() -> date:
    return datetime.now(UTC).date()


def _audit(policy: Policy) -> Audit | None:
    if not policy.auditing:
        return None
    from router.audit.audit import Audit  # noqa: PLC0415 - a fifth of the memory that importing takes

    return Audit(policy.auditing, policy)


def _log(trace: Trace) -> None:
    usual = trace.outcome in ("answered", "cancelled") and not trace.mismatch
    level = logging.DEBUG if usual else logging.WARNING
    if _logger.isEnabledFor(level):
        _logger.log(level, "%s", redacted(str(trace)))


class Router:
    """Sends requests where a policy allows, and fails over inside it.

    One router serves any number of clients, threads and event loops; what it learns of locations
    (exhausted, broken) it learns for all of them.

    Args:
        policy: without one, requests stay at the location that their client is set to.
        catalog: by default the one shipped with the package.
        health: which pools may be used when; by default a `Controller` of its own. Give several routers
            the same one to have them share what they learn.
        clock, today, random, sleep, async_sleep: seconds (monotonic), the date in UTC, [0, 1), and
            the two ways to sleep; handed in by tests and simulations.
        observe: told of every request when it has ended, and again if its stream breaks later; by
            default the logger `router` is, at the level of warning for what was not answered.
        observers: told of every request as it goes, such as `router.telemetry.Telemetry()`.

    Raises:
        PolicyError: the policy names something that the catalog does not have.
        TypeError: `policy` or `health` is something else.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        catalog: Catalog | None = None,
        health: Health | None = None,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], date] = _today,
        random: Callable[[], float] = _random.random,
        sleep: Callable[[float], object] | None = None,
        async_sleep: Callable[[float], Awaitable[object]] | None = None,
        observe: Callable[[Trace], object] = _log,
        observers: Iterable[Observer] = (),
    ) -> None:
        if not isinstance(policy, Policy | None):
            raise TypeError(
                f"`policy` must be a Policy, such as Policy(residency='eu') or Policy.load(file), not {policy!r}"
            )
        if health is not None and not hasattr(health, "acquire"):
            raise TypeError(f"`health` must be a Controller, such as Controller(Pacing()), not {health!r}")
        policy = policy or Policy(caller_location="wall")
        catalog = catalog or _catalog.load()
        policy.check(catalog)
        self._audit = _audit(policy)
        core = Core(
            catalog=catalog,
            policy=policy,
            decisions=Decisions(catalog, policy),
            guard=Guard(catalog, policy),
            health=health or Controller(random=random),
            clock=clock,
            today=today,
            random=random,
            sleep=seconds(sleep) if sleep else wait,
            async_sleep=async_seconds(async_sleep) if async_sleep else async_wait,
            observe=observe,
            observers=(*([self._audit] if self._audit else []), *observers),
            affinity=Affinity(policy.affinity_ttl_s, clock) if policy.affinity_ttl_s else None,
        )
        self._scopes = Scopes(core)

    @property
    def _core(self) -> Core:
        return self._scopes.core()

    @property
    def policy(self) -> Policy:
        """The policy that this router keeps; inside a `scope`, that of the scope."""
        return self._core.policy

    def scope(self, **fields: Any) -> AbstractContextManager[Policy]:
        """Has the requests of this thread or task decided by a stricter policy, whichever client makes them.

            with router.scope(residency="de", deadline_s=20):
                client.models.generate_content(...)

        A scope can only tighten the policy around it, unless that has `scopes = "any"`; what it denies is
        added to what is denied already. Scopes nest.

        Args:
            fields: fields of `Policy`.

        Raises:
            PolicyError: when it is entered: a field is wrong, or would allow what the policy does not.
        """
        return self._scopes.scope(fields)

    @property
    def audit(self) -> Audit | None:
        """Where its decisions are kept on record; None if its policy names no file.

        Another router may write to the same file, too: `Router(other_policy, observers=[router.audit])`.
        """
        return self._audit

    @property
    def catalog(self) -> Catalog:
        """The catalog that it asks."""
        return self._core.catalog

    def explain(
        self,
        model: str,
        *,
        mode: Mode | None = None,
        tokens: int | None = None,
        features: Iterable[str] = (),
        on: date | None = None,
    ) -> Plan:
        """Where requests for a model may go, where not and why, and what else the policy admits.

        Args:
            model: an id or alias of the catalog.
            mode: how capacity is bought; by default each mode of the policy.
            tokens: an upper bound of the request's context; None is unbounded.
            features: what the requests ask for beyond the model's own work (`google-search`, ...).
            on: the day asked about; by default today.

        Raises:
            UnknownModel, UnknownFeature: with the nearest ids.
        """
        asked = frozenset(self.catalog.feature(name).id for name in features)
        return self._core.decisions.explain(self._question(model, mode, tokens, on)._replace(features=asked))

    def models(
        self, *, mode: Mode | None = None, tokens: int | None = None, on: date | None = None
    ) -> tuple[Plan, ...]:
        """What may run under the policy: the plan of every model that is admitted anywhere.

        Args:
            mode, tokens, on: as for `explain`.
        """
        questions = (self._question(model, mode, tokens, on) for model in self.catalog.models)
        return tuple(plan for plan in map(self._core.decisions.planner.plan, questions) if plan.allowed)

    def _question(self, model: str, mode: Mode | None, tokens: int | None, on: date | None) -> Question:
        modes: Any = (mode,) if mode else self._modes(model)
        return Question(model, tuple(modes), on or self._core.today(), tokens=tokens)

    def call(
        self,
        function: Callable[[Destination], T],
        *,
        model: str,
        project: str = "",
        location: str = "",
        mode: Mode = "standard",
        method: str = "",
        tokens: int | None = None,
        priority: int = 0,
    ) -> T:
        """What a function returns that makes a call with a client of its own (gRPC, or any other).

        The function is given a `Destination` for each attempt, and is called again with the next one when
        what it raises tells of exhausted capacity or a fault there. It must send to that destination,
        with the client's own retries off, and read a stream to its end before it returns.

        Args:
            model: an id or alias of the catalog.
            project: the Google Cloud project, for `Destination.parent` and `model_name`.
            location: the client's own location; needed where the policy keeps requests there.
            mode: how capacity is bought.
            method: a model method; empty for any.
            tokens: an upper bound of the request's context; None is unbounded.
            priority: lower goes first where requests wait for capacity.

        Raises:
            NotSent: the policy refuses the call; the function was not called.
            Exhausted: no attempt was made or answered in time.
            Exception: the function's own last one, with the trace as a note.
        """
        from router.functions import FunctionCall, call_of  # noqa: PLC0415 - most programs send over HTTP

        begun = call_of(self._core, model, project, location, mode, method, tokens, priority)
        return FunctionCall[T](begun, function).run()

    async def acall(
        self,
        function: Callable[[Destination], Awaitable[T]],
        *,
        model: str,
        project: str = "",
        location: str = "",
        mode: Mode = "standard",
        method: str = "",
        tokens: int | None = None,
        priority: int = 0,
    ) -> T:
        """`call` for async functions; an attempt is cancelled when its time is up."""
        from router.functions import FunctionCall, call_of  # noqa: PLC0415 - as above

        begun = call_of(self._core, model, project, location, mode, method, tokens, priority)
        return await FunctionCall[T](begun, function).arun()

    def route(self, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Makes a function, sync or async, whose first parameter is a `Destination` one that is routed.

            @router.route(model="gemini-2.5-flash-image", project="p")
            def draw(to: Destination, prompt: str) -> Image: ...

            draw("a heron")

        Args:
            options: the keyword arguments of `call`.
        """

        def routed(function: Callable[..., Any]) -> Callable[..., Any]:
            send = self.acall if inspect.iscoroutinefunction(function) else self.call

            @functools.wraps(function)
            def caller(*args: Any, **kwargs: Any) -> Any:
                return send(lambda to: function(to, *args, **kwargs), **options)

            return caller

        return routed

    def live(self, model: str, *, project: str = "", location: str = "") -> Destination:
        """Where a session of the Live API may be opened: a session is a connection, which no transport sees.

        The host of the connection and the model in its first message must both be those of this place. A
        client of google-genai whose `location` is this one makes them so.

        Under a residency no session is admitted unless the policy has `allow_features = ["live"]`.

        Args:
            model: an id or alias of the catalog.
            project: the Google Cloud project, for `Destination.model_name`.
            location: the client's own location; needed where the policy keeps requests there.

        Raises:
            NotSent: the policy admits no place for it.
        """
        from router.functions import call_of, destination_of  # noqa: PLC0415 - as above

        call = call_of(self._core, model, project, location, features=frozenset({"live"}))
        return destination_of(
            call, Attempt(number=1, allowed=call.plan.allowed[0], timeout_s=call.core.policy.deadline_s)
        )

    def status(self) -> Status:
        """How every pool stands that has been used: its rate, what is in flight, what is closed and why."""
        return self.health.status(self._core.clock())

    @property
    def counts(self) -> dict[str, int]:
        """What has happened how often: `traffic-mismatch`, an answer bought otherwise than was asked for."""
        return self._core.counts.as_dict()

    @property
    def health(self) -> Health:
        """What it has learnt of pools, to be shared with other routers."""
        return self._core.health

    def batch(
        self,
        rows: Rows,
        output: str | os.PathLike[str] | None = None,
        *,
        credentials: Any = None,
        progress: Callable[[Tally], object] | None = None,
        options: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Batch:
        """A file of requests, to be answered: every row ends in exactly one result or one recorded error.

            summary = router.batch("in.jsonl", "out.jsonl", project="p", model="gemini-3.8-flash").run()

            async with router.batch(rows, project="p", model="gemini-3.8-flash") as batch:
                async for ended in batch: ...

        The output is its own journal: the same call goes on where an earlier one stopped.

        Args:
            rows: a path (JSON lines, `.csv`, `.tsv`, `.parquet`), or rows: mappings of a known form, or prompts.
            output: where the ends are written; without one they are only given out.
            credentials: a google-auth credentials object; by default those of the environment.
            progress: told twice a second how it stands.
            options: for the client that it sends with, as for `transport`.
            settings: fields of `router.batch.Settings`.

        Raises:
            BatchError: something is wrong with what was given.
        """
        from router.batch.job import Batch  # noqa: PLC0415 - only who runs one needs it
        from router.batch.settings import Settings  # noqa: PLC0415
        from router.batch.world import RouterWorld  # noqa: PLC0415

        world = RouterWorld(self._scopes, self.google_auth(credentials), options or {})
        return Batch(world, rows, output, Settings(**settings), progress)

    def _modes(self, model: str) -> tuple[Mode, ...]:
        """The modes that requests may ask for, and before `standard` what the project has reserved."""
        named = [each for mode in self.policy.modes for each in self._core.decisions.modes(model, cast("Mode", mode))]
        return tuple(dict.fromkeys(named))

    def transport(self, *, priority: int = 0, **options: Any) -> Any:
        """The `transport=` for a client of httpx or httpx2, sync or async.

        Args:
            priority: of its requests where requests wait; lower goes first.
            options: for the client that it sends with: `verify`, `proxy`, `limits`, `transport`, ...

        Raises:
            AuditFailed: the audit can't be written, and the policy refuses requests without it.
        """
        if self._audit is not None:
            self._audit.open()
        return RoutedTransport(self._scopes, options, priority)

    def requests_adapter(self, **options: Any) -> Any:
        """The adapter for a session of requests: `session.mount("https://", router.requests_adapter())`.

        Args:
            options: for the `requests.adapters.HTTPAdapter` that it sends with: `pool_maxsize`, ...
        """
        from router.adapter import RoutedAdapter  # noqa: PLC0415 - most programs send with something else

        return RoutedAdapter(self._scopes, options)

    def http_client(self, module: ModuleType, **options: Any) -> Any:
        """The `http_client=` for what wants a whole client: `http_client=router.http_client(anthropic)`.

        Args:
            module: whose client is wanted: `anthropic`, `openai`, `httpx` or `httpx2`.
            options: further arguments of the client.
        """
        from router.wrap import stainless  # noqa: PLC0415 - only who brings an SDK needs it

        return stainless.http_client(module, "Client", self.transport(), **options)

    def async_http_client(self, module: ModuleType, **options: Any) -> Any:
        """`http_client` for async callers."""
        from router.wrap import stainless  # noqa: PLC0415 - as above

        return stainless.http_client(module, "AsyncClient", self.transport(), **options)

    def google_auth(self, credentials: Any = None) -> GoogleAuth:
        """The `auth=` for a plain client with this router's transport.

        Args:
            credentials: a google-auth credentials object; by default those of the environment.
        """
        return GoogleAuth(credentials)

    def genai_http_options(self, **options: Any) -> Any:
        """The `http_options=` for a `google.genai.Client`: sync, async and streams go through the router.

        Args:
            options: further fields of `google.genai.types.HttpOptions`.
        """
        from router.wrap import genai  # noqa: PLC0415 - only who brings an SDK needs it

        return genai.http_options(self.transport(), options)

    def verify(self, client: Any, *, unused: Collection[str] = ()) -> tuple[str, ...]:
        """Proves that a client can send only through this router; gives the paths that were proven. Sends nothing.

        Looks at every path of the client, sync, async and over other protocols, and into the clients that
        frameworks hold. It tells how a client is made, not what a program may still do to it.

        Args:
            unused: paths that the program does not use, as named in the error: `["live"]`.

        Raises:
            UnroutedClient: a path ends elsewhere, or it can't be told where; names each, and what to write instead.
        """
        from router.verify import verify  # noqa: PLC0415 - a proof is asked for at the start, or in tests, or never

        return verify(client, self._scopes, unused)

    def client_args(self) -> dict[str, Any]:
        """The `client_args=` for what makes a client of google-genai by itself, as langchain-google-genai does."""
        from router.wrap import genai  # noqa: PLC0415 - as above

        return genai.client_args(self.transport())

    def wrap(self, client: T) -> T:
        """A new client of the same type that sends through this router; the given one stays as it is.

        Knows the clients of anthropic, google-genai and openai (set to Vertex AI), and the models of langchain,
        llama-index and pydantic-ai that stand on them. Their own retries are switched off.

        Raises:
            TypeError: the client is of another kind; says what to write instead.
        """
        from router.wrap import wrap  # noqa: PLC0415 - only who brings an SDK needs it

        twin: T = wrap(client, self.transport())
        return twin
