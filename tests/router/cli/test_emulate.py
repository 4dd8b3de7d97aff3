from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from router.cli.main import main

ASK = """
import sys
from router.cli.main import main
sys.exit(main(["ask", "--project", "p", "--model", "gemini-3.8-flash", "--residency", "eu", "Hi"]))
"""


def test_a_command_runs_against_it_and_the_witness_is_shown(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    scenario = tmp_path / "bad_day.toml"
    scenario.write_text('[[behaviour]]\nlocation = "eu"\nerrors = [429]\n')
    assert main(["emulate", "--scenario", str(scenario), "--", sys.executable, "-c", ASK]) == 0
    out, err = capfd.readouterr()
    assert "This is the emulated gemini-3.8-flash at eu" in out
    assert "429" in err
    assert err.splitlines()[-1].split()[0] == "aiplatform.eu.rep.googleapis.com"


def test_the_commands_exit_code_is_handed_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emulate", "--", sys.executable, "-c", "raise SystemExit(7)"]) == 7
    assert main(["emulate", "--", "/no/such/command"]) == 127
    assert "command not found: /no/such/command" in capsys.readouterr().err


def test_a_wrong_scenario_is_one_clear_message(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    scenario = tmp_path / "wrong.toml"
    scenario.write_text('[[behaviour]]\nlocation = "europe-west44"\n')
    assert main(["emulate", "--scenario", str(scenario)]) == 2
    err = capsys.readouterr().err
    assert f"{scenario}:2" in err
    assert "europe-west4" in err
    assert "Traceback" not in err


def test_without_a_command_it_prints_the_environment_and_ends_when_interrupted() -> None:
    program = "from router.cli.main import main; raise SystemExit(main(['emulate']))"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(2)]
        os.kill(running.pid, signal.SIGINT)
        rest, errors = running.communicate(timeout=30)
    assert running.returncode == 0
    assert "export HTTPS_PROXY=http://127.0.0.1:" in "".join(lines) + rest
    assert "Traceback" not in errors


def test_the_door_for_grpc_is_opened_on_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    nothing = ["--", sys.executable, "-c", ""]
    assert main(["emulate", *nothing]) == 0
    assert main(["emulate", "--grpc", *nothing]) == 2
    assert "pip install google-cloud-aiplatform" in capsys.readouterr().err
