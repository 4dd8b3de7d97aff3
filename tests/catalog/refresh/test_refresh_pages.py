"""Pages as lines, whichever their layout."""

from __future__ import annotations

from datetime import date

import pytest

from catalog.refresh.pages import Line, day_of, is_model_page, read_page
from tests.catalog.refresh.conftest import page


def lines(text: str) -> list[tuple[str, str]]:
    return [(line.kind, line.text) for line in read_page(text, "page").lines]


def test_front_matter_gives_title_and_address() -> None:
    read = page("table/heron-2.md")
    assert (read.title, read.url) == ("Heron 2", "https://docs.example/models/heron-2")
    assert read.published == date(2026, 10, 5)


def test_without_front_matter_the_first_heading_is_the_title() -> None:
    read = read_page("# Egret 1\n\ntext", "egret.md", "https://docs.example/egret.md.txt")
    assert (read.title, read.url, read.published) == ("Egret 1", "https://docs.example/egret.md.txt", None)


def test_the_date_of_a_page_stands_at_its_end() -> None:
    text = "The table was last updated 2024-01-01.\n\nLast updated 2026-10-05 UTC.\n"
    assert read_page(text, "page").published == date(2026, 10, 5)
    assert read_page("Last updated yesterday.", "page").published is None


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("**[Model availability](https://x/y)**", ("text", "Model availability")),
        ("  - Europe: `eu` , `us`", ("item", "Europe: `eu` , `us`")),
        ("* starred", ("item", "starred")),
        (r"\* a footnote", ("text", "* a footnote")),
        ("> **Note:** In `eu`", ("quote", "Note: In `eu`")),
        ("> - quoted", ("quote", "quoted")),
        ("### ML processing", ("heading", "ML processing")),
        ("fish &amp; chips&nbsp;", ("text", "fish & chips")),
        ("`eu`<sup>*</sup>", ("text", "`eu` *")),
    ],
)
def test_markdown(markdown: str, expected: tuple[str, str]) -> None:
    assert lines(markdown) == [expected]


def test_cells_become_lines_with_their_numbers() -> None:
    text = "intro\n<table>\n<tr>\n<th>Model\nID</th>\n<td><ul>\n<li><code>a</code>\n<ul>\n<li>x: 1</li>\n"
    text += "</ul></li>\n</ul></td>\n</tr>\n</table>\nend"
    assert read_page(text, "page").lines == (
        Line(1, "text", "intro"),
        Line(4, "text", "Model ID"),
        Line(7, "item", "`a`"),
        Line(9, "item", "x: 1"),
        Line(14, "text", "end"),
    )


def test_a_table_that_does_not_end_is_told_by_its_line() -> None:
    assert read_page("a\n\n<table>\n<tr><td>b", "page").cut == 3


def test_code_blocks_are_no_lines() -> None:
    assert lines("a\n```\nModel ID\n```\nb") == [("text", "a"), ("text", "b")]


def test_characters_that_steer_a_terminal_are_dropped() -> None:
    assert lines("a\x1b[31mb\u202ec\x07") == [("text", "a[31mbc")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("May 7, 2026", date(2026, 5, 7)),
        ("Nov 13, 2025", date(2025, 11, 13)),
        ("2026-03-25", date(2026, 3, 25)),
        ("August 2026", None),
        ("", None),
    ],
)
def test_days(text: str, expected: date | None) -> None:
    assert day_of(text) == expected


def test_a_guide_is_no_model_page() -> None:
    assert is_model_page(page("list/egret-1.md"))
    assert not is_model_page(read_page("# Tuning\n\nThe Model ID is in the table.", "guide.md"))
