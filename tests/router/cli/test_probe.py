from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import catalog
from router.cli.main import main
from router.cli.options import today
from router.emulator import Emulator
from tests.router.probe.probing import quota_exceeded
from tests.world import TODAY

WELL = "on = 2026-11-21\n"
GONE = WELL + '[[serving]]\nmodel = "gemini-3.8-flash"\npublisher = "google"\nlocations = ["eu"]\nserved = false\n'
FORBIDDEN = WELL + "[[behaviour]]\nerrors = [403]\nrepeat = true\n"
ARGUMENTS = ["--residency", "eu", "--models", "gemini-3.8-flash", "gemini-2.5-flash-image"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own, where the overlay is written unless said otherwise."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def probe(scenario: str, *arguments: str) -> int:
    Path("scenario.toml").write_text(scenario, "utf-8")
    return main(["probe", "--emulate", "scenario.toml", "--rate", "1000", *(arguments or ARGUMENTS)])


def test_where_all_is_as_the_catalog_says_the_exit_code_is_0(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert probe(WELL) == 0
    out, err = capsys.readouterr()
    assert "7 pairs of model and location: 7 served; no drift from the catalog" in out
    assert "written to probe-emulated-project.toml, by the source probe-emulated-project-2026-11-21" in out
    assert err.splitlines()[-1].startswith("7 of 7 answered")
    known = catalog.load(overlay=folder / "probe-emulated-project.toml")
    assert known.served("gemini-3.8-flash", "eu", "standard", TODAY).own


def test_drift_is_shown_and_has_an_exit_code_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert probe(GONE) == 4
    out = capsys.readouterr().out
    (row,) = [line.split() for line in out.splitlines() if "gemini-3.8-flash" in line]
    assert row == ["gemini-3.8-flash", "claimed,", "not", "served", "HTTP", "404", "eu"]
    assert "7 pairs of model and location: 6 served, 1 not served; 1 part from the catalog" in out


def test_a_quota_of_zero_is_told_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    zero = quota_exceeded(limit="0").decode()
    assert probe(WELL + f"[[behaviour]]\nlocation = 'eu'\nerrors = [{{status = 429, text = '{zero}'}}]\n") == 4
    out = capsys.readouterr().out
    assert "claimed, zero quota" in out
    assert "no quota: its quota here is zero, in the service's own words" in out
    assert "6 served, 1 no quota; 1 part from the catalog" in out


def test_what_the_emulator_answered_is_no_evidence_and_of_no_real_project(folder: Path) -> None:
    assert probe(GONE, "--project", "my-project", *ARGUMENTS) == 4
    assert [each.name for each in folder.glob("probe-*")] == ["probe-emulated-project.toml"]
    text = (folder / "probe-emulated-project.toml").read_text("utf-8")
    assert "no evidence of anything" in text
    assert text.count('confidence = "low"') == text.count("[[availability]]")


def test_the_overlay_passes_catalog_lint(folder: Path) -> None:
    assert probe(GONE, *ARGUMENTS, "-o", "mine.toml") == 4
    assert main(["catalog", "lint", "mine.toml", "--on", "2026-11-21"]) == 0


def test_a_second_probe_adds_to_the_file_and_counts_what_the_first_one_found(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert probe(GONE) == 4
    assert probe(GONE, *ARGUMENTS, "--overlay", "probe-emulated-project.toml") == 0
    assert "no drift" in capsys.readouterr().out


def test_json_is_the_same_in_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert probe(GONE, *ARGUMENTS, "--json") == 4
    data = json.loads(capsys.readouterr().out)
    assert [(each["model"], each["location"], each["drift"]) for each in data["drift"]] == [
        ("gemini-3.8-flash", "eu", "claimed, not served")
    ]
    assert data["counts"] == {"served": 6, "not served": 1}
    assert data["overlay"] == "probe-emulated-project.toml"
    assert len(data["pairs"]) == 7


def test_a_dry_run_sends_and_writes_nothing(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    with Emulator(on=TODAY) as emulator, emulator.activated():
        assert main(["probe", "--project", "p", "--dry-run", *ARGUMENTS]) == 0
        assert main(["probe", "--project", "p", "--dry-run", "--json", *ARGUMENTS]) == 0
    shown, _, data = capsys.readouterr().out.partition("nothing was sent\n")
    assert "gemini-3.8-flash" in shown
    assert {"model": "gemini-3.8-flash", "location": "eu", "call": "countTokens", "costs": False} in json.loads(data)[
        "would_ask"
    ]
    assert emulator.witness.contacts == ()
    assert not list(folder.iterdir())


def test_a_project_that_is_refused_everywhere_is_one_clear_message(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    assert probe(FORBIDDEN) == 1
    out, err = capsys.readouterr()
    assert "nothing to write to probe-emulated-project.toml" in out
    assert "every call so far was refused (403" in err.splitlines()[-1]
    assert not (folder / "probe-emulated-project.toml").exists()


def test_only_hosts_of_the_policy_are_contacted(capsys: pytest.CaptureFixture[str]) -> None:
    with Emulator(on=today()) as emulator, emulator.activated():
        main(["probe", "--project", "p", "--rate", "1000", "--residency", "eu"])
    known = catalog.load()
    hosts = {known.locations[name].host for name in known.locations if known.place(name) <= known.countries("eu")}
    assert emulator.witness.hosts
    assert set(emulator.witness.hosts) <= hosts - {"aiplatform.googleapis.com"}
    assert capsys.readouterr().out.startswith("p on ")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--models", "gemini-9"], 2, "unknown model"),
        (["--models", "claude-opus-5"], 2, "--spend makes it"),
        (["--models", "gemini-3.1-pro-preview", "--residency", "eu"], 3, "the policy admits no location for it"),
        (["--models", "gemini-3.8-flash", "-o", "no/such/folder/file.toml"], 2, "can't be written"),
        (["--models", "gemini-3.8-flash", "-o", "scenario.toml"], 2, "not as a probe wrote it"),
    ],
)
def test_what_can_t_be_probed_is_one_clear_message(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    assert probe(WELL, *arguments) == code
    err = capsys.readouterr().err
    assert words in err
    assert "Traceback" not in err


def test_a_missing_project_and_missing_credentials_are_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    for name in ("GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(folder))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    assert main(["probe", "--models", "gemini-3.8-flash"]) == 2
    assert "give --project" in capsys.readouterr().err
    assert main(["probe", "--project", "A B", "--models", "gemini-3.8-flash"]) == 2
    assert "not the id of a Google Cloud project" in capsys.readouterr().err
    assert main(["probe", "--project", "p", "--models", "gemini-3.8-flash"]) == 2
    assert "credentials were not found" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "fast"])
def test_a_rate_is_a_number_above_0(capsys: pytest.CaptureFixture[str], value: str) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["probe", "--project", "p", f"--rate={value}"])
    assert leaving.value.code == 2
    assert "expected a number above 0" in capsys.readouterr().err


def test_an_interruption_leaves_a_valid_overlay_of_what_was_found(folder: Path) -> None:
    """A real process and a real signal, sent once something was answered."""
    (folder / "scenario.toml").write_text(WELL, "utf-8")
    arguments = ["probe", "--emulate", "scenario.toml", "--rate", "40", "--models", "gemini-3.8-flash"]
    command = [sys.executable, "-c", "import sys; from router.cli.main import main; sys.exit(main())", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder)
    assert process.stderr is not None
    assert "answered" in process.stderr.readline()
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the probe did not come to its end: interrupted" in err
    assert "Traceback" not in err
    assert "not asked any more" in out
    known: Any = catalog.load(overlay=folder / "probe-emulated-project.toml")
    assert len(known.own.sources) == 1
