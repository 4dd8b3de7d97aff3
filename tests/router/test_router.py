from __future__ import annotations

import logging
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

import catalog
from catalog import UnknownModel
from router import Controller, NoCapacity, NoRoute, Pacing, Policy, PolicyError, Router, StreamBroken, Trace
from router.health import Ask, Ticket
from router.trace import Wait
from tests.world import (
    EU_REGIONS,
    GEMINI,
    TODAY,
    Backend,
    Clock,
    gemini_url,
    make_router,
    model_at,
    piece,
    roomy_catalog,
    sse,
)

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


# What may run


def test_models_are_those_that_the_policy_admits_somewhere_with_their_plans() -> None:
    known = roomy_catalog(
        model_at({"eu": "eu", "us": "us"}, "robin"),
        model_at({"us": "us"}, "wren"),
        msgspec.structs.replace(model_at({"eu": "eu"}, "owl"), stage="preview"),
    )
    found = make_router(Policy(residency="eu"), catalog=known).models()
    assert [(plan.model, [each.location for each in plan.candidates]) for plan in found] == [("robin", ["eu"])]
    assert [plan.model for plan in make_router(Policy(), catalog=known).models()] == ["robin", "wren", "owl"]


def test_models_can_be_asked_for_a_mode_a_size_and_a_day() -> None:
    german = make_router(Policy(residency="de", modes=["standard", "single_zone_provisioned"]))
    small = german.models(mode="single_zone_provisioned", tokens=100_000)
    assert "gemini-2.5-flash" in {plan.model for plan in small}
    assert all(each.mode == "single_zone_provisioned" for plan in small for each in plan.candidates)
    assert german.models(tokens=100_000, on=date(2020, 1, 1)) == ()


# Evidence and its age

AN_OVERLAY = """
[[source]]
id = "our-probe"
title = "What we measured"
published = 2026-11-01
retrieved = 2026-11-01

[[model]]
id = "robin-1"
name = "Robin 1"
publisher = "google"
family = "robin"
task = "text"
methods = ["generateContent"]
stage = "ga"
ENDING
[[model.availability]]
locations = ["eu"]
modes = ["standard"]
served = "yes"
from = 2026-11-01
source = "our-probe"
where = "the log"
checked = 2026-11-02

[[model.processing]]
locations = ["eu"]
boundary = "eu"
from = 2026-11-01
source = "our-probe"
where = "the log"
checked = 2026-11-02
"""
AN_END = '[model.retirement]\non = 2026-11-10\nCONFIRMED\nsuccessor = "robin-2"\nsource = "our-probe"\nwhere = "w"\n'


def with_robin(tmp_path: Path, policy: Policy, ending: str = "", today: date = TODAY) -> Router:
    """A router for a model whose evidence is 20 days old on 2026-11-21."""
    file = tmp_path / "own.toml"
    file.write_text(AN_OVERLAY.replace("ENDING", ending), encoding="utf-8")
    return make_router(policy, catalog=catalog.load(overlay=file), today=lambda: today)


@pytest.mark.parametrize(("days", "admitted"), [(19, False), (20, True)])
def test_a_residency_can_set_how_old_evidence_may_be(tmp_path: Path, days: int, admitted: bool) -> None:
    router = with_robin(tmp_path, Policy(residency="eu", max_evidence_age_days=days))
    assert bool(router.explain("robin-1").allowed) is admitted
    answer = router.explain("robin-1", on=date(2026, 11, 2)).allowed[0]
    assert (answer.age_days, answer.own) == (1, True)
    url = gemini_url("eu", "robin-1").replace("eu-aiplatform", "aiplatform.eu.rep")
    if admitted:
        assert post(router, url).status_code == 200
    else:
        with pytest.raises(NoRoute, match="the evidence is 20 days old, and at most 19 are accepted"):
            post(router, url)


@pytest.mark.parametrize(
    ("today", "warnings"),
    [
        (date(2026, 11, 9), ("robin-1 retires on 2026-11-10, in 1 day; successor: robin-2",)),
        (
            TODAY,
            ("robin-1: the retirement announced for 2026-11-10 has passed and is not confirmed; successor: robin-2",),
        ),
    ],
)
def test_a_model_near_or_past_its_announced_end_is_used_with_a_warning(
    tmp_path: Path, today: date, warnings: tuple[str, ...]
) -> None:
    ending = AN_END.replace("CONFIRMED", "")
    plan = with_robin(tmp_path, Policy(residency="eu"), ending, today).explain("robin-1")
    assert ([each.location for each in plan.candidates], plan.warnings) == (["eu"], warnings)
    strict = with_robin(tmp_path, Policy(residency="eu", after_retirement="refuse"), ending, today).explain("robin-1")
    assert bool(strict.allowed) is (today < date(2026, 11, 10))


