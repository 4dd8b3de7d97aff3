"""Laws of refreshing: a damaged page opens nothing, and no text makes the reading fail."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import Catalog, load
from catalog.refresh import compare, patch, read_page
from catalog.schema import NO_BOUNDARY, UNKNOWN_BOUNDARY
from tests.catalog.refresh.conftest import BIRDS, NAMES, ON, PAGES

KNOWN: Catalog = load(overlay=BIRDS)
TEXTS = {name: (PAGES / name).read_text(encoding="utf-8") for name in NAMES}
WORDS = [
    "Model ID", "`heron-2`", "`egret-1`", "Supported regions", "Model availability", "ML processing", "Versions",
    "Standard PayGo", "Not supported.", "  - Global: `global`", "  - Europe: `Multi-region` , `europe-west4`*",
    "Europe", "  - `us-east5`", "<table>", "</table>", "<li><code>eu</code>", "<th>", "> **Note:** In `eu` ,", "```",
    "---", "Last updated 2026-10-05 UTC.", "  - Launch stage: GA",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_no_lost_line_opens_a_location_or_a_border(name: str) -> None:
    lines = TEXTS[name].splitlines(keepends=True)
    for lost, line in enumerate(lines):
        drift = compare([read_page("".join(lines[:lost] + lines[lost + 1 :]), name)], KNOWN, ON)
        for each in drift.proposals:
            assert each.after in ("no", NO_BOUNDARY, UNKNOWN_BOUNDARY), (line, each)


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=30), max_size=40))
def test_any_text_is_read_and_what_is_proposed_is_valid_toml(lines: list[str]) -> None:
    drift = compare([read_page("\n".join(lines), "page")], KNOWN, ON)
    assert tomllib.loads(patch(drift, KNOWN.sources, ON)) is not None


@given(st.sampled_from(NAMES), st.data())
def test_a_page_cut_anywhere_opens_nothing_and_if_cut_in_its_card_closes_nothing(
    name: str, data: st.DataObject
) -> None:
    text = TEXTS[name]
    cut = text[: data.draw(st.integers(0, len(text)))] + "\n\nLast updated 2026-10-05 UTC.\n"
    drift = compare([read_page(cut, name)], KNOWN, ON)
    opened = [each for each in drift.proposals if each.after not in ("no", NO_BOUNDARY, UNKNOWN_BOUNDARY)]
    assert not opened
    if "Versions" not in cut or ("<table" in cut and "</table>" not in cut):
        assert not drift.proposals, "the page is visibly not whole"
