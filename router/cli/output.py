"""How commands print: lines that fit the terminal, sources as numbered notes, JSON.

No word is ever cut, since an id that is cut is another id: where a line is too narrow for one it
stands out. What is not a terminal, such as a pipe, gets one line for each row, without colours.
"""

from __future__ import annotations

import io
import json
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

_ENDLESS = 1_000_000
_GAP = 2
_LAST = 20
"""As many columns as the last column of a table is given, if it needs them, at the cost of the first."""

_FIRST = 12


@contextmanager
def unless_unread() -> Iterator[None]:
    """Printing of which the rest is dropped when its reader goes away, as `head` does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Console(Console):
    """Leaves it to the command what becomes of it when its reader has gone; the exit code is its own."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Screen:
    """Standard output, for people; standard error where that is taken by something else."""

    def __init__(self, *, error: bool = False) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # a title in another script is no reason to fail
        self._console = _Console(stderr=error, highlight=False, markup=False, emoji=False, soft_wrap=True)
        bounded = self._console.is_terminal or os.environ.get("COLUMNS", "").isdigit()
        self.width = self._console.width if bounded else _ENDLESS

    def line(self, *parts: str | tuple[str, str]) -> None:
        """Prints a line as it is, an empty one for none; a part may be a pair of text and style."""
        self._console.print(Text.assemble(*parts))

    def text(self, text: str, by: int = 0, style: str = "") -> None:
        """Prints a paragraph, broken between words and moved to the right."""
        for line in _wrapped(text, self.width - by):
            self._console.print(Text(" " * by + line, style))

    def grid(self, grid: Grid, by: int = 0) -> None:
        """Prints a table, moved to the right."""
        for line, style in grid.lines(self.width - by):
            self._console.print(Text(" " * by + line, style))

    def notes(self, notes: Notes) -> None:
        """Prints the notes, if there are any."""
        for number, source in notes.numbered():
            self.line(*(["\n"] if number == 1 else []), f"({number}) {source}")


class Grid:
    """Rows under headings, without lines.

    The last column is broken between words; a first cell too long for its column has a line of its own.
    """

    def __init__(self, *headings: str) -> None:
        self._rows: list[tuple[tuple[str, ...], str]] = [(headings, "dim")]

    def add(self, *cells: str) -> None:
        """Adds a row."""
        self._rows.append((cells, ""))

    def title(self, text: str) -> None:
        """Adds a line across the columns, above the rows that it is about."""
        self._rows.append(((text,), "bold"))

    def lines(self, width: int) -> Iterable[tuple[str, str]]:
        """The lines that fit a width, each with its style."""
        widths = self._widths(width)
        for cells, style in self._rows:
            for line in _row(cells, widths) if len(cells) > 1 else cells:
                yield line.rstrip(), style

    def _widths(self, width: int) -> list[int]:
        rows = [cells for cells, _ in self._rows if len(cells) > 1]
        longest = [max(map(len, column)) for column in zip(*rows, strict=True)]
        *fixed, last = longest
        word = max(len(word) for *_, cell in rows for word in cell.split() or [""])
        room = width - sum(fixed[1:]) - _GAP * len(fixed) - max(word, min(last, _LAST))
        fixed[0] = min(fixed[0], max(_FIRST, room))
        return [*fixed, max(_FIRST, width - sum(fixed) - _GAP * len(fixed))]


def _row(cells: tuple[str, ...], widths: list[int]) -> Iterable[str]:
    first, *middle, last = cells
    if len(first) > widths[0]:
        yield first
        first = ""
    fixed = "".join(f"{cell:{width + _GAP}}" for cell, width in zip((first, *middle), widths[:-1], strict=True))
    for line in _wrapped(last, widths[-1]) or [""]:
        yield fixed + line
        fixed = " " * len(fixed)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(_FIRST, width), break_long_words=False, break_on_hyphens=False)


class Notes:
    """Sources, each printed once at the end and cited by its number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def digits(self, sources: Iterable[str]) -> str:
        """The notes for these sources, as `1 2`, for a column of their own."""
        named = dict.fromkeys(source for source in sources if source)
        return " ".join(str(self._numbers.setdefault(source, len(self._numbers) + 1)) for source in named)

    def number(self, sources: Iterable[str]) -> str:
        """The notes for these sources, as `(1) (2)`, within a sentence."""
        return " ".join(f"({digit})" for digit in self.digits(sources).split())

    def numbered(self) -> Iterable[tuple[int, str]]:
        """The notes in the order of their numbers."""
        return ((number, source) for source, number in self._numbers.items())


def aged(days: int | None) -> str:
    """The age of evidence."""
    return "" if days is None else f"{days} d old"


def counted(number: int, one: str) -> str:
    """A number of things in words."""
    return f"{number or 'no'} {one}{'' if number == 1 else 's'}"


def print_json(data: Any) -> None:
    """Prints plain data, or structs as plain data, as indented JSON."""
    json.dump(msgspec.to_builtins(data), sys.stdout, indent=2)
    sys.stdout.write("\n")
