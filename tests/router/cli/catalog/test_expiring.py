"""`catalog expiring`."""

from __future__ import annotations

import pytest

from tests.router.cli.catalog.conftest import Ask


@pytest.mark.parametrize(
    ("within", "until"),
    [
        ("90d", "2027-02-19"),
        ("90", "2027-02-19"),
        ("12w", "2027-02-13"),
        ("6m", "2027-05-21"),
        ("14m", "2028-01-21"),
        ("99999m", "9999-12-31"),
        ("99999w", "3943-05-29"),
    ],
)
def test_expiring_looks_days_weeks_or_months_ahead(ask: Ask, within: str, until: str) -> None:
    assert ask("expiring", "--within", within, "--json").data["until"] == until


def test_a_month_after_its_last_day_is_the_last_day_of_the_next(ask: Ask) -> None:
    assert ask("expiring", "--within", "3m", "--json", on=["--on", "2026-11-30"]).data["until"] == "2027-02-28"


def test_the_json_of_expiring_is_the_contract(ask: Ask) -> None:
    data = ask("expiring", "--within", "60d", "--json").data
    assert list(data) == ["date", "until", "expiring", "overdue", "sources"]
    ours = [each for each in data["expiring"] if each["model"] in ("robin-1", "wren-1")]
    assert ours == [
        {
            "on": "2026-12-01",
            "in_days": 10,
            "what": "claim",
            "model": "wren-1",
            "detail": "availability at global (line 7)",
            "source": "their-letter",
            "own_source": True,
        },
        {
            "on": "2026-12-24",
            "in_days": 33,
            "what": "retirement",
            "model": "robin-1",
            "detail": "announced; successor: robin-2",
            "source": "their-letter",
            "own_source": True,
        },
        {
            "on": "2027-01-01",
            "in_days": 41,
            "what": "reservation",
            "model": "robin-1",
            "detail": "5 GSU at eu",
            "source": None,
            "own_source": True,
        },
    ]
    (late,) = [each for each in data["overdue"] if each["model"] == "wren-1"]
    assert (late["on"], late["in_days"]) == ("2026-11-20", -1)
    days = [each["on"] for each in data["expiring"]]
    assert days == sorted(days)
    assert {each["source"] for each in (*ours, late) if each["source"]} <= set(data["sources"])


def test_expiring_tells_people_of_what_is_past_and_what_is_ahead(ask: Ask) -> None:
    told = ask("expiring", "--within", "60d").words
    past, ahead = told.split("ends from 2026-11-21 to 2027-01-20")
    assert "wren-1 2026-11-20 1 d ago retirement: announced (" in past
    assert "robin-1 2026-12-24 33 d retirement: announced; successor: robin-2 (" in ahead


def test_expiring_within_nothing_says_so(ask: Ask) -> None:
    assert (
        "ends from 2020-01-01 to 2020-01-02 nothing"
        in ask("expiring", "--within", "1d", on=["--on", "2020-01-01"]).words
    )


@pytest.mark.parametrize("wrong", ["6y", "d", "-3d", "soon", "1.5m", ""])
def test_a_span_that_is_none_is_told_with_an_example(ask: Ask, capsys: pytest.CaptureFixture[str], wrong: str) -> None:
    with pytest.raises(SystemExit) as leaving:
        ask("expiring", f"--within={wrong}")
    assert leaving.value.code == 2
    assert "like 90d, 12w or 6m" in capsys.readouterr().err
