"""Reads catalogs and overlays from disk and validates them.

A catalog is a directory with `sources*.toml`, `jurisdictions.toml`, `locations.toml` and
`models/*.toml`, and `features.toml` where it has one. Either all of it is valid and a `Catalog` comes
out, or `InvalidCatalog` lists every problem found, each with file, line, entry and field. Its
`prices/*.toml` are not read until somebody asks `catalog.prices` what a call costs, or lints.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from catalog.draft import Draft
from catalog.entries import read
from catalog.errors import InvalidCatalog, Problem
from catalog.lint import STRUCTURE, lint
from catalog.query import Catalog
from catalog.schema import Feature, Jurisdiction, Location, Model, Source

SHIPPED = Path(__file__).parent / "data"

File = str | os.PathLike[str]


def load(directory: File | None = None, *, overlay: File | Iterable[File] = ()) -> Catalog:
    """The catalog of a directory; without one, the catalog shipped with the package.

    The shipped catalog is read once per process; a `Catalog` is never changed, so it is shared.

    Args:
        overlay: a project's own TOML file, or several that are laid over in their order.

    Raises:
        InvalidCatalog: the data does not validate; the error lists every problem found.
    """
    found = _shipped() if directory is None else _read(Path(directory))
    for file in (overlay,) if isinstance(overlay, (str, os.PathLike)) else overlay:
        found = _laid_over(found, Path(file))
    return found


@functools.cache
def _shipped() -> Catalog:
    return _read(SHIPPED)


def _read(directory: Path) -> Catalog:
    problems: list[Problem] = []
    draft = catalog_draft(directory, problems, prices=False)
    _refuse(problems, draft)
    return draft.catalog()


def _laid_over(base: Catalog, file: Path) -> Catalog:
    from catalog.overlay import laid_over  # noqa: PLC0415 - only who has one needs it

    problems: list[Problem] = []
    draft = overlay_draft(file, base, problems)
    _refuse(problems, draft)
    return laid_over(base, draft)


def catalog_draft(directory: Path, problems: list[Problem], *, prices: bool = True) -> Draft:
    """The entries of a catalog's directory; what can't be read goes to `problems`.

    Args:
        prices: whether to read its price files, too, if it has any.
    """

    def entries(files: Iterable[Path], table: str, kind: Any) -> list[Any]:
        return [each for file in files for each in read(file, {table: kind}, problems).get(table, ())]

    draft = Draft(
        sources=entries(sorted(directory.glob("sources*.toml")) or [directory / "sources.toml"], "source", Source),
        jurisdictions=entries([directory / "jurisdictions.toml"], "jurisdiction", Jurisdiction),
        locations=entries([directory / "locations.toml"], "location", Location),
        models=entries(sorted((directory / "models").glob("*.toml")), "model", Model),
        prices=_prices(directory, problems) if prices and (directory / "prices").exists() else {},
        features=entries(directory.glob("features.toml"), "feature", Feature),
    )
    if not any((directory / "models").glob("*.toml")):
        problems.append(Problem(str(directory / "models"), 0, "", "", "expected a *.toml file for each publisher"))
    return draft


def _prices(directory: Path, problems: list[Problem]) -> dict[str, list[Any]]:
    from catalog.price_files import price_entries  # noqa: PLC0415 - routing reads no prices

    return price_entries(directory, problems)


def overlay_draft(file: Path, base: Catalog, problems: list[Problem]) -> Draft:
    """The entries of an overlay's file; what can't be read goes to `problems`."""
    from catalog.overlay import TABLES  # noqa: PLC0415 - as above

    found = read(file, TABLES, problems)
    return Draft(sources=found.pop("source", []), models=found.pop("model", []), own=found, base=base)


def _refuse(problems: list[Problem], draft: Draft) -> None:
    # A file that did not decode would make every reference to it look wrong.
    if found := problems or lint(draft, date.min, STRUCTURE):
        raise InvalidCatalog(found)
