"""A slice of `make proof` (planner and guard against the naive rule), and the proof that it is not blind."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

import catalog
from catalog import Catalog, Processing
from router import Policy
from router.guard import Guard
from router.planner import Planner
from router.rules import Question, Rules
from tests.proof import rule
from tests.proof.cells import Asked, compared, policies
from tests.world import TODAY

CATALOG = catalog.load()
FEW = ("gemini-2.5-flash", "gemini-2.5-flash-image", "gemini-3.1-pro-preview", "text-embedding-005", "claude-opus-4-5")
EU = Asked("eu", "processing", "medium")


def test_both_readers_see_the_same_catalog() -> None:
    assert list(rule.MODELS) == list(CATALOG.models)
    assert list(rule.LOCATIONS) == list(CATALOG.locations)
    assert set(rule.JURISDICTIONS) == CATALOG.jurisdiction_names()


def test_every_jurisdiction_is_asked_by_both_assurances() -> None:
    asked = {(each.residency, each.assurance) for each in policies() if each.confidence == "medium"}
    assert asked >= {(name, how) for name in rule.JURISDICTIONS for how in ("processing", "location")}


def test_the_naive_rule_shares_no_code() -> None:
    text = (rule.DATA.parents[1] / "tests/proof/rule.py").read_text("utf-8")
    imported = {line.split()[1].partition(".")[0] for line in text.splitlines() if line.startswith(("import", "from"))}
    assert not imported & {"catalog", "router", "tests", "msgspec"}


def test_planner_and_guard_agree_with_the_rule_for_the_eu_everywhere() -> None:
    found = compared(CATALOG, EU)
    assert found.differences == []
    assert found.cells > 100_000
    assert found.admitted > 300


@pytest.mark.parametrize("residency", ["", "de", "gb", "us"])
@pytest.mark.parametrize("assurance", ["processing", "location"])
def test_planner_and_guard_agree_with_the_rule_for_a_few_models(residency: str, assurance: str) -> None:
    found = compared(CATALOG, Asked(residency, assurance, "low"), FEW)
    assert found.differences == []
    assert found.admitted > 0


@pytest.mark.parametrize("previews", [True, False])
@pytest.mark.parametrize("sharing", [True, False])
def test_previews_and_shared_prompts_are_admitted_only_when_the_policy_says_so(previews: bool, sharing: bool) -> None:
    policy = Policy(residency=["eu", "us"], preview_models=previews, data_sharing_models=sharing)
    planner = Planner(CATALOG, policy)
    admitted = {name for name in rule.MODELS if planner.plan(Question(name, ("standard",), TODAY)).allowed}
    early = {name for name, row in rule.MODELS.items() if row["stage"] != "ga"}
    shared = {name for name, row in rule.MODELS.items() if "data_sharing" in row}
    assert admitted
    assert bool(admitted & early) == previews
    assert bool(admitted & shared) == sharing


# What the comparison would notice


def with_jurisdiction(name: str, *more: str) -> Catalog:
    found = CATALOG.jurisdictions[name]
    wider = msgspec.structs.replace(found, countries=(*found.countries, *more))
    return remade(jurisdictions=[wider if each is found else each for each in CATALOG.jurisdictions.values()])


def with_claim(model: str, location: str, boundary: str) -> Catalog:
    like = next(each for each in CATALOG.models[model].processing)
    claim = msgspec.structs.replace(like, locations=(location,), boundary=boundary, since=date(2020, 1, 1), until=None)
    assert isinstance(claim, Processing)
    changed = msgspec.structs.replace(CATALOG.models[model], processing=(claim,))
    return remade(models=[changed if each.id == model else each for each in CATALOG.models.values()])


def remade(**parts: object) -> Catalog:
    given = {name: getattr(CATALOG, name).values() for name in ("sources", "jurisdictions", "locations", "models")}
    return Catalog(**{**given, **parts})  # type: ignore[arg-type]


@pytest.mark.parametrize("country", ["gb", "ch", "no"])
def test_a_country_too_many_in_the_eu_is_named(country: str) -> None:
    places = [each.id for each in CATALOG.locations.values() if each.jurisdiction == country]
    found = compared(with_jurisdiction("eu", country), Asked("eu", "location", "low"), FEW)
    assert all(any(repr(place) in line for line in found.differences) for place in places)
    assert bool(found.differences) == bool(places)


def test_a_guarantee_too_many_is_named() -> None:
    wider = with_claim("gemini-2.5-flash-image", "us-central1", "de")
    found = compared(wider, EU, ["gemini-2.5-flash-image"])
    assert any("'us-central1'" in line and "by the planner admitted" in line for line in found.differences)
    assert any("'us-central1'" in line and "let out by the guard" in line for line in found.differences)


def test_a_planner_that_takes_unknown_for_yes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rules, "_outside", lambda *_: iter(()))
    found = compared(CATALOG, EU, FEW)
    assert any("by the planner admitted" in line for line in found.differences)
    assert not any("let out by the guard" in line for line in found.differences)


def test_a_guard_that_takes_unknown_for_yes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guard, "_stays", lambda *_: True)
    found = compared(CATALOG, EU, FEW)
    assert any("let out by the guard" in line for line in found.differences)
    assert not any("by the planner admitted" in line for line in found.differences)


def test_a_guard_that_stops_everything_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guard, "_stays", lambda *_: False)
    found = compared(CATALOG, EU, FEW)
    assert any("admitted by the rule, stopped by the guard" in line for line in found.differences)
