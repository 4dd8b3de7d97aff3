"""Wishes order what a policy allows; they change nothing of what it allows."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from router import Plan, Policy
from router.planner import Planner
from router.rules import Question
from router.thrift import Thrift
from tests.laws.strategies import CATALOG, locations, policies

wishes = st.permutations(["cost", "eu", "europe-west1", "region", "us"]).flatmap(
    lambda names: st.integers(1, len(names)).map(lambda count: names[:count])
)
questions = st.builds(
    Question,
    model=st.sampled_from(sorted(CATALOG.models)),
    modes=st.sampled_from([("standard",), ("provisioned", "standard"), ("priority", "standard"), ("flex",)]),
    on=st.dates(date(2026, 1, 1), date(2027, 6, 1)),
    method=st.just(""),
    caller=locations | st.just(""),
    pins=st.just(frozenset[str]()),
    counted=st.just(""),
    tokens=st.none() | st.integers(1, 300_000),
)
free = policies().map(
    lambda policy: dataclasses.replace(
        policy, prefer=(), caller_location="prefer", modes=("standard", "priority", "flex")
    )
)


def wishing(policy: Policy, prefer: list[str]) -> Policy:
    """The policy with those of the wishes that it can have."""
    named = {
        name: policy.allow_locations is None or name in policy.allow_locations for name in ("eu", "us", "europe-west1")
    }
    kept = [
        name
        for name in prefer
        if named.get(name, True)
        and name not in policy.deny_locations
        and (name != "region" or "region" in policy.kinds)
    ]
    return dataclasses.replace(policy, prefer=kept)


def facts(plan: Plan) -> Any:
    """All that a plan says, but for the order, the tiers that it makes, and the policy."""
    return (
        sorted(repr(msgspec.structs.replace(each, tier=0)) for each in plan.allowed),
        plan.refused,
        plan.warnings,
    )


@given(free, wishes, questions)
def test_what_is_allowed_is_the_same_whatever_is_preferred(policy: Policy, prefer: list[str], asked: Question) -> None:
    plain = Planner(CATALOG, policy).plan(asked)
    assert facts(Planner(CATALOG, wishing(policy, prefer)).plan(asked)) == facts(plain)


@given(free, questions)
def test_by_cost_nothing_dearer_is_tried_before_something_cheaper(policy: Policy, asked: Question) -> None:
    plan = Planner(CATALOG, wishing(policy, ["cost"])).plan(asked)
    thrift = Thrift(CATALOG)
    costs = [thrift.usd(candidate, asked.on) for candidate in plan.candidates]
    assert costs == sorted(costs)
