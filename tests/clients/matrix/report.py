"""What ran: written by each run of the tests of all clients, and put together into the table of docs/clients.md.

    CLIENTS_REPORT=one.json pytest tests/clients/test_matrix.py     # in each environment
    python -m tests.clients.matrix.report one.json two.json          # compares them with the docs
    python -m tests.clients.matrix.report --write one.json two.json  # writes the table into the docs

A row is a client and a generation of it, which is the first number of its version: releases come every week,
and the table of yesterday is no mistake as long as the same rows ran in the same ways.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.clients.matrix.driver import WAYS, Driver

DOCS = Path(__file__).parents[3] / "docs" / "clients.md"
BEGIN, END = "<!-- what ran: begin -->", "<!-- what ran: end -->"
HEAD = ("client", "version", "HTTP stack", "whole", "stream", "async whole", "async stream", "routed by")

Row = dict[str, Any]


class Ran:
    """The checks that a run has passed, by client and way."""

    def __init__(self) -> None:
        self._passed: dict[tuple[type[Driver], str], set[str]] = {}
        self._stacks: dict[type[Driver], set[str]] = {}

    def passed(self, driver: type[Driver], way: str, check: str, stacks: Iterable[str] = ()) -> None:
        """Notes that a client has passed a check in one of its ways, over these HTTP stacks."""
        self._passed.setdefault((driver, way), set()).add(check)
        self._stacks.setdefault(driver, set()).update(stacks)

    def rows(self, checks: Iterable[str]) -> list[Row]:
        """A row for each client, with the ways in which it has passed all checks."""
        found: dict[type[Driver], list[str]] = {}
        for (driver, way), passed in self._passed.items():
            if passed >= set(checks):
                found.setdefault(driver, []).append(way)
        return [
            {
                "client": driver.name,
                "package": driver.distribution,
                "version": driver.version(),
                "stack": driver.stack or ", ".join(sorted(self._stacks[driver])),
                "ways": [way for way in WAYS if way in ways],
                "line": driver.line,
            }
            for driver, ways in found.items()
        ]


def generation(version: str) -> str:
    """The part of a version that tells one generation of a client from another."""
    return version.partition(".")[0]


def merged(reports: Iterable[list[Row]]) -> list[Row]:
    """The rows of several runs, one for each client and generation; of several versions, the latest."""
    found: dict[tuple[str, str], Row] = {}
    for row in (row for report in reports for row in report):
        key = (row["client"], generation(row["version"]))
        if key not in found or _numbers(row["version"]) > _numbers(found[key]["version"]):
            found[key] = row
    return [found[key] for key in sorted(found, key=lambda key: (key[0], int(key[1])))]


def table(rows: Iterable[Row]) -> str:
    """The rows as a table in Markdown."""
    lines = [HEAD, tuple("---" for _ in HEAD)]
    for row in rows:
        ways = tuple("yes" if way in row["ways"] else "" for way in WAYS)
        lines.append((row["client"], f"{row['package']} {row['version']}", row["stack"], *ways, f"`{row['line']}`"))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def differences(committed: str, ran: str) -> list[str]:
    """How a committed table differs from that of a run, versions within a generation apart."""
    before, now = set(map(_comparable, _lines(committed))), set(map(_comparable, _lines(ran)))
    return [f"not in the docs: {line}" for line in sorted(now - before)] + [
        f"did not run: {line}" for line in sorted(before - now)
    ]


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| ")][2:]


def _comparable(line: str) -> str:
    client, version, *rest = line.strip("| ").split(" | ")
    package, _, number = version.rpartition(" ")
    return " | ".join([client, f"{package} {generation(number)}.*", *rest])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def committed_in(text: str) -> str:
    """The table in the text of the docs.

    Raises:
        ValueError: the marks around it are not there.
    """
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


def main(arguments: list[str]) -> int:
    """Compares, or writes; gives the exit code."""
    write = "--write" in arguments
    rows = merged(json.loads(Path(each).read_text("utf-8")) for each in arguments if each != "--write")
    ran, text = table(rows), DOCS.read_text("utf-8")
    if write:
        before, after = text[: text.index(BEGIN)], text[text.index(END) :]
        DOCS.write_text(f"{before}{BEGIN}\n{ran}{after}", "utf-8")
        return 0
    found = differences(committed_in(text), ran)
    said = found or [f"{len(rows)} rows ran, as {DOCS.name} says"]
    sys.stdout.write("".join(f"{line}\n" for line in said))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
