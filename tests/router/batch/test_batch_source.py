from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from router.batch.settings import BatchError
from router.batch.source import Source


def rows(path: Any, column: str = "prompt") -> list[tuple[int, Any]]:
    source = Source(path, column)
    found = list(source)
    assert found == list(source), "each time alike"
    return [(number, json.loads(line)) for number, line in found]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_numbered_as_an_editor_does_and_empty_ones_passed_over(tmp_path: Path, end: str) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(f'\ufeff{{"prompt": "a"}}{end}{end}  {{"prompt": "b"}} {end}{{"prompt": "c"}}'.encode())
    assert rows(path) == [(1, {"prompt": "a"}), (3, {"prompt": "b"}), (4, {"prompt": "c"})]
    assert rows(str(path)) == rows(path)


@pytest.mark.parametrize(("suffix", "comma"), [(".csv", ","), (".tsv", "\t"), (".CSV", ",")])
def test_a_table_gives_its_column_of_prompts_and_repeats_the_others(tmp_path: Path, suffix: str, comma: str) -> None:
    path = tmp_path / f"in{suffix}"
    lines = [f"id{comma}question", f'7{comma}"two\nlines, and a "" mark"', f"8{comma}é"]
    path.write_text("\n".join(lines) + "\n", "utf-8-sig")
    expected = [(1, {"prompt": 'two\nlines, and a " mark', "id": "7"}), (2, {"prompt": "é", "id": "8"})]
    assert rows(path, "question") == expected


def test_a_long_cell_is_read(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("prompt\n" + "x" * 500_000 + "\n", "utf-8")
    assert len(rows(path)[0][1]["prompt"]) == 500_000


def test_parquet_gives_its_column_of_prompts(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "in.parquet"
    parquet.write_table(pa.table({"text": ["a", None], "n": [1, 2]}), path)
    assert rows(path, "text") == [(1, {"prompt": "a", "n": 1}), (2, {"prompt": None, "n": 2})]
    with pytest.raises(BatchError, match=r"no column 'prompt'; the columns are text, n"):
        rows(path)
    path.write_bytes(b"no parquet at all")
    with pytest.raises(BatchError, match=r"in\.parquet: not a Parquet file"):
        rows(path)


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "in.parquet"
    path.touch()
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(BatchError, match=r"needs pyarrow; pip install 'vertex-router\[parquet\]'"):
        rows(path)


@pytest.mark.parametrize("text", ["", "question\na\n"])
def test_a_table_without_the_column_names_those_that_it_has(tmp_path: Path, text: str) -> None:
    path = tmp_path / "in.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(BatchError, match=r"no column 'prompt'; the columns are (question|\(none\))"):
        rows(path)


def test_a_row_with_more_cells_than_columns_shows_them(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("prompt,id\nwhy, then,7\n", "utf-8")
    assert rows(path) == [(1, {"prompt": "why", "id": " then", "cells without a column": ["7"]})]


def test_a_quote_that_nothing_closes_swallows_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text('prompt\na\n"b\nc\n', "utf-8")
    with pytest.raises(BatchError, match=r"in\.csv: can't be read after row 1: unexpected end of data"):
        rows(path)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (gzip.compress(b'{"prompt": "a"}'), r"compressed \(gzip\); unpack it first"),
        ('{"prompt": "a"}'.encode("utf-16"), "UTF-16; save it as UTF-8"),
        (b"PK\x03\x04 and more", "a zip archive or a workbook"),
        (b"PAR1 and more", r"a Parquet file; let its name end in \.parquet"),
    ],
)
@pytest.mark.parametrize("name", ["in.jsonl", "in.csv"])
def test_a_file_that_is_no_text_is_refused_as_a_whole(tmp_path: Path, name: str, start: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(start)
    with pytest.raises(BatchError, match=message):
        rows(path)


@pytest.mark.parametrize("given", [{"prompt": "a"}, b"in.jsonl", None, 7])
def test_what_is_neither_a_path_nor_rows_is_refused(given: Any) -> None:
    with pytest.raises(BatchError, match="rows are a path, or several prompts or mappings, not "):
        Source(given, "prompt")


def test_a_file_that_is_not_there_or_not_readable_is_named(tmp_path: Path) -> None:
    with pytest.raises(BatchError, match=r"away\.jsonl: there is no such file"):
        Source(tmp_path / "away.jsonl", "prompt")
    with pytest.raises(BatchError, match="it is no regular file"):
        Source(tmp_path, "prompt")
    path = tmp_path / "in.csv"
    path.write_bytes(b"prompt\nabc\n\xff\xfe\n")
    with pytest.raises(BatchError, match=r"in\.csv: can't be read: 'utf-8' codec .*; save it as UTF-8"):
        rows(path)
    path.write_bytes(b"prompt\n" + b"abc\n" * 10_000 + b"\xff\xfe\n")
    with pytest.raises(BatchError, match=r"in\.csv: can't be read after row \d+: 'utf-8' codec"):
        rows(path)


def test_rows_of_a_program_are_prompts_or_mappings() -> None:
    given = ["a", {"custom_id": "x", "params": {}}]
    assert rows(iter(given)) == [(1, {"prompt": "a"}), (2, {"custom_id": "x", "params": {}})]


def test_a_file_is_known_by_any_of_its_names(tmp_path: Path) -> None:
    path, link = tmp_path / "in.jsonl", tmp_path / "link"
    path.touch()
    link.symlink_to(path)
    assert Source(path, "").is_file(link)
    assert not Source(path, "").is_file(tmp_path / "other")
    assert not Source(["a"], "").is_file(path)
