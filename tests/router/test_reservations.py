"""Provisioned throughput: used first, in its own place, and spilled as the policy says."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from catalog import Availability, Own, Reservation
from router import Policy, Router, trace_of
from tests.world import Backend, claim, gemini_url, make_router, model_at, roomy_catalog, sse

MODEL = "gemini-3.5-flash"
TYPE = "x-vertex-ai-llm-request-type"
SHARED = "x-vertex-ai-llm-shared-request-type"
PLACES = {"eu": "eu", "europe-west3": "eu", "us": "us"}
EXCEEDED = {"error": {"code": 429, "message": "Too many requests. Exceeded the Provisioned Throughput."}}


def reserved_catalog(mode: str = "provisioned") -> Any:
    model = model_at(PLACES, MODEL)
    bought = Availability(**claim(locations=("eu", "europe-west3", "us"), modes=(mode,), served="yes"))
    model = msgspec.structs.replace(model, availability=(*model.availability, bought))
    held = Reservation(model=MODEL, location="europe-west3", gsu=5, mode=mode)  # type: ignore[arg-type]
    return roomy_catalog(model, own=Own(reservations=(held,)))


def routed(mode: str = "provisioned", **fields: Any) -> Router:
    return make_router(Policy(**{"residency": "eu", **fields}), catalog=reserved_catalog(mode))


def ask(router: Router, backend: Backend, method: str = "generateContent", **headers: str) -> Any:
    with httpx.Client(transport=router.transport(transport=backend.transport)) as client:
        url = gemini_url("eu", MODEL, method) + ("?alt=sse" if method.startswith("stream") else "")
        return client.post(url, json={}, headers=headers)


def types(backend: Backend) -> list[tuple[str, str | None]]:
    said = [request.headers.get(TYPE) for request in backend.requests]
    return list(zip(backend.locations, said, strict=True))


def had(traffic: str) -> Any:
    body = {"candidates": [], "usageMetadata": {"trafficType": traffic, "promptTokenCount": 1}}
    return lambda stack, request: stack.Response(200, json=body)


@pytest.mark.parametrize("mode", ["provisioned", "single_zone_provisioned"])
def test_a_reservation_is_used_first_in_its_own_location(mode: str) -> None:
    """maximhq/bifrost#5035: customers of provisioned throughput were promoted to a pool."""
    backend = Backend(httpx)
    ask(routed(mode), backend)
    assert types(backend) == [("europe-west3", "dedicated")]


def test_what_exceeds_it_spills_on_demand_by_the_policys_order() -> None:
    backend = Backend(httpx, {"europe-west3": [lambda stack, request: stack.Response(429, json=EXCEEDED)]})
    response = ask(routed(), backend)
    assert types(backend) == [("europe-west3", "dedicated"), ("eu", None)]
    assert response.headers["x-vertex-router"] == "europe-west3=429, eu=200"


def test_on_demand_at_the_same_location_is_kept_out_of_it() -> None:
    backend = Backend(httpx, {"europe-west3": [429, 200], "eu": 503})
    ask(routed(prefer=["europe-west3"]), backend)
    assert types(backend)[:2] == [("europe-west3", "dedicated"), ("europe-west3", "shared")]


def test_only_it_when_the_policy_says_so() -> None:
    backend = Backend(httpx, {"europe-west3": [429, 429]})
    ask(routed(reservations="only"), backend)
    assert types(backend) == [("europe-west3", "dedicated")] * 3


def test_the_service_spills_over_when_the_policy_leaves_it_to_it() -> None:
    backend = Backend(httpx)
    ask(routed(reservations="service"), backend)
    assert types(backend) == [("europe-west3", None)]


def test_it_is_left_alone_when_the_policy_says_so() -> None:
    backend = Backend(httpx, {"eu": 429})
    ask(routed(reservations="ignore"), backend)
    assert types(backend)[:2] == [("eu", None), ("europe-west3", "shared")]


def test_it_is_never_used_outside_the_residency() -> None:
    backend = Backend(httpx)
    ask(routed(residency="us"), backend)
    assert types(backend) == [("us", None)]


def test_a_request_that_asks_for_a_mode_keeps_it() -> None:
    backend = Backend(httpx, {"europe-west3": [429, 200]})
    ask(routed(modes=["standard", "provisioned"]), backend, **{TYPE: "dedicated"})
    assert types(backend) == [("europe-west3", "dedicated")] * 2


def test_a_plan_shows_it_first() -> None:
    plan = routed().explain(MODEL)
    assert [(each.location, each.mode) for each in plan.candidates] == [
        ("europe-west3", "provisioned"),
        ("eu", "standard"),
        ("europe-west3", "standard"),
    ]


@pytest.mark.parametrize(("traffic", "mismatch"), [("PROVISIONED_THROUGHPUT", ""), ("ON_DEMAND", "was had")])
def test_what_was_paid_twice_is_in_the_trace_and_counted(traffic: str, mismatch: str) -> None:
    """langchain4j#2835: provisioned throughput spilled silently and was paid twice."""
    router = routed(reservations="service")
    trace = trace_of(ask(router, Backend(httpx, {"europe-west3": had(traffic)})))
    assert trace is not None
    assert trace.traffic == traffic
    assert mismatch in trace.mismatch
    assert bool(trace.mismatch) == bool(mismatch)
    assert router.counts == ({"traffic-mismatch": 1} if mismatch else {})
    assert trace.as_dict()["traffic"] == traffic


def test_of_a_stream_its_last_word_counts() -> None:
    piece = '{"candidates": [{"content": {"parts": [{"text": "a \\\\"trafficType\\\\": \\\\"X\\\\""}]}}]}'
    last = '{"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"trafficType": "ON_DEMAND"}}'
    router = routed(reservations="service")
    response = ask(router, Backend(httpx, {"europe-west3": sse(piece, last)}), "streamGenerateContent")
    trace = trace_of(response)
    assert trace is not None
    assert trace.traffic == "ON_DEMAND"
    assert router.counts == {"traffic-mismatch": 1}


def test_an_answer_that_says_nothing_is_no_mismatch() -> None:
    router = routed()
    trace = trace_of(ask(router, Backend(httpx)))
    assert trace is not None
    assert (trace.traffic, trace.mismatch, router.counts) == ("", "", {})


def test_a_function_is_told_by_headers() -> None:
    seen: list[tuple[str, str]] = []
    routed().call(lambda to: seen.append((to.location, to.headers.get(TYPE, ""))), model=MODEL)
    assert seen == [("europe-west3", "dedicated")]
