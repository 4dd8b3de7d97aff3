"""What is kept of the files that were read: used while they and the code are the same, and never missed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import catalog
from catalog import loader, prices
from catalog.kept import kept
from catalog.loader import SHIPPED
from catalog.price_files import read_prices


class Birds(msgspec.Struct):
    """What is read in these tests."""

    names: tuple[str, ...]


class Reader:
    """Reads a file, and counts how often."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.times = 0

    def read(self) -> Birds:
        self.times += 1
        return Birds(tuple(self.file.read_text(encoding="utf-8").split()))

    def get(self) -> tuple[str, ...]:
        return kept("birds", self.file.parent, [self.file], Birds, self.read).names


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "birds.txt"
    file.write_text("robin wren", encoding="utf-8")
    return Reader(file)


def written(directory: Path) -> Iterator[Path]:
    return (file for file in directory.rglob("*") if file.is_file() and file.name != "birds.txt")


def test_the_second_time_nothing_is_read(reader: Reader) -> None:
    assert reader.get() == reader.get() == ("robin", "wren")
    assert reader.times == 1


def test_it_is_kept_beside_the_files_and_nothing_half_written_stays(reader: Reader) -> None:
    reader.get()
    assert list(written(reader.file.parent)) == [reader.file.parent / "kept" / "birds.msgpack"]


def test_a_changed_file_is_read_anew(reader: Reader) -> None:
    reader.get()
    reader.file.write_text("robin owls", encoding="utf-8")
    assert reader.get() == ("robin", "owls")
    reader.file.write_text("robin wren", encoding="utf-8")
    assert reader.get() == ("robin", "wren")
    assert reader.times == 3


def test_what_other_code_kept_is_not_used(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader.get()
    code = tmp_path / "code"
    code.mkdir()
    (code / "new.py").write_text("", encoding="utf-8")
    monkeypatch.setattr("catalog.kept._CODE", code)
    reader.get()
    assert reader.times == 2


@pytest.mark.parametrize("broken", [b"", b"x", b"x" * 100])
def test_a_file_that_is_broken_is_not_used_and_is_mended(reader: Reader, broken: bytes) -> None:
    reader.get()
    (file,) = written(reader.file.parent)
    file.write_bytes(broken)
    assert reader.get() == ("robin", "wren")
    assert reader.get() == ("robin", "wren")
    assert reader.times == 2


def test_a_file_cut_short_is_not_used(reader: Reader) -> None:
    reader.get()
    (file,) = written(reader.file.parent)
    file.write_bytes(file.read_bytes()[:-1])
    assert reader.get() == ("robin", "wren")
    assert reader.times == 2


def test_what_can_not_be_kept_is_read_each_time(reader: Reader) -> None:
    (reader.file.parent / "kept").write_text("in the way", encoding="utf-8")
    assert reader.get() == reader.get() == ("robin", "wren")
    assert reader.times == 2


def test_where_python_writes_no_bytecode_nothing_is_kept(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    reader.get()
    assert list(written(reader.file.parent)) == []


def test_a_reader_that_fails_says_so_itself_and_leaves_nothing(reader: Reader) -> None:
    reader.file.unlink()
    with pytest.raises(FileNotFoundError):
        reader.get()
    assert reader.times == 1
    assert list(written(reader.file.parent)) == []


def test_the_shipped_catalog_and_prices_are_the_same_kept_or_read() -> None:
    """They come out of the encoding as they went in."""
    for value in (loader._shipped_values(), read_prices(SHIPPED)):
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=type(value)) == value


def test_what_is_loaded_is_what_the_files_say() -> None:
    assert list(catalog.load().models.values()) == list(loader._shipped_values().models)
    assert prices.load().tariff == read_prices(SHIPPED)
