from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

import catalog
from catalog import Availability, Catalog, Model, Own, Reservation, Retirement, UnknownModel
from catalog.query import NOTICE
from router import Plan, Policy
from router.planner import Planner
from router.rules import Question
from tests.world import TODAY, claim, model_at, roomy_catalog

SHIPPED = catalog.load()
EU = Policy(residency="eu")
PLACES = {"europe-west4": "eu", "us-central1": "us", "eu": "eu", "us": "us", "europe-west1": "eu", "global": ""}
ROBIN = model_at(PLACES, "robin")
PROBED = date(2026, 6, 17)

POLICIES = [
    Policy(),
    EU,
    Policy(residency={"eu", "us"}, kinds="region"),
    Policy(residency="de", min_confidence="low"),
    Policy(residency="eu", assurance="location"),
    Policy(prefer=["region", "eu"], deny_locations="global"),
    Policy(caller_location="wall"),
]
of_each_model = pytest.mark.parametrize("model", SHIPPED.models)
of_each_policy = pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.summary)


def plan(policy: Policy | None = None, model: str = "robin", known: Catalog | None = None, **question: Any) -> Plan:
    asked = Question(**{"model": model, "modes": ("standard",), "on": TODAY, **question})
    return Planner(known or roomy_catalog(ROBIN), policy or Policy()).plan(asked)


def places(found: Plan) -> list[str]:
    return [candidate.location for candidate in found.candidates]


def rules(found: Plan) -> dict[str, str]:
    return {each.location: each.rule for each in found.refused}


# Coverage


@of_each_policy
@of_each_model
def test_allowed_and_refused_together_name_every_location_exactly_once(model: str, policy: Policy) -> None:
    found = plan(policy, model, SHIPPED, caller="europe-west4")
    assert sorted([*places(found), *rules(found)]) == sorted(SHIPPED.locations)


@pytest.mark.parametrize(
    "policy",
    [
        Policy(),
        EU,
        Policy(residency="us", preview_models=True, modes=("batch", "standard")),
        Policy(residency="de", assurance="location", prefer=("region",)),
        Policy(caller_location="wall"),
    ],
)
@pytest.mark.parametrize("caller", ["", "europe-west4", "me-central2"])
@pytest.mark.parametrize(
    "model", ["gemini-2.5-flash", "gemini-3.1-pro-preview", "claude-opus-4-7", "text-embedding-005"]
)
def test_what_is_allowed_can_be_asked_without_the_reasons(model: str, policy: Policy, caller: str) -> None:
    planner = Planner(SHIPPED, policy)
    question = Question(model, ("standard", "batch"), TODAY, caller=caller)
    assert planner.allowed(question) == list(planner.plan(question).allowed)


def test_of_every_model_what_is_allowed_can_be_asked_without_the_reasons() -> None:
    planner = Planner(SHIPPED, EU)
    for model in SHIPPED.models:
        question = Question(model, ("standard", "batch"), TODAY)
        assert planner.allowed(question) == list(planner.plan(question).allowed)


def test_in_several_modes_a_location_is_refused_only_if_every_mode_is() -> None:
    policy = Policy(modes=["standard", "provisioned", "priority"])
    found = plan(policy, "gemini-3.5-flash", SHIPPED, modes=("standard", "provisioned", "priority"))
    assert found.candidates[:3] == tuple(
        ("gemini-3.5-flash", "global", mode) for mode in ("standard", "provisioned", "priority")
    )
    assert ("gemini-3.5-flash", "europe-west3", "provisioned") in found.candidates
    assert {*places(found), *rules(found)} == set(SHIPPED.locations)
    assert len(found.refused) == len(rules(found))
    assert not set(places(found)) & set(rules(found))


def test_a_location_refused_in_several_modes_is_told_why_for_the_first() -> None:
    policy = Policy(modes=["standard", "batch"])
    found = plan(policy, "claude-opus-4-7", SHIPPED, modes=("batch", "standard"), on=TODAY)
    (tokyo,) = [each for each in found.refused if each.location == "asia-northeast1"]
    assert "batch" in tokyo.reason


def test_the_refused_ones_come_in_the_catalogs_order() -> None:
    found = plan(EU)
    order = list(SHIPPED.locations)
    assert list(rules(found)) == sorted(rules(found), key=order.index)


