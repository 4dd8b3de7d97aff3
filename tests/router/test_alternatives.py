from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

import catalog
from catalog import Availability, Model, Retirement
from router import Alternative, Policy
from router.alternatives import Alternatives
from router.planner import Planner
from router.rules import Question
from tests.world import TODAY, claim, make_router, model_at, roomy_catalog

SHIPPED = catalog.load()
EU = Policy(residency="eu")


def explained(model: str, policy: Policy | None = None, *models: Model, **asked: Any) -> tuple[Alternative, ...]:
    """What the router finds beside the plan of a model, in the shipped catalog or in one of these models."""
    options = {"catalog": roomy_catalog(*models)} if models else {}
    return make_router(policy or Policy(), **options).explain(model, **asked).alternatives


def asked_for(question: Question, policy: Policy, *models: Model) -> tuple[Alternative, ...]:
    """The same for a question that only a request can ask."""
    known = roomy_catalog(*models)
    return Alternatives(known, policy).added(Planner(known, policy).plan(question), question).alternatives


def names(found: Iterable[Alternative]) -> list[str]:
    return [each.model for each in found]


def bird(name: str, *places: str, released: date | None = None, **fields: Any) -> Model:
    model = model_at(dict.fromkeys(places or ("eu",), "eu"), name, fields.pop("publisher", "acme"), **fields)
    return msgspec.structs.replace(model, released=released)


def also_in(model: Model, mode: Any, *places: str) -> Model:
    more = Availability(**claim(locations=places, modes=(mode,), served="yes"))
    return msgspec.structs.replace(model, availability=(*model.availability, more))


ROBIN = bird("robin", "eu", family="thrush")


# Other models


def test_the_same_family_comes_first_then_the_same_publisher_then_the_rest_each_newest_first() -> None:
    day = date(2026, 1, 1)
    models = [
        bird("stranger-new", publisher="other", released=day + timedelta(9)),
        bird("cousin-old", released=day),
        bird("cousin-new", released=day + timedelta(5)),
        bird("sibling-old", family="thrush", released=day),
        bird("sibling-undated", family="thrush"),
        bird("sibling-new", family="thrush", released=day + timedelta(3)),
    ]
    found = explained("robin", EU, ROBIN, *models)
    assert names(found) == [
        *("sibling-new", "sibling-old", "sibling-undated"),
        *("cousin-new", "cousin-old", "stranger-new"),
    ]
    assert [each.why for each in found] == ["of the same family"] * 3 + ["another model for text"] * 3


def test_an_alternative_names_its_places_in_the_order_of_its_plan_and_its_mode() -> None:
    wren = bird("wren", "europe-west4", "europe-west1", "eu")
    (found,) = explained("robin", EU, ROBIN, wren)
    assert found == Alternative(
        model="wren",
        mode="standard",
        locations=("eu", "europe-west1", "europe-west4"),
        why="another model for text",
    )
    assert str(found) == "wren in standard mode at eu, europe-west1, europe-west4 (another model for text)"


def test_only_models_for_the_same_task_are_alternatives() -> None:
    assert explained("robin", EU, ROBIN, bird("wren", task="image"), bird("owl", task="embedding")) == ()


def test_a_model_is_no_alternative_to_itself() -> None:
    assert explained("robin", EU, ROBIN) == ()


@pytest.mark.parametrize(
    ("policy", "wren"),
    [
        (EU, model_at({"us-central1": "us", "global": ""}, "wren")),
        (Policy(residency="eu", deny_models="wren"), bird("wren")),
        (Policy(residency="eu", allow_models="robin"), bird("wren")),
        (Policy(residency="eu", deny_locations="europe-west1"), bird("wren", "europe-west1")),
        (Policy(residency="eu", kinds="multi_region"), bird("wren", "europe-west1")),
        (EU, msgspec.structs.replace(bird("wren"), stage="preview")),
    ],
    ids=["elsewhere", "denied", "not allowed", "at a denied location", "at another kind", "preview"],
)
def test_a_model_that_the_policy_refuses_is_no_alternative(policy: Policy, wren: Model) -> None:
    assert explained("robin", policy, ROBIN, wren) == ()


@pytest.mark.parametrize(
    ("end", "offered"),
    [(TODAY - timedelta(days=1), False), (TODAY + timedelta(days=45), False), (date(2027, 6, 1), True)],
)
def test_a_model_that_ends_soon_is_no_alternative(end: date, offered: bool) -> None:
    wren = bird("wren", retirement=Retirement(on=end, source="google-locations", where="w"))
    assert bool(explained("robin", EU, ROBIN, wren)) is offered


def test_at_most_six_are_named() -> None:
    assert len(explained("robin", EU, ROBIN, *(bird(f"wren-{number}") for number in range(9)))) == 6


