"""What must hold for every request, whatever it is about, binds it to, or asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from router import GuardStop, NotSent, Policy
from tests.laws.requests import Asked, requests
from tests.laws.strategies import CATALOG, policies
from tests.laws.test_failover import JURISDICTIONS, as_response, eligible
from tests.world import TODAY, Backend, location_in, make_router

FEATURES = sorted(CATALOG.features)
exceptions = st.sets(st.sampled_from(FEATURES), max_size=4)
days = st.lists(st.sampled_from([200, 429, 503, 500, 404, "ReadTimeout", "ConnectError"]), min_size=1, max_size=6)


def sent(policy: Policy, asked: Asked, day: list[Any]) -> tuple[list[Any], Exception | None]:
    """The requests that left, and what was raised."""
    backend = Backend(httpx)
    replies = list(day)

    def answer(request: Any) -> Any:
        backend.requests.append(request)
        return as_response(httpx, replies.pop(0) if len(replies) > 1 else replies[0])

    transport = make_router(policy).transport(transport=httpx.MockTransport(answer))
    with httpx.Client(transport=transport) as client:
        try:
            client.request(asked.verb, asked.url, content=asked.body, headers=asked.headers)
        except Exception as error:
            return backend.requests, error
    return backend.requests, None


def inside(location: str, policy: Policy) -> bool:
    """Whether a location stands within the residency, by its own entry."""
    within = set().union(*(JURISDICTIONS.get(name, {name}) for name in policy.residency or ()))
    stands = CATALOG.locations[location].jurisdiction
    return stands is not None and JURISDICTIONS.get(stands, {stands}) <= within


def bearable(feature: str, policy: Policy) -> bool:
    """The rule of features, written once more from the claims."""
    said = {claim.stays for claim in CATALOG.features[feature].localised}
    return feature in policy.allow_features or said == {"yes"} or (policy.assurance == "location" and "no" not in said)


@given(policies(), exceptions, requests(), days)
@settings(max_examples=400)
def test_no_request_leaves_the_set_of_the_policy(policy: Policy, allow: set[str], asked: Asked, day: list[Any]) -> None:
    policy = replace(policy, allow_features=allow)
    left, error = sent(policy, asked, day)
    assert not isinstance(error, GuardStop), "planner and guard agree"
    places = {location_in(str(request.url)) for request in left}
    if policy.residency is not None:
        assert places <= (eligible(policy, asked.model, TODAY) if asked.model else set(CATALOG.locations))
        assert all(inside(place, policy) for place in places if not asked.model)
        assert not left or all(bearable(feature, policy) for feature in asked.features)
        assert not left or all(inside(place, policy) for place in asked.read)
    assert not places & set(policy.deny_locations)


@given(policies(), exceptions, requests(), days)
@settings(max_examples=300)
def test_a_bound_request_is_never_sent_elsewhere(policy: Policy, allow: set[str], asked: Asked, day: list[Any]) -> None:
    left, _ = sent(replace(policy, allow_features=allow), asked, day)
    places = {location_in(str(request.url)) for request in left}
    if len(asked.pins) > 1:
        assert places == set()
    elif asked.pins:
        assert places <= asked.pins
    for request in left:
        assert CATALOG.locations[location_in(str(request.url))].host == request.url.host


@given(policies(), requests(), days)
def test_no_header_for_the_router_leaves_and_nothing_else_is_changed(
    policy: Policy, asked: Asked, day: list[Any]
) -> None:
    left, _ = sent(policy, asked, day)
    for request in left:
        assert not [name for name in request.headers if name.startswith("x-vertex-router")]
        assert (request.method, request.content) == (asked.verb, asked.body)


@given(policies(residency=st.sampled_from([["eu"], ["us"]])), requests(), days)
def test_what_is_refused_was_not_sent(policy: Policy, asked: Asked, day: list[Any]) -> None:
    left, error = sent(policy, asked, day)
    assert not (isinstance(error, NotSent) and left)
