"""`catalog show`."""

from __future__ import annotations

from tests.router.cli.catalog.conftest import Ask


def test_show_has_names_life_limits_and_the_claims_of_the_day(ask: Ask) -> None:
    answer = ask("show", "robin-1@001")
    for told in (
        "robin-1 Robin 1, acme, text, ga",
        "warning: robin-1 retires on 2026-12-24, in 33 days",
        "also: robin-1@001",
        "released: 2026-09-01",
        "retirement: 2026-12-24, announced; successor: robin-2 (1)",
        "limits: context tokens 1,000 (1)",
        "served: standard, low confidence (2) us",
        "boundary nl up to 500 tokens of context (2) europe-west4",
        "(1) https://letters.example/1 (own source, 2026-10-01, 51 d old)",
        "(2) our-probe (own source, 2026-11-01, 20 d old)",
    ):
        assert told in answer.words
    assert "not before November" not in answer.words
    assert "not served: standard (from 2026-10-01 to 2026-11-01) (1) us not before November" in (
        ask("show", "robin-1", "--all").words
    )


def test_the_json_of_show_is_the_model_as_in_its_file_with_the_claims_of_the_day(ask: Ask) -> None:
    data = ask("show", "robin-1", "--json").data
    assert list(data) == ["date", "model", "evidence_begins", "warnings", "sources"]
    assert (data["date"], data["evidence_begins"]) == ("2026-11-21", "2026-10-01")
    assert [(each["locations"], each["from"]) for each in data["model"]["availability"]] == [
        (["eu", "europe-west4", "northamerica-northeast1"], "2026-10-01"),
        (["us"], "2026-11-01"),
        (["eu"], "2026-10-01"),
    ]
    assert data["sources"]["their-letter"] == {
        "title": "What they wrote",
        "url": "https://letters.example/1",
        "published": "2026-10-01",
        "retrieved": "2026-11-01",
        "age_days": 51,
        "own": True,
    }
    assert len(ask("show", "robin-1", "--all", "--json").data["model"]["availability"]) == 4


def test_show_before_the_evidence_says_when_it_begins(ask: Ask) -> None:
    answer = ask("show", "robin-1", on=["--on", "2026-09-30"])
    assert "no claim speaks of 2026-09-30; evidence begins on 2026-10-01; see --all" in answer.words
