"""The patches of `make mutants-of-rules` fit the code as it is, and the docs tell of them."""

from __future__ import annotations

import ast

import pytest

from tests.mutants.widening import DOCS, ROOT, Widening, documented, table, widenings

ROWS = widenings()
each_row = pytest.mark.parametrize("row", ROWS, ids=[row.id for row in ROWS])


def test_every_patch_has_a_name_of_its_own() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS) > 30


@each_row
def test_a_patch_fits_exactly_one_place(row: Widening) -> None:
    text = (ROOT / row.file).read_text("utf-8")
    assert text.count(row.old) == 1
    assert row.new != row.old
    if row.file.endswith(".py"):
        ast.parse(text.replace(row.old, row.new))


@each_row
def test_the_tests_that_notice_it_exist(row: Widening) -> None:
    assert row.tests
    for test in row.tests:
        file, _, name = test.partition("::")
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        assert name in {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}, test


def test_the_table_of_the_docs_is_that_of_the_patches() -> None:
    text = DOCS.read_text("utf-8")
    assert table(ROWS) in text, "run `make mutants-of-rules`, which writes it"
    assert documented(text, ROWS) == text
