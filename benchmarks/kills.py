"""A batch that is killed at random moments, again and again, against the emulator: what is lost, and what is doubled.

Real processes, `kill -9`, in a service that now and then has no capacity or fails. With `--power`, each kill also
takes a random piece off the end of the output, as a loss of power may.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from router.emulator import Emulator

MODEL = "gemini-2.5-flash-image"
AT_ONCE = 16
COMMAND = [sys.executable, "-c", "import sys; from router.cli.main import main; sys.exit(main())", "batch"]
LOST_BYTES = 20_000


def row_of(number: int) -> dict[str, Any]:
    """A row of the input."""
    return {"request": {"contents": [{"role": "user", "parts": [{"text": f"{number}"}]}]}}


def lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of an output."""
    whole = path.read_bytes().rpartition(b"\n")[0].splitlines() if path.exists() else []
    return [json.loads(line) for line in whole]


def killed(command: list[str], out: Path, dice: random.Random, *, power: bool) -> bool:
    """One run that is killed at a random moment; whether it was still at work."""
    before = out.stat().st_size if out.exists() else 0
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and (not out.exists() or out.stat().st_size <= before):
        time.sleep(0.002)
    time.sleep(dice.random() ** 2 * 0.5)
    process.send_signal(signal.SIGKILL)
    at_work = process.wait() == -signal.SIGKILL
    if power and out.exists():
        os.truncate(out, max(0, out.stat().st_size - dice.randrange(LOST_BYTES)))
    return at_work


def main() -> None:
    """Kills, goes on to the end, and counts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--power", action="store_true", help="each kill takes a piece off the output as well")
    asked = parser.parse_args()
    dice = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as folder, Emulator() as emulator, emulator.activated():
        emulator.script("*", errors=["ok"] * 40 + [429, 503], repeat=True)
        given, out = Path(folder) / "in.jsonl", Path(folder) / "out.jsonl"
        given.write_text("".join(json.dumps(row_of(row)) + "\n" for row in range(asked.rows)), "utf-8")
        command = [*COMMAND, str(given), "-o", str(out), "--project", "p", "--model", MODEL, "--residency", "eu"]
        command += ["--concurrency", str(AT_ONCE), "--json", *(["--ordered"] if dice.random() < 0.5 else [])]
        at_work = 0
        for number in range(asked.kills):
            at_work += killed(command, out, dice, power=asked.power)
            ended = [line["router"]["row"] for line in lines(out)]
            assert len(ended) == len(set(ended)), f"after kill {number + 1} a row stands twice"
        summary = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        ended = [line["router"]["row"] for line in lines(out)]
        answered = Counter(
            json.loads(each.body)["contents"][0]["parts"][0]["text"] for each in emulator.requests if each.status == 200
        )
    assert sorted(ended) == [*range(1, asked.rows + 1)], "a row is lost or doubled"
    assert summary["states"] == {"ok": asked.rows}
    doubled = sum(answered.values()) - len(answered)
    print(f"{asked.kills} kills, {at_work} of them while rows were under way; {asked.rows:,} rows")
    print(f"ended once: {len(set(ended)):,}; lost: 0; doubled in the output: 0")
    most = "and those that went with the power" if asked.power else f"at most {AT_ONCE * at_work}"
    print(f"answered more than once by the service: {doubled}: those that were under way, {most}")
    assert asked.power or doubled <= AT_ONCE * at_work


if __name__ == "__main__":
    main()
