"""`make fuzz`: each target for a number of seconds, guided by coverage, with atheris.

    python -m tests.fuzz [--seconds 30] [TARGET ...]

What makes a target fail is kept in .fuzz/ and shown; it becomes a vector of the tests when it is mended.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

WORK = Path(".fuzz")


def main() -> int:
    """Fuzzes the targets one after another; 1 when one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=30, help="for each target")
    parser.add_argument("--one", metavar="TARGET", help=argparse.SUPPRESS)  # how this command starts itself
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    given = parser.parse_args()
    if given.one:
        _fuzz(given.one, given.seconds)
    from tests.fuzz.targets import TARGETS, seeds  # noqa: PLC0415 - atheris must come before what it watches

    failed = []
    for target in given.targets or TARGETS:
        corpus = WORK / target
        corpus.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds(target)):
            (corpus / f"seed-{number}").write_bytes(seed)
        command = [sys.executable, "-m", "tests.fuzz", "--seconds", str(given.seconds), "--one", target]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        last = [line for line in ran.stderr.splitlines() if line.strip()][-1:]
        print(f"{'FAILED' if ran.returncode else 'passed'} {target}: {' '.join(last)}", flush=True)
        if ran.returncode:
            failed.append(target)
            print(ran.stdout[-3000:], ran.stderr[-3000:])
    return bool(failed)


def _fuzz(target: str, seconds: int) -> None:
    """Fuzzes one target in this process, which ends with it."""
    import atheris  # noqa: PLC0415 - an extra

    with atheris.instrument_imports(include=["catalog", "router"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415

    limits = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=10", f"-artifact_prefix={WORK}/{target}-"]
    atheris.Setup([sys.argv[0], *limits, str(WORK / target)], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