def test_a_model_that_is_confirmed_gone_is_refused_with_its_day_and_successor(tmp_path: Path) -> None:
    router = with_robin(tmp_path, Policy(residency="eu"), AN_END.replace("CONFIRMED", "confirmed = true"))
    with pytest.raises(NoRoute, match="retired on 2026-11-10; successor: robin-2"):
        post(router, gemini_url("eu", "robin-1").replace("eu-aiplatform", "aiplatform.eu.rep"))
    assert router.explain("robin-1", on=date(2026, 11, 9)).allowed


def test_before_its_evidence_a_model_is_refused_and_told_when_that_begins(tmp_path: Path) -> None:
    plan = with_robin(tmp_path, Policy(residency="eu")).explain("robin-1", on=date(2026, 10, 31))
    assert plan.allowed == ()
    (told,) = (each.reason for each in plan.refused if each.location == "eu")
    assert told.startswith("evidence begins on 2026-11-01")


def test_status_tells_of_every_pool_that_was_used() -> None:
    router = make_router(Policy(residency="eu"))
    post(router, europe_west1=429)
    told = router.status()
    assert [each.pool.location for each in told.pools] == ["europe-west1", "europe-west4"]
    assert "europe-west1 (standard)" in str(told)
    assert "429" in str(told)


def test_routers_that_are_given_the_same_health_share_what_they_learn() -> None:
    one = make_router(Policy(residency="eu"))
    other = make_router(Policy(residency="eu", prefer=["region"]), health=one.health)
    post(one, europe_west1=429)
    assert post(other).headers["x-vertex-router"] == "europe-west4=200"


def test_a_quota_that_is_probably_zero_is_logged_for_the_operator(caplog: pytest.LogCaptureFixture) -> None:
    """dust-tt/dust#27623 (2026-06-18): the quota of the EU multi-region was 0, an endless 429."""
    said = "Quota exceeded for aiplatform.googleapis.com/online_prediction_requests_per_base_model with base model: m."
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": said}}
    router = make_router(Policy(residency="eu", deadline_s=200))
    with caplog.at_level(logging.WARNING, logger="router"):
        post(router, gemini_url("eu", "gemini-3.8-flash"), eu=lambda stack, _: stack.Response(429, json=body))
        post(router, gemini_url("eu", "gemini-3.8-flash"), eu=lambda stack, _: stack.Response(429, json=body))
    assert any("the quota is probably 0 here" in record.getMessage() for record in caplog.records)


def test_one_whose_turn_would_come_too_late_is_refused_at_once_with_the_time() -> None:
    clock = Clock()
    hint = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "50s"}
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "full", "details": [hint]}}
    router = make_router(Policy(residency="eu", deadline_s=20), clock=clock)
    url = gemini_url("eu", "gemini-3.8-flash")
    assert post(router, url, eu=lambda stack, _: stack.Response(429, json=body)).status_code == 429
    with pytest.raises(NoCapacity, match=r"no capacity for another 50\.0 s") as refused:
        post(router, url)
    assert refused.value.eta_s == 50.0
    assert isinstance(refused.value, httpx.PoolTimeout)
    assert clock.slept == []


def test_requests_of_lower_priority_wait_behind_the_others() -> None:
    """Priorities matter where requests wait; here, that the transport and calls carry them there."""
    router = make_router(Policy(residency="eu"))
    asked: list[int] = []
    acquire = router.health.acquire

    def noting(ask: Ask, now: float) -> Ticket | Wait:
        asked.append(ask.priority)
        return acquire(ask, now)

    router.health.acquire = noting  # type: ignore[method-assign]  # to look at what comes through
    for priority in (0, 7):
        backend = Backend(httpx)
        with httpx.Client(transport=router.transport(priority=priority, transport=backend.transport)) as client:
            client.post(gemini_url(), json={})
    router.call(lambda to: to.location, model=GEMINI, priority=3)
    assert asked == [0, 7, 3]


@pytest.mark.parametrize("policy", ["eu", "", {"residency": "eu"}, {}, 0])
def test_what_is_no_policy_is_refused_and_never_taken_for_none(policy: Any) -> None:
    with pytest.raises(TypeError, match="`policy` must be a Policy"):
        Router(policy)


def test_health_is_a_controller_and_its_pacing_a_pacing() -> None:
    wrong: Any = Pacing()
    with pytest.raises(TypeError, match="`health` must be a Controller"):
        Router(health=wrong)
    wrong = 0.02
    with pytest.raises(TypeError, match="`pacing` must be a Pacing"):
        Controller(wrong)