def test_a_plan_says_what_was_asked_and_by_which_policy() -> None:
    found = plan(EU)
    assert (found.model, found.modes, found.on) == ("robin", ("standard",), TODAY)
    assert found.policy == EU.as_dict()
    assert found.summary == EU.summary
    assert found.alternatives == ()


def test_an_alias_is_planned_as_the_model_that_it_names() -> None:
    found = plan(Policy(), "claude-opus-4-5@20251101", SHIPPED)
    assert found.model == "claude-opus-4-5"
    assert {candidate.model for candidate in found.candidates} == {"claude-opus-4-5"}
    assert found == plan(Policy(), "claude-opus-4-5", SHIPPED)


def test_a_model_that_the_catalog_does_not_have_is_an_error_with_the_nearest() -> None:
    with pytest.raises(UnknownModel, match="nearest: robin"):
        plan(model="robyn")


def test_the_same_question_is_planned_once() -> None:
    planner = Planner(roomy_catalog(ROBIN), Policy())
    question = Question("robin", ("standard",), TODAY)
    assert planner.plan(question) is planner.plan(Question("robin", ("standard",), TODAY))
    assert planner.plan(question) is not planner.plan(question._replace(on=TODAY + timedelta(days=1)))


# Order


def test_without_a_wish_global_comes_first_then_multi_regions_then_regions_in_the_catalogs_order() -> None:
    assert places(plan()) == ["global", "us", "eu", "us-central1", "europe-west1", "europe-west4"]


def test_kinds_keep_their_order_when_the_catalog_lists_locations_in_another() -> None:
    known = roomy_catalog(ROBIN)
    backwards = Catalog(
        sources=known.sources.values(),
        jurisdictions=known.jurisdictions.values(),
        locations=reversed(known.locations.values()),
        models=known.models.values(),
    )
    found = plan(known=backwards)
    assert places(found) == ["global", "eu", "us", "europe-west4", "europe-west1", "us-central1"]


@pytest.mark.parametrize(
    ("wishes", "caller", "expected"),
    [
        ({}, "europe-west4", ["europe-west4", "global", "us", "eu", "us-central1", "europe-west1"]),
        ({}, "eu", ["eu", "global", "us", "us-central1", "europe-west1", "europe-west4"]),
        ({}, "asia-east1", ["global", "us", "eu", "us-central1", "europe-west1", "europe-west4"]),
        (
            {"caller_location": "ignore"},
            "eu",
            ["global", "us", "eu", "us-central1", "europe-west1", "europe-west4"],
        ),
        ({"prefer": "eu"}, "", ["eu", "global", "us", "us-central1", "europe-west1", "europe-west4"]),
        (
            {"prefer": ["europe-west4", "eu"]},
            "",
            ["europe-west4", "eu", "global", "us", "us-central1", "europe-west1"],
        ),
        ({"prefer": "region"}, "", ["us-central1", "europe-west1", "europe-west4", "global", "us", "eu"]),
        (
            {"prefer": ["multi_region", "region"]},
            "",
            ["us", "eu", "us-central1", "europe-west1", "europe-west4", "global"],
        ),
        (
            {"prefer": ["europe-west4", "multi_region", "region"]},
            "",
            ["europe-west4", "us", "eu", "us-central1", "europe-west1", "global"],
        ),
        (
            {"prefer": ["region", "europe-west4"]},
            "",
            ["us-central1", "europe-west1", "europe-west4", "global", "us", "eu"],
        ),
        ({"prefer": "eu"}, "us", ["eu", "us", "global", "us-central1", "europe-west1", "europe-west4"]),
        (
            {"prefer": "region"},
            "europe-west4",
            ["europe-west4", "us-central1", "europe-west1", "global", "us", "eu"],
        ),
        (
            {"prefer": "region"},
            "eu",
            ["us-central1", "europe-west1", "europe-west4", "eu", "global", "us"],
        ),
        ({"caller_location": "wall"}, "europe-west4", ["europe-west4"]),
    ],
    ids=str,
)
def test_the_policys_wish_comes_first_then_the_callers_location_then_the_kinds(
    wishes: dict[str, Any], caller: str, expected: list[str]
) -> None:
    assert places(plan(Policy(**wishes), caller=caller)) == expected


SONNET = {"model": "claude-sonnet-4-6", "known": SHIPPED}


