"""Scenarios: what they say, and what is said about them when they are wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from router.emulator import (
    Behaviour,
    Failure,
    InvalidScenario,
    Latency,
    Quota,
    Scenario,
    Serving,
    StreamFault,
)
from router.emulator.scenario import valid

COMPLETE = """
on = 2026-11-21
project = "my-project"
token_lifetime_s = 600
revoked = ["old"]

[[behaviour]]
location = "eu"
quota = { per_second = 2.5, burst = 5, retry_delay_s = 1 }
latency = { first_byte_s = 0.2, event_s = 0.05 }

[[behaviour]]
location = "eu"
model = "claude-sonnet-5"
errors = [429, "overloaded", "reset", { status = 429, retry_delay_s = 39, headers = { retry-after = "39" } }]
repeat = true
answer = "{model} says: {prompt}"

[[behaviour]]
location = "*"
outage = "unavailable"

[behaviour.stream]
error_after = 2
error = "overloaded"

[[serving]]
model = "made-up-1"
publisher = "made-up"
locations = ["eu", "europe-west4"]

[[serving]]
model = "gemini-3.8-flash"
publisher = "google"
locations = ["us"]
served = false
"""


@pytest.fixture
def wrong(small, tmp_path):
    """Loads TOML that is wrong, and gives what is said about it, without the directory."""

    def load(text: str) -> list[str]:
        path = tmp_path / "scenario.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InvalidScenario) as caught:
            Scenario.load(path, small)
        return [str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems]

    return load


def test_a_complete_scenario_is_read_as_it_stands(small, tmp_path):
    path = tmp_path / "scenario.toml"
    path.write_text(COMPLETE, encoding="utf-8")
    assert Scenario.load(path, small) == Scenario(
        on=date(2026, 11, 21),
        project="my-project",
        token_lifetime_s=600,
        revoked=("old",),
        behaviours=(
            Behaviour(
                location="eu",
                quota=Quota(per_second=2.5, burst=5, retry_delay_s=1),
                latency=Latency(first_byte_s=0.2, event_s=0.05),
            ),
            Behaviour(
                location="eu",
                model="claude-sonnet-5",
                errors=(
                    429,
                    "overloaded",
                    "reset",
                    Failure(status=429, retry_delay_s=39, headers={"retry-after": "39"}),
                ),
                repeat=True,
                answer="{model} says: {prompt}",
            ),
            Behaviour(outage="unavailable", stream=StreamFault(error_after=2, error="overloaded")),
        ),
        serving=(
            Serving(model="made-up-1", publisher="made-up", locations=("eu", "europe-west4")),
            Serving(model="gemini-3.8-flash", publisher="google", locations=("us",), served=False),
        ),
    )


def test_an_empty_file_is_a_scenario_in_which_nothing_happens(tmp_path):
    path = tmp_path / "scenario.toml"
    path.write_text("", encoding="utf-8")
    assert Scenario.load(str(path)) == Scenario()


def test_the_example_of_the_documentation_is_valid(tmp_path):
    text = (Path(__file__).parents[3] / "docs" / "emulator.md").read_text(encoding="utf-8")
    path = tmp_path / "scenario.toml"
    path.write_text(text.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    assert len(Scenario.load(path).behaviours) > 3


def test_a_location_that_is_not_in_the_catalog_is_named_with_the_nearest(wrong):
    assert wrong('\n[[behaviour]]\nmodel = "claude-sonnet-5"\nlocation = "europe-west5"\n') == [
        "scenario.toml:4: behaviour #1: field `location`: 'europe-west5' is not a location of the catalog; "
        "nearest: europe-west4, europe-west3, europe-west1"
    ]


def test_a_model_that_is_not_in_the_catalog_is_named_with_the_nearest(wrong):
    [said] = wrong('[[behaviour]]\nmodel = "claude-sonet-5"\n')
    assert said.startswith(
        "scenario.toml:2: behaviour #1: field `model`: 'claude-sonet-5' is not a model of the catalog; "
        "nearest: claude-sonnet-5"
    )


def test_a_model_of_the_scenario_itself_is_known(small):
    scenario = Scenario(
        behaviours=(Behaviour(model="made-up-1", errors=(429,)),),
        serving=(Serving(model="made-up-1", publisher="made-up", locations=("eu",)),),
    )
    assert valid(scenario, small) == scenario


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('outage = "gone"', "field `outage`: Invalid enum value 'gone'; expected one of refused, silent, unavailable"),
        ("latency = 3", "field `latency`: Expected `object | null`, got `int`"),
        ("latency = { slow = 3 }", "field `latency.slow`: Object contains unknown field `slow`"),
        ("quota = { burst = 3 }", "Object missing required field `per_second`"),
        ("quota = { per_second = -1 }", "field `quota.per_second`: expected 0 to 1,000,000, not -1.0"),
        ("latency = { event_s = 4000 }", "field `latency.event_s`: expected 0 to 3,600, not 4000.0"),
        ('errors = [429, "rest"]', "field `errors[1]`: expected one of reset"),
        ("errors = [200]", "field `errors[0]`: expected a status from 300 to 599, not 200"),
        ("errors = [{}]", "field `errors[0]`: expected a status or a body"),
        ('errors = [{ body = "reset" }]', "field `errors[0].body`: expected one of "),
        ('errors = [{ status = 503, headers = { content-length = "1" } }]', "field `errors[0].headers.content-length`"),
        ("repeat = true", "field `repeat`: there are no errors to repeat"),
        ("stream = {}", "field `stream`: expected exactly one of cut_after, error_after, stall_after"),
        ("stream = { cut_after = 1, stall_after = 1 }", "expected exactly one of cut_after, error_after, stall_after"),
        ("stream = { cut_after = -1 }", "field `stream`: expected 0 to 1,000,000, not -1"),
        ('stream = { error_after = 1, error = "ok" }', "field `stream.error`: expected one of "),
    ],
)
def test_what_is_wrong_with_a_behaviour_is_said_with_its_place(wrong, line, said):
    [problem] = wrong(f'[[behaviour]]\nlocation = "eu"\n{line}\n')
    assert problem.startswith("scenario.toml:3: behaviour #1: ")
    assert said in problem


def test_every_problem_is_said_at_once(wrong):
    said = wrong(
        'project = ""\ntoken_lifetime_s = 0\n'
        '[[behaviour]]\nlocation = "eu"\n[[behaviour]]\nlocation = "eu"\n'
        '[[serving]]\nmodel = "x"\npublisher = "y"\nlocations = ["moon"]\n'
    )
    assert said == [
        "scenario.toml:1: field `project`: expected a project id, not ''",
        "scenario.toml:2: field `token_lifetime_s`: expected 1 or more, not 0",
        "scenario.toml:10: serving #1: field `locations`: 'moon' is not a location of the catalog",
        "scenario.toml:5: behaviour #2: behaviour #1 has this location and model already",
    ]


def test_unknown_keys_broken_toml_and_missing_files_are_errors(wrong, tmp_path):
    assert "unknown field `behavior`" in wrong('[[behavior]]\nlocation = "eu"\n')[0]
    assert wrong("\non = \n")[0].startswith("scenario.toml:2: not valid TOML: ")
    with pytest.raises(InvalidScenario, match=r"none\.toml: can't be read: "):
        Scenario.load(tmp_path / "none.toml")


def test_a_scenario_made_in_python_is_checked_as_well(small):
    with pytest.raises(InvalidScenario, match="scenario: behaviour #1: field `location`: 'moon' is not a location"):
        valid(Scenario(behaviours=(Behaviour(location="moon"),)), small)
    with pytest.raises(InvalidScenario, match=r"scenario: behaviour #1: field `errors\[0\]`: Expected `int \| str"):
        valid(Scenario(behaviours=(Behaviour(errors=(4.29,)),)), small)  # type: ignore[arg-type]


def test_plain_data_may_stand_for_values_and_values_for_plain_data(small):
    data = {"behaviour": [{"quota": Quota(per_second=1), "errors": [Failure(status=429), {"status": 503}]}]}
    behaviour = Behaviour(quota=Quota(per_second=1), errors=(Failure(status=429), Failure(status=503)))
    assert valid(data, small) == Scenario(behaviours=(behaviour,))
    loose = Scenario(behaviours=[Behaviour(errors=[{"status": 429}])])  # type: ignore[arg-type, list-item]
    assert valid(loose, small) == Scenario(behaviours=(Behaviour(errors=(Failure(status=429),)),))


def test_a_scenario_is_a_value():
    with pytest.raises(AttributeError):
        Scenario().project = "other"  # type: ignore[misc]
    assert Scenario() == Scenario()
