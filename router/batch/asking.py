"""One row, asked: a request through the routed transport, and what its answer is worth."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from catalog.costs import UnknownPrice
from catalog.errors import CatalogError
from catalog.prices import Prices
from catalog.query import Catalog
from catalog.schema import Mode
from catalog.usages import usage_of
from router.auth import CredentialError
from router.batch.conventions import Asked
from router.batch.outcome import Outcome
from router.errors import NoRoute, NotSent, RequestNotUnderstood, RouterError
from router.exchange import trace_of
from router.plan import Plan
from router.signals import OK, Scope
from router.trace import Trace
from router.wire import UNREADABLE, parse_error

NETWORK_PAUSES_S = (5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0)
"""When this side's network is down, or gets no token, a row is asked again after each of these."""

_JSON = {"content-type": "application/json"}

# Refusals of the row itself; all others speak of the project, the place or the hour.
_AT_FAULT = frozenset({"rejected", "not-found", "thought-signature"})

# Refusals of the model or its address, wherever it was tried.
_NOWHERE = frozenset({"not-servable", "model-not-found", "org-policy-location", "html", "redirect"})

# Why Gemini ends an answer that it will not give. Source: FinishReason in the API's reference.
_UNSAID = frozenset(
    {"SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "RECITATION", "MODEL_ARMOR"}
    | {"IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"}
)

Plans = Callable[[str], Plan]
"""Gives the plan for a model."""


class Sender(Protocol):
    """What rows are sent with."""

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Any:
        """Sends a request; gives the response of httpx or httpx2, read."""


class Asker:
    """Asks rows, one at a time.

    Args:
        plans: where a model may be asked.
        prices: what answers cost.
        sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        sender: Sender,
        catalog: Catalog,
        project: str,
        plans: Plans,
        prices: Prices,
        today: Callable[[], date],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._sender = sender
        self._catalog = catalog
        self._project = project
        self._plans = plans
        self._prices = prices
        self._today = today
        self._sleep = sleep
        self._starts: dict[str, str] = {}

    async def ask(self, asked: Asked) -> Outcome:
        """Sends a row until it is answered, or can't be."""
        came = Outcome(state="failed")
        for pause_s in (*NETWORK_PAUSES_S, None):
            outcome, cut_off = await self._once(asked)
            came = _after(came, outcome)
            if pause_s is None or not cut_off:
                break
            await self._sleep(pause_s)
        return came

    async def _once(self, asked: Asked) -> tuple[Outcome, bool]:
        """What came of a row, and whether this side was cut off, from the service or from its tokens."""
        try:
            response = await self._sender.post(self._url(asked), asked.body, _JSON)
        except (CredentialError, NotSent) as error:
            hopeless = not self._of_the_row(error, asked)
            unsent = Outcome(state="failed", message=_reason(error), model=asked.model, hopeless=hopeless)
            return unsent, isinstance(error, CredentialError)
        except RouterError as error:
            trace = trace_of(error)
            failed = Outcome(
                state="failed", message=_unanswered(error, trace), hopeless=_hopeless(trace), **_way(trace, asked)
            )
            return failed, trace is not None and trace.outcome == "network"
        except Exception as error:  # whatever it is, the other rows have nothing to do with it
            # Too many open files: this side's, as with a network that is down, and gone when others have ended.
            short = isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)
            message = f"{type(error).__name__}: {error}"
            return Outcome(state="failed", message=message, model=asked.model, hopeless=short), short
        return self._received(response, trace_of(response), asked), False

    def _of_the_row(self, error: RouterError, asked: Asked) -> bool:
        """Whether a refusal is about what this row asks for, such as a feature, while its model may be asked."""
        if isinstance(error, NoRoute):
            return bool(self._plans(asked.model).allowed)
        return isinstance(error, RequestNotUnderstood)

    def _url(self, asked: Asked) -> str:
        """Where a client would send it: the first place of the plan. The transport sees to the rest."""
        start = self._starts.get(asked.model)
        if start is None:
            allowed = self._plans(asked.model).allowed
            # Nothing is allowed: the transport will say so, and send nothing.
            place = self._catalog.locations[allowed[0].candidate.location if allowed else "global"]
            start = f"https://{place.endpoint}/v1/projects/{self._project}/locations/{place.id}/"
            self._starts[asked.model] = start
        return start + asked.path

    def _received(self, response: Any, trace: Trace | None, asked: Asked) -> Outcome:
        status, body = response.status_code, response.content
        way = _way(trace, asked)
        try:
            data = msgspec.json.decode(body)
        except UNREADABLE:
            data = None
        if status != 200:
            last = trace.last if trace else None
            return Outcome(
                state="rejected" if last is not None and last.kind in _AT_FAULT else "failed",
                status=status,
                message=parse_error(body).message or f"HTTP status {status}",
                body=b"" if data is None else _one_line(body),
                hopeless=_hopeless(trace),
                **way,
            )
        if not isinstance(data, dict):
            return Outcome(state="failed", status=status, message="an answer that is no JSON object", **way)
        unsaid = _unsaid(data)
        return Outcome(
            state="blocked" if unsaid else "ok",
            status=status,
            message=unsaid,
            body=_one_line(body),
            usd=self._cost(data, way["model"], way.get("location", ""), _mode(trace)),
            traffic=_traffic(data),
            **way,
        )

    def _cost(self, data: dict[str, Any], model: str, location: str, mode: Mode) -> Decimal | None:
        """What an answer costs by list price; None when that is not known."""
        try:
            usage = usage_of(data)
            return None if usage is None else self._prices.cost(usage, model, location, mode, self._today()).list_usd
        except (UnknownPrice, CatalogError, ValueError):
            return None