@pytest.mark.parametrize(
    ("prefer", "caller", "expected"),
    [
        ((), "europe-west1", ["europe-west1", "global", "us-east5", "asia-southeast1"]),
        ("cost", "europe-west1", ["global", "europe-west1", "us-east5", "asia-southeast1"]),
        (["cost", "asia-southeast1"], "europe-west1", ["global", "asia-southeast1", "europe-west1", "us-east5"]),
        (["region", "cost"], "", ["us-east5", "europe-west1", "asia-southeast1", "global"]),
        (["asia-southeast1", "cost"], "us-east5", ["asia-southeast1", "global", "us-east5", "europe-west1"]),
    ],
)
def test_a_wish_for_a_low_cost_decides_between_what_earlier_wishes_leave_equal(
    prefer: Any, caller: str, expected: list[str]
) -> None:
    assert places(plan(Policy(prefer=prefer), **SONNET, caller=caller)) == expected


def test_where_all_cost_the_same_or_nothing_is_known_the_order_is_as_without_the_wish() -> None:
    for model, known in (("gemini-2.5-flash", SHIPPED), ("robin", roomy_catalog(ROBIN))):
        plain, thrifty = (plan(policy, model, known, caller="eu") for policy in (Policy(), Policy(prefer="cost")))
        assert thrifty.candidates == plain.candidates
        assert len(plain.candidates) > 3


def test_a_wish_admits_nothing_that_the_policy_does_not() -> None:
    found = plan(Policy(residency="eu", prefer=["us", "europe-west4"]), caller="us-central1")
    assert places(found) == ["europe-west4", "eu", "europe-west1"]


def test_modes_of_one_location_come_in_the_order_in_which_they_were_asked_for() -> None:
    for modes in (("provisioned", "standard"), ("standard", "provisioned")):
        found = plan(Policy(modes=modes), "claude-opus-4-6", SHIPPED, modes=modes)
        assert [each.mode for each in found.candidates if each.location == "europe-west1"] == list(modes)


def test_what_is_reserved_is_tried_before_every_wish() -> None:
    held = Reservation(model="robin", location="europe-west4", gsu=1, since=TODAY)
    bought = Availability(**claim(locations=("eu", "europe-west4"), modes=("provisioned",), served="yes"))
    model = msgspec.structs.replace(ROBIN, availability=(*ROBIN.availability, bought))
    known, both = roomy_catalog(model, own=Own(reservations=(held,))), ("standard", "provisioned")
    found = plan(Policy(prefer="eu", modes=both), known=known, modes=both, caller="us")
    assert found.candidates[:3] == (
        ("robin", "europe-west4", "provisioned"),
        ("robin", "eu", "standard"),
        ("robin", "us", "standard"),
    )
    earlier = plan(Policy(prefer="eu", modes=both), known=known, modes=both, on=TODAY - timedelta(days=1))
    assert "provisioned" not in {each.mode for each in earlier.candidates}, "it is not held yet"


def tiers(found: Plan) -> list[tuple[str, int]]:
    return [(each.candidate.location, each.tier) for each in found.allowed]


def test_candidates_are_of_one_tier_where_nobody_wished_otherwise() -> None:
    """Within a tier the load may be spread; between tiers the order is somebody's wish."""
    assert tiers(plan(Policy(prefer="europe-west4"), caller="us")) == [
        ("europe-west4", 0),
        ("us", 1),
        ("global", 2),
        ("eu", 3),
        ("us-central1", 4),
        ("europe-west1", 4),
    ]


# Exceptions, models that the catalog does not know, and resources

SEARCHING = {"features": frozenset({"google-search"})}
LENIENT = Policy(residency="eu", allow_features="google-search")


def test_an_exception_that_is_used_is_told_and_warned_of() -> None:
    found = plan(LENIENT, **SEARCHING)
    assert found.exceptions == ("google-search",)
    (warning,) = found.warnings
    assert warning.startswith("google-search: Grounding with Google Search: ")
    assert warning.endswith("admitted by the policy's allow_features")


def test_an_exception_that_admits_nothing_is_not_told() -> None:
    found = plan(Policy(residency="de", allow_features="google-search"), **SEARCHING)
    assert (found.candidates, found.exceptions, found.warnings) == ((), (), ())


def asked(caller: str, **fields: Any) -> Question:
    return Question(**{"model": "", "modes": ("standard",), "on": TODAY, "caller": caller, **fields})


