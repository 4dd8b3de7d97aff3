"""Requests that are bound to a location; the vectors are in `tests/vectors/pinned_requests.toml`."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import httpx
import pytest

from catalog.schema import MODES
from router import Exhausted, NoRoute, NotSent, PinnedLocation, Policy, RequestNotUnderstood, trace_of
from router.core import Call
from router.pins import Pin, names
from router.target import Incoming
from tests.router.support import each, each_stack, unexplained, vectors
from tests.world import Backend, make_router

VECTORS = vectors("pinned_requests.toml", "request")
MOVING = 3
PATTERNS = {f"P{number:02}" for number in range(1, 46)}


def admit(vector: dict[str, Any], policy: Policy) -> Call | None:
    scheme, _, rest = vector["url"].partition("://")
    host, _, path = rest.partition("/")
    body, headers = vector.get("body", "").encode(), vector.get("headers", {})
    return make_router(policy)._core.admit(
        Incoming(vector.get("verb", "POST"), scheme, host, None, f"/{path}", headers, body)
    )


def outcome(vector: dict[str, Any], **policy: Any) -> tuple[Any, NotSent | None]:
    """Where it may go, or the name of what is raised, and that."""
    try:
        call = admit(vector, Policy(modes=MODES, **policy))
    except NotSent as error:
        return type(error).__name__, error
    return ([each.location for each in call.plan.candidates] if call else "unrouted"), None


def decisive(error: NotSent, vector: dict[str, Any]) -> set[str]:
    """The rules that refused what the request is bound to, and where its client is set; or the reason."""
    if isinstance(error, RequestNotUnderstood):
        return {error.reason}
    assert isinstance(error, NoRoute)
    places = {pin.location for pin in getattr(error, "pins", ())}
    places |= {vector["url"].partition("/locations/")[2].partition("/")[0], "eu"}
    return {refused.rule for refused in error.plan.refused if refused.location in places}


def test_every_vector_says_what_it_is_and_where_it_comes_from_and_no_pattern_is_missing() -> None:
    assert unexplained(VECTORS) == []
    assert {vector["pattern"] for vector in VECTORS} == PATTERNS


@each(VECTORS)
def test_without_a_residency_a_request_goes_where_it_is_bound_to_and_no_further(vector: dict[str, Any]) -> None:
    found, _ = outcome(vector)
    if vector["anywhere"] == "moves":
        assert len(found) > MOVING
    else:
        assert found == vector["anywhere"]


@each(VECTORS)
def test_under_a_residency_it_stays_where_that_is_admitted_or_is_refused_by_name(vector: dict[str, Any]) -> None:
    found, error = outcome(vector, residency="eu")
    assert found == vector["eu"]
    if error is not None:
        assert any(vector["why"] in each for each in decisive(error, vector)), decisive(error, vector)


@each([vector for vector in VECTORS if "exception" in vector])
def test_an_exception_admits_what_it_names_and_nothing_besides(vector: dict[str, Any]) -> None:
    found, error = outcome(vector, residency="eu", allow_features=vector["exception"])
    assert found == vector["by_exception"]
    if error is not None:
        assert vector["still"] in decisive(error, vector)
    else:
        call = admit(vector, Policy(residency="eu", modes=MODES, allow_features=vector["exception"]))
        assert call is not None
        assert set(call.trace.exceptions) == set(call.plan.exceptions) == set(vector["exception"])
        assert all(any(name in warning for warning in call.plan.warnings) for name in vector["exception"])


@each([vector for vector in VECTORS if "bound_to" in vector])
def test_a_bound_request_waits_for_its_place_and_is_sent_nowhere_else(vector: dict[str, Any]) -> None:
    """Two refusals for lack of capacity: it comes back to the same place, at the host that its client may reach."""
    (place,) = vector["bound_to"]
    backend = Backend(httpx, {place: [429, 429]})
    router = make_router(Policy())
    with httpx.Client(transport=router.transport(transport=backend.transport)) as client:
        body = vector.get("body")
        response = client.request(
            vector.get("verb", "POST"), vector["url"], content=body, headers=vector.get("headers")
        )
    assert response.status_code == 200
    assert backend.locations == [place] * 3
    assert [pin.location for pin in response.extensions["vertex_router"].pins] != []


# The error, and the trace

GEN = "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/publishers/google/models/"
IMAGE = f"{GEN}gemini-2.5-flash-image:generateContent"
CACHE = "projects/p/locations/europe-west8/cachedContents/1"


def post(stack: ModuleType, backend: Backend, body: Any, policy: Policy | None = None, url: str = IMAGE) -> Any:
    router = make_router(policy or Policy(attempts=2))
    with stack.Client(transport=router.transport(transport=backend.transport)) as client:
        return client.post(url, json=body)


@each_stack
def test_when_its_place_is_down_the_last_word_says_what_bound_it(module: ModuleType) -> None:
    backend = Backend(module, {"europe-west8": 503})
    response = post(module, backend, {"cachedContent": CACHE})
    trace = trace_of(response)
    assert trace is not None
    assert (response.status_code, backend.locations) == (503, ["europe-west8"] * 2)
    assert trace.pins == (Pin(CACHE, "europe-west8"),)
    assert f"bound to europe-west8 by {CACHE}" in str(trace)
    with pytest.raises(Exhausted, match=f"bound to europe-west8 by {CACHE}"):
        post(module, Backend(module, {"europe-west8": "ConnectError"}), {"cachedContent": CACHE})


def test_a_refusal_names_the_resource_the_place_and_the_plan() -> None:
    backend = Backend(httpx)
    with pytest.raises(PinnedLocation) as refusal:
        post(httpx, backend, {"cachedContent": CACHE}, Policy(deny_locations="europe-west8"))
    error = refusal.value
    assert (error.resource, error.location) == (CACHE, "europe-west8")
    assert {each.location: each.rule for each in error.plan.refused}["europe-west8"] == "location-denied"
    assert f"bound to its location by {CACHE} (europe-west8)" in str(error)
    assert backend.sent == []


def test_what_makes_something_is_not_sent_again_when_it_may_have_been_made() -> None:
    url = IMAGE.partition("/publishers/")[0] + "/tuningJobs"
    never_made: list[Any] = [429, 503, "ConnectError"]
    maybe_made: list[Any] = [500, 504, "ReadTimeout", "ReadError"]
    for reply in never_made + maybe_made:
        backend = Backend(httpx, {"europe-west4": [reply]})
        try:
            post(httpx, backend, {"baseModel": "m"}, url=url)
        except Exhausted:
            assert isinstance(reply, str)
        assert len(backend.sent) == (2 if reply in never_made else 1), reply


def test_what_only_reads_is_sent_again() -> None:
    url = IMAGE.partition("/publishers/")[0] + "/operations/1"
    backend = Backend(httpx, {"europe-west4": ["ReadTimeout", 500]})
    with httpx.Client(transport=make_router(Policy()).transport(transport=backend.transport)) as client:
        assert client.get(url).status_code == 200
    assert backend.locations == ["europe-west4"] * 3


# Names


def test_many_mentions_cost_no_more_than_their_number() -> None:
    """A prompt full of places that are no names, a long way from any quote."""
    text = b'{"x": "' + b"/locations/" * 20_000 + b'"}'
    assert names(text).pins == frozenset()


def test_names_of_models_bind_only_what_is_made_for_them() -> None:
    found = names(b'{"model": "projects/p/locations/us/publishers/google/models/m"}')
    assert (found.pins, {pin.location for pin in found.models}) == (frozenset(), {"us"})


@pytest.mark.parametrize("before", [b"", b"x", b'{"x": "y'])
@pytest.mark.parametrize("backslashes", range(6))
def test_a_quote_begins_a_name_unless_it_is_escaped(before: bytes, backslashes: int) -> None:
    text = before + b"\\" * backslashes + b'"projects/p/locations/us/cachedContents/1"}'
    pins = {pin.location for pin in names(text).pins}
    assert pins == (set() if backslashes % 2 else {"us"})


def test_a_location_that_is_no_text_binds_all_the_same() -> None:
    (pin,) = names(b'{"x": "projects/p\xff/locations/u\xff/cachedContents/1"}').pins
    assert pin.location == "u\N{REPLACEMENT CHARACTER}"


def test_every_name_in_a_body_is_found_and_not_only_the_first_and_the_last() -> None:
    """One that is passed over would let the request go where that resource is not."""
    places = ("eu", "us", "europe-west4", "europe-west1")
    body = ", ".join(f'"projects/p/locations/{place}/cachedContents/1"' for place in places)
    assert {pin.location for pin in names(f"[{body}]".encode()).pins} == set(places)
