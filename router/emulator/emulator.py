"""The emulator as its users see it: start it, point clients at it, script it, ask what it saw."""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from catalog import Catalog, load
from router.emulator import environment
from router.emulator.behaviour import EVERYWHERE, Behaviour, Latency, Outage, Quota, Spec, StreamFault
from router.emulator.environment import Flow, Place
from router.emulator.errors import MissingExtra, NotRunning
from router.emulator.records import Contact, Log, Outcome, Received, Witness
from router.emulator.scenario import Scenario, valid
from router.emulator.script import Script
from router.emulator.serving import Servings
from router.emulator.tokens import Issued, Tokens

_HTTPS = 443


class Emulator:
    """A Vertex AI on this machine that clients reach under Google's real host names.

    It runs in a thread of its own while the context is held:

        with Emulator() as emulator, emulator.activated():
            ...  # clients made here talk to the emulator

    Args:
        scenario: how it behaves; a path is loaded. None answers everything that the catalog serves.
        catalog: which model is served where; None is the shipped one.
        on: the emulated day; None is the scenario's, or else today.
        clock: seconds that never go back; quotas and the expiry of tokens go by it.
        grpc: answer Google's gRPC clients too; needs google-cloud-aiplatform.

    Raises:
        InvalidScenario: the scenario names what the catalog hasn't, or has impossible numbers.
    """

    def __init__(
        self,
        scenario: Scenario | str | Path | None = None,
        *,
        catalog: Catalog | None = None,
        on: date | None = None,
        clock: Callable[[], float] = time.monotonic,
        grpc: bool = False,
    ) -> None:
        self._grpc = grpc
        self.catalog = load() if catalog is None else catalog
        if isinstance(scenario, (str, Path)):
            scenario = Scenario.load(scenario, self.catalog)
        self.scenario = valid(scenario or Scenario(), self.catalog)
        day = on or self.scenario.on or datetime.now(UTC).date()
        self._clock = clock
        self._servings = Servings(self.catalog, self.scenario.serving, day)
        self._script = Script(self.scenario.behaviours, self._servings.resolve, clock)
        self._tokens = Tokens(self.scenario.token_lifetime_s, self.scenario.revoked, clock)
        self._hosts = {location.host: location.id for location in self.catalog.locations.values()}
        self._started_at = clock()
        self._requests: Log[Received] = Log()
        self._stack = contextlib.ExitStack()
        self._place: Place | None = None
        self.witness = Witness()
        """The log of the proxy: which hosts clients wanted to reach."""

    @property
    def requests(self) -> tuple[Received, ...]:
        """The requests that reached the emulated service, in order."""
        return self._requests.all()

    @property
    def tokens(self) -> tuple[Issued, ...]:
        """The access tokens that were issued, in order."""
        return self._tokens.issued

    def clear(self) -> None:
        """Forgets the requests and contacts so far; scripts go on where they are."""
        self._requests.clear()
        self.witness.clear()

    def script(
        self,
        location: str = EVERYWHERE,
        *,
        model: str | None = None,
        outage: Outage | None = None,
        quota: Quota | None = None,
        latency: Latency | None = None,
        errors: Sequence[Spec] = (),
        repeat: bool = False,
        stream: StreamFault | None = None,
        answer: str | None = None,
    ) -> None:
        """Changes what happens at a location from now on, in place of what was said for it before.

        With a location alone, takes that back; what was said for every location holds there still.
        For the arguments see `Behaviour`.

        Raises:
            InvalidScenario: a location or model isn't in the catalog, or a number is impossible.
        """
        behaviour = Behaviour(
            location=location,
            model=model,
            outage=outage,
            quota=quota,
            latency=latency,
            errors=tuple(errors),
            repeat=repeat,
            stream=stream,
            answer=answer,
        )
        data = {"behaviour": [behaviour], "serving": self.scenario.serving}
        self._script.set(valid(data, self.catalog, "script").behaviours[0])

    def revoke(self, token: str | None = None) -> None:
        """Makes the service refuse a token with 401; without one, all that were issued or seen so far."""
        self._tokens.revoke(token)

    def environment(self, flow: Flow = "service_account") -> dict[str, str]:
        """The environment variables by which any client reaches the emulator.

        Args:
            flow: how clients get a token. For `gce` they have to be set before google-auth is imported.

        Raises:
            NotRunning: use the emulator as a context manager.
        """
        return environment.variables(self.place, flow)

    @contextlib.contextmanager
    def activated(self, flow: Flow = "service_account") -> Iterator[Self]:
        """Sets the variables of `environment` in this process, and restores what was there."""
        with environment.applied(self.environment(flow)):
            yield self

    @property
    def place(self) -> Place:
        """Where the emulator listens, and where its files are.

        Raises:
            NotRunning: use the emulator as a context manager.
        """
        if self._place is None:
            raise NotRunning("the emulator isn't running: use it as a context manager, or call start()")
        return self._place

    def start(self) -> Self:
        """Starts it; `with` does so too.

        Raises:
            MissingExtra: the packages of the extra `emulator` aren't installed.
            StartFailed: it can't listen.
        """
        if self._place is None:
            _need("h11", "trustme", "cryptography")
            if self._grpc:
                _need("grpc", "google.cloud.aiplatform_v1", install="google-cloud-aiplatform")
            self._place = self._stack.enter_context(self._running())
        return self

    def close(self) -> None:
        """Ends it at once, with all connections; what it saw can still be asked."""
        self._place = None
        self._stack.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> contextlib.AbstractContextManager[Place]:
        from router.emulator import front, iam, oauth, vertex  # noqa: PLC0415 - they need the extra

        issuer = oauth.Issuer(self._tokens, self.scenario.project)
        exchange = iam.Exchange(self._tokens, self.scenario.project)
        service = vertex.Vertex(
            catalog=self.catalog,
            servings=self._servings,
            script=self._script,
            tokens=self._tokens,
            elsewhere={"oauth2.googleapis.com": issuer.token, **exchange.hosts},
            log=self._requests,
            clock=self._elapsed,
        )
        return front.running(self._judge, service.respond, issuer.respond, self.scenario.project, grpc=self._grpc)

    def _judge(self, host: str, port: int, tunnel: bool) -> Outcome:
        """What the proxy does with a connection; it is noted before it is done."""
        outcome: Outcome = "forwarded"
        if not (tunnel and port == _HTTPS and host.endswith(".googleapis.com")):
            outcome = "refused"
        elif self._hosts.get(host) and self._script.outage(self._hosts[host]) == "refused":
            outcome = "reset"
        self.witness.add(Contact(self._elapsed(), host, port, outcome))
        return outcome

    def _elapsed(self) -> float:
        return self._clock() - self._started_at


def _need(*packages: str, install: str = "'vertex-router[emulator]'") -> None:
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError:
            raise MissingExtra(package, install) from None
