"""What a policy lets be asked: each pair of a model and a location that it would admit, were the model served there.

That one fact is what the probe is to find out, so it is assumed: in a copy of the catalog every model is
served everywhere on demand. Nothing else differs. Boundaries, the overlay's denials and private hosts,
terms and stages stand as they stood, and rules, planner and guard judge by them as always. So the policy
is kept to the letter: under a residency a location is asked only on a claim that processing stays
inside, whether or not the model is claimed to be served there; the guard, which walks those claims
itself, passes it or nothing is sent. Each request is sent once, and held at its location by a wall.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date

import msgspec

from catalog.query import Catalog
from catalog.schema import Availability, Model, Source
from router.health import Ask, PoolState, Ticket
from router.plan import Plan, Pool
from router.planner import Planner
from router.policy import Policy
from router.probe.calls import Call, NoCall, Pair, call_for
from router.router import Router
from router.rules import Question
from router.signals import Signal
from router.status import Status
from router.trace import Trace

_ASSUMED = "assumed-by-the-probe"

COSTS = "the call costs money: about ten tokens in and one out, or one embedded word; --spend makes it"


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """A model that the policy admits and that is not asked, and why."""

    model: str
    reason: str


class Agenda(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked, and what is not.

    `router` sends to one location each; `summary` is the policy in a few words; `refused` are the plans
    of models that the policy admits nowhere.
    """

    router: Router
    summary: str
    pairs: tuple[Pair, ...]
    skipped: tuple[Skipped, ...]
    refused: tuple[Plan, ...]

    def unasked(self) -> Iterator[tuple[str, str]]:
        """The models that are not asked at all, each with the reason."""
        yield from ((each.model, each.reason) for each in self.skipped)
        yield from ((each.model, "the policy admits no location for it") for each in self.refused)

    def not_asked(self) -> list[dict[str, str]]:
        """`unasked` as plain data."""
        return [{"model": model, "reason": reason} for model, reason in self.unasked()]


def agenda_of(
    catalog: Catalog,
    policy: Policy,
    on: date,
    models: Sequence[str] = (),
    *,
    spend: bool = False,
    call_s: float = 20.0,
) -> Agenda:
    """What may be asked, in the order of the catalog.

    Args:
        models: ids or aliases; by default every model that is not known to be retired.
        spend: may calls be made that cost money?
        call_s: seconds after which a call is given up.

    Raises:
        UnknownModel: with the nearest ids.
        PolicyError: the policy names something that the catalog does not have.
    """
    router = _router(catalog, policy, on, call_s)
    planner = Planner(router.catalog, router.policy)

    def plan_of(name: str) -> Plan:
        return planner.plan(Question(name, ("standard",), on))

    counted = _counted(catalog.models.values(), plan_of)
    named = dict.fromkeys(catalog.model(name).id for name in models)
    pairs: list[Pair] = []
    skipped: list[Skipped] = []
    refused: list[Plan] = []
    for name in named or catalog.models:
        model, plan = catalog.models[name], plan_of(name)
        call = call_for(model, counted)
        why = _unasked(model, call, on, named=bool(named), spend=spend)
        if not plan.allowed:
            refused.append(plan)
        elif why or isinstance(call, NoCall):
            skipped.append(Skipped(model=name, reason=why))
        else:
            pairs += _pairs(plan, call)
    return Agenda(
        router=router, summary=policy.summary, pairs=tuple(pairs), skipped=tuple(skipped), refused=tuple(refused)
    )


def _unasked(model: Model, call: Call | NoCall, on: date, *, named: bool, spend: bool) -> str:
    """Why a model that may be asked is not; empty if it is."""
    end = model.retirement
    if not named and end and end.confirmed and end.on and on >= end.on:
        return "retired; asked only if named"
    if isinstance(call, NoCall):
        return call.reason
    return COSTS if call.costs and not spend else ""


def _pairs(plan: Plan, call: Call) -> Iterator[Pair]:
    for each in plan.allowed:
        yield Pair(model=plan.model, location=each.candidate.location, host=each.host, call=call)


def _counted(models: Iterable[Model], plan_of: Callable[[str], Plan]) -> str:
    """The newest Claude model that the policy admits: the one to count tokens for. Empty if there is none."""
    claude = (each for each in models if (each.publisher, each.task) == ("anthropic", "text"))
    newest = sorted(claude, key=lambda each: each.released or date.min, reverse=True)
    return next((each.id for each in newest if plan_of(each.id).allowed), "")


def _router(catalog: Catalog, policy: Policy, on: date, call_s: float) -> Router:
    """The router that asks: the policy as it is, but for a wall, one attempt, and the time of a call."""
    policy.check(catalog)
    walled = replace(
        policy,
        caller_location="wall",
        prefer=(),
        attempts=1,
        deadline_s=call_s,
        attempt_timeout_s=None,
        connect_timeout_s=None,
    )
    return Router(walled, catalog=assumed(catalog, on), health=_AlwaysOpen(), today=lambda: on, observe=_unobserved)


def assumed(catalog: Catalog, on: date) -> Catalog:
    """The catalog, had every model been seen at every location that serves models."""
    source = Source(id=_ASSUMED, title="what the probe is to find out", published=on, retrieved=on)
    seen = Availability(
        since=on,
        source=_ASSUMED,
        where="assumed",
        checked=on,
        locations=tuple(each.id for each in catalog.locations.values() if each.serves_models),
        modes=("standard",),
        served="yes",
    )
    return Catalog(
        sources=[*catalog.sources.values(), source],
        jurisdictions=catalog.jurisdictions.values(),
        locations=catalog.locations.values(),
        models=[_seen(model, seen, on) for model in catalog.models.values()],
        own=catalog.own,
    )


def _seen(model: Model, seen: Availability, on: date) -> Model:
    """The model as seen: one that answers is not retired, whatever was confirmed."""
    end = model.retirement
    gone = end is not None and end.confirmed and end.on is not None and on >= end.on
    return msgspec.structs.replace(model, availability=(seen,), retirement=None if gone else end)


def _unobserved(trace: Trace) -> None:
    """A refusal is what a probe is out for, and no warning to log."""


class _AlwaysOpen:
    """No pool is ever closed: pacing is the survey's own, and what one call learns must not stop another."""

    def acquire(self, ask: Ask, now: float) -> Ticket:
        (allowed, *_) = ask.plan.allowed
        return Ticket(Pool(ask.project, *allowed.candidate), allowed, now)

    def leave(self, ask: Ask, now: float) -> None: ...

    def retry(self, ask: Ask, signal: Signal, now: float) -> None: ...

    def result(self, ticket: Ticket, signal: Signal, now: float) -> None: ...

    def release(self, ticket: Ticket, now: float) -> None: ...

    def settle(self, ticket: Ticket, tokens: int) -> None: ...

    def late_fault(self, pool: Pool, signal: Signal, now: float) -> None: ...

    def states(self, pools: Sequence[Pool], now: float) -> tuple[PoolState, ...]:  # noqa: ARG002 - as `Health` has it
        return ()

    def status(self, now: float) -> Status:  # noqa: ARG002 - as `Health` has it
        return Status(pools=(), waiting=0)
