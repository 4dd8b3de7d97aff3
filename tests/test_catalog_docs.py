"""What docs/catalog.md shows, works; what it promises of JSON is what the commands give."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from catalog.lint import RULES, STRUCTURE
from router.cli.main import main

DOC = (Path(__file__).parents[1] / "docs/catalog.md").read_text(encoding="utf-8")
ON = ["--on", "2026-11-21"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOC, re.DOTALL)


def names(cell: str) -> set[str]:
    """The names that a cell of a table gives, without what stands in brackets."""
    return set(re.findall(r"`([a-z_]+)`", re.sub(r"\([^)]*\)", "", cell)))


@pytest.fixture
def overlay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The overlay of the page, where its Python looks for it."""
    (text,) = blocks("toml")
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "project.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_overlay_is_sound(overlay: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog", "lint", str(overlay), *ON]) == 0
    assert capsys.readouterr().out == f"{overlay}: no problems\n"


def test_the_python_runs(overlay: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space: dict[str, Any] = {}
    for block in blocks("python"):
        exec(block, space)
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("yes served ")
    assert told[1].startswith("eu ['at', 'be',")
    assert told[2].startswith("gemini-2.5-flash: the retirement announced for 2026-10-20 has passed")
    assert space["changed"]
    assert space["router"].catalog.denied("gemini-3.8-flash", "europe-west9") == "under review by legal"


def test_every_rule_is_told_and_which_of_them_keep_data_from_loading() -> None:
    table = DOC.partition("| rule | says |")[2].partition("\n\n")[0]
    assert {name for row in table.splitlines() for name in names(row.split("|")[1] if "|" in row else "")} == set(RULES)
    sentence = DOC.partition("Data that breaks ")[2].partition(" is not loaded")[0]
    assert names(sentence) == set(STRUCTURE)


JSON = {
    "list": (["--residency", "eu"], "models"),
    "show": (["gemini-3.8-flash"], None),
    "where": (["gemini-2.5-flash"], "locations"),
    "diff": (["2026-10-01", "2026-11-21"], "changes"),
    "expiring": ([], "expiring"),
    "sources": ([], "sources"),
    "lint": (["nowhere.toml"], "problems"),
}


@pytest.mark.parametrize("command", JSON)
def test_the_json_of_each_command_has_the_fields_that_are_promised(
    command: str, overlay: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, entries = JSON[command]
    main(["catalog", command, *arguments, "--json", *([] if command == "diff" else ON)])
    data = json.loads(capsys.readouterr().out)
    section = DOC.partition("### JSON")[2]
    (row,) = [line.split(" | ") for line in section.splitlines() if line.startswith(f"| `{command}` |")]
    assert set(data) == names(row[1])
    if entries:
        assert data[entries]
        assert all(set(each) == fields(names(row[2]), each) for each in data[entries])


def fields(promised: set[str], entry: dict[str, Any]) -> set[str]:
    """The fields of an entry, of those of `where` with what is said of each mode and of the boundary spelt out."""
    if "modes" not in entry:
        return promised
    said = set(entry["modes"]["standard"])
    assert said <= promised
    return promised - said - {"tokens"} | {f"boundary_{name}" for name in said - {"served"}}


def test_each_source_of_json_has_the_fields_that_are_promised(capsys: pytest.CaptureFixture[str]) -> None:
    main(["catalog", "where", "gemini-3.8-flash", "--json", *ON])
    promised = names(DOC.partition("for every id that an answer names, ")[2].partition(". Fields")[0])
    assert all(set(each) == promised for each in json.loads(capsys.readouterr().out)["sources"].values())