def test_the_plan_for_a_stranger_has_its_own_location_alone_and_says_that_it_is_one() -> None:
    for policy, allowed, refused in ((Policy(), ["us"], set()), (Policy(deny_locations="us"), [], {"us"})):
        found = Planner(roomy_catalog(ROBIN), policy).plan_for_stranger(asked("us", model="starling"))
        assert (found.model, found.modes, found.on) == ("starling", ("standard",), TODAY)
        assert places(found) == allowed
        assert set(rules(found)) == refused
        assert found.warnings == ("starling is not in the catalog",)
        assert found.summary == policy.summary


def test_the_plan_for_a_resource_has_its_own_location_alone() -> None:
    planner = Planner(roomy_catalog(ROBIN), EU)
    there = planner.plan_for_resource(asked("europe-west4", resource="ragCorpora"))
    assert (there.model, there.modes, there.on) == ("ragCorpora", ("standard",), TODAY)
    assert (places(there), rules(there), there.warnings) == (["europe-west4"], {}, ())
    outside = planner.plan_for_resource(asked("europe-west2", resource="ragCorpora"))
    assert (outside.model, outside.modes, outside.on) == ("ragCorpora", ("standard",), TODAY)
    assert (places(outside), rules(outside), outside.warnings) == ([], {"europe-west2": "location-outside"}, ())


def test_the_plan_for_a_resource_tells_of_the_exception_that_it_rests_on() -> None:
    planner = Planner(roomy_catalog(ROBIN), Policy(residency="eu", allow_features="rag"))
    found = planner.plan_for_resource(asked("eu", resource="ragCorpora", features=frozenset({"rag"})))
    assert found.exceptions == ("rag",)
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith("rag: ")


# Warnings


def ended(on: date, end: date, **fields: Any) -> tuple[str, ...]:
    end_of_life = Retirement(**{"on": end, "source": "google-locations", "where": "w", **fields})
    return plan(known=roomy_catalog(model_at(PLACES, "robin", retirement=end_of_life)), on=on).warnings


def test_a_retirement_within_the_notice_is_warned_of() -> None:
    end = TODAY + NOTICE
    assert ended(TODAY, end) == (f"robin retires on {end}, in 45 days",)
    assert ended(end - timedelta(days=2), end, successor="wren") == (
        f"robin retires on {end}, in 2 days; successor: wren",
    )


def test_a_retirement_farther_than_the_notice_is_not() -> None:
    assert ended(TODAY, TODAY + NOTICE + timedelta(days=1)) == ()


def test_a_retirement_that_has_passed_unconfirmed_is_warned_of_from_its_day_on() -> None:
    said = "robin: the retirement announced for 2026-11-21 has passed and is not confirmed; successor: wren"
    assert ended(TODAY, TODAY, successor="wren") == (said,)
    assert ended(TODAY + timedelta(days=400), TODAY, successor="wren") == (said,)


def test_a_day_before_which_a_model_will_not_end_is_no_warning() -> None:
    model = model_at(PLACES, "robin", retirement=Retirement(not_before=TODAY, source="google-locations", where="w"))
    assert plan(known=roomy_catalog(model)).warnings == ()


def retired() -> Model:
    end = Retirement(on=date(2026, 11, 19), confirmed=True, successor="wren", source="google-locations", where="w")
    return model_at(PLACES, "robin", retirement=end)


def test_a_model_seen_gone_is_refused_everywhere_with_its_date_and_successor() -> None:
    """embabel-agent#1759: retired models stayed in the list."""
    found = plan(known=roomy_catalog(retired()))
    assert found.candidates == ()
    assert {(each.rule, each.reason) for each in found.refused} == {
        ("not-served", "retired on 2026-11-19; successor: wren")
    }
    assert found.warnings == ()


def test_a_confirmed_retirement_ahead_is_warned_of_and_does_not_refuse_yet() -> None:
    found = plan(known=roomy_catalog(retired()), on=date(2026, 11, 17))
    assert len(found.candidates) == len(PLACES)
    assert found.warnings == ("robin retires on 2026-11-19, in 2 days; successor: wren",)


