from __future__ import annotations

import pytest

import catalog
from catalog import CatalogError, InvalidCatalog, Problem, UnknownJurisdiction, UnknownLocation, UnknownModel
from catalog.errors import nearest

PROBLEM = Problem("models/acme.toml", 7, "model 'robin-1'", "availability[0].modes", "expected a mode")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "models/acme.toml:7: model 'robin-1': field `availability[0].modes`: expected a mode"),
        ({"line": 0}, "models/acme.toml: model 'robin-1': field `availability[0].modes`: expected a mode"),
        ({"field": ""}, "models/acme.toml:7: model 'robin-1': expected a mode"),
        ({"entry": "", "field": ""}, "models/acme.toml:7: expected a mode"),
    ],
)
def test_a_problem_reads_as_its_place_and_what_is_wrong(change: dict[str, object], text: str) -> None:
    given = {name: getattr(PROBLEM, name) for name in PROBLEM.__struct_fields__}
    assert str(Problem(**{**given, **change})) == text  # type: ignore[arg-type]


def test_a_problem_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        PROBLEM.line = 8  # type: ignore[misc]


def test_an_invalid_catalog_lists_each_problem_on_a_line_of_its_own() -> None:
    error = InvalidCatalog([PROBLEM, Problem("sources.toml", 3, "", "", "not valid TOML")])
    assert str(error).splitlines() == [str(PROBLEM), "sources.toml:3: not valid TOML"]


def test_an_invalid_catalog_shows_twenty_problems_and_keeps_all() -> None:
    error = InvalidCatalog([Problem("f.toml", line, "", "", "wrong") for line in range(1, 24)])
    assert len(error.problems) == 23
    assert str(error).splitlines()[19:] == ["f.toml:20: wrong", "(+3 more)"]


def test_twenty_problems_are_shown_without_a_remainder() -> None:
    assert "more)" not in str(InvalidCatalog([PROBLEM] * 20))


@pytest.mark.parametrize(
    ("kind", "what"),
    [(UnknownModel, "model"), (UnknownLocation, "location"), (UnknownJurisdiction, "jurisdiction")],
)
def test_an_unknown_name_is_told_with_the_nearest(kind: type[UnknownModel], what: str) -> None:
    error = kind("robin-l", ["robin-1", "wren-2", "robin-2"])
    assert error.name == "robin-l"
    assert error.nearest == ("robin-2", "robin-1")
    assert str(error) == f"unknown {what} 'robin-l'; nearest: robin-2, robin-1"


def test_an_unknown_name_like_no_other_is_told_alone() -> None:
    error = UnknownModel("quokka", ["robin-1"])
    assert error.nearest == ()
    assert str(error) == "unknown model 'quokka'"


def test_a_hint_follows_the_nearest_names() -> None:
    assert str(UnknownJurisdiction("uk", ["us"], "Great Britain is 'gb'")).endswith("Great Britain is 'gb'")


@pytest.mark.parametrize("kind", [InvalidCatalog, UnknownModel, UnknownLocation, UnknownJurisdiction])
def test_every_error_of_the_catalog_is_caught_as_a_catalog_error(kind: type[Exception]) -> None:
    assert issubclass(kind, CatalogError)
    assert getattr(catalog, kind.__name__) is kind


def test_the_nearest_names_come_best_first_and_at_most_four() -> None:
    known = ["gemini-2.5-pro", "gemini-2.5-flash", "gemini-3.5-flash", "gemini-3.6-flash", "gemini-3.8-flash", "veo"]
    found = nearest("gemini-3.5-flsh", known)
    assert found[0] == "gemini-3.5-flash"
    assert len(found) == 4
    assert "veo" not in found


def test_the_nearest_names_do_not_depend_on_capitals() -> None:
    assert nearest("EUROPE-WEST4", ["europe-west4"]) == ("europe-west4",)
