"""What a decision rests on: the rule and the claims that admit a candidate, asked of the catalog once more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, get_type_hints

import msgspec

from catalog.query import Catalog
from catalog.schema import Claim
from router.audit.digests import claim_id
from router.audit.lines import Option
from router.plan import Allowed, Candidate, Plan
from router.policy import Policy
from router.rules import Question

_encoder = msgspec.json.Encoder(order="deterministic")
_TYPES = get_type_hints(Question)


def options(catalog: Catalog, policy: Policy, question: Question, plan: Plan) -> dict[Candidate, Option]:
    """What a plan allows, each with the rule and the claims that admit it."""
    found = {}
    for each in plan.allowed:
        model, location, mode = each.candidate
        rule, claims = _resting(catalog, policy, question, each)
        found[each.candidate] = Option(
            model=model, location=location, mode=mode, host=each.host, rule=rule, claims=claims
        )
    return found


def _resting(catalog: Catalog, policy: Policy, question: Question, allowed: Allowed) -> tuple[str, tuple[str, ...]]:
    """The rule that admits a candidate, and the claims that it rests on."""
    model, location, mode = allowed.candidate
    if model not in catalog.models:
        return ("resource-kept" if question.resource else "caller-kept"), ()
    served = catalog.served(model, location, mode, question.on, policy.trust)
    claims: list[Claim | None] = [served.claim] if served.verdict == "yes" else []
    guaranteed = policy.residency is not None and policy.assurance == "processing"
    if guaranteed:
        claims.append(catalog.boundary(model, location, question.on, question.tokens, policy.trust).claim)
    names = tuple(claim_id(model, claim) for claim in claims if claim is not None)
    if guaranteed:
        return "processing-inside", names
    if policy.residency is not None:
        return "location-inside", names
    return ("served" if names else "caller-kept"), names


def encoded_options(found: dict[Candidate, Option]) -> msgspec.Raw:
    """The options as they stand in a line."""
    return msgspec.Raw(_encoder.encode(list(found.values())))


def encoded_question(question: Question) -> msgspec.Raw:
    """A question as it stands in a line: the fields that differ from their defaults."""
    return msgspec.Raw(_encoder.encode(dict(_given(question))))


def _given(question: Question) -> Iterator[tuple[str, Any]]:
    defaults = Question._field_defaults
    for name, value in question._asdict().items():
        if name not in defaults or value != defaults[name]:
            yield name, value


def question_of(raw: bytes) -> Question:
    """The question of a line.

    Raises:
        ValueError: it is none.
    """
    data = msgspec.json.decode(raw)
    if not isinstance(data, dict) or not data.keys() <= _TYPES.keys():
        raise ValueError("not a question that this version knows")
    try:
        return Question(**{name: msgspec.convert(value, _TYPES[name], strict=False) for name, value in data.items()})
    except TypeError:
        raise ValueError("a question without its model, modes or day") from None


def encoded_refusals(plan: Plan) -> msgspec.Raw:
    """Where a plan refuses, by rule, as it stands in a line."""
    found: dict[str, list[str]] = {}
    for each in plan.refused:
        found.setdefault(each.rule, []).append(each.location)
    return msgspec.Raw(_encoder.encode(found))


def day_of(at: str) -> date:
    """The day of a line's time."""
    return date.fromisoformat(at[:10])
