"""The commands below `catalog`, on models of an overlay so that no answer depends on shipped claims."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import catalog
from catalog.loader import SHIPPED
from router.cli.main import main

ON = ["--on", "2026-11-21"]
LOCATIONS = list(catalog.load().locations)

OVERLAY = """
[[source]]
id = "our-probe"
title = "What we measured [/bold]"
published = 2026-11-01
retrieved = 2026-11-01

[[source]]
id = "their-letter"
title = "What they wrote"
url = "https://letters.example/1"
published = 2026-10-01
retrieved = 2026-11-01

[[model]]
id = "robin-1"
name = "Robin 1"
publisher = "acme"
family = "robin"
task = "text"
aliases = ["robin-1@001"]
methods = ["sing"]
stage = "ga"
released = 2026-09-01

[model.limits]
context_tokens = 1_000
source = "their-letter"
where = "line 1"
checked = 2026-11-01

[model.retirement]
on = 2026-12-24
successor = "robin-2"
source = "their-letter"
where = "line 2"

[[model.availability]]
locations = ["eu", "europe-west4", "northamerica-northeast1"]
modes = ["standard", "batch"]
served = "yes"
from = 2026-10-01
source = "their-letter"
where = "line 3"
checked = 2026-11-01

[[model.availability]]
locations = ["us"]
modes = ["standard"]
served = "no"
from = 2026-10-01
until = 2026-11-01
source = "their-letter"
where = "line 4"
checked = 2026-11-01
note = "not before November"

[[model.availability]]
locations = ["us"]
modes = ["standard"]
served = "yes"
from = 2026-11-01
source = "our-probe"
where = "the log"
checked = 2026-11-01
confidence = "low"

[[model.processing]]
locations = ["eu"]
boundary = "eu"
from = 2026-10-01
source = "their-letter"
where = "line 5"
checked = 2026-11-01

[[model.processing]]
locations = ["europe-west4"]
boundary = "nl"
max_context_tokens = 500
from = 2026-10-01
source = "our-probe"
where = "the log"
checked = 2026-11-01

[[model]]
id = "wren-1"
name = "Wren 1"
publisher = "acme"
family = "wren"
task = "text"
methods = ["sing"]
stage = "preview"

[model.retirement]
on = 2026-11-20
source = "their-letter"
where = "line 6"

[[model.availability]]
locations = ["global"]
modes = ["standard"]
served = "yes"
from = 2026-10-01
until = 2026-12-01
source = "their-letter"
where = "line 7"
checked = 2026-11-01

[[model]]
id = "wryneck-of-the-northern-woods-with-a-long-name"
name = "Wryneck"
publisher = "acme"
family = "wryneck"
task = "image"
methods = ["hoot"]
stage = "ga"

[model.retirement]
on = 2026-11-19
confirmed = true
source = "their-letter"
where = "line 8"

[[model.availability]]
locations = ["eu"]
modes = ["standard"]
served = "yes"
from = 2026-10-01
source = "their-letter"
where = "line 9"
checked = 2026-11-01

[[availability]]
model = "robin-1"
locations = ["eu"]
modes = ["provisioned"]
served = "yes"
from = 2026-10-01
source = "our-probe"
where = "the log"
checked = 2026-11-01

[[reservation]]
model = "robin-1"
location = "eu"
gsu = 5
until = 2027-01-01

[[denied]]
locations = ["northamerica-northeast1"]
models = ["robin-1"]
reason = "under review"

[[private_endpoint]]
locations = ["eu"]
host = "{location}-birds.p.example"
"""


class Answer(NamedTuple):
    """What a command gave."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        return " ".join(self.out.split())

    @property
    def data(self) -> Any:
        return json.loads(self.out)


Ask = Callable[..., Answer]


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    file = tmp_path / "own.toml"
    file.write_text(OVERLAY, encoding="utf-8")
    return file


