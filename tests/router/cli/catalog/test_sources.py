"""`catalog sources`."""

from __future__ import annotations

import catalog
from tests.router.cli.catalog.conftest import Ask


def test_sources_have_dates_ages_and_how_much_rests_on_them(ask: Ask) -> None:
    answer = ask("sources")
    assert "our-probe own source 2026-11-01, 20 d old, 3 statements What we measured [/bold]" in answer.words
    data = ask("sources", "--json").data
    assert data["date"] == "2026-11-21"
    assert [each["id"] for each in data["sources"]] == [*catalog.load().sources, "our-probe", "their-letter"]
    assert data["sources"][-1] == {
        "id": "their-letter",
        "title": "What they wrote",
        "url": "https://letters.example/1",
        "published": "2026-10-01",
        "retrieved": "2026-11-01",
        "age_days": 51,
        "own": True,
        "language": "en",
        "note": "",
        "statements": 9,
    }
    assert all(each["statements"] for each in data["sources"]), "every source is used"
