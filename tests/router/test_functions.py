"""`Router.call`, `acall` and `route`: functions that make calls with clients of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from router import Destination, Exhausted, GuardStop, NoRoute, Policy, PolicyError, Router, trace_of
from router.endpoints import Address
from tests.world import EU_REGIONS, GEMINI, Clock, make_router

EU = Policy(residency="eu")


class Refusal(Exception):
    """As a client's error."""

    def __init__(self, status_code: int) -> None:
        super().__init__(f"refused: {status_code}")
        self.status_code = status_code


class Service:
    """Answers each call by the status that is due; remembers where it was called."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.calls: list[Destination] = []

    def __call__(self, to: Destination) -> str:
        self.calls.append(to)
        status = self.statuses.pop(0) if self.statuses else 200
        if status != 200:
            raise Refusal(status)
        return f"answer of {to.location}"

    async def later(self, to: Destination) -> str:
        await anyio.lowlevel.checkpoint()
        return self(to)

    @property
    def places(self) -> list[str]:
        return [to.location for to in self.calls]


Caller = Callable[..., Any]


def _sync(router: Router, service: Service, **options: Any) -> Any:
    return router.call(service, **{"model": GEMINI, **options})


def _async(router: Router, service: Service, **options: Any) -> Any:
    async def go() -> Any:
        return await router.acall(service.later, **{"model": GEMINI, **options})

    return anyio.run(go)


both = pytest.mark.parametrize("call", [_sync, _async])


@both
def test_a_call_moves_on_inside_its_policy(call: Caller) -> None:
    service = Service(429, 503)
    assert call(make_router(EU), service) == f"answer of {EU_REGIONS[2]}"
    assert service.places == list(EU_REGIONS[:3])


@both
def test_the_destination_is_in_the_words_of_clients(call: Caller) -> None:
    service = Service()
    call(make_router(EU), service, project="p")
    (to,) = service.calls
    assert to.host == to.api_endpoint == "europe-west1-aiplatform.googleapis.com"
    assert to.base_url == "https://europe-west1-aiplatform.googleapis.com/"
    assert to.parent == "projects/p/locations/europe-west1"
    assert to.model_name == f"projects/p/locations/europe-west1/publishers/google/models/{GEMINI}"
    assert (to.model, to.mode, to.number, to.headers) == (GEMINI, "standard", 1, {})


def test_h4_eu_is_reached_though_an_sdk_would_reject_its_name() -> None:
    """googleapis/python-aiplatform#6822: the SDK rejects the location `eu`; its gRPC client takes an endpoint."""
    service = Service()
    make_router(EU).call(service, model="gemini-3.8-flash", project="p")
    (to,) = service.calls
    assert (to.api_endpoint, to.parent) == ("aiplatform.eu.rep.googleapis.com", "projects/p/locations/eu")


def test_without_a_project_its_names_are_an_error_and_the_rest_is_not() -> None:
    service = Service()
    make_router(EU).call(service, model=GEMINI)
    with pytest.raises(ValueError, match="give it project="):
        _ = service.calls[0].model_name


@both
def test_nothing_is_called_that_the_policy_refuses(call: Caller) -> None:
    service = Service()
    with pytest.raises(NoRoute, match="no residency is possible"):
        call(make_router(EU), service, model="gemini-3.1-pro-preview")
    assert service.calls == []


@both
def test_the_callers_own_error_comes_back_as_it_is(call: Caller) -> None:
    service = Service(400)
    with pytest.raises(Refusal, match="400") as caught:
        call(make_router(EU), service)
    assert service.places == [EU_REGIONS[0]]
    assert trace_of(caught.value).outcome == "stopped"  # type: ignore[union-attr]


@both
def test_when_nothing_answers_the_last_error_comes_with_its_way(call: Caller) -> None:
    service = Service(*[429] * 9)
    with pytest.raises(Refusal, match="429") as caught:
        call(make_router(Policy(residency="eu", attempts=3)), service)
    trace = trace_of(caught.value)
    assert trace is not None
    assert (trace.outcome, len(trace.tried)) == ("attempts", 3)
    assert "europe-west4" in caught.value.__notes__[0]


@both
def test_an_error_of_the_function_itself_is_no_locations_fault(call: Caller) -> None:
    router = make_router(EU)

    class Broken(Service):
        def __call__(self, to: Destination) -> str:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        call(router, Broken())
    again = Service()
    call(router, again)
    assert again.places == [EU_REGIONS[0]]


