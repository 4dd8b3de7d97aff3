from __future__ import annotations

import pytest

from catalog.lines import line_of

TEXT = """\
# a comment with key = "value"
top = 1

[[model]]
id = "one"
"quoted" = 2

[[model.availability]]
locations = [
    "eu",
    "us",
]
modes = ["standard"]

[[model.availability]]  # the second claim
  modes = ["batch"]

[model.retirement]
on = 2026-01-01

[[model]]
id = "two"

[[model.availability]]
modes = ["flex"]

[other."dotted"]
last = 9
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), "top = 1"),
        (("model", 0, "id"), 'id = "one"'),
        (("model", 0, "availability", 0, "modes"), 'modes = ["standard"]'),
        (("model", 0, "availability", 1, "modes"), '  modes = ["batch"]'),
        (("model", 0, "retirement", "on"), "on = 2026-01-01"),
        (("model", 1, "id"), 'id = "two"'),
        (("model", 1, "availability", 0, "modes"), 'modes = ["flex"]'),
        (("other", "dotted", "last"), "last = 9"),
    ],
)
def test_a_value_is_found_on_its_own_line(path: tuple[str | int, ...], line: str) -> None:
    assert TEXT.splitlines()[line_of(TEXT, path) - 1] == line


def test_a_value_inside_a_list_is_placed_where_the_list_begins() -> None:
    assert line_of(TEXT, ("model", 0, "availability", 0, "locations", 1)) == 9


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("model", 0, "availability", 1, "served"), "[[model.availability]]  # the second claim"),
        (("model", 0, "retirement", "where"), "[model.retirement]"),
        (("model", 0, "quoted"), "[[model]]"),
        (("model", 0, "processing", 0, "boundary"), "[[model]]"),
    ],
)
def test_what_cannot_be_placed_is_placed_at_its_nearest_parent(path: tuple[str | int, ...], line: str) -> None:
    assert TEXT.splitlines()[line_of(TEXT, path) - 1] == line


@pytest.mark.parametrize("path", [("nowhere",), ("model", 2, "id"), ()])
def test_what_is_not_there_has_no_line(path: tuple[str | int, ...]) -> None:
    assert line_of(TEXT, path) == 0


def test_an_empty_text_has_no_lines() -> None:
    assert line_of("", ("key",)) == 0


def test_a_comment_is_not_a_key() -> None:
    assert line_of('# key = 1\nkey = "x"\n', ("key",)) == 2


def test_a_later_table_does_not_take_the_line_of_an_earlier_key() -> None:
    assert line_of("a = 1\n[b]\na = 2\n", ("a",)) == 1


def test_the_keys_of_a_table_whose_header_it_cannot_read_take_no_line_of_earlier_ones() -> None:
    assert line_of("a = 1\n[ b . c ]\na = 2\n", ("a",)) == 1
