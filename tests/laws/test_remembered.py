"""What a router remembers of earlier requests changes no decision: each is that of a router that has seen nothing."""

from __future__ import annotations

from datetime import date
from functools import cache
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import Catalog
from router import NotSent, Policy
from router.core import Core
from router.directives import directives
from router.target import Incoming
from tests.laws.strategies import CATALOG
from tests.world import TODAY, gemini_url, make_router

FLASH, OTHER = "gemini-2.5-flash", "gemini-3.8-flash"
SMALL = Catalog(  # so that what else a policy admits is soon found out
    sources=CATALOG.sources.values(),
    jurisdictions=CATALOG.jurisdictions.values(),
    locations=CATALOG.locations.values(),
    models=[CATALOG.models[FLASH], CATALOG.models[OTHER]],
    features=CATALOG.features.values(),
)
EU = {"residency": "eu", "modes": ["standard", "priority"]}
POLICIES = (
    Policy(**EU),
    Policy(residency="de"),
    Policy(deny_locations=["europe-west3"], modes=["standard", "priority"]),
    Policy(**EU, model_fallback={FLASH: [OTHER]}),
    Policy(**EU, allow_features=["explicit-caching", "google-search", "unread-body"]),
)
DAYS = (TODAY, date(2027, 6, 1))
TEXT = b'{"contents": [{"role": "user", "parts": [{"text": "%s"}]}]}'
# Alike but for one thing each, so that what is remembered of one must not serve another.
REQUESTS: tuple[tuple[str, dict[str, str], bytes], ...] = (
    (gemini_url("europe-west3", FLASH), {}, TEXT % b"a"),
    (gemini_url("europe-west3", FLASH), {}, TEXT % (b"a" * 150_000)),
    (gemini_url("europe-west3", FLASH), {}, TEXT % (b"a" * 300_000)),
    (gemini_url("europe-west3", FLASH), {}, b'{"cachedContent": "1"}'),
    (gemini_url("europe-west3", FLASH), {}, b'{"contents": [], "tools": [{"googleSearch": {}}]}'),
    (gemini_url("europe-west3", FLASH), {}, b'{"contents": [], "contents": {}, "tools": []}'),
    (gemini_url("europe-west3", FLASH), {}, b'{"generationConfig": {"temperature": 0}}'),
    (gemini_url("europe-west3", FLASH), {}, b'{"generationConfig": {"routingConfig": {}}}'),
    (gemini_url("europe-west3", FLASH), {"x-vertex-router-tokens": "100000"}, TEXT % b"a"),
    (gemini_url("europe-west3", FLASH), {"x-vertex-router-tokens": "1000000"}, TEXT % b"a"),
    (gemini_url("europe-west3", FLASH), {"x-vertex-ai-llm-shared-request-type": "priority"}, TEXT % b"a"),
    (gemini_url("europe-west3", FLASH), {"content-encoding": "gzip"}, TEXT % b"a"),
    (gemini_url("europe-west3", FLASH), {"x-http-method-override": "GET"}, TEXT % b"a"),
    (gemini_url("europe-west3", FLASH) + "?alt=sse", {}, TEXT % b"a"),
    (gemini_url("europe-west3", FLASH, "countTokens"), {}, TEXT % b"a"),
    (gemini_url("europe-west3", OTHER), {}, TEXT % b"a"),
    (gemini_url("eu", FLASH), {}, TEXT % b"a"),
)
STEPS = list(product(range(len(POLICIES)), DAYS, range(len(REQUESTS))))


def decided(core: Core, request: int) -> Any:
    """All that a core says of a request before it is sent."""
    url, headers, body = REQUESTS[request]
    host, _, path = url.removeprefix("https://").partition("/")
    try:
        call = core.admit(Incoming("POST", "https", host, None, f"/{path}", headers, body), directives(headers))
    except NotSent as error:
        return type(error), str(error)
    return call and (call.target, call.question, call.plan, call.others, call.trace, call.tokens, call.stated)


@cache
def afresh(policy: int, day: date, request: int) -> Any:
    return decided(make_router(POLICIES[policy], catalog=SMALL, today=lambda: day)._core, request)


@given(st.permutations(STEPS))
@settings(max_examples=8, deadline=None)
def test_in_any_order_every_decision_is_that_of_a_router_that_has_seen_nothing(
    steps: list[tuple[int, date, int]],
) -> None:
    """Of all policies, by scopes of one router, on all days, all requests."""
    day = TODAY
    router = make_router(catalog=SMALL, today=lambda: day)
    for policy, day, request in steps:
        with router._scopes.entered(POLICIES[policy]):
            assert decided(router._core, request) == afresh(policy, day, request)


def test_those_answers_differ_by_policy_by_day_and_by_request() -> None:
    """Otherwise the law above would say less than it seems to."""
    answers = {step: str(afresh(*step)) for step in STEPS}
    assert len({answers[policy, TODAY, 0] for policy in range(len(POLICIES))}) == len(POLICIES)
    assert answers[0, TODAY, 0] != answers[0, DAYS[1], 0]
    assert len({answers[0, TODAY, request] for request in range(len(REQUESTS))}) > len(REQUESTS) / 2


def test_what_says_nothing_is_decided_once() -> None:
    core = make_router(POLICIES[0], catalog=SMALL)._core
    first, second = decided(core, 0), decided(core, 0)
    assert first[2] is second[2]
    assert [len(each.by_size) for each in core.decisions._usual.values()] == [1]
