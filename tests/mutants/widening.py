"""Patches that each widen one rule, as data, and the tests that must notice: `make mutants-of-rules`.

Each patch is made in a copy of the tree, in which its named tests are run; all of them must fail there,
and pass without it. The same data makes the table of docs/security.md.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- rules: begin -->", "<!-- rules: end -->"
NEEDED = ("catalog", "router", "tests", "docs", "benchmarks", "pyproject.toml", "README.md", "Makefile", ".ci")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?)(?:\[| - |$)", re.MULTILINE)


class Widening(NamedTuple):
    """One patch: what it would allow, which check it takes away, and the tests that notice."""

    id: str
    threat: str
    check: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def widenings() -> list[Widening]:
    """All patches, in the order of their file."""
    rows = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))["widening"]
    return [Widening(**{**row, "tests": tuple(row["tests"])}) for row in rows]


def copy_of_the_tree(to: Path) -> Path:
    """A copy of what the tests need, in which patches are made."""
    for name in NEEDED:
        origin = ROOT / name
        if origin.is_dir():
            shutil.copytree(origin, to / name, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
        else:
            shutil.copy(origin, to / name)
    return to


def failing(tree: Path, tests: tuple[str, ...]) -> set[str]:
    """Which of these tests fail in a tree, each by its name without parameters.

    Raises:
        RuntimeError: pytest could not run them.
    """
    # The tree is first on the path, before the package as it is installed; no stale bytecode is read.
    settings = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree), "COLUMNS": "500"}
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider", *tests]
    ran = subprocess.run(command, cwd=tree, env=settings, capture_output=True, text=True, timeout=300, check=False)
    if ran.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with {ran.returncode}:\n{ran.stdout[-3000:]}{ran.stderr[-3000:]}")
    return set(_FAILED.findall(ran.stdout))


def unnoticed(tree: Path, each: Widening) -> list[str]:
    """The named tests that don't fail when the patch is made."""
    file = tree / each.file
    whole = file.read_text("utf-8")
    file.write_text(whole.replace(each.old, each.new), "utf-8")
    try:
        failed = failing(tree, each.tests)
    finally:
        file.write_text(whole, "utf-8")
    return [test for test in each.tests if test not in failed]


def table(rows: list[Widening]) -> str:
    """The rows of docs/security.md."""

    def lines() -> Iterator[str]:
        yield "| who could make a byte leave | what stops it | tests that fail without it |"
        yield "| --- | --- | --- |"
        for each in rows:
            names = "<br>".join(f"`{_short(test)}`" for test in each.tests)
            yield f"| {each.threat} | {each.check} (`{each.file}`) | {names} |"

    return "\n".join(lines())


def _short(test: str) -> str:
    return test.removeprefix("tests/")


def documented(text: str, rows: list[Widening]) -> str:
    """The text of docs/security.md with the table of these rows."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(rows)}\n\n{END}{after}"
