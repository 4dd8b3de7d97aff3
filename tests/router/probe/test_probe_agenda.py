"""What a policy lets be asked."""

from __future__ import annotations

from datetime import date

import pytest

import catalog
from catalog import Denied, Own, Retirement, UnknownModel
from router import Policy
from router.probe import Agenda, agenda_of
from router.rules import Question
from tests.router.probe.probing import GEMINI, small_catalog
from tests.world import EU_PLACES, TODAY, model_at, roomy_catalog

EU = Policy(residency="eu")


def places(agenda: Agenda, model: str = GEMINI) -> set[str]:
    return {each.location for each in agenda.pairs if each.model == model}


def test_under_a_residency_a_location_is_asked_only_on_a_claim_that_processing_stays_inside() -> None:
    agenda = agenda_of(small_catalog(), EU, TODAY)
    assert places(agenda) == {"eu", "europe-west1", "europe-west4"}
    assert places(agenda, "gemini-2.5-flash") == {"eu"}, "unknown is no"


def test_a_location_that_is_not_claimed_to_serve_is_asked_where_the_boundary_is_known() -> None:
    known = catalog.load()
    assert known.served("gemini-3.5-flash", "europe-west3", "standard", TODAY).verdict != "yes"
    assert places(agenda_of(known, EU, TODAY), "gemini-3.5-flash") == {"eu", "europe-west3"}


def test_without_a_residency_every_location_that_serves_models_is_asked() -> None:
    known = small_catalog()
    agenda = agenda_of(known, Policy(), TODAY)
    assert places(agenda) == {each.id for each in known.locations.values() if each.serves_models}


def test_the_rest_of_the_policy_is_kept_and_so_are_the_overlay_s_denials() -> None:
    own = Own(denied=(Denied(locations=("us",), reason="a contract"),))
    known = roomy_catalog(model_at(EU_PLACES, GEMINI), model_at(EU_PLACES, "gemini-2.5-flash"), own=own)
    policy = Policy(kinds=["multi_region"], deny_models=["gemini-2.5-flash"])
    agenda = agenda_of(known, policy, TODAY)
    assert [str(each) for each in agenda.pairs] == [f"{GEMINI} at eu"]
    assert dict(agenda.unasked()) == {"gemini-2.5-flash": "the policy admits no location for it"}


@pytest.mark.parametrize(
    "policy",
    [EU, Policy(), Policy(residency="eu", prefer=["eu"], attempts=6, connect_timeout_s=30.0, attempt_timeout_s=90.0)],
)
def test_a_call_stays_at_its_location_and_is_sent_once(policy: Policy) -> None:
    agenda = agenda_of(small_catalog(), policy, TODAY, call_s=7.0)
    question = Question(GEMINI, ("standard",), TODAY, method="countTokens", caller="eu")
    core = agenda.router._core
    assert [each.location for each in core.decisions.planner.plan(question).candidates] == ["eu"]
    assert (core.policy.attempts, core.policy.deadline_s) == (1, 7.0)
    assert core.policy.residency == policy.residency
    assert agenda.summary == policy.summary


def test_calls_that_cost_are_made_only_if_said() -> None:
    known = roomy_catalog(model_at(EU_PLACES, "claude-opus-4-7", "anthropic"))
    free, spent = (agenda_of(known, EU, TODAY, spend=spend) for spend in (False, True))
    assert free.pairs == ()
    assert "--spend" in free.skipped[0].reason
    assert places(spent, "claude-opus-4-7") == {"eu", "europe-west1", "europe-west4"}


def test_a_model_known_to_be_gone_is_asked_only_by_name() -> None:
    end = Retirement(on=date(2026, 11, 1), confirmed=True, source="google-locations", where="a test")
    known = roomy_catalog(model_at({"eu": "eu"}, GEMINI, retirement=end))
    assert agenda_of(known, EU, TODAY).skipped[0].reason == "retired; asked only if named"
    assert places(agenda_of(known, EU, TODAY, [GEMINI])) == {"eu"}
    assert places(agenda_of(known, EU, date(2026, 10, 31))) == {"eu"}


def test_models_are_named_by_any_of_their_ids() -> None:
    known = roomy_catalog(model_at({"eu": "eu"}, GEMINI, aliases=("flash",)), model_at({"eu": "eu"}, "other"))
    agenda = agenda_of(known, EU, TODAY, ["flash", GEMINI])
    assert [str(each) for each in agenda.pairs] == [f"{GEMINI} at eu"]
    with pytest.raises(UnknownModel):
        agenda_of(known, EU, TODAY, ["gemini-9"])


def test_claude_s_tokens_are_counted_for_a_model_that_the_policy_admits() -> None:
    counter = model_at({"eu": "eu"}, "count-tokens", "anthropic", task="count")
    older, newer = (
        model_at({"eu": "eu"}, name, "anthropic", released=released)
        for name, released in (("claude-a", date(2026, 1, 1)), ("claude-b", date(2026, 2, 1)))
    )
    policies = (EU, Policy(residency="eu", deny_models=["claude-b"]))
    bodies = [agenda_of(roomy_catalog(counter, older, newer), each, TODAY).pairs[0].call.body for each in policies]
    assert [b'"claude-b"' in each for each in bodies] == [True, False]
