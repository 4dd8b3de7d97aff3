from __future__ import annotations

import logging
from datetime import date

import httpx
import pytest

from catalog import UnknownModel
from router import Policy, PolicyError, Router, StreamBroken, Trace
from tests.world import EU_REGIONS, GEMINI, TODAY, Backend, gemini_url, make_router, piece, sse

STREAM = gemini_url(method="streamGenerateContent?alt=sse")


def post(router: Router, url: str | None = None, **script: object) -> httpx.Response:
    backend = Backend(httpx, {name.replace("_", "-"): reply for name, reply in script.items()})
    with httpx.Client(transport=router.transport(transport=backend.transport)) as client:
        return client.post(url or gemini_url(), json={})


def test_without_a_policy_the_clients_location_is_a_wall() -> None:
    assert make_router().policy == Policy(caller_location="wall")


def test_the_catalog_is_the_shipped_one_unless_another_is_given() -> None:
    assert len(Router().catalog.locations) == 41
    assert make_router(catalog=Router().catalog).catalog is Router().catalog


def test_a_policy_that_names_what_is_not_in_the_catalog_is_refused_at_once() -> None:
    with pytest.raises(PolicyError, match="unknown location 'europe-west99'; nearest: europe-west9"):
        Router(Policy(deny_locations=["europe-west99"]))


def test_explain_asks_for_today_and_the_modes_of_the_policy() -> None:
    plan = make_router(Policy(residency="eu", modes=["standard", "provisioned"])).explain("gemini-3.5-flash")
    assert plan.on == TODAY
    assert [(each.candidate.location, each.candidate.mode) for each in plan.allowed] == [
        ("eu", "standard"),
        ("eu", "provisioned"),
        ("europe-west3", "provisioned"),
    ]


def test_explain_can_ask_about_a_mode_a_size_and_a_day() -> None:
    german = make_router(Policy(residency="de", modes=["single_zone_provisioned"]))
    asked = {"mode": "single_zone_provisioned", "on": date(2026, 10, 1)}
    assert [
        each.candidate.location for each in german.explain("gemini-2.5-flash", tokens=128_000, **asked).allowed
    ] == ["europe-west3"]
    assert german.explain("gemini-2.5-flash", tokens=128_001, **asked).allowed == ()


def test_explain_of_an_unknown_model_names_the_nearest() -> None:
    with pytest.raises(UnknownModel, match=r"nearest: gemini-3\.8-flash"):
        make_router().explain("gemini-3.8-flush")


def test_what_is_explained_is_what_is_done() -> None:
    router = make_router(Policy(residency="eu", prefer=["europe-north1"]))
    planned = [each.candidate.location for each in router.explain(GEMINI).allowed]
    way = post(router, gemini_url("us-east1"), **{name.replace("-", "_"): 503 for name in EU_REGIONS})
    assert [step.partition("=")[0] for step in way.headers["x-vertex-router"].split(", ")] == planned


def test_an_observer_is_told_of_every_request_once() -> None:
    traces: list[Trace] = []
    router = make_router(Policy(residency="eu"), observe=traces.append)
    post(router)
    post(router, europe_west1=400)
    assert [trace.outcome for trace in traces] == ["answered", "stopped"]


def test_an_observer_is_told_again_when_a_stream_breaks() -> None:
    outcomes: list[str] = []
    router = make_router(Policy(residency="eu"), observe=lambda trace: outcomes.append(trace.outcome))
    with pytest.raises(StreamBroken):
        post(router, STREAM, europe_west1=sse(piece("half")))
    assert outcomes == ["answered", "broken"]


def test_by_default_what_was_not_answered_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    router = make_router(Policy(residency="eu", attempts=1))
    with caplog.at_level(logging.INFO, "router"):
        post(router)
        assert caplog.messages == []
        post(router, europe_west1=429)
    (message,) = caplog.messages
    assert message.startswith(f"{GEMINI}: attempts")
    assert "europe-west1 (standard)  429: made up 429" in message


def test_a_client_of_an_unknown_kind_is_refused_with_what_to_do() -> None:
    with httpx.Client() as client, pytest.raises(TypeError, match=r"transport=router\.transport\(\)"):
        make_router().wrap(client)
    with pytest.raises(TypeError, match=r"can't wrap builtins\.object"):
        make_router().wrap(object())
