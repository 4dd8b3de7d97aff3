"""Replays an audit: every decision once more, every attempt held against its decision.

Plans are made anew from the policy and the catalog that each line names, and the guard, which shares no
code with them, is asked as well. Nothing is taken from the audit but what was asked and what was done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec

from catalog.errors import CatalogError
from catalog.query import Catalog
from router.audit.digests import catalog_digest, plan_digest, policy_digest
from router.audit.evidence import day_of, encoded_options, options, question_of
from router.audit.lines import CatalogLine, Decision, Ended, Event, Gap, Option, PlanLine, PolicyLine, Tried
from router.audit.reading import Chain, Finding, Place
from router.errors import GuardStop, PolicyError
from router.guard import Guard
from router.modes import headers_of
from router.plan import Candidate, Plan
from router.planner import Planner
from router.policy import Policy
from router.rules import Question
from router.tightening import tightened

Catalogs = Callable[[str, date], Catalog | None]
"""The catalog of a digest, for lines of a day; None if it is not to be had."""

_NO_MATTER = frozenset(
    {
        *("prefer", "deadline_s", "attempts", "connect_timeout_s", "attempt_timeout_s", "repeat_after_timeout"),
        *("faults", "affinity_ttl_s", "model_fallback", "reservations", "scopes", "audit"),
    }
)
"""Fields of a policy that have no part in where a request may go."""

_A_DAY = timedelta(days=1)


class Report(msgspec.Struct, kw_only=True):
    """What an audit proves: nothing is wrong if there are no `problems`; `notes` are worth knowing."""

    files: list[str]
    lines: int
    requests: int
    attempts: int
    refused: int
    unrouted: int
    head: str
    problems: list[Finding]
    notes: list[Finding]

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        found = [
            [{"file": each.place.file, "line": each.place.line, "text": each.text} for each in findings]
            for findings in (self.problems, self.notes)
        ]
        plain = {name: getattr(self, name) for name in self.__struct_fields__ if name not in ("problems", "notes")}
        return {**plain, "problems": found[0], "notes": found[1]}


def catalogs_of(*known: Catalog) -> Catalogs:
    """These catalogs, by their digests."""
    by_digest = {catalog_digest(each): each for each in known}
    return lambda digest, _: by_digest.get(digest)


def verify(
    path: Path,
    catalogs: Catalogs,
    policy: Policy | None = None,
    *,
    running: bool = False,
    after: str = "",
    head: str = "",
) -> Report:
    """Reads an audit to its end and tells all that is wrong with it.

    Args:
        path: the file that was, or is, written; those set aside are found beside it.
        policy: what every decision is to be held against; by default the policies that the audit holds.
        running: whether the process that writes is still at it.
        after: the hash of the line before the first, if files before it are kept elsewhere.
        head: the hash that the last line must have, as it was noted elsewhere.

    Raises:
        Unreadable: there is no audit there.
    """
    chain = Chain(path, after)
    replay = _Replay(chain, catalogs, policy)
    for place, event in chain.events():
        replay.hear(place, event)
    chain.end(running=running, head=head)
    return Report(
        files=[str(each) for each in chain.files],
        lines=chain.lines,
        requests=replay.requests,
        attempts=replay.attempts,
        refused=replay.refused,
        unrouted=replay.unrouted,
        head=chain.head,
        problems=chain.problems,
        notes=chain.notes,
    )


class _Plan(msgspec.Struct):
    """A plan of the audit, and what policy and catalog allow."""

    line: PlanLine
    on: date | None = None
    exceptions: tuple[str, ...] = ()
    options: dict[Candidate, Option] = {}


class _Open(msgspec.Struct):
    """A request that was allowed, and its last attempt."""

    plans: list[_Plan]
    number: int = 0


class _Replay:
    """What was decided so far, and what the catalog and the policies say to it."""

    def __init__(self, chain: Chain, catalogs: Catalogs, policy: Policy | None) -> None:
        self.requests = self.attempts = self.refused = self.unrouted = 0
        self._chain = chain
        self._catalogs = catalogs
        self._policy = policy
        self._policies: dict[str, Policy | None] = {}
        self._resolved: dict[str, Catalog | None] = {}
        self._compared: set[tuple[str, str]] = set()
        self._makers_of: dict[tuple[str, str], tuple[Planner, Guard]] = {}
        self._plans: dict[str, _Plan] = {}
        self._open: dict[str, _Open] = {}

    def hear(self, place: Place, event: Event) -> None:
        """Takes the next line."""
        try:
            self._chain.problems += [Finding(place, text) for text in self._wrong(place, event)]
        except ValueError as error:  # such as a time that is none
            self._chain.problems.append(Finding(place, f"holds what was never written: {error}"))

    def _wrong(self, place: Place, event: Event) -> Iterator[str]:
        """What is wrong with a line."""
        match event:
            case Tried():
                yield from self._attempt(event)
            case Decision():
                yield from self._decision(event)
            case PolicyLine():
                yield from self._named_policy(event)
            case CatalogLine():
                yield from self._named_catalog(event)
            case PlanLine():
                yield from self._named_plan(place, event)
            case Ended():
                self._open.pop(event.request, None)
            case Gap(lost=0):
                told = f"for a while nothing could be written, and {event.refused} requests were refused"
                self._chain.notes.append(Finding(place, told))
            case Gap():
                yield f"for a while nothing could be written: {event.lost} lines are missing"
            case _:
                pass

    def _named_policy(self, line: PolicyLine) -> Iterator[str]:
        try:
            policy = Policy.of(line.fields)
        except PolicyError as error:
            yield f"the policy {line.policy} is none that this version of the package knows: {error}"
            return
        if policy_digest(policy) != line.policy:
            yield f"the policy does not have the digest {line.policy} that it is called by"
            return
        self._policies[line.policy] = policy

    def _named_catalog(self, line: CatalogLine) -> Iterator[str]:
        found = self._catalogs(line.catalog, day_of(line.at))
        if found is None and line.catalog not in self._resolved:
            own = f" with an overlay that brings {', '.join(line.own_sources)}" if line.own_sources else ""
            yield (
                f"the catalog {line.catalog}{own} is not at hand, so that what rests on it can't be replayed: give the "
                "overlays of that time, and the catalog of the version of the package that wrote this"
            )
        self._resolved[line.catalog] = found

    def _named_plan(self, place: Place, line: PlanLine) -> Iterator[str]:
        """Makes the plan anew."""
        if line.plan in self._plans:
            if self._plans[line.plan].line.refused != line.refused:
                yield f"the plan {line.plan} was another one before"
            return
        plan = self._plans[line.plan] = _Plan(line)
        if plan_digest(line.policy, line.catalog, bytes(line.question), bytes(line.allowed)) != line.plan:
            yield f"the plan does not have the digest {line.plan} that it is called by"
        policy = self._policies.get(line.policy)
        if policy is None:
            yield f"names the policy {line.policy}, which the audit does not hold"
            return
        if line.catalog not in self._resolved:
            yield f"names the catalog {line.catalog}, which the audit does not hold"
        catalog = self._resolved.get(line.catalog)
        if catalog is None:
            return
        yield from self._held_against(place, line, policy, catalog)
        try:
            policy.check(catalog)
            question = question_of(bytes(line.question))
            planner, guard = self._makers(line, policy, catalog)
            made = _made(line, question, catalog, policy, planner)
        except (ValueError, CatalogError) as error:
            yield f"its question can't be asked: {error}"
            return
        plan.on, plan.exceptions = question.on, made.exceptions
        plan.options = options(catalog, policy, question, made)
        if bytes(line.allowed) != bytes(encoded_options(plan.options)):
            yield from _differences(line, plan.options)
        for option in plan.options.values():
            if why := _stopped(option, question, catalog, guard):
                yield f"allows what the guard would stop: {why}"

    def _makers(self, line: PlanLine, policy: Policy, catalog: Catalog) -> tuple[Planner, Guard]:
        names = (line.policy, line.catalog)
        if names not in self._makers_of:
            self._makers_of[names] = (Planner(catalog, policy), Guard(catalog, policy))
        return self._makers_of[names]

    def _decision(self, line: Decision) -> Iterator[str]:
        self.requests += line.outcome != "refused" or not line.request  # else it was counted when it began
        self.refused += line.outcome == "refused"
        self.unrouted += line.outcome == "unrouted"
        plan = self._plans.get(line.plan)
        if plan is not None:
            yield from self._planned(line, plan)
        elif line.plan or line.outcome == "allowed":
            yield f"names the plan {line.plan}, which the audit does not hold"
        elif line.outcome == "unrouted":
            catalog = self._resolved.get(line.catalog)
            policies = (self._policies.get(line.policy), self._policy or Policy())
            limited = any(policy is None or policy.limits_locations for policy in policies)
            if limited or (catalog and catalog.own.denied):
                yield f"was sent on to {line.host} unread, under a policy with limits"

    def _planned(self, line: Decision, plan: _Plan) -> Iterator[str]:
        if (line.policy, line.catalog) != (plan.line.policy, plan.line.catalog):
            yield "names another policy or catalog than its plan"
        if plan.on and abs(day_of(line.at) - plan.on) > _A_DAY:
            yield f"was decided as if it were {plan.on}"
        if line.outcome == "refused":
            if plan.options:
                names = ", ".join(each.location for each in plan.options)
                yield f"was refused, although policy and catalog allow {names}"
            return
        if plan.on and line.exceptions != plan.exceptions:
            named = [", ".join(each) or "none" for each in (line.exceptions, plan.exceptions)]
            yield f"names the exceptions {named[0]}; the policy makes {named[1]}"
        if line.request in self._open:
            yield f"decides of the request {line.request} a second time"
        others = [self._plans.get(each) for each in line.others]
        if None in others:
            yield "names plans of other models which the audit does not hold"
        self._open[line.request] = _Open([plan, *(each for each in others if each is not None)])

    def _held_against(self, place: Place, line: PlanLine, policy: Policy, catalog: Catalog) -> Iterator[str]:
        """Whether a policy of the audit is the one it is to be held against, or one for a scope of it."""
        key = (line.policy, line.catalog)
        if self._policy is None or key in self._compared:
            return
        self._compared.add(key)
        wanted = replace(self._policy, scopes="tighten", prefer=())
        asked = wanted.as_dict()
        changed = {name: value for name, value in policy.as_dict().items() if value != asked[name]}
        loosened = _loosened(wanted, policy, {name: changed[name] for name in changed.keys() - _NO_MATTER}, catalog)
        if loosened and self._policy.scopes == "any":
            told = f"a scope was given more than the policy: {loosened}; it lets its scopes do so"
            self._chain.notes.append(Finding(place, told))
        elif loosened:
            yield f"was decided under another policy ({line.policy}) than the one given: {loosened}"

    def _attempt(self, line: Tried) -> Iterator[str]:
        self.attempts += 1
        request = self._open.get(line.request)
        if request is None:
            yield f"belongs to a request that was not decided: {line.request}"
            return
        if line.number != request.number + 1:
            yield f"is attempt {line.number} of a request whose last one was {request.number}"
        request.number = line.number
        candidate = Candidate(line.model, line.location, line.mode)  # type: ignore[arg-type]
        plan = next((each for each in request.plans if candidate in each.options), request.plans[0])
        if (line.policy, line.catalog) != (plan.line.policy, plan.line.catalog):
            yield "names another policy or catalog than the decision on its request"
        option = plan.options.get(candidate)
        if plan.on is None:
            pass  # it could not be made anew, which was told of the plan
        elif option is None:
            yield f"went to {line.location} in {line.mode} mode with {line.model}: policy and catalog do not allow it"
        elif (line.host, line.rule, line.claims) != (option.host, option.rule, option.claims):
            yield from _misplaced(line, option)
        if line.ended:
            del self._open[line.request]


def _loosened(wanted: Policy, policy: Policy, changed: dict[str, Any], catalog: Catalog) -> str:
    """How a policy that differs from the wanted one in these fields allows more; empty if it does not."""
    try:
        scope = tightened(wanted, changed, catalog)
    except (PolicyError, CatalogError) as error:
        return str(error)
    for name in ("deny_locations", "deny_models"):
        if missing := set(getattr(scope, name)) - set(getattr(policy, name)):
            return f"`{name}` does not name {', '.join(sorted(missing))}"
    return ""


def _made(line: PlanLine, question: Question, catalog: Catalog, policy: Policy, planner: Planner) -> Plan:
    """The plan for a question, as a router makes it."""
    if question.resource and (not question.model or policy.residency is None):
        return planner.plan_for_resource(question)
    known = {question.model, question.counted} - {""} <= catalog.names()
    plan = planner.plan(question) if known else planner.plan_for_stranger(question)
    if known and policy.residency is None and question.caller:
        # Asked for under another publisher's name than its own, a model is a stranger as well.
        stranger = planner.plan_for_stranger(question)
        if bytes(encoded_options(options(catalog, policy, question, stranger))) == bytes(line.allowed):
            return stranger
    return plan


def _stopped(option: Option, question: Question, catalog: Catalog, guard: Guard) -> str:
    """Why the guard would stop an option; empty if it would not."""
    model = catalog.models.get(option.model)
    if model is None or question.resource:  # what else is at an address of a resource stands in no line
        return ""
    path = f"/v1/projects/p/locations/{option.location}/publishers/{model.publisher}/models/{model.id}:predict"
    try:
        guard.check(
            scheme="https",
            host=option.host,
            port=None,
            raw_path=path,
            headers=headers_of(option.mode),  # type: ignore[arg-type]
            model=model.id,
            on=question.on,
            tokens=question.tokens,
            features=question.features,
        )
    except GuardStop as error:
        return str(error)
    return ""


def _differences(line: PlanLine, found: dict[Candidate, Option]) -> Iterator[str]:
    """How what a line allows differs from what policy and catalog do; in which order is a matter of wishes."""
    try:
        said = msgspec.json.decode(line.allowed, type=list[Option])
    except msgspec.DecodeError as error:
        yield f"what it allows can't be read: {error}"
        return
    named = {Candidate(each.model, each.location, each.mode): each for each in said}  # type: ignore[arg-type]
    for candidate in named.keys() - found.keys():
        yield f"allows {candidate.location} in {candidate.mode} mode, which policy and catalog do not"
    for candidate in found.keys() - named.keys():
        yield f"does not name {candidate.location} in {candidate.mode} mode, which policy and catalog allow"
    for candidate in found.keys() & named.keys():
        said_so, is_so = named[candidate], found[candidate]
        if said_so != is_so:
            yield f"rests {candidate.location} on {_grounds(said_so)}, not on {_grounds(is_so)}"


def _misplaced(line: Tried, option: Option) -> Iterator[str]:
    if line.host != option.host:
        yield f"went to the host {line.host}, which is not that of {line.location}"
    if (line.rule, line.claims) != (option.rule, option.claims):
        yield f"rests on {_grounds(line)}, not on {_grounds(option)}"


def _grounds(of: Option | Tried) -> str:
    return " ".join((of.rule, *of.claims))
