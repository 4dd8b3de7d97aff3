"""How pairs are asked: paced, bounded, again where it helps, and no longer than it makes sense."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import anyio
import pytest

import catalog
from router import CredentialError, GoogleAuth, Policy
from router.emulator import Behaviour, Emulator, Scenario
from router.emulator.behaviour import Failure
from router.probe import Outcome, Survey, agenda_of
from tests.router.probe.probing import Credentials, Heard, PatientClock, World, not_found, quota_exceeded, refusal
from tests.world import TODAY, model_at, roomy_catalog

EU = Policy(residency="eu")
ANYWHERE = Policy()
BUSY = (429, quota_exceeded())


def test_every_pair_is_asked_once_and_told() -> None:
    world = World({"europe-west4": (404, not_found("europe-west4"))}).go()
    assert world.outcomes == {
        "gemini-3.8-flash at eu": "served",
        "gemini-3.8-flash at europe-west1": "served",
        "gemini-3.8-flash at europe-west4": "not served",
        "gemini-2.5-flash at eu": "served",
    }
    assert len(world.sent) == len(world.outcomes)
    assert world.heard.answers[-1].endswith("(4/4)")
    assert world.survey.stopped == ""


def test_calls_are_paced() -> None:
    world = World(policy=ANYWHERE, rate_per_s=4.0).go()
    times = [at_s for at_s, _, _ in world.sent]
    assert len(times) == len(world.agenda.pairs) > 50
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.25


def test_calls_at_the_same_time_are_bounded() -> None:
    most = 0

    async def slow(world: World) -> None:
        nonlocal most
        under_way = 0

        async def ask(client: Any, pair: Any) -> Any:
            nonlocal most, under_way
            under_way += 1
            most = max(most, under_way)
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
            under_way -= 1
            return await original(client, pair)

        original = world.survey._ask
        world.survey._ask = ask  # type: ignore[method-assign]
        await world.survey.run()

    anyio.run(slow, World(policy=ANYWHERE, concurrency=3))
    assert most == 3


def test_a_refusal_that_may_pass_is_asked_again_a_minute_later() -> None:
    world = World({"eu": [BUSY, (503, b""), BUSY]}).go()
    assert world.outcomes["gemini-3.8-flash at eu"] == "served"
    assert world.heard.waits[0] == (60.0, 2)
    assert sum(wait for wait, _ in world.heard.waits) <= 180.0


@pytest.mark.parametrize("took_s", [(), (5.0, 0.0, 0.0, 0.0)])
def test_a_quota_of_zero_is_found_out_in_three_minutes(took_s: tuple[float, ...]) -> None:
    world = World({"eu": [BUSY] * 99}, models=["gemini-3.8-flash"], took_s=took_s).go()
    assert world.outcomes["gemini-3.8-flash at eu"] == "no quota"
    assert [location for _, _, location in world.sent].count("eu") == 4
    assert world.survey.stopped == ""


def test_a_quota_of_zero_in_the_service_s_own_words_is_not_asked_again() -> None:
    world = World({"eu": (429, quota_exceeded(limit="0"))}).go()
    assert world.outcomes["gemini-3.8-flash at eu"] == "no quota"
    assert world.heard.waits == []


@pytest.mark.parametrize(
    ("status", "words"), [(401, "the credential is not accepted"), (403, "the project is refused")]
)
def test_a_credential_or_project_that_is_refused_everywhere_stops_early(status: int, words: str) -> None:
    refused = (status, refusal(status, "no", status="PERMISSION_DENIED" if status == 403 else "UNAUTHENTICATED"))
    world = World(dict.fromkeys(catalog.load().locations, refused), ANYWHERE).go()
    assert len(world.sent) < 10 < len(world.agenda.pairs)
    assert world.survey.stopped.startswith(f"every call so far was refused ({status}: no)")
    assert words in world.survey.stopped


def test_one_location_that_refuses_stops_nothing() -> None:
    world = World({"eu": (403, refusal(403, "no"))}).go()
    assert world.survey.stopped == ""
    assert world.outcomes["gemini-3.8-flash at europe-west1"] == "served"


def test_no_call_begins_after_the_deadline_and_what_came_before_is_kept() -> None:
    world = World(policy=ANYWHERE, rate_per_s=1.0, deadline_s=9.5).go()
    assert len(world.sent) == 10
    assert len(world.outcomes) == 10
    left = len(world.agenda.pairs) - 10
    assert world.survey.stopped == f"out of time, before {left} pairs could be asked"


def test_a_wait_that_would_end_after_the_deadline_is_not_begun() -> None:
    world = World({"eu": BUSY}, deadline_s=30.0).go()
    assert world.heard.waits == []
    assert world.survey.stopped == "out of time, before 2 pairs that had no capacity could be asked again"
    assert world.outcomes["gemini-3.8-flash at eu"] == "unknown"


def test_what_was_found_before_an_interruption_is_kept() -> None:
    world = World(policy=ANYWHERE)

    async def interrupted() -> None:
        with anyio.CancelScope() as call_off:
            world.heard.answered = lambda *_: call_off.cancel()  # type: ignore[method-assign]
            await world.survey.run()

    anyio.run(interrupted)
    assert world.survey.stopped == "interrupted"
    assert 0 < len(world.survey.findings) < len(world.agenda.pairs)


def test_without_a_credential_there_is_one_clear_error() -> None:
    class Foreign:
        token = ""
        valid = True
        universe_domain = "example.org"

    agenda = agenda_of(roomy_catalog(), EU, TODAY)
    survey = Survey(agenda, "p", Heard(), auth=GoogleAuth(Foreign()))
    with pytest.raises(CredentialError, match="universe"):
        anyio.run(survey.run)


def surveyed(emulator: Emulator, policy: Policy, known: catalog.Catalog, **settings: Any) -> Survey:
    """A survey of a running emulator."""
    clock = PatientClock()
    auth = GoogleAuth(Credentials())
    agenda = agenda_of(known, policy, TODAY, **settings)
    with emulator.activated():
        survey = Survey(agenda, "p", Heard(), auth=auth, clock=clock, sleep=clock.async_sleep)
        anyio.run(survey.run)
    return survey


@pytest.mark.parametrize("policy", [EU, Policy(residency="us"), Policy(kinds=["global"])])
def test_the_emulator_s_witness_sees_no_host_outside_the_policy(policy: Policy) -> None:
    known = catalog.load()
    with Emulator(on=TODAY) as emulator:
        survey = surveyed(emulator, policy, known, spend=True)
    assert survey.stopped == ""
    assert {each.outcome for each in survey.findings} >= {Outcome.SERVED}
    asked = {each.pair.location for each in survey.findings}
    assert set(emulator.witness.hosts) == {known.locations[name].host for name in asked}
    within = known.countries(policy.residency[0]) if policy.residency else None  # type: ignore[index]
    for found in survey.findings:
        if within is None:
            assert found.pair.location == "global"
        else:
            countries = known.boundary(found.pair.model, found.pair.location, TODAY).countries
            assert countries
            assert countries <= within


def test_where_the_boundary_is_unknown_the_emulator_is_not_contacted() -> None:
    known = roomy_catalog(model_at({"eu": "eu", "europe-west1": "", "europe-west4": ""}, "gemini-3.8-flash"))
    with Emulator(on=TODAY, catalog=known) as emulator:
        survey = surveyed(emulator, EU, known)
    assert emulator.witness.hosts == ("aiplatform.eu.rep.googleapis.com",)
    assert [each.outcome for each in survey.findings] == [Outcome.SERVED]


def test_against_the_emulator_served_absent_and_without_quota_are_told_apart() -> None:
    zero = Failure(status=429, text=quota_exceeded(limit="0").decode())
    behaviours = (
        Behaviour(location="europe-west1", errors=("not_found",), repeat=True),
        Behaviour(location="europe-west4", errors=(zero,), repeat=True),
        Behaviour(location="europe-west8", errors=("claude_quota",), repeat=True),
        Behaviour(location="europe-north1", errors=(503,)),
        Behaviour(location="europe-central2", outage="refused"),
    )
    with Emulator(Scenario(behaviours=behaviours), on=TODAY) as emulator:
        survey = surveyed(emulator, EU, catalog.load(), models=["gemini-2.5-flash-image"])
    assert {each.pair.location: str(each.outcome) for each in survey.findings} == {
        "europe-west1": "not served",
        "europe-west4": "no quota",
        "europe-west8": "no quota",
        "europe-north1": "served",
        "europe-central2": "unknown",
        "europe-southwest1": "served",
    }
