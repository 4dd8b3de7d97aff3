"""`catalog list`."""

from __future__ import annotations

from pathlib import Path

import pytest

import catalog
from tests.router.cli.catalog.conftest import Answer, Ask


def ids(answer: Answer) -> list[str]:
    return [model["id"] for model in answer.data["models"]]


def test_list_has_every_model_that_is_not_gone(ask: Ask) -> None:
    assert ids(ask("list", "--publisher", "acme", "--json")) == ["robin-1", "wren-1"]
    assert "wryneck-of-the-northern-woods-with-a-long-name" in ids(
        ask("list", "--publisher", "acme", "--all", "--json")
    )
    assert set(ids(ask("list", "--json", "--all"))) == {
        *catalog.load().models,
        *("robin-1", "wren-1", "wryneck-of-the-northern-woods-with-a-long-name"),
    }


def test_the_json_of_list_is_the_contract(ask: Ask) -> None:
    answer = ask("list", "--publisher", "acme", "--json").data
    assert {key: answer[key] for key in ("date", "modes", "policy")} == {
        "date": "2026-11-21",
        "modes": ["standard"],
        "policy": None,
    }
    assert answer["models"][0] == {
        "id": "robin-1",
        "name": "Robin 1",
        "publisher": "acme",
        "family": "robin",
        "task": "text",
        "aliases": ["robin-1@001"],
        "stage": "ga",
        "retired": False,
        "retirement": {
            "on": "2026-12-24",
            "not_before": None,
            "confirmed": False,
            "successor": "robin-2",
            "source": "their-letter",
            "where": "line 2",
            "note": "",
        },
        "warnings": ["robin-1 retires on 2026-12-24, in 33 days; successor: robin-2"],
        "locations": ["us", "eu", "northamerica-northeast1", "europe-west4"],
        "evidence_age_days": 51,
        "own_source": True,
    }


def test_list_tells_people_where_and_until_when(ask: Ask) -> None:
    answer = ask("list", "--publisher", "acme", "--all")
    rows = [line.split(maxsplit=3) for line in answer.out.splitlines()]
    assert ["robin-1", "ga", "2026-12-24", "us, eu,"] in rows
    assert "passed global (own source)" in answer.words
    assert "  wryneck-of-the-northern-woods-with-a-long-name" in answer.out.splitlines()
    assert ["retired", "2026-11-19", "-"] in rows


@pytest.mark.parametrize(
    ("policy", "admitted"),
    [
        (["--residency", "eu"], {"robin-1": ["eu"]}),
        (["--residency", "eu", "--mode", "batch"], {"robin-1": ["eu"]}),
        (["--residency", "eu", "--mode", "provisioned"], {"robin-1": ["eu"]}),
        (["--residency", "nl", "--tokens", "500"], {"robin-1": ["europe-west4"]}),
        (["--residency", "nl", "--tokens", "501"], {}),
        (["--residency", "us"], {}),
    ],
    ids=" ".join,
)
def test_list_of_a_policy_has_what_it_admits_and_where(
    ask: Ask, policy: list[str], admitted: dict[str, list[str]]
) -> None:
    answer = ask("list", "--publisher", "acme", *policy, "--json")
    assert answer.code == (0 if admitted else 3)
    assert {model["id"]: model["locations"] for model in answer.data["models"]} == admitted
    assert answer.data["policy"]["residency"] == [policy[1]]


def test_list_asks_for_the_modes_of_a_policy_file(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('residency = "eu"\nmodes = ["batch"]\n', encoding="utf-8")
    answer = ask("list", "--publisher", "acme", "--policy", str(file), "--json")
    assert (answer.data["modes"], ids(answer)) == (["batch"], ["robin-1"])


def test_list_of_nothing_says_where_to_ask_on(ask: Ask) -> None:
    answer = ask("list", "--publisher", "acme", "--residency", "us")
    assert "no models on 2026-11-21 under residency us, by processing" in answer.words
    assert "vertex-router explain MODEL" in answer.words


@pytest.mark.parametrize(
    ("wrong", "told"),
    [(["--publisher", "gogle"], "'gogle'; nearest: google"), (["--task", "embeding"], "nearest: embedding")],
)
def test_list_of_a_publisher_or_task_that_is_not_there_names_the_nearest(ask: Ask, wrong: list[str], told: str) -> None:
    answer = ask("list", *wrong)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
