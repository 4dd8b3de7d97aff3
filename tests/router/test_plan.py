from __future__ import annotations

import json
from datetime import date
from typing import Any

import msgspec
import pytest

from router import Allowed, Alternative, Candidate, Plan, Policy, Refused
from tests.world import TODAY, make_router

EU = Allowed(
    candidate=Candidate("robin", "eu", "standard"),
    kind="multi_region",
    host="aiplatform.eu.rep.googleapis.com",
    boundary="eu",
    source="https://docs.example/robin",
    checked=date(2026, 11, 20),
    age_days=65,
    why="served in standard mode; processing stays in eu",
)
KEPT = msgspec.structs.replace(EU, candidate=Candidate("robin", "us", "standard"), source="page", checked=None)
GLOBAL = Refused(
    location="global", rule="no-boundary", reason="requests to global may be processed anywhere", source="s"
)
ZURICH = Refused(location="europe-west6", rule="not-served", reason="not served here", mend="ask elsewhere")
TURIN = msgspec.structs.replace(ZURICH, location="europe-west12", source="t")
WREN = Alternative(model="wren", mode="batch", locations=("eu", "europe-west1"), why="as a batch job")


def plan(**fields: Any) -> Plan:
    given: dict[str, Any] = {
        "model": "robin",
        "modes": ("standard",),
        "on": TODAY,
        "policy": {"residency": ["eu"]},
        "summary": "residency eu, by processing",
        "allowed": (EU,),
        "refused": (GLOBAL, ZURICH, TURIN),
        **fields,
    }
    return Plan(**given)


def test_the_candidates_are_the_admitted_ones_in_order() -> None:
    assert plan(allowed=(KEPT, EU)).candidates == (("robin", "us", "standard"), ("robin", "eu", "standard"))
    assert plan(allowed=()).candidates == ()


# As data


def test_a_plan_as_data_is_its_contract_and_nothing_more() -> None:
    assert plan(warnings=("soon gone",), exceptions=("whistling",), alternatives=(WREN,)).as_dict() == {
        "model": "robin",
        "date": "2026-11-21",
        "policy": {"residency": ["eu"]},
        "allowed": [
            {
                "location": "eu",
                "kind": "multi_region",
                "host": "aiplatform.eu.rep.googleapis.com",
                "mode": "standard",
                "boundary": "eu",
                "source": "https://docs.example/robin",
                "checked": "2026-11-20",
                "evidence_age_days": 65,
                "own_source": False,
                "why": "served in standard mode; processing stays in eu",
            }
        ],
        "refused": [
            {
                "location": "global",
                "rule": "no-boundary",
                "reason": "requests to global may be processed anywhere",
                "source": "s",
            },
            {"location": "europe-west6", "rule": "not-served", "reason": "not served here", "source": None},
            {"location": "europe-west12", "rule": "not-served", "reason": "not served here", "source": "t"},
        ],
        "warnings": ["soon gone"],
        "exceptions": ["whistling"],
        "alternatives": [
            {"model": "wren", "mode": "batch", "locations": ["eu", "europe-west1"], "why": "as a batch job"}
        ],
    }


def test_what_was_never_checked_has_no_day() -> None:
    (allowed,) = plan(allowed=(KEPT,)).as_dict()["allowed"]
    assert allowed["checked"] is None


def test_the_keys_of_the_contract_come_in_its_order() -> None:
    data = plan().as_dict()
    assert list(data) == ["model", "date", "policy", "allowed", "refused", "warnings", "exceptions", "alternatives"]
    evidence = ["source", "checked", "evidence_age_days", "own_source", "why"]
    assert list(data["allowed"][0]) == ["location", "kind", "host", "mode", "boundary", *evidence]
    assert list(data["refused"][0]) == ["location", "rule", "reason", "source"]


@pytest.mark.parametrize(
    "policy", [Policy(), Policy(residency={"eu", "us"}, modes=["standard", "provisioned"], prefer="eu")]
)
@pytest.mark.parametrize("model", ["gemini-3.8-flash", "gemini-3.1-pro-preview", "claude-fable-5-2"])
def test_a_real_plan_as_data_survives_json(policy: Policy, model: str) -> None:
    found = make_router(policy).explain(model)
    assert json.loads(json.dumps(found.as_dict())) == found.as_dict()


def test_changing_the_data_does_not_change_the_plan() -> None:
    found = plan()
    found.as_dict()["policy"].clear()
    assert found.as_dict()["policy"] == {"residency": ["eu"]}


# For readers


def test_locations_refused_for_the_same_reason_are_told_together() -> None:
    assert list(plan().refusals()) == [
        ("no-boundary: requests to global may be processed anywhere", (GLOBAL,)),
        ("not-served: not served here; ask elsewhere", (ZURICH, TURIN)),
    ]


@pytest.mark.parametrize("change", [{"rule": "pinned"}, {"reason": "gone"}, {"mend": ""}])
def test_locations_refused_for_different_reasons_are_told_apart(change: dict[str, str]) -> None:
    other = msgspec.structs.replace(TURIN, **change)
    assert [members for _, members in plan(refused=(ZURICH, other)).refusals()] == [(ZURICH,), (other,)]


def test_a_printed_plan_says_where_where_not_and_why() -> None:
    assert str(plan(warnings=("soon gone",), alternatives=(WREN,))).splitlines() == [
        "robin on 2026-11-21, residency eu, by processing",
        "warning: soon gone",
        "may go to, in this order:",
        "  eu (standard): served in standard mode; processing stays in eu",
        "may not go to:",
        "  global: no-boundary: requests to global may be processed anywhere",
        "  europe-west6, europe-west12: not-served: not served here; ask elsewhere",
        "also possible under this policy:",
        "  wren in batch mode at eu, europe-west1 (as a batch job)",
    ]


def test_a_printed_plan_without_candidates_says_so() -> None:
    text = str(plan(allowed=()))
    assert "may go nowhere" in text
    assert "in this order" not in text


def test_a_printed_plan_leaves_out_what_there_is_not() -> None:
    text = str(plan(refused=()))
    assert "may not go to" not in text
    assert "also possible" not in text


def test_a_long_list_of_places_is_wrapped_without_breaking_a_name() -> None:
    names = [f"north-west{number}" for number in range(1, 30)]
    refused = [msgspec.structs.replace(ZURICH, location=name) for name in names]
    lines = str(plan(refused=tuple(refused))).splitlines()
    assert max(map(len, lines)) <= 110
    assert all(any(name in line for line in lines) for name in names)


def test_a_plan_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        plan().allowed = ()  # type: ignore[misc]
    with pytest.raises(AttributeError):
        EU.boundary = "us"  # type: ignore[misc]
