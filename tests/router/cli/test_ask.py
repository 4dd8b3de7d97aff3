from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from router.cli.main import main
from router.emulator import Emulator, StreamFault
from tests.world import TODAY


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(on=TODAY) as running, running.activated():
        yield running


@pytest.mark.parametrize("model", ["gemini-3.8-flash", "claude-opus-4-7"])
def test_the_answer_goes_to_stdout_and_the_way_after_it(capsys: pytest.CaptureFixture[str], model: str) -> None:
    assert main(["ask", "--emulate", "--model", model, "--residency", "eu", "How are you?"]) == 0
    out, err = capsys.readouterr()
    assert out == f"This is the emulated {model} at eu. You said: How are you?\n"
    assert err.splitlines()[0] == f"{model}: answered"


def test_a_bad_day_is_survived_and_told(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    emulator.script("eu", errors=[429])
    assert main(["ask", "--project", "p", "--model", "claude-opus-4-7", "--residency", "eu,us", "Hi"]) == 0
    out, err = capsys.readouterr()
    assert "at us" in out or "at eu" in out
    assert emulator.witness.hosts == tuple(dict.fromkeys(emulator.witness.hosts))
    assert "answered" in err


def test_an_error_is_told_with_the_way(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    emulator.script("eu", errors=[400])
    assert main(["ask", "--project", "p", "--model", "gemini-3.8-flash", "--residency", "eu", "Hi"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("vertex-router: 400 ")
    assert "gemini-3.8-flash: stopped" in err


def test_a_stream_that_breaks_keeps_what_was_printed(emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    emulator.script("eu", stream=StreamFault(cut_after=2))
    assert main(["ask", "--project", "p", "--model", "gemini-3.8-flash", "--residency", "eu", "Hi"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("This is")
    assert "the stream from eu broke" in err


def test_the_question_can_come_from_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("from a pipe"))
    assert main(["ask", "--emulate", "--model", "gemini-3.8-flash", "-"]) == 0
    assert "from a pipe" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--model", "gemini-3.1-pro-preview", "--residency", "eu", "Hi"], 3, "no location may serve"),
        (["--model", "gemini-embedding-2", "Hi"], 2, "not one"),
        (["--model", "gemini-9", "Hi"], 2, "unknown model"),
        (["--model", "gemini-3.8-flash", "--policy", "/no/such/file", "Hi"], 2, "can't be read"),
    ],
)
def test_what_can_t_be_asked_is_one_clear_message(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    assert main(["ask", "--project", "p", *arguments]) == code
    err = capsys.readouterr().err
    assert words in err
    assert "Traceback" not in err


def test_a_missing_project_and_missing_credentials_are_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    assert main(["ask", "--model", "gemini-3.8-flash", "Hi"]) == 2
    assert "give --project" in capsys.readouterr().err
    assert main(["ask", "--project", "p", "--model", "gemini-3.8-flash", "Hi"]) == 2
    assert "credentials were not found" in capsys.readouterr().err
