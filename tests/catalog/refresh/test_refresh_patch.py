"""The proposals as TOML: what a reviewer pastes or lays over the catalog."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest

from catalog import Catalog, load
from catalog.lint import lint
from catalog.loader import overlay_draft
from catalog.refresh import Drift, patch, read_page
from tests.catalog.refresh.conftest import BIRDS, ON, PAGES, found, page

MOVED = (
    "  - Multi-region: `us` , `eu`\n  - Europe: `europe-west4`\n\nVersions",
    "  - Global: `global`\n  - Europe: `europe-west3`\n\nVersions",
)
CUT = ("Europe\n<ul>\n<li><code>Multi-region</code></li>\n</ul></td>", "</td>")


@pytest.fixture
def drift(birds: Catalog) -> Drift:
    return found(birds, page("list/heron-2.md", MOVED), page("table/egret-1.md", CUT))


def test_it_is_an_overlay_that_lint_accepts_and_that_changes_the_answers(
    drift: Drift, birds: Catalog, tmp_path: Path
) -> None:
    file = tmp_path / "patch.toml"
    file.write_text(patch(drift, birds.sources, ON), encoding="utf-8")
    unread: list[object] = []
    assert not lint(overlay_draft(file, birds, unread), ON)  # type: ignore[arg-type]
    assert not unread
    after = load(overlay=[BIRDS, file])
    for location, verdict in {"us": "no", "eu": "no", "europe-west3": "yes", "global": "yes"}.items():
        assert after.served("heron-2", location, "standard", ON).verdict == verdict
    assert after.boundary("egret-1", "eu", ON).boundary == "unknown"
    again = found(after, page("list/heron-2.md", MOVED), page("table/egret-1.md", CUT))
    assert not again.proposals, "what was taken over is no drift any more"


def test_a_claim_names_its_page_the_list_and_the_day(drift: Drift, birds: Catalog) -> None:
    data = tomllib.loads(patch(drift, birds.sources, ON))
    source = next(each for each in data["source"] if each["title"] == "Heron 2")
    assert source["id"] == "page-models-heron-2-2026-10-05"
    assert source["url"] == "https://docs.example/models/heron-2"
    claims = [each for each in data["availability"] if each["served"] == "no"]
    assert [
        (each["locations"], each["modes"], each["source"], each["where"], each["confidence"]) for each in claims
    ] == [(["eu", "europe-west4", "us"], ["standard"], source["id"], "Supported regions, Standard PayGo", "medium")]
    assert {each["from"] for each in claims} == {source["published"]}
    assert {each["checked"] for each in claims} == {source["retrieved"]} == {ON}


def test_each_claim_is_preceded_by_what_it_changes(drift: Drift, birds: Catalog) -> None:
    text = patch(drift, birds.sources, ON)
    block = next(each for each in text.split("\n\n") if 'served = "no"' in each)
    assert "# standard at us: yes -> no; the catalog: served" in block
    assert "# replaces, for these locations, the claim of bird-pages that holds from 2026-05-04" in block


def test_entries_for_a_catalog_stand_under_their_model(drift: Drift, birds: Catalog) -> None:
    text = patch(drift, birds.sources, ON, "data")
    data = tomllib.loads(text)
    assert not data.keys() & {"availability", "processing"}
    assert all("model" not in each for each in data["model"]["availability"])
    assert "# heron-2: paste under its entry" in text


def test_sources_do_not_take_an_id_that_is_there(drift: Drift, birds: Catalog) -> None:
    taken = {"page-models-heron-2-2026-10-05"}
    names = [each["id"] for each in tomllib.loads(patch(drift, taken, ON))["source"]]
    assert not taken & set(names)
    assert names == sorted(set(names))


def test_what_no_claim_can_say_stands_in_comments(birds: Catalog) -> None:
    drift = found(
        birds,
        page("list/heron-2.md", ("May 4, 2027 or later", "May 4, 2028 or later")),
        page("table/egret-1.md", ("<td><code>egret-1</code></td>", "<td><code>crane-3</code></td>")),
        page("list/egret-1.md", ("Pricing\n", "Pricing\n\n> **Note:** `us-east5` sleeps.\n")),
    )
    text = patch(drift, birds.sources, ON)
    assert "#   retirement.not_before: 2027-05-04 -> 2028-05-04 (list/heron-2.md:" in text
    assert "# crane-3 is not in the catalog" in text
    assert "a note speaks of us-east5" in text
    assert tomllib.loads(text) == {}


def test_text_of_a_page_stays_text(birds: Catalog) -> None:
    text = (PAGES / "list/heron-2.md").read_text(encoding="utf-8").replace(*MOVED)
    evil = read_page(text.replace("title: Heron 2", 'title: "\x1b[0m]\\" [[denied]]'), "a\n[[denied]].md")
    evil = msgspec.structs.replace(evil, url='https://x/"\n[[denied]]')
    written = patch(found(birds, evil), birds.sources, ON)
    assert tomllib.loads(written).keys() == {"source", "availability"}
    assert "\x1b" not in written