@pytest.fixture
def ask(overlay: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Runs `catalog` with these arguments over the overlay, in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def asking(*arguments: str, on: Sequence[str] = ON) -> Answer:
        code = main(["catalog", *arguments, "--overlay", str(overlay), *on])
        return Answer(code, *capsys.readouterr())

    return asking


def ids(answer: Answer) -> list[str]:
    return [model["id"] for model in answer.data["models"]]


# list


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


# show


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


# where


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


# diff


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


# expiring


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


# features


def test_features_stay_or_do_not_and_say_on_whose_word(ask: Ask) -> None:
    data = ask("features", "--json").data
    assert list(data) == ["date", "features", "sources"]
    assert [each["id"] for each in data["features"]] == list(catalog.load().features)
    (maps,) = (each for each in data["features"] if each["id"] == "google-maps")
    assert (maps["stays"], maps["source"]) == ("no", "google-supported-capabilities")
    assert maps["source"] in data["sources"]
    words = ask("features").words
    assert "google-maps no (1) Grounding with Google Maps" in words


# sources


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


# lint


def linted(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Answer:
    code = main(["catalog", "lint", *map(str, arguments), *ON])
    return Answer(code, *capsys.readouterr())


def test_lint_of_the_shipped_catalog_and_of_a_sound_overlay_finds_nothing(
    capsys: pytest.CaptureFixture[str], overlay: Path
) -> None:
    assert linted(capsys) == Answer(0, "the shipped catalog: no problems\n", "")
    assert linted(capsys, overlay) == Answer(0, f"{overlay}: no problems\n", "")
    assert linted(capsys, SHIPPED).code == 0


def test_lint_names_file_line_entry_and_field_of_each_problem(
    capsys: pytest.CaptureFixture[str], overlay: Path
) -> None:
    text = OVERLAY.replace('where = "the log"\nchecked = 2026-11-01', 'where = "the log"\nchecked = 2026-12-01', 1)
    text = text.replace('model = "robin-1"\nlocation = "eu"', 'model = "robin-1"\nlocation = "us"')
    overlay.write_text(text, encoding="utf-8")
    future = text[: text.index("checked = 2026-12-01")].count("\n") + 1
    held = text[: text.index('location = "us"')].count("\n") + 1
    answer = linted(capsys, overlay)
    assert answer.code == 1
    first, second, last = answer.out.splitlines()
    assert first == (
        f"{overlay}:{future}: model 'robin-1': field `availability[2].checked`: "
        "checked on 2026-12-01, which is in the future"
    )
    assert second.startswith(f"{overlay}:{held}: reservation #1 (robin-1): field `location`: robin-1 is not known")
    assert second.endswith("add an [[availability]] of your own if it is")
    assert last == f"{overlay}: 2 problems"
    data = linted(capsys, overlay, "--json").data
    assert (data["date"], data["files"]) == ("2026-11-21", [str(overlay)])
    assert data["problems"][0] == {
        "file": str(overlay),
        "line": future,
        "entry": "model 'robin-1'",
        "field": "availability[2].checked",
        "message": "checked on 2026-12-01, which is in the future",
    }


def test_lint_checks_an_overlay_over_those_before_it(
    capsys: pytest.CaptureFixture[str], overlay: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second.toml"
    second.write_text('[[denied]]\nlocations = ["eu"]\nmodels = ["robin-1"]\nreason = "x"\n', encoding="utf-8")
    assert linted(capsys, overlay, second).code == 0
    alone = linted(capsys, second)
    assert alone.code == 1
    assert "'robin-1' is not a model of this catalog" in alone.out


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "can't be read"), ("[[denied]\n", "not valid TOML"), ('residency = "eu"\n', "unknown table or key")],
)
def test_lint_of_a_file_that_is_none_is_a_problem_and_no_traceback(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str | None, told: str
) -> None:
    file = tmp_path / "bad.toml"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    answer = linted(capsys, file)
    assert (answer.code, answer.err) == (1, "")
    assert f"{file}" in answer.out
    assert told in answer.out


# All of them


@pytest.mark.parametrize("command", ["show", "where", "diff"])
def test_an_unknown_model_is_told_with_the_nearest(ask: Ask, command: str) -> None:
    days = ["2026-11-01", "2026-11-21", "--model"] if command == "diff" else []
    answer = ask(command, *days, "robin-11", on=[])
    assert (answer.code, answer.out) == (2, "")
    assert "unknown model 'robin-11'; nearest: robin-1" in answer.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["show", "gemini-3.8-flash"],
        ["where", "gemini-3.8-flash"],
        ["diff", "2026-01-01", "2026-02-01"],
        ["expiring"],
        ["sources"],
        ["features"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_overlay_that_does_not_validate_is_told_and_nothing_is_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str]
) -> None:
    file = tmp_path / "own.toml"
    file.write_text('[[denied]]\nlocations = ["moon"]\nreason = "x"\n', encoding="utf-8")
    assert main(["catalog", *arguments, "--overlay", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{file}:2: denied #1: field `locations`: 'moon' is not a location" in err


@pytest.mark.parametrize("columns", ["40", "80", "200"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--all"],
        ["show", "robin-1"],
        ["where", "robin-1", "--all", "--why"],
        ["diff", "2026-09-30", "2026-11-21"],
        ["expiring", "--within", "12m"],
        ["sources"],
        ["features"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_lines_fit_the_terminal_and_no_id_is_cut(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, arguments: list[str], columns: str
) -> None:
    on = [] if arguments[0] == "diff" else ON
    monkeypatch.delenv("COLUMNS")
    whole = set(ask(*arguments, on=on).out.split())
    monkeypatch.setenv("COLUMNS", columns)
    answer = ask(*arguments, on=on)
    assert set(answer.out.split()) == whole
    assert "\x1b" not in answer.out
    wide = [line for line in answer.out.splitlines() if len(line) > int(columns)]
    if columns != "40":
        assert all("https://" in line for line in wide), "an address is never broken"
