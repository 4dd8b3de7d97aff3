"""The command, in this process and in processes of its own that are killed, terminated, and started twice."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router.cli.main import main
from router.emulator import Emulator
from tests.router.batch.batching import records, rows_in, written

MODEL = "gemini-3.8-flash"
HASTY = ["--model", MODEL, "--concurrency", "8"]
BUSY = '[[behaviour]]\nlocation = "eu"\nerrors = [429, 503]\n'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of its own, with an input of twelve rows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    request({f"row {number}" for number in range(12)})
    return tmp_path


def request(texts: set[str], name: str = "in.jsonl") -> Path:
    rows = [{"request": {"contents": [{"role": "user", "parts": [{"text": text}]}]}} for text in sorted(texts)]
    return written(Path(name), rows)


def batch(*arguments: str, scenario: str = "") -> int:
    if scenario:
        Path("scenario.toml").write_text(scenario, "utf-8")
    emulated = ["--emulate", *(["scenario.toml"] if scenario else [])]
    return main(["batch", "in.jsonl", "-o", "out.jsonl", *HASTY, *arguments, *emulated])


def test_every_row_is_answered_and_the_summary_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    assert batch("--residency", "eu", scenario=BUSY) == 0
    out, err = capsys.readouterr()
    assert "12 of 12 rows have ended: 12 ok" in out
    assert "1 rejected for lack of capacity" in out
    assert "answered at: eu 12" in out
    assert out.endswith("written to out.jsonl\n")
    assert err.startswith("0 of 12 rows, 0.0/s, 0.0000 USD, 0 retries")
    assert sorted(rows_in(Path("out.jsonl"))) == [*range(1, 13)]


def test_every_row_is_on_record(capsys: pytest.CaptureFixture[str]) -> None:
    assert batch("--residency", "eu", "--audit", "audit.jsonl", scenario=BUSY) == 0
    assert main(["audit", "verify", "audit.jsonl", "--residency", "eu"]) == 0
    assert "12 requests, 14 attempts, 0 refused" in capsys.readouterr().out


def test_the_summary_as_json_stands_alone_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert batch("--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["done"], found["states"], found["stopped"]) == (12, 12, {"ok": 12}, None)


def test_the_same_command_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert batch("--max-cost", "0.0003", "--concurrency", "1") == 4
    out = capsys.readouterr().out
    assert "USD are spent, of 0.0003 that may be" in out
    assert out.endswith("the same command goes on from here, with a higher --max-cost\n")
    assert batch() == 0
    assert "of them by earlier runs" in capsys.readouterr().out
    assert sorted(rows_in(Path("out.jsonl"))) == [*range(1, 13)]


def test_rows_without_an_answer_have_an_exit_code_and_can_be_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    refusing = "[[behaviour]]\nerrors = [400, 403]\n"
    assert batch("--residency", "eu", scenario=refusing) == 1
    assert "with --retry-failed, the same command asks the failed rows again" in capsys.readouterr().out
    assert batch("--residency", "eu", "--retry-failed") == 1
    states = [record["router"]["state"] for record in records(Path("out.jsonl"))]
    assert sorted(states) == ["ok"] * 11 + ["rejected"], "what was the row's own fault is not asked again"


def test_what_stopped_it_otherwise_can_be_gone_on_with_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    scenario = "[[behaviour]]\nerrors = [400]\nrepeat = true\n"
    request({f"row {number}" for number in range(40)})
    assert batch("--max-error-rate", "0.5", "--max-cost", "9", scenario=scenario) == 4
    out = capsys.readouterr().out
    assert re.search(r"first without an answer: row \d+, rejected: ", out)
    assert out.endswith("the same command goes on from here\n")


def test_a_project_that_is_refused_stops_it(capsys: pytest.CaptureFixture[str]) -> None:
    request({f"row {number}" for number in range(200)})
    assert batch(scenario="[[behaviour]]\nerrors = [403]\nrepeat = true\n") == 4
    assert "rows one after the other failed for what would fail any row" in capsys.readouterr().out
    assert 10 <= len(rows_in(Path("out.jsonl"))) <= 18


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["in.jsonl", "--emulate"], 2, "no output: give -o OUT; it is also where the next run goes on"),
        (["in.jsonl", "-o", "out.jsonl"], 2, "no project: give --project or set GOOGLE_CLOUD_PROJECT"),
        (["-", "-o", "out.jsonl", "--emulate"], 2, "-: input and output are files"),
        (["in.jsonl", "-o", "-", "--emulate"], 2, "-: input and output are files"),
        (["in.jsonl", "-o", "out.jsonl", "--emulate", "--audit", "."], 2, "--audit: `file` is to name a file, not '.'"),
        (["away.jsonl", "-o", "out.jsonl", "--emulate"], 2, "away.jsonl: there is no such file"),
        (["in.jsonl", "-o", "in.jsonl", "--emulate"], 2, "in.jsonl: is the input as well; write elsewhere"),
        (["in.jsonl", "-o", "out.jsonl", "--emulate", "--model", "gemini-9"], 2, "gemini-9"),
        (["in.jsonl", "-o", "out.jsonl", "--emulate", "--residency", "de"], 3, "no location may serve this request"),
        (["in.jsonl", "-o", "o" * 300, "--emulate"], 2, "can't be opened for writing: File name too long"),
        (["i" * 300, "-o", "out.jsonl", "--emulate"], 2, "can't be read: File name too long"),
        (["in.jsonl", "-o", "no/out", "--emulate"], 2, "no/out: can't be opened for writing: No such file"),
    ],
)
def test_what_is_wrong_is_said_at_once(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert main(["batch", "--model", MODEL, *arguments]) == code
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""
    assert not Path("out.jsonl").exists()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--concurrency", "0", "expected a whole number of at least 1"),
        ("--deadline", "soon", "expected a time such as 90, 15m or 8h"),
        ("--deadline", "-4", "expected"),
        ("--max-cost", "much", "expected an amount such as 12.50"),
        ("--max-error-rate", "30", "expected a share between 0 and 1"),
    ],
)
def test_an_option_that_is_wrong_is_refused(
    capsys: pytest.CaptureFixture[str], option: str, value: str, message: str
) -> None:
    with pytest.raises(SystemExit):
        main(["batch", "in.jsonl", option, value])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("text", "expected"), [("90", 90), ("90s", 90), ("15m", 900), ("8h", 28800), ("0.5h", 1800)])
def test_a_time_may_have_a_unit(text: str, expected: float) -> None:
    from router.cli.batch import seconds  # noqa: PLC0415

    assert seconds(text) == expected


# --plan


def plan(*arguments: str) -> int:
    return main(["batch", "in.jsonl", "--plan", "--model", MODEL, *arguments])


def test_a_plan_tells_both_ways_and_sends_nothing(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert plan() == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "12 rows"
    for expected in ("row by row", "as a batch prediction job", "USD by list price", "at: global, us, eu", "it saves"):
        assert expected in out
    assert [each.name for each in folder.iterdir()] == ["in.jsonl"]


def test_a_plan_needs_no_output_yet_but_one_that_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan("-o", "out.jsonl") == 0
    assert plan("-o", ".") == 2
    assert ".: can't be read: Is a directory" in capsys.readouterr().err


def test_a_plan_takes_the_rate_of_a_first_part_and_leaves_it_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert batch("--max-cost", "0.0003", "--concurrency", "1") == 4
    path = Path("out.jsonl")
    lines = path.read_text("utf-8").splitlines(keepends=True)
    later = json.loads(lines[-1])["router"]["at"] + 5
    path.write_text(
        "".join(lines[:-1]) + lines[-1].replace('"at":' + str(later - 5), f'"at":{later}') + '{"rou', "utf-8"
    )
    before = path.read_bytes()
    capsys.readouterr()
    assert plan("-o", "out.jsonl", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["seconds"] == pytest.approx(12 * 5 / len(lines), rel=0.3)
    assert (path.read_bytes(), found["rows"]) == (before, 12)


# Processes


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A service that answers at once, counting who asks."""
    with Emulator() as running, running.activated():
        yield running


