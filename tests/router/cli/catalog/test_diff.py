"""`catalog diff`."""

from __future__ import annotations

import re

from tests.router.cli.catalog.conftest import Ask


def test_diff_tells_what_came_what_went_and_which_boundaries_moved(ask: Ask) -> None:
    answer = ask("diff", "2026-09-30", "2026-11-01", "--model", "robin-1", on=[])
    assert answer.words.startswith("robin-1 standard: unknown -> yes (1) us standard: unknown -> yes (2) eu,")
    assert "boundary: unknown -> eu (2) eu" in answer.words
    assert "boundary up to 500 tokens: unknown -> nl (1) europe-west4" in answer.words
    assert "(1) our-probe (own source, 2026-11-01, 0 d old)" in answer.words


def test_the_json_of_diff_is_the_contract(ask: Ask) -> None:
    data = ask("diff", "2026-10-31", "2026-11-01", "--model", "robin-1@001", "--json", on=[]).data
    assert data == {
        "since": "2026-10-31",
        "until": "2026-11-01",
        "changes": [
            {
                "model": "robin-1",
                "what": "served",
                "locations": ["us"],
                "mode": "standard",
                "tokens": None,
                "before": "no",
                "after": "yes",
                "reason": "served, by this project's own source 'our-probe'",
                "source": "our-probe",
                "own": True,
            }
        ],
        "sources": data["sources"],
    }
    assert set(data["sources"]) == {"our-probe"}


def test_diff_leaves_changes_between_unknown_and_no_out_of_tables_and_says_so(ask: Ask) -> None:
    arguments = ["diff", "2026-09-30", "2026-10-31", "--model", "robin-1"]
    assert "not before November" not in ask(*arguments, on=[]).words
    assert "1 change between unknown and no left out (--all)" in ask(*arguments, on=[]).words
    told = ask(*arguments, "--all", on=[]).words
    assert "standard: unknown -> no (1) not before November, by this project's own source 'their-letter' us" in told
    assert "unknown" in {each["before"] for each in ask(*arguments, "--json", on=[]).data["changes"]}


def test_diff_tells_of_retirements_that_are_confirmed_and_not(ask: Ask) -> None:
    told = ask("diff", "2026-11-18", "2026-11-21", on=[]).words
    assert re.search(r"wren-1 retirement: 2026-11-20: passed, not confirmed \(\d\) global", told)
    assert re.search(r"retirement: 2026-11-19: retired \(\d\) eu", told)
    assert "gemini-3.6-flash retirement: 2026-11-19: retired" in told


def test_diff_of_one_day_has_no_changes(ask: Ask) -> None:
    answer = ask("diff", "2026-11-21", "2026-11-21", on=[])
    assert (answer.code, answer.words) == (0, "no changes between 2026-11-21 and 2026-11-21")


def test_diff_in_the_wrong_order_is_told_with_the_right_one(ask: Ask) -> None:
    answer = ask("diff", "2026-11-21", "2026-11-01", on=[])
    assert (answer.code, answer.out) == (2, "")
    assert "the earlier day comes first: catalog diff 2026-11-01 2026-11-21" in answer.err
