from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import catalog
from router.cli.main import main

EVERYWHERE = set(catalog.load().locations)
AT = ["--on", "2026-11-21"]


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["explain", *arguments, *AT, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_json_is_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    code, plan = explained(capsys, "gemini-3.8-flash", "--residency", "eu")
    assert code == 0
    assert list(plan) == ["model", "date", "policy", "allowed", "refused", "warnings", "exceptions", "alternatives"]
    assert (plan["model"], plan["date"], plan["policy"]["residency"]) == ("gemini-3.8-flash", "2026-11-21", ["eu"])
    (allowed,) = plan["allowed"]
    assert allowed == {
        "location": "eu",
        "kind": "multi_region",
        "host": "aiplatform.eu.rep.googleapis.com",
        "mode": "standard",
        "boundary": "eu",
        "source": "https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/gemini/3-8-flash",
        "checked": "2026-11-21",
        "evidence_age_days": 65,
        "own_source": False,
        "why": "served in standard mode; processing stays in eu",
    }
    assert all(set(each) == {"location", "rule", "reason", "source"} for each in plan["refused"])


@pytest.mark.parametrize("model", sorted(catalog.load().models))
@pytest.mark.parametrize("residency", [[], ["--residency", "eu"], ["--residency", "de"]])
def test_allowed_and_refused_cover_every_location_once(
    capsys: pytest.CaptureFixture[str], model: str, residency: list[str]
) -> None:
    code, plan = explained(capsys, model, *residency)
    places = [each["location"] for each in (*plan["allowed"], *plan["refused"])]
    assert sorted(places) == sorted(EVERYWHERE)
    assert code == (0 if plan["allowed"] else 3)


def test_nothing_allowed_is_exit_code_3_and_says_what_would_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "gemini-3.1-pro-preview", "--residency", "eu", *AT]) == 3
    told = capsys.readouterr().out
    assert "served on global only" in told
    assert "gemini-3.8-flash in standard mode at eu" in told


def test_people_see_every_location_with_rule_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "gemini-3.5-flash", "--residency", "eu", *AT]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert all(location in told for location in EVERYWHERE)
    assert "boundary-outside" in told
    assert "https://docs.cloud.google.com/" in told


def test_mode_tokens_and_several_residencies_are_heeded(capsys: pytest.CaptureFixture[str]) -> None:
    german = ["gemini-2.5-flash", "--residency", "de", "--mode", "single_zone_provisioned"]
    small, plan = explained(capsys, *german, "--tokens", "100_000")
    assert (small, [each["location"] for each in plan["allowed"]]) == (0, ["europe-west3"])
    assert explained(capsys, *german, "--tokens", "200000")[0] == 3
    assert explained(capsys, *german)[0] == 3
    _, both = explained(capsys, "claude-opus-4-7", "--residency", "eu,us")
    assert {each["location"] for each in both["allowed"]} == {"us", "eu"}


def test_a_day_can_be_asked_about(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "gemini-3.8-flash", "--on", "2026-09-01", "--json"]) == 3
    assert "evidence begins on 2026-09-02" in capsys.readouterr().out


def test_a_policy_file_is_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "eu.toml"
    file.write_text('residency = "eu"\ndeny_locations = ["eu"]\n')
    code, plan = explained(capsys, "gemini-3.8-flash", "--policy", str(file))
    assert code == 3
    assert {"location": "eu", "rule": "location-denied"}.items() <= {
        key: value for each in plan["refused"] if each["location"] == "eu" for key, value in each.items()
    }.items()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('residency = "eu\n', [":1:", "not valid TOML"]),
        ('residency = "eu"\nresidenzy = "eu"\n', [":2 (`residenzy`)", "nearest: residency"]),
        ('residency = "eu"\n\nattempts = "six"\n', [":3 (`attempts`)", "Expected `int`"]),
        ('residency = "eu"\nkinds = ["global"]\n', [":2 (`kinds`)", ":1 (`residency`)", "contradict"]),
        ('residency = "elbonia"\n', ["unknown jurisdiction 'elbonia'"]),
        ('deny_locations = ["europe-west99"]\n', ["unknown location", "europe-west9"]),
    ],
)
def test_a_wrong_policy_is_one_clear_message(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, words: list[str]
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(text)
    assert main(["explain", "gemini-3.8-flash", "--policy", str(file)]) == 2
    told = capsys.readouterr().err
    assert all(word in told for word in words), told
    assert "Traceback" not in told


@pytest.mark.parametrize("names", [[""], [" , "], ["", ""]])
def test_a_residency_from_an_empty_variable_is_no_leave_to_go_anywhere(
    capsys: pytest.CaptureFixture[str], names: list[str]
) -> None:
    given = [word for name in names for word in ("--residency", name)]
    assert main(["explain", "gemini-3.8-flash", *given]) == 2
    assert "`--residency` names nothing; is a variable empty?" in capsys.readouterr().err


def test_nor_is_an_empty_name_of_a_policy_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "gemini-3.8-flash", "--policy", ""]) == 2
    assert "can't be read" in capsys.readouterr().err


def test_an_unknown_model_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "gemini-3.8-flsh"]) == 2
    assert "nearest: gemini-3.8-flash" in capsys.readouterr().err


def test_a_feature_is_asked_about_by_name(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    asked = ["gemini-3.8-flash", "--feature", "google-search"]
    code, plan = explained(capsys, *asked, "--residency", "eu")
    assert code == 3
    assert {each["rule"] for each in plan["refused"] if each["location"] == "eu"} == {"feature-google-search"}
    policy = tmp_path / "eu.toml"
    policy.write_text('residency = "eu"\nallow_features = ["google-search"]\n', encoding="utf-8")
    code, plan = explained(capsys, *asked, "--policy", str(policy))
    assert (code, plan["exceptions"]) == (0, ["google-search"])
    assert "admitted by the policy's allow_features" in plan["warnings"][0]
    assert main(["explain", *asked[:2], "google-serch"]) == 2
    assert "nearest: google-search" in capsys.readouterr().err