def test_a_slow_async_call_is_cancelled_when_its_time_is_up() -> None:
    router = make_router(Policy(residency="eu", attempt_timeout_s=0.01, deadline_s=60))

    async def go() -> list[str]:
        places = []

        async def sleepy(to: Destination) -> str:
            places.append(to.location)
            if len(places) == 1:
                await anyio.sleep_forever()
            return "answer"

        assert await router.acall(sleepy, model=GEMINI) == "answer"
        return places

    assert anyio.run(go) == list(EU_REGIONS[:2])


def test_no_time_for_an_attempt_is_exhausted_and_not_silence() -> None:
    clock = Clock()
    router = make_router(Policy(residency="eu", deadline_s=5), clock=clock)

    def slow(to: Destination) -> str:
        clock.now += 10
        raise Refusal(503)

    with pytest.raises(Refusal):
        router.call(slow, model=GEMINI)

    closing = Service(429)
    with pytest.raises((Refusal, Exhausted)):
        make_router(Policy(residency="eu", deadline_s=0.5), clock=clock).call(closing, model="gemini-3.8-flash")
    assert closing.places == ["eu"]


def test_a_function_can_be_routed_once_and_for_all() -> None:
    router, service = make_router(EU), Service(429)

    @router.route(model=GEMINI)
    def draw(to: Destination, what: str, *, size: int = 1) -> str:
        """Draws."""
        return f"{what} {size} by {service(to)}"

    assert draw("a heron", size=2) == f"a heron 2 by answer of {EU_REGIONS[1]}"
    assert (draw.__name__, draw.__doc__) == ("draw", "Draws.")


def test_an_async_function_too() -> None:
    router, service = make_router(EU), Service(429)

    @router.route(model=GEMINI)
    async def draw(to: Destination, what: str) -> str:
        return f"{what} by {await service.later(to)}"

    assert anyio.run(draw, "a heron") == f"a heron by answer of {EU_REGIONS[1]}"


def test_a_wall_wants_to_know_where_it_stands() -> None:
    with pytest.raises(PolicyError, match="give the call its location="):
        make_router().call(Service(), model=GEMINI)
    service = Service(429)
    make_router().call(service, model=GEMINI, location="europe-west8")
    assert service.places == ["europe-west8"] * 2


def test_the_mode_is_in_the_headers_that_must_go_with_it() -> None:
    service = Service()
    policy = Policy(residency="eu", modes=["priority"])
    make_router(policy).call(service, model="gemini-3.8-flash", mode="priority")
    assert service.calls[0].headers == {"x-vertex-ai-llm-shared-request-type": "priority"}


def test_the_guard_passes_each_destination(monkeypatch: pytest.MonkeyPatch) -> None:
    router, service = make_router(EU), Service()
    elsewhere = Address("us-central1-aiplatform.googleapis.com", "/v1/projects/-/locations/us-central1/x")
    monkeypatch.setattr("router.core.address", lambda target, location: elsewhere)
    with pytest.raises(GuardStop):
        router.call(service, model=GEMINI)
    assert service.calls == []


# Live sessions


def test_a_live_session_is_placed_with_host_and_model_that_agree() -> None:
    to = make_router(Policy(prefer="us")).live("gemini-3.8-flash", project="p")
    assert (to.location, to.host) == ("us", "aiplatform.us.rep.googleapis.com")
    assert to.model_name == "projects/p/locations/us/publishers/google/models/gemini-3.8-flash"
    assert make_router().live("gemini-3.8-flash", location="eu").location == "eu"


def test_under_a_residency_a_live_session_needs_an_exception() -> None:
    with pytest.raises(NoRoute, match="feature-live") as refusal:
        make_router(EU).live("gemini-3.8-flash")
    assert 'allow_features = ["live"] would admit it' in str(refusal.value)
    policy = Policy(residency="eu", allow_features="live")
    to = make_router(policy).live("gemini-3.8-flash")
    assert to.location == "eu"
    assert to.trace.exceptions == ("live",)


def test_capacity_of_a_single_zone_is_given_out_where_it_is_served() -> None:
    german = Policy(residency="de", modes=["single_zone_provisioned"])
    asked: dict[str, Any] = {"model": "gemini-2.5-flash", "mode": "single_zone_provisioned", "project": "p"}
    to = make_router(german).call(lambda to: to, tokens=100_000, **asked)
    assert (to.location, to.headers) == ("europe-west3", {"x-vertex-ai-llm-request-type": "dedicated"})
    with pytest.raises(NoRoute):
        make_router(german).call(lambda to: to, **asked)
