"""`catalog where`."""

from __future__ import annotations

import pytest

import catalog
from tests.router.cli.catalog.conftest import Ask

LOCATIONS = list(catalog.load().locations)


def test_where_has_modes_and_boundary_of_each_location_that_serves_the_model(ask: Ask) -> None:
    answer = ask("where", "robin-1")
    rows = [" ".join(line.split()) for line in answer.out.splitlines()]
    assert rows[:2] == [
        "robin-1 on 2026-11-21",
        "warning: robin-1 retires on 2026-12-24, in 33 days; successor: robin-2",
    ]
    assert "us unknown 20 d old 1 standard (low)" in rows
    assert "eu eu 51 d old 2 1 standard, provisioned," in rows
    assert "europe-west4 nl <= 500 51 d old 1 2 standard, batch" in rows
    assert "5 GSU reserved (provisioned)" in answer.words
    assert "denied by the overlay: under review" in answer.words
    assert f"{len(LOCATIONS) - 4} locations not known to serve it left out (--all)" in answer.words


def test_the_json_of_where_is_the_contract(ask: Ask) -> None:
    data = ask("where", "robin-1", "--mode", "standard", "--json").data
    assert list(data) == ["model", "date", "tokens", "warnings", "locations", "sources"]
    rows = {row["location"]: row for row in data["locations"]}
    assert list(rows) == ["us", "eu", "northamerica-northeast1", "europe-west4"]
    assert rows["eu"] == {
        "location": "eu",
        "kind": "multi_region",
        "host": "eu-birds.p.example",
        "modes": {
            "standard": {
                "served": "yes",
                "reason": "served, by this project's own source 'their-letter'",
                "source": "their-letter",
                "checked": "2026-11-01",
                "confidence": "high",
                "evidence_age_days": 51,
                "own_source": True,
            }
        },
        "boundary": "eu",
        "boundary_reason": "processing stays in eu, by this project's own source 'their-letter'",
        "boundary_source": "their-letter",
        "boundary_checked": "2026-11-01",
        "boundary_confidence": "high",
        "boundary_evidence_age_days": 51,
        "boundary_own_source": True,
        "boundary_up_to": None,
        "denied": None,
        "reserved_gsu": {},
    }
    limited = rows["europe-west4"]["boundary_up_to"]
    assert (limited["tokens"], limited["boundary"], limited["source"]) == (500, "nl", "our-probe")
    assert rows["northamerica-northeast1"]["denied"] == "under review"
    assert set(data["sources"]) == {"our-probe", "their-letter"}


def test_where_for_a_size_has_the_boundary_for_that_size(ask: Ask) -> None:
    found = {
        tokens: next(
            row["boundary"]
            for row in ask("where", "robin-1", "--tokens", tokens, "--json").data["locations"]
            if row["location"] == "europe-west4"
        )
        for tokens in ("500", "501")
    }
    assert found == {"500": "nl", "501": "unknown"}


def test_where_all_has_every_location_and_why_says_what_is_not_yes(ask: Ask) -> None:
    data = ask("where", "robin-1", "--all", "--json").data
    assert [row["location"] for row in data["locations"]] == LOCATIONS
    told = ask("where", "robin-1", "--why", on=["--on", "2026-10-31"]).words
    assert (
        "flex: unknown, no claim says whether it is served in flex mode eu, northamerica-northeast1, europe-west4"
        in told
    )
    assert "boundary: unknown, no claim says where processing stays northamerica-northeast1" in told


@pytest.mark.parametrize(
    ("model", "on", "why"),
    [
        ("robin-1", "2026-09-30", "standard: unknown, evidence begins on 2026-10-01"),
        ("robin-1", "2020-01-01", "batch: unknown, evidence begins on 2026-10-01"),
        ("wryneck-of-the-northern-woods-with-a-long-name", "2026-11-21", "standard: no, retired on 2026-11-19"),
    ],
)
def test_where_nothing_is_served_says_why(ask: Ask, model: str, on: str, why: str) -> None:
    answer = ask("where", model, on=["--on", on])
    assert answer.code == 0
    assert "no location is known to serve it" in answer.words
    assert why in answer.words
    rows = ask("where", model, "--json", on=["--on", on]).data["locations"]
    assert [row["location"] for row in rows] == LOCATIONS, "with their reasons"
    assert {answer["served"] for row in rows for answer in row["modes"].values()} <= {"no", "unknown"}
