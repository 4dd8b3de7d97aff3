"""The pytest plugin, run in projects of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.fixture
def project(tmp_path):
    """Runs pytest on the text of a test module, and gives what it printed."""

    def run(text: str, *options: str) -> str:
        (tmp_path / "test_it.py").write_text(text, encoding="utf-8")
        (tmp_path / "pytest.ini").write_text(
            "[pytest]\naddopts = --strict-markers -p no:cacheprovider\nfilterwarnings = error\n", encoding="utf-8"
        )
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *options],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout + done.stderr

    return run


ASK = """
import os
import httpx, pytest
from router.emulator import Behaviour, Scenario

def ask(location="eu"):
    host = {"eu": "aiplatform.eu.rep.googleapis.com", "us": "aiplatform.us.rep.googleapis.com"}[location]
    url = f"https://{host}/v1/projects/p/locations/{location}/publishers/google/models/gemini-3.8-flash:generateContent"
    body = {"contents": [{"parts": [{"text": "x"}]}]}
    return httpx.post(url, json=body, headers={"authorization": "Bearer t"}).status_code
"""


def test_the_fixture_is_a_running_active_emulator(project):
    said = project(
        ASK
        + """
def test_one(vertex_emulator):
    assert ask() == 200
    assert vertex_emulator.witness.hosts == ("aiplatform.eu.rep.googleapis.com",)

def test_two():
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in os.environ
"""
    )
    assert "2 passed" in said


def test_markers_give_it_a_scenario_and_add_up(project, tmp_path):
    (tmp_path / "scenario.toml").write_text(
        '[[behaviour]]\nlocation = "us"\noutage = "unavailable"\n', encoding="utf-8"
    )
    said = project(
        ASK
        + """
pytestmark = pytest.mark.vertex_scenario("scenario.toml")

@pytest.mark.vertex_scenario(location="eu", errors=[429, {"status": 500}, "ok"])
def test_shorthand(vertex_emulator):
    assert [ask(), ask(), ask(), ask("us")] == [429, 500, 200, 503]

@pytest.mark.vertex_scenario(Scenario(behaviours=(Behaviour(location="eu", outage="unavailable"),)))
def test_a_scenario_replaces_what_was_there(vertex_emulator):
    assert [ask(), ask("us")] == [503, 200]

@pytest.mark.vertex_scenario(location="eu", errors=[400])
@pytest.mark.vertex_scenario(location="eu", model="gemini-3.8-flash", errors=[429])
def test_several(vertex_emulator):
    assert [ask(), ask()] == [429, 200]
"""
    )
    assert "3 passed" in said


def test_a_wrong_marker_is_an_error_that_says_what_is_wrong(project):
    said = project(
        ASK
        + """
@pytest.mark.vertex_scenario(location="moon", errors=[429])
def test_one(vertex_emulator): ...

@pytest.mark.vertex_scenario(location="eu", error=[429])
def test_two(vertex_emulator): ...
"""
    )
    assert "2 errors" in said
    assert "'moon' is not a location of the catalog" in said
    assert "unknown field `error`" in said


def test_the_marker_explains_itself(project):
    assert "@pytest.mark.vertex_scenario(scenario=None, **behaviour)" in project("", "--markers")