def _one_line(body: bytes) -> bytes:
    """JSON without the line ends that a service puts into it: in a file of lines they would end the line."""
    return msgspec.json.format(body, indent=-1)


def _reason(error: RouterError) -> str:
    """Why a row was not sent, in a line."""
    told = str(error).partition("\n")[0]
    why = [reason for reason, _ in error.plan.refusals()] if isinstance(error, NoRoute) else []
    return "; ".join([told, *why])


def _unanswered(error: RouterError, trace: Trace | None) -> str:
    """Why there is no answer to a row, in a line, with what came of the last request."""
    told = str(error).partition("\n")[0]
    if trace is None or not trace.tried:
        return told
    signal = trace.tried[-1].signal
    came = ": ".join(filter(None, (signal.label, signal.message)))
    return f"{told}; request {len(trace.tried)}, the last, at {trace.location}: {came}"


def _hopeless(trace: Trace | None) -> bool:
    """Whether another row would end alike."""
    if trace is None or trace.last is None:
        return False
    of_all = trace.last.scope in (Scope.PROJECT, Scope.CREDENTIAL) or trace.last.kind in _NOWHERE
    return of_all or trace.outcome == "network"


def _after(before: Outcome, outcome: Outcome) -> Outcome:
    """What came of a row at last, with the requests that were sent for it before."""
    if not before.attempts:
        return outcome
    return msgspec.structs.replace(
        outcome,
        attempts=before.attempts + outcome.attempts,
        throttled=before.throttled + outcome.throttled,
        throttled_at=Counter(before.throttled_at) + Counter(outcome.throttled_at),
        faults_at=Counter(before.faults_at) + Counter(outcome.faults_at),
    )


def _way(trace: Trace | None, asked: Asked) -> dict[str, Any]:
    """What a trace tells of the way: the place that answered, how many requests, which found no capacity or a fault."""
    if trace is None or not trace.tried:
        return {"model": asked.model}
    last = trace.tried[-1].attempt.candidate
    way = {"model": last.model, "location": last.location, "attempts": len(trace.tried)}
    missed = [(each.attempt.candidate.location, each.signal) for each in trace.tried if each.signal.kind != OK.kind]
    if not missed:
        return way
    full = Counter(place for place, signal in missed if signal.throttled)
    faults = Counter((place, signal.label) for place, signal in missed if signal.failed)
    return {**way, "throttled": full.total(), "throttled_at": full, "faults_at": faults}


def _mode(trace: Trace | None) -> Mode:
    return trace.tried[-1].attempt.candidate.mode if trace and trace.tried else "standard"


def _part(data: Any, *steps: str | int) -> Any:
    """What stands at a path in an answer; None where there is nothing."""
    for step in steps:
        if isinstance(step, str):
            data = data.get(step) if isinstance(data, dict) else None
        else:
            data = data[step] if isinstance(data, list) and len(data) > step else None
    return data


def _traffic(data: dict[str, Any]) -> str:
    told = _part(data, "usageMetadata", "trafficType")
    told = told or _part(data, "usage", "extra_properties", "google", "traffic_type")
    return told if isinstance(told, str) else ""


def _unsaid(data: dict[str, Any]) -> str:
    """Why the model would not answer; empty when it did."""
    blocked = _part(data, "promptFeedback", "blockReason")
    ended = _part(data, "candidates", 0, "finishReason")
    if blocked or (isinstance(ended, str) and ended in _UNSAID):
        return f"blocked: {blocked or ended}"
    if data.get("stop_reason") == "refusal":
        return "blocked: refusal"
    return "blocked: content_filter" if _part(data, "choices", 0, "finish_reason") == "content_filter" else ""
