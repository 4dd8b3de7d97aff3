"""Reads the entries of TOML files, each with its place, so that whatever is wrong with it can be pointed at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import tomli  # of which tomllib is a copy; compiled, it reads the catalog in a third of the time

from catalog.decode import DecodeError, decode
from catalog.errors import Problem
from catalog.lines import line_of

T = TypeVar("T")


class Entry(msgspec.Struct, Generic[T], frozen=True):
    """A decoded entry and where it stands: `path` leads to it within the text of its file."""

    value: T
    file: str
    text: str
    path: tuple[str, int]

    @property
    def title(self) -> str:
        """The entry as messages call it: its table, and its id or the model or location that it is about."""
        return f"{self.path[0]} {_name(self.value, self.path[1])}"

    def problem(self, message: str, *field: str | int) -> Problem:
        """Something wrong with this entry, or with a field of it."""
        line = line_of(self.text, (*self.path, *field))
        return Problem(self.file, line, self.title, dotted(field), message)


def read(file: Path, tables: Mapping[str, Any], problems: list[Problem]) -> dict[str, list[Entry[Any]]]:
    """The entries of a file by table, decoded; what is wrong with it goes to `problems`.

    Args:
        tables: the type of the entries of each table that the file may have.
    """
    try:
        text = file.read_text(encoding="utf-8")
        data = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        problems.append(_wrong(file, f"not valid TOML: {error}", int(found[1]) if found else 0))
        return {}
    except (OSError, UnicodeDecodeError) as error:
        problems.append(_wrong(file, f"can't be read: {error}"))
        return {}
    return entries(file, text, data, tables, problems)


def entries(
    file: Path, text: str, data: Mapping[str, Any], tables: Mapping[str, Any], problems: list[Problem]
) -> dict[str, list[Entry[Any]]]:
    """The entries of a file's data, which was parsed already."""
    wrong: list[Problem] = []
    expected = ", ".join(f"[[{table}]]" for table in tables)
    for key in data.keys() - tables.keys():
        message = f"unknown table or key; expected only {expected}"
        wrong.append(_wrong(file, message, line_of(text, (key,)), field=key))
    if not data.keys() & tables.keys():
        field = next(iter(tables)) if len(tables) == 1 else ""
        wrong.append(_wrong(file, f"expected one or more {expected} entries", field=field))
    found: dict[str, list[Entry[Any]]] = {}
    for table, kind in tables.items():
        rows = data.get(table)
        if rows is None:
            continue
        if not isinstance(rows, list) or not rows:
            wrong.append(_wrong(file, f"expected one or more [[{table}]] entries", field=table))
            continue
        found[table] = []
        for index, row in enumerate(rows):
            try:
                found[table].append(Entry(decode(row, kind), str(file), text, (table, index)))
            except DecodeError as error:
                line = line_of(text, (table, index, *error.path))
                wrong.append(_wrong(file, str(error), line, f"{table} {_name(row, index)}", dotted(error.path)))
    problems += sorted(wrong, key=lambda each: each.line)
    return found


def dotted(path: Iterable[str | int]) -> str:
    """A path as a reader writes it: `availability[2].modes`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _wrong(file: Path, message: str, line: int = 0, entry: str = "", field: str = "") -> Problem:
    return Problem(str(file), line, entry, field, message)


def _name(value: Any, index: int) -> str:
    for field in ("id", "model", "location"):
        name = value.get(field) if isinstance(value, dict) else getattr(value, field, None)
        if isinstance(name, str) and name:
            return repr(name) if field == "id" else f"#{index + 1} ({name})"
    return f"#{index + 1}"