@pytest.mark.parametrize(
    ("on", "warning"),
    [
        (date(2026, 9, 4), ""),
        (date(2026, 9, 5), "retires on 2026-10-20, in 45 days"),
        (date(2026, 10, 18), "retires on 2026-10-20, in 2 days"),
        (date(2026, 10, 21), "the retirement announced for 2026-10-20 has passed and is not confirmed"),
    ],
)
def test_gemini_2_5_flash_is_warned_of_as_its_end_comes_and_goes(on: date, warning: str) -> None:
    found = plan(EU, "gemini-2.5-flash", SHIPPED, on=on)
    assert places(found)
    assert len(found.warnings) == bool(warning)
    assert all(warning in each for each in found.warnings)


# What happened to others


def test_a_model_of_global_only_is_told_to_have_no_residency() -> None:
    """documenso#3240: a global-only model answered 404 from all eight EU regions."""
    found = plan(Policy(residency="eu", preview_models=True), "gemini-3.1-pro-preview", SHIPPED)
    assert found.candidates == ()
    assert found.warnings == ("gemini-3.1-pro-preview is served on global only: no residency is possible for it",)
    refused = rules(found)
    assert refused["global"] == "no-boundary"
    assert {refused[place] for place in refused if place != "global"} == {"not-served"}


def test_a_model_of_global_only_is_no_matter_for_a_warning_without_a_residency() -> None:
    found = plan(Policy(), "gemini-3.1-pro-preview", SHIPPED)
    assert places(found) == ["global"]
    assert found.warnings == ()


def test_a_model_served_elsewhere_is_not_told_to_be_of_global_only() -> None:
    assert plan(Policy(residency="de"), "gemini-3.8-flash", SHIPPED).warnings == ()


def test_the_location_comes_from_the_models_claims_and_not_from_a_default() -> None:
    """gke-labs/kube-agents#934, usestrix/strix#351: the default location did not serve the default model."""
    found = plan(Policy(), "gemini-3.8-flash", SHIPPED, caller="us-central1")
    assert places(found) == ["global", "us", "eu"]
    assert rules(found)["us-central1"] == "not-served"


@of_each_policy
@of_each_model
def test_only_claimed_locations_are_candidates(model: str, policy: Policy) -> None:
    """yym68686/uni-api#106: round robin hit a region without the model."""
    for location in places(plan(policy, model, SHIPPED)):
        assert SHIPPED.served(model, location, "standard", TODAY, policy.trust).verdict == "yes"


@of_each_model
@pytest.mark.parametrize("residency", ["eu", "us", "de", "gb", "eea", ("eu", "gb")], ids=str)
def test_every_candidate_under_a_residency_is_guaranteed_within_it(model: str, residency: Any) -> None:
    policy = Policy(residency=residency, preview_models=True, data_sharing_models=True)
    within = frozenset[str]().union(*(SHIPPED.countries(each) for each in policy.residency or ()))
    for each in plan(policy, model, SHIPPED).allowed:
        assert each.kind != "global"
        assert SHIPPED.countries(each.boundary) <= within


@pytest.mark.parametrize(
    ("model", "answered", "not_found"),
    [
        ("gemini-3.5-flash", {"eu", "global"}, {"europe-west4"}),
        ("gemini-2.5-pro", {"global", "europe-west4"}, {"eu"}),
    ],
)
def test_plans_agree_with_the_public_live_probes(model: str, answered: set[str], not_found: set[str]) -> None:
    """MadAppGang/claudish#145: the two tables of 2026-06-17."""
    found = plan(Policy(), model, SHIPPED, on=PROBED)
    assert answered <= set(places(found))
    assert {rules(found)[place] for place in not_found} == {"not-served"}


@pytest.mark.parametrize(
    ("tokens", "expected"), [(100_000, ["europe-west3"]), (128_000, ["europe-west3"]), (128_001, []), (None, [])]
)
def test_a_request_that_may_be_too_large_for_a_guarantee_goes_nowhere(tokens: int | None, expected: list[str]) -> None:
    policy = Policy(residency="de", modes="single_zone_provisioned")
    found = plan(policy, "gemini-2.5-flash", SHIPPED, modes=("single_zone_provisioned",), tokens=tokens)
    assert places(found) == expected


def test_claude_in_belgium_is_guaranteed_to_the_eu_and_not_to_belgium() -> None:
    assert places(plan(EU, "claude-opus-4-6", SHIPPED)) == ["europe-west1"]
    assert places(plan(Policy(residency="be"), "claude-opus-4-6", SHIPPED)) == []
