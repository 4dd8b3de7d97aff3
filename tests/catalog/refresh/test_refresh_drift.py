"""What is proposed for a page that differs from the catalog, and what is not."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catalog import Catalog
from catalog.refresh import compare, read_page
from tests.catalog.refresh.conftest import NAMES, ON, PAGES, found, page, told

VECTORS = Path(__file__).parents[2] / "vectors" / "refresh.toml"
CASES: list[dict[str, Any]] = tomllib.loads(VECTORS.read_text(encoding="utf-8"))["case"]


@pytest.mark.parametrize("case", CASES, ids=[f"{each['page']}: {each['name']}" for each in CASES])
def test_pages_with_a_trap(case: dict[str, Any], birds: Catalog) -> None:
    changed = page(case["page"], *map(tuple, case["edits"]))
    if "dated" in case:
        changed = msgspec.structs.replace(changed, published=case["dated"])
    drift = found(birds, changed)
    assert sorted(map(told, drift.proposals)) == sorted(case.get("proposes", []))
    assert [f"{each.model} {each.field}: {each.before} -> {each.after}" for each in drift.lifecycles] == case.get(
        "lifecycle", []
    )
    expected = case.get("doubts", [])
    assert len(drift.doubts) == len(expected), [str(each) for each in drift.doubts]
    for doubt, words in zip(drift.doubts, expected, strict=True):
        assert words in doubt.what
        assert doubt.page == case["page"]
    assert len(drift.newer) == case.get("newer", 0)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_that_says_what_the_catalog_says_is_no_drift(name: str, birds: Catalog) -> None:
    drift = found(birds, page(name))
    assert drift.agreeing == [Path(name).stem]
    assert not drift.drifted
    assert not drift.doubts
    assert not drift.newer


def test_a_doubt_names_the_line(birds: Catalog) -> None:
    text = (PAGES / "table/heron-2.md").read_text(encoding="utf-8").replace("Asia Pacific", "Antarctica")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if "Antarctica" in line]
    assert [each.line for each in found(birds, read_page(text, "p")).doubts] == lines


def test_a_proposal_names_the_line_the_list_and_what_it_replaces(birds: Catalog) -> None:
    changed = page("table/egret-1.md", ("<li><code>us-east5</code></li>", "<li><code>us-east4</code></li>"))
    came = next(each for each in found(birds, changed).proposals if each.location == "us-east4" and each.mode)
    assert (came.where, changed.name, came.confidence, came.replaces) == (
        "Model availability", "table/egret-1.md", "medium", None,
    )  # fmt: skip
    text = (PAGES / "table/egret-1.md").read_text(encoding="utf-8").splitlines()
    assert "us-east5" in text[came.line - 1]
    gone = next(each for each in found(birds, changed).proposals if each.location == "us-east5")
    assert gone.replaces == ("bird-pages", date(2026, 3, 1))


def test_a_model_without_an_entry_is_reported_with_its_lists(birds: Catalog) -> None:
    drift = found(birds, page("table/heron-2.md", ("<th><code>heron-2</code></th>", "<th><code>crane-3</code></th>")))
    assert [each.ids for each in drift.strangers] == [("crane-3",)]
    assert drift.strangers[0].lists["Standard PayGo"] == ("global", "us", "eu", "europe-west4")
    assert drift.drifted
    assert not drift.proposals


def test_two_cards_on_a_page_are_read_apart(birds: Catalog) -> None:
    both = "".join((PAGES / name).read_text(encoding="utf-8") for name in ("list/egret-1.md", "table/heron-2.md"))
    assert sorted(found(birds, read_page(both, "both.md")).agreeing) == ["egret-1", "heron-2"]


def test_of_two_pages_about_a_model_the_newer_counts(birds: Catalog) -> None:
    gone = ("Global\n\n  - `global endpoint`\n\n", "")
    old = page("list/egret-1.md", gone, ("2026-10-05", "2026-10-04"))
    assert found(birds, old, page("table/egret-1.md")).agreeing == ["egret-1"]


def test_of_two_pages_of_one_day_that_differ_none_counts(birds: Catalog) -> None:
    other = page("list/egret-1.md", ("Global\n\n  - `global endpoint`\n\n", ""))
    drift = found(birds, page("table/egret-1.md"), other)
    assert not drift.proposals
    assert not drift.agreeing
    assert "says something else than table/egret-1.md" in drift.doubts[0].what


def test_a_model_that_is_retired_is_not_opened_again(birds: Catalog) -> None:
    model = birds.models["egret-1"]
    assert model.retirement
    end = msgspec.structs.replace(model.retirement, on=date(2026, 9, 15), not_before=None, confirmed=True)
    known = Catalog(
        sources=birds.sources.values(),
        jurisdictions=birds.jurisdictions.values(),
        locations=birds.locations.values(),
        models=[msgspec.structs.replace(model, retirement=end)],
    )
    later = found(known, page("list/egret-1.md"))
    assert not later.proposals
    assert "the catalog has it as retired on 2026-09-15" in later.doubts[0].what
    ending = found(known, page("list/egret-1.md", ("Generally available", "Deprecated")))
    assert not ending.doubts
    assert not ending.proposals


def test_processing_in_another_country_is_not_taken_for_a_boundary_withdrawn(birds: Catalog) -> None:
    model = birds.models["egret-1"]
    abroad = [msgspec.structs.replace(each, boundary="us") for each in model.processing]
    known = Catalog(
        sources=birds.sources.values(),
        jurisdictions=birds.jurisdictions.values(),
        locations=birds.locations.values(),
        models=[msgspec.structs.replace(model, processing=tuple(abroad))],
    )
    only_us = page("table/egret-1.md", ("Europe\n<ul>\n<li><code>Multi-region</code></li>\n</ul></td>", "</td>"))
    assert found(known, only_us).agreeing == ["egret-1"]
    assert [told(each) for each in found(known, page("table/egret-1.md")).proposals] == ["processing at eu: us -> eu"]


def test_pages_without_a_card_are_left_out(birds: Catalog) -> None:
    drift = found(birds, read_page("# How to feed birds\n\nWith seeds.", "feeding.md"))
    assert drift.skipped == ["feeding.md"]
    assert not drift.doubts


def test_a_page_without_a_date_is_not_compared(birds: Catalog) -> None:
    drift = compare([msgspec.structs.replace(page("list/heron-2.md"), published=None)], birds, ON)
    assert [each.what for each in drift.doubts] == ["it has no date"]
