"""Where rows come from: a file of JSON lines, a table with a column of prompts, or a program."""

from __future__ import annotations

import csv
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from router.batch.requests import EXCESS
from router.batch.settings import BatchError

Line = tuple[int, bytes]
"""A row's number, counted from 1, and its JSON."""

Rows = str | Path | Iterable[Mapping[str, Any] | str]
"""A path; or rows themselves, each a mapping of a known form, or a prompt."""

_MARK = b"\xef\xbb\xbf"  # some editors begin a file with it
_OTHERS = (
    (b"\x1f\x8b", "compressed (gzip); unpack it first"),
    (b"PK\x03\x04", "a zip archive or a workbook; take out or save what is to be asked"),
    (b"PAR1", "a Parquet file; let its name end in .parquet"),
    (b"\xff\xfe", "UTF-16; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16; save it as UTF-8"),
)
"""How files begin that hold no text, or not in UTF-8, and what is to be done with them."""

_LONGEST_CELL = 1 << 27
_ROWS_AT_ONCE = 256


class Source:
    """Rows that can be gone through again and again, alike each time.

    Args:
        rows: a path ending in `.jsonl` (or anything but the following), `.csv`, `.tsv` or `.parquet`; or the
            rows themselves.
        column: of a table, the column that holds the prompts.

    Raises:
        BatchError: there is no such file, or the table has no such column.
    """

    def __init__(self, rows: Rows, column: str) -> None:
        self._column = column
        if isinstance(rows, (bytes, Mapping)) or not isinstance(rows, (str, Path, Iterable)):
            raise BatchError(f"rows are a path, or several prompts or mappings, not {type(rows).__name__}")
        self._rows = Path(rows) if isinstance(rows, str) else rows if isinstance(rows, Path) else list(rows)
        if isinstance(self._rows, Path):
            _check_regular(self._rows)

    @property
    def name(self) -> str:
        """The file's name, or what stands for rows without one."""
        return str(self._rows) if isinstance(self._rows, Path) else "rows"

    @property
    def count(self) -> int | None:
        """How many rows there are; None for a file, which only reading it tells."""
        return None if isinstance(self._rows, Path) else len(self._rows)

    def is_file(self, path: Path) -> bool:
        """Whether the rows come from this file, by whichever name."""
        try:
            return isinstance(self._rows, Path) and path.samefile(self._rows)
        except OSError:  # as when it is not there
            return False

    def __iter__(self) -> Iterator[Line]:
        if not isinstance(self._rows, Path):
            return _given(self._rows)
        readers = {".parquet": self._parquet, ".csv": self._commas, ".tsv": self._tabs}
        return self._readable(readers.get(self._rows.suffix.lower(), _lines)(self._rows))

    def _readable(self, lines: Iterator[Line]) -> Iterator[Line]:
        line: Line = (0, b"")
        try:
            for line in lines:
                yield line
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            cures = {
                UnicodeDecodeError: "; save it as UTF-8",
                csv.Error: "; a text in quotes must be closed, and quotes inside it doubled",
            }
            cure = cures.get(type(error), "")
            where = f" after row {line[0]}" if line[0] else ""
            why = error.strerror if isinstance(error, OSError) else error
            raise BatchError(f"{self.name}: can't be read{where}: {why}{cure}") from error

    def _commas(self, path: Path) -> Iterator[Line]:
        return self._table(path, ",")

    def _tabs(self, path: Path) -> Iterator[Line]:
        return self._table(path, "\t")

    def _table(self, path: Path, delimiter: str) -> Iterator[Line]:
        _check_text(path)
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))  # the module knows no limit for one file
        with path.open(encoding="utf-8-sig", newline="") as file:
            # Strict: a quote that nothing closes would else make one prompt of all rows that follow.
            reader = csv.DictReader(file, delimiter=delimiter, restkey=EXCESS, strict=True)
            self._check(reader.fieldnames or ())
            for number, row in enumerate(reader, 1):
                yield number, self._prompt(row)

    def _parquet(self, path: Path) -> Iterator[Line]:
        try:
            from pyarrow import ArrowInvalid, parquet  # noqa: PLC0415 - an extra
        except ModuleNotFoundError:
            raise BatchError(f"{path}: reading Parquet needs pyarrow; pip install 'vertex-router[parquet]'") from None
        try:
            file = parquet.ParquetFile(path)
        except ArrowInvalid as error:
            raise BatchError(f"{path}: not a Parquet file: {error}") from None
        with file:
            self._check(file.schema_arrow.names)
            number = 0
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    number += 1
                    yield number, self._prompt(row)

    def _check(self, names: Iterable[str]) -> None:
        if self._column not in names:
            known = ", ".join(names) or "(none)"
            raise BatchError(f"{self.name}: no column {self._column!r}; the columns are {known}")

    def _prompt(self, row: dict[str, Any]) -> bytes:
        """The row, its column of prompts under the name that is known."""
        others = {key: value for key, value in row.items() if key != self._column}
        return msgspec.json.encode({"prompt": row.get(self._column), **others}, enc_hook=str)


def _lines(path: Path) -> Iterator[Line]:
    """Lines that are not empty, numbered as an editor does."""
    _check_text(path)
    with path.open("rb", buffering=1 << 20) as file:
        for number, line in enumerate(file, 1):
            if stripped := (line.removeprefix(_MARK) if number == 1 else line).strip():
                yield number, stripped


def _check_regular(path: Path) -> None:
    """Sees that there is a file that can be read again and again.

    Raises:
        BatchError: there is none, or it can't be reached.
    """
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        raise BatchError(f"{path}: there is no such file") from None
    except OSError as error:
        raise BatchError(f"{path}: can't be read: {error.strerror}") from error
    if not regular:
        raise BatchError(f"{path}: it is no regular file")


def _check_text(path: Path) -> None:
    """Sees that a file is text.

    Raises:
        BatchError: it begins as something else does; every one of its lines would be at fault.
    """
    with path.open("rb") as file:
        start = file.read(4)
    for beginning, what in _OTHERS:
        if start.startswith(beginning):
            raise BatchError(f"{path}: this is {what}")


def _given(rows: Iterable[Mapping[str, Any] | str]) -> Iterator[Line]:
    for number, row in enumerate(rows, 1):
        yield number, msgspec.json.encode({"prompt": row} if isinstance(row, str) else row)
