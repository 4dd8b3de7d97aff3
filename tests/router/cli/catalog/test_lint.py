"""`catalog lint`."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.loader import SHIPPED
from router.cli.main import main
from tests.router.cli.catalog.conftest import ON, OVERLAY, Answer


def linted(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Answer:
    code = main(["catalog", "lint", *map(str, arguments), *ON])
    return Answer(code, *capsys.readouterr())


def test_lint_of_the_shipped_catalog_and_of_a_sound_overlay_finds_nothing(
    capsys: pytest.CaptureFixture[str], overlay: Path
) -> None:
    assert linted(capsys) == Answer(0, "the shipped catalog: no problems\n", "")
    assert linted(capsys, overlay) == Answer(0, f"{overlay}: no problems\n", "")
    assert linted(capsys, SHIPPED).code == 0


def test_lint_names_file_line_entry_and_field_of_each_problem(
    capsys: pytest.CaptureFixture[str], overlay: Path
) -> None:
    text = OVERLAY.replace('where = "the log"\nchecked = 2026-11-01', 'where = "the log"\nchecked = 2026-12-01', 1)
    text = text.replace('model = "robin-1"\nlocation = "eu"', 'model = "robin-1"\nlocation = "us"')
    overlay.write_text(text, encoding="utf-8")
    future = text[: text.index("checked = 2026-12-01")].count("\n") + 1
    held = text[: text.index('location = "us"')].count("\n") + 1
    answer = linted(capsys, overlay)
    assert answer.code == 1
    first, second, last = answer.out.splitlines()
    assert first == (
        f"{overlay}:{future}: model 'robin-1': field `availability[2].checked`: "
        "checked on 2026-12-01, which is in the future"
    )
    assert second.startswith(f"{overlay}:{held}: reservation #1 (robin-1): field `location`: robin-1 is not known")
    assert second.endswith("add an [[availability]] of your own if it is")
    assert last == f"{overlay}: 2 problems"
    data = linted(capsys, overlay, "--json").data
    assert (data["date"], data["files"]) == ("2026-11-21", [str(overlay)])
    assert data["problems"][0] == {
        "file": str(overlay),
        "line": future,
        "entry": "model 'robin-1'",
        "field": "availability[2].checked",
        "message": "checked on 2026-12-01, which is in the future",
    }


def test_lint_checks_an_overlay_over_those_before_it(
    capsys: pytest.CaptureFixture[str], overlay: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second.toml"
    second.write_text('[[denied]]\nlocations = ["eu"]\nmodels = ["robin-1"]\nreason = "x"\n', encoding="utf-8")
    assert linted(capsys, overlay, second).code == 0
    alone = linted(capsys, second)
    assert alone.code == 1
    assert "'robin-1' is not a model of this catalog" in alone.out


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "can't be read"), ("[[denied]\n", "not valid TOML"), ('residency = "eu"\n', "unknown table or key")],
)
def test_lint_of_a_file_that_is_none_is_a_problem_and_no_traceback(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str | None, told: str
) -> None:
    file = tmp_path / "bad.toml"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    answer = linted(capsys, file)
    assert (answer.code, answer.err) == (1, "")
    assert f"{file}" in answer.out
    assert told in answer.out
