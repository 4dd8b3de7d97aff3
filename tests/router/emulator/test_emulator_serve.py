"""Commands that run under the emulator."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from router.emulator.serve import run_under, shell_lines

PYTHON = sys.executable


def test_a_command_reaches_the_emulator_and_its_code_comes_back(emulator, tmp_path):
    program = (
        "import sys, google.auth, google.auth.transport.requests as transport\n"
        "credentials, project = google.auth.default(scopes=['https://www.googleapis.com/auth/cloud-platform'])\n"
        "with transport.AuthorizedSession(credentials) as session:\n"
        "    base = 'https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu'\n"
        "    answer = session.post(base + '/publishers/google/models/gemini-3.8-flash:countTokens',\n"
        "        json={'contents': [{'parts': [{'text': 'abcd'}]}]})\n"
        "sys.exit(answer.json()['totalTokens'] + 41)\n"
    )
    assert run_under(emulator, [PYTHON, "-c", program]) == 42
    assert emulator.witness.hosts == ("aiplatform.eu.rep.googleapis.com",)
    assert emulator.requests[0].method == "countTokens"


def test_variables_that_lead_past_the_emulator_are_hidden(emulator, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_VERTEX_BASE_URL", "https://elsewhere")
    program = "import os, sys; sys.exit('ANTHROPIC_VERTEX_BASE_URL' in os.environ)"
    assert run_under(emulator, [PYTHON, "-c", program]) == 0


@pytest.mark.parametrize(("argv", "code"), [(["/does/not/exist"], 127), (["/"], 126)])
def test_what_cannot_be_run_has_the_code_of_a_shell(emulator, argv, code):
    assert run_under(emulator, argv) == code


def test_a_command_ended_by_a_signal_has_the_code_of_a_shell(emulator):
    program = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    assert run_under(emulator, [PYTHON, "-c", program]) == 128 + signal.SIGTERM


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_signals_are_passed_on_and_handlers_restored(emulator, tmp_path):
    ready = tmp_path / "ready"
    program = (
        "import pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "time.sleep(30)\n"
    )
    before = signal.getsignal(signal.SIGTERM)

    def send():
        while not ready.exists():
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGTERM)

    sender = threading.Thread(target=send)
    sender.start()
    assert run_under(emulator, [PYTHON, "-c", program]) == 7
    sender.join()
    assert signal.getsignal(signal.SIGTERM) is before


def test_in_another_thread_a_command_runs_without_signals(emulator):
    codes = []
    thread = threading.Thread(target=lambda: codes.append(run_under(emulator, [PYTHON, "-c", "raise SystemExit(3)"])))
    thread.start()
    thread.join()
    assert codes == [3]


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")
def test_a_shell_that_reads_the_lines_has_the_environment(emulator):
    script = shell_lines(emulator) + 'printf "%s %s" "$HTTPS_PROXY" "${ANTHROPIC_VERTEX_BASE_URL-none}"'
    clean = {"PATH": os.environ["PATH"], "ANTHROPIC_VERTEX_BASE_URL": "https://elsewhere"}
    done = subprocess.run(["sh", "-c", script], env=clean, capture_output=True, text=True, timeout=10, check=True)
    assert done.stdout == f"{emulator.place.proxy_url} none"
