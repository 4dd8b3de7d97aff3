"""How commands print: tables that fit the terminal, sources as numbered notes, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

import msgspec
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table


def columns(*headings: str, last_wraps: bool = False) -> Table:
    """A table without lines; only its last column is broken over lines, and only if it may be."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        wraps = last_wraps and heading == headings[-1]
        table.add_column(heading, no_wrap=not wraps, min_width=16 if wraps else None)
    return table


def indented(content: RenderableType, by: int = 2, *, dim: bool = False) -> Padding:
    """Text or a table, moved to the right."""
    return Padding(content, (0, 0, 0, by), style="dim" if dim else "none", expand=False)


def aged(days: int | None) -> str:
    """The age of evidence."""
    return "" if days is None else f"{days} d old"


def print_json(data: Any) -> None:
    """Prints plain data, or structs as plain data, as indented JSON."""
    json.dump(msgspec.to_builtins(data), sys.stdout, indent=2)
    sys.stdout.write("\n")


class Notes:
    """Sources, each printed once at the end and cited by its number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, sources: Iterable[str]) -> str:
        """The notes for these sources, as `(1) (2)`."""
        named = dict.fromkeys(source for source in sources if source)
        return " ".join(f"({self._numbers.setdefault(source, len(self._numbers) + 1)})" for source in named)

    def show(self, console: Console) -> None:
        """Prints the notes."""
        if self._numbers:
            console.print()
        for source, number in self._numbers.items():
            console.print(f"({number}) {source}", soft_wrap=True)
