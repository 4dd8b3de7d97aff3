"""`vertex-router catalog refresh`, as a user meets it."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import httpx
import pytest

from router.cli.catalog import reading
from router.cli.main import main
from tests.catalog.refresh.conftest import BIRDS, PAGES

REST = ["--overlay", str(BIRDS), "--on", "2026-11-21"]
MOVED = ("<li>Europe: <code>europe-west4</code></li>\n", "")


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A directory of pages that agree with the catalog."""
    shutil.copytree(PAGES / "table", tmp_path / "pages")
    return tmp_path / "pages"


def change(pages: Path, right: str, wrong: str, name: str = "heron-2.md") -> None:
    text = (pages / name).read_text(encoding="utf-8")
    assert right in text
    (pages / name).write_text(text.replace(right, wrong), encoding="utf-8")


def test_pages_that_agree_end_with_0(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog", "refresh", str(pages), *REST]) == 0
    assert "2 models the same; no changes proposed" in " ".join(capsys.readouterr().out.split())


def test_drift_ends_with_1_and_is_written_whole(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(pages, *MOVED)
    out = pages.parent / "patch.toml"
    assert main(["catalog", "refresh", str(pages), "-o", str(out), *REST]) == 1
    assert "standard: yes -> no (heron-2.md:63): europe-west4" in capsys.readouterr().out
    assert [each["served"] for each in tomllib.loads(out.read_text(encoding="utf-8"))["availability"]] == ["no"]
    assert sorted(each.name for each in out.parent.iterdir()) == ["pages", "patch.toml"], "nothing half-written"


def test_what_is_not_understood_ends_with_4_and_is_shown(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(pages, *MOVED)
    change(pages, "<li><code>us-east5</code></li>", "<li><code>us-east99</code></li>", "egret-1.md")
    assert main(["catalog", "refresh", str(pages), *REST]) == 4
    shown = " ".join(capsys.readouterr().out.split())
    assert "egret-1.md:42: Model availability: 'us-east99' is not a location of the catalog" in shown
    assert "1 change proposed" in shown


def test_the_patch_alone_goes_to_standard_output(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(pages, *MOVED)
    assert main(["catalog", "refresh", str(pages), "-o", "-", *REST]) == 1
    captured = capsys.readouterr()
    assert tomllib.loads(captured.out)["availability"][0]["locations"] == ["europe-west4"]
    assert "1 change proposed" in " ".join(captured.err.split())


def test_what_it_writes_passes_catalog_lint(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(pages, *MOVED)
    out = pages.parent / "patch.toml"
    main(["catalog", "refresh", str(pages), "-o", str(out), *REST])
    assert main(["catalog", "lint", str(BIRDS), str(out), "--on", "2026-11-21"]) == 0


def test_json_holds_all_of_it(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(pages, *MOVED)
    change(pages, "May 4, 2027 or later", "May 4, 2029")
    (pages / "guide.md").write_text("# Feeding", encoding="utf-8")
    assert main(["catalog", "refresh", str(pages), "--json", *REST]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["pages"], data["agreeing"], data["skipped"]) == (3, ["egret-1"], ["guide.md"])
    (proposal,) = data["proposals"]
    assert (proposal["location"], proposal["before"], proposal["after"]) == ("europe-west4", "yes", "no")
    assert proposal["page"] == {
        "name": "heron-2.md", "url": "https://docs.example/models/heron-2", "published": "2026-10-05",
    }  # fmt: skip
    assert data["lifecycles"][0]["after"] == "2029-05-04"
    assert tomllib.loads(data["patch"])["availability"]
    assert main(["catalog", "refresh", str(pages), "--json", "-o", "-", *REST]) == 2


def test_an_undated_page_needs_a_date(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(pages, "Last updated 2026-10-05 UTC.", "")
    assert main(["catalog", "refresh", str(pages), *REST]) == 2
    assert "heron-2.md does not say when it was last updated; give --dated DATE" in capsys.readouterr().err
    assert main(["catalog", "refresh", str(pages), "--dated", "2026-10-01", *REST]) == 0


def test_a_place_without_pages_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog", "refresh", str(tmp_path), *REST]) == 2
    assert main(["catalog", "refresh", str(tmp_path / "missing"), *REST]) == 2
    assert "no such file or directory" in capsys.readouterr().err


def test_a_file_that_can_not_be_written_is_an_error(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog", "refresh", str(pages), "-o", str(pages / "no" / "patch.toml"), *REST]) == 2
    assert "can't be written" in capsys.readouterr().err
    assert main(["catalog", "refresh", str(pages), "-o", str(pages), *REST]) == 2
    assert sorted(each.name for each in pages.parent.iterdir()) == ["pages"]


def test_an_address_is_dated_today(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = (PAGES / "list/egret-1.md").read_text(encoding="utf-8").replace("Last updated 2026-10-05 UTC.", "")
    text = text.replace("Global\n\n  - `global endpoint`\n\n", "")
    answer = httpx.Response(200, text=text, headers={"content-type": "text/plain"})
    transport = httpx.MockTransport(lambda request: answer)
    monkeypatch.setattr(reading, "_client", lambda: httpx.AsyncClient(transport=transport))
    assert main(["catalog", "refresh", "https://docs.example/egret-1.md.txt", "-o", "-", *REST]) == 1
    data = tomllib.loads(capsys.readouterr().out)
    assert [each["published"].isoformat() for each in data["source"]] == ["2026-11-21"]
    assert [each["url"] for each in data["source"]] == ["https://docs.example/egret-1.md.txt"]


def test_text_of_pages_is_no_markup(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(pages, "<code>europe-west4</code></li>\n</ul></th>", "<code>[red]x[/nothing]</code></li>\n</ul></th>")
    assert main(["catalog", "refresh", str(pages), *REST]) == 4
    assert "'[red]x[/nothing]' is not a location" in " ".join(capsys.readouterr().out.split())


def test_all_shows_where_the_catalog_is_newer(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(pages, *MOVED)
    change(pages, "Last updated 2026-10-05", "Last updated 2026-08-05")
    assert main(["catalog", "refresh", str(pages), "--all", *REST]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "bird-pages of 2026-09-01 is newer than the page of 2026-08-05" in shown
