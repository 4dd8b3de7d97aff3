from __future__ import annotations

import subprocess
import sys

import pytest

from router.cli import explain
from router.cli.main import COMMANDS as TABLE
from router.cli.main import main

COMMANDS = ["explain", "catalog", "ask", "batch", "probe", "audit", "emulate", "demo"]
BELOW_CATALOG = ["list", "show", "where", "diff", "expiring", "sources", "lint"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        *([command, "--help"] for command in COMMANDS),
        *(["catalog", command, "--help"] for command in BELOW_CATALOG),
    ],
)
def test_help_is_there_for_every_command(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == 0
    assert "usage: vertex-router" in capsys.readouterr().out


def test_help_names_every_command_and_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(TABLE) == COMMANDS
    with pytest.raises(SystemExit):
        main(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    for name, line in TABLE.items():
        assert f"{name} {line}" in told


@pytest.mark.parametrize(
    ("arguments", "needless"),
    [
        (["--help"], {"msgspec", "rich", "anyio", "catalog.errors", "router.errors", "importlib.metadata"}),
        (["catalog", "show", "--help"], {"anyio", "httpx", "router.router", "router.emulator", "router.batch"}),
        (["explain", "--help"], {"anyio", "router.emulator", "router.batch", "router.probe", "router.cli.catalog"}),
    ],
)
def test_a_command_loads_nothing_that_only_others_need(arguments: list[str], needless: set[str]) -> None:
    code = f"""import atexit, sys
before = set(sys.modules)
atexit.register(lambda: print(*set(sys.modules) - before, file=sys.stderr))
from router.cli.main import main
main({arguments})"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "router.cli.main" in done.stderr.split()
    assert not needless & set(done.stderr.split())


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("vertex-router ")


@pytest.mark.parametrize("arguments", [[], ["no-such-command"], ["explain"], ["explain", "m", "--tokens", "0"]])
def test_wrong_arguments_are_exit_code_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(arguments)
    assert leaving.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_an_interruption_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(explain, "policy_of", interrupted)
    assert main(["explain", "gemini-3.8-flash"]) == 130


def test_a_reader_that_leaves_early_is_no_traceback() -> None:
    command = (
        f"{sys.executable} -c 'from router.cli.main import main; main()' explain gemini-3.8-flash --json | head -1"
    )
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "{\n"
    assert done.stderr == ""
