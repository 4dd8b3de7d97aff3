"""What holds for every command below `catalog`."""

from __future__ import annotations

from pathlib import Path

import pytest

from router.cli.main import main
from tests.router.cli.catalog.conftest import ON, Ask


@pytest.mark.parametrize("command", ["show", "where", "diff"])
def test_an_unknown_model_is_told_with_the_nearest(ask: Ask, command: str) -> None:
    days = ["2026-11-01", "2026-11-21", "--model"] if command == "diff" else []
    answer = ask(command, *days, "robin-11", on=[])
    assert (answer.code, answer.out) == (2, "")
    assert "unknown model 'robin-11'; nearest: robin-1" in answer.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["show", "gemini-3.8-flash"],
        ["where", "gemini-3.8-flash"],
        ["diff", "2026-01-01", "2026-02-01"],
        ["expiring"],
        ["sources"],
        ["features"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_overlay_that_does_not_validate_is_told_and_nothing_is_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str]
) -> None:
    file = tmp_path / "own.toml"
    file.write_text('[[denied]]\nlocations = ["moon"]\nreason = "x"\n', encoding="utf-8")
    assert main(["catalog", *arguments, "--overlay", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{file}:2: denied #1: field `locations`: 'moon' is not a location" in err


@pytest.mark.parametrize("columns", ["40", "80", "200"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--all"],
        ["show", "robin-1"],
        ["where", "robin-1", "--all", "--why"],
        ["diff", "2026-09-30", "2026-11-21"],
        ["expiring", "--within", "12m"],
        ["sources"],
        ["features"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_lines_fit_the_terminal_and_no_id_is_cut(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, arguments: list[str], columns: str
) -> None:
    on = [] if arguments[0] == "diff" else ON
    monkeypatch.delenv("COLUMNS")
    whole = set(ask(*arguments, on=on).out.split())
    monkeypatch.setenv("COLUMNS", columns)
    answer = ask(*arguments, on=on)
    assert set(answer.out.split()) == whole
    assert "\x1b" not in answer.out
    wide = [line for line in answer.out.splitlines() if len(line) > int(columns)]
    if columns != "40":
        assert all("https://" in line for line in wide), "an address is never broken"
