"""`vertex-router emulate`: Vertex AI on this machine, for the tests of any application."""

from __future__ import annotations

import argparse
import sys
import threading

from router.cli.options import day
from router.emulator import Emulator, Scenario
from router.emulator.serve import run_under, shell_lines

NOT_FOUND = 127


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser], line: str) -> None:
    """Adds this command, of which `line` says what it does."""
    parser = commands.add_parser(
        "emulate",
        help=line,
        description="Runs the emulator. With a command after --, runs that command against it, prints which hosts "
        "it contacted, and gives its exit code; without, prints the environment that leads a shell's "
        "programs to it, and runs until interrupted.",
    )
    parser.add_argument("--scenario", metavar="FILE", help="how the locations behave, in TOML")
    parser.add_argument("--on", type=day, metavar="DATE", help="the day whose catalog it serves (default: today)")
    parser.add_argument(
        "--grpc", action="store_true", help="answer Google's gRPC clients too; needs google-cloud-aiplatform"
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ...", help="what to run against it")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Runs the emulator, for a command or until interrupted."""
    scenario = Scenario.load(given.scenario) if given.scenario else None
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    with Emulator(scenario, on=given.on, grpc=given.grpc) as emulator:
        code = _run(emulator, command) if command else _serve(emulator)
        print(emulator.witness, file=sys.stderr)
    return code


def _run(emulator: Emulator, command: list[str]) -> int:
    code = run_under(emulator, command)
    if code == NOT_FOUND:
        print(f"vertex-router: command not found: {command[0]}", file=sys.stderr)
    return code


def _serve(emulator: Emulator) -> int:
    try:
        print(shell_lines(emulator), end="", flush=True)
        print("# running; interrupt to stop", file=sys.stderr, flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        print(file=sys.stderr)
    return 0
