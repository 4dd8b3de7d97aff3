"""Finds the line of a value in TOML text, so that an error can name it.

`tomllib` keeps no positions. This reads only headers and keys at the start of a line, which is how
catalogs and policies are written; what it cannot place is placed at its nearest parent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Path = Sequence[str | int]

_HEADER = re.compile(r"^\s*(\[\[?)\s*([A-Za-z0-9_.\-\"]+)\s*\]\]?")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-]+)\s*=")


def line_of(text: str, path: Path) -> int:
    """The 1-based line of the value at `path`, of its nearest parent, or 0.

    Args:
        path: keys and indexes from the top, e.g. `("model", 3, "availability", 0, "modes")`.
    """
    want = tuple(path)
    best = (0, 0)
    table: tuple[str | int, ...] = ()
    counts: dict[tuple[str | int, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _table(header, counts)
            place = table
        elif key := _KEY.match(line):
            place = (*table, key.group(1))
        else:
            continue
        shared = min(len(place), len(want))  # a whole array of tables is placed at its first header
        if shared > best[0] and want[:shared] == place[:shared]:
            best = (shared, number)
    return best[1]


def _table(header: re.Match[str], counts: dict[tuple[str | int, ...], int]) -> tuple[str | int, ...]:
    """The path of the table that this header opens, with the index of each array entry filled in."""
    *parents, last = header.group(2).replace('"', "").split(".")
    path: tuple[str | int, ...] = ()
    for parent in parents:
        path = (*path, parent)
        if path in counts:
            path = (*path, counts[path])
    path = (*path, last)
    if header.group(1) == "[[":
        counts[path] = counts.get(path, -1) + 1
        path = (*path, counts[path])
    return path