def start(*arguments: str, before: str = "pass") -> subprocess.Popen[str]:
    begin = f"import sys; {before}; from router.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", begin, "batch", "in.jsonl", "-o", "out.jsonl", *HASTY, "--project", "p"]
    return subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )


def until(lines: int, process: subprocess.Popen[str]) -> None:
    """Waits until the output has so many lines."""
    path, deadline = Path("out.jsonl"), time.monotonic() + 60
    while process.poll() is None and (not path.exists() or path.read_bytes().count(b"\n") < lines):
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


def asked(emulator: Emulator) -> dict[str, int]:
    """How often each row was answered by the service."""
    counts: dict[str, int] = {}
    for received in emulator.requests:
        if received.status == 200 and "generateContent" in received.path:
            text: Any = json.loads(received.body)["contents"][0]["parts"][0]["text"]
            counts[text] = counts.get(text, 0) + 1
    return counts


def test_killed_again_and_again_it_loses_nothing_and_ends_each_row_once(emulator: Emulator) -> None:
    request({f"row {number}" for number in range(600)})
    for ended in (60, 61, 200, 320):
        process = start("--json")
        until(ended, process)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.communicate()
    process = start("--json")
    out, _ = process.communicate(timeout=120)
    summary = json.loads(out)
    assert (process.returncode, summary["states"]) == (0, {"ok": 600})
    assert sorted(rows_in(Path("out.jsonl"))) == [*range(1, 601)]
    counts = asked(emulator)
    assert len(counts) == 600
    assert sum(counts.values()) - 600 <= 4 * 8, "only what was under way is sent again"
    assert summary["asked_again"] <= 8


IN_THE_BACKGROUND = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""As a shell starts what a script ends with `&`."""


@pytest.mark.parametrize(
    ("how", "before"), [(signal.SIGINT, "pass"), (signal.SIGTERM, "pass"), (signal.SIGTERM, IN_THE_BACKGROUND)]
)
def test_interrupted_or_terminated_it_ends_at_once_and_says_how_far_it_is(
    emulator: Emulator, how: int, before: str
) -> None:
    request({f"row {number}" for number in range(2000)})
    process = start(before=before)
    until(40, process)
    process.send_signal(how)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped: interrupted" in out
    assert "Traceback" not in err
    assert len(rows_in(Path("out.jsonl"))) >= 40


def test_it_goes_on_when_nobody_reads_what_it_says(emulator: Emulator) -> None:
    """As with `2>&1 | head -1`, or a terminal that was closed: the rows are what counts, and how they ended."""
    emulator.script("*", errors=["ok"] * 11 + [400])
    process = start("--concurrency", "1")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stderr.close()
    assert process.wait(timeout=60) == 1
    states = [record["router"]["state"] for record in records(Path("out.jsonl"))]
    assert sorted(states) == ["ok"] * 11 + ["rejected"]


def test_a_second_process_on_the_same_output_is_refused(emulator: Emulator) -> None:
    emulator.script("*", latency=None, errors=["hang"] * 8)
    first = start()
    path = Path("out.jsonl.begun")
    while first.poll() is None and not (path.exists() and path.stat().st_size):
        threading.Event().wait(0.01)
    second = start()
    _, err = second.communicate(timeout=60)
    first.kill()
    first.communicate()
    assert second.returncode == 2
    assert "out.jsonl: another process is writing it; wait for it, or write elsewhere" in err