def test_a_request_pinned_to_one_model_is_told_of_others_without_its_pin_and_method() -> None:
    """A cache of one model is of no use to another, so it binds the other to nothing."""
    question = Question("robin", ("standard",), TODAY, method="croak", pins=frozenset({"us"}))
    assert names(asked_for(question, EU, ROBIN, bird("wren"))) == ["wren"]


# Other modes


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("provisioned", "needs a reservation"),
        ("single_zone_provisioned", "needs a single-zone reservation"),
        ("batch", "as a batch job"),
        ("priority", "asked for by priority headers"),
        ("flex", "asked for by flex headers"),
    ],
)
def test_another_mode_is_named_with_what_it_needs(mode: str, why: str) -> None:
    (found,) = explained("robin", EU, also_in(ROBIN, mode, "eu"))
    assert found == Alternative(model="robin", mode=mode, locations=("eu",), why=why)  # type: ignore[arg-type]


def test_on_demand_is_not_asked_for_by_headers() -> None:
    (found,) = explained("robin", Policy(residency="eu", modes="batch"), also_in(ROBIN, "batch", "eu"))
    assert found.mode == "standard"
    assert "standard headers" not in found.why


def test_other_modes_come_before_other_models() -> None:
    found = explained("robin", EU, also_in(ROBIN, "batch", "eu"), bird("wren"))
    assert [(each.model, each.mode) for each in found] == [("robin", "batch"), ("wren", "standard")]


def test_a_mode_that_was_asked_for_is_no_alternative() -> None:
    policy = Policy(residency="eu", modes=["standard", "batch"])
    assert explained("robin", policy, also_in(ROBIN, "batch", "eu")) == ()


def test_a_mode_outside_the_residency_is_no_alternative() -> None:
    assert explained("robin", EU, also_in(ROBIN, "batch", "us", "global")) == ()


def test_a_pin_binds_the_same_model_in_other_modes_too() -> None:
    model = also_in(bird("robin", "eu", "europe-west1"), "batch", "eu", "europe-west1")
    question = Question("robin", ("standard",), TODAY, pins=frozenset({"europe-west1"}))
    (found,) = asked_for(question, EU, model)
    assert (found.mode, found.locations) == ("batch", ("europe-west1",))


# Of the shipped catalog


@pytest.mark.parametrize("model", SHIPPED.models)
@pytest.mark.parametrize("policy", [EU, Policy(residency="eu", assurance="location"), Policy(residency={"us", "eu"})])
def test_global_is_never_proposed_under_a_residency(model: str, policy: Policy) -> None:
    """BerriAI/litellm#27293: the advised workaround was `global`."""
    found = explained(model, policy)
    assert all("global" not in each.locations for each in found)
    assert all("global" not in str(each) for each in found)


def test_a_model_of_global_only_comes_with_the_nearest_that_qualify() -> None:
    """documenso#3240: nobody told the users which model the EU does have."""
    plan = make_router(EU).explain("gemini-3.1-pro-preview")
    assert plan.candidates == ()
    assert plan.alternatives
    assert {SHIPPED.model(each.model).publisher for each in plan.alternatives[:2]} == {"google"}
    assert plan.alternatives[0].model == "gemini-3.8-flash"
    assert all(each.locations for each in plan.alternatives)


def test_where_the_eu_has_one_location_a_reservation_in_frankfurt_is_named() -> None:
    found = explained("gemini-3.5-flash", EU)
    assert (
        Alternative(
            model="gemini-3.5-flash", mode="provisioned", locations=("eu", "europe-west3"), why="needs a reservation"
        )
        in found
    )
    assert "gemini-3.8-flash" in names(found)


def test_of_claude_the_nearest_are_of_its_own_family() -> None:
    found = explained("claude-opus-4-6", EU)
    models = [SHIPPED.model(each.model) for each in found if each.mode == "standard"]
    families = [model.family for model in models]
    assert families[0] == "claude-opus"
    assert families == sorted(families, key=lambda family: family != "claude-opus")


def test_a_question_about_an_alias_has_the_same_alternatives() -> None:
    assert explained("claude-opus-4-5@20251101", EU) == explained("claude-opus-4-5", EU)


def test_the_plan_itself_stays_as_it_was() -> None:
    question = Question("gemini-3.8-flash", ("standard",), TODAY)
    plan = Planner(SHIPPED, EU).plan(question)
    added = Alternatives(SHIPPED, EU).added(plan, question)
    assert plan.alternatives == ()
    assert added.alternatives
    assert msgspec.structs.replace(added, alternatives=()) == plan


def test_alternatives_found_once_are_remembered() -> None:
    known = Alternatives(SHIPPED, EU)
    question = Question("gemini-3.8-flash", ("standard",), TODAY)
    plan = Planner(SHIPPED, EU).plan(question)
    assert known.added(plan, question).alternatives is known.added(plan, question).alternatives
