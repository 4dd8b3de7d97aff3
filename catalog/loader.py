"""Reads catalog TOML from disk and validates it. The only part of the catalog that touches files.

A catalog is a directory with `sources*.toml`, `jurisdictions.toml`, `locations.toml` and
`models/*.toml`. Either all of it is valid and a `Catalog` comes out, or `InvalidCatalog` lists
every problem found, each with file, line, entry and field.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from catalog.decode import DecodeError, decode
from catalog.errors import InvalidCatalog, Problem, nearest
from catalog.lines import line_of
from catalog.query import Catalog
from catalog.schema import (
    EVERYWHERE_ELSE,
    NO_BOUNDARY,
    UNKNOWN_BOUNDARY,
    Claim,
    Jurisdiction,
    Location,
    Model,
    Processing,
    Source,
)

SHIPPED = Path(__file__).parent / "data"

T = TypeVar("T", bound=Source | Jurisdiction | Location | Model)


def load(directory: str | Path | None = None) -> Catalog:
    """The catalog of a directory; without one, the catalog shipped with the package.

    The shipped catalog is read once per process; a `Catalog` is never changed, so it is shared.

    Raises:
        InvalidCatalog: the data does not validate; the error lists every problem found.
    """
    return _shipped() if directory is None else _read(Path(directory))


@functools.cache
def _shipped() -> Catalog:
    return _read(SHIPPED)


def _read(directory: Path) -> Catalog:
    problems: list[Problem] = []
    sources: list[_Entry[Source]] = []
    source_files = sorted(directory.glob("sources*.toml")) or [directory / "sources.toml"]
    for file in source_files:
        sources += _entries(file, "source", Source, problems)
    jurisdictions = _entries(directory / "jurisdictions.toml", "jurisdiction", Jurisdiction, problems)
    locations = _entries(directory / "locations.toml", "location", Location, problems)
    models: list[_Entry[Model]] = []
    files = sorted((directory / "models").glob("*.toml"))
    for file in files:
        models += _entries(file, "model", Model, problems)
    if not files:
        problems.append(Problem(str(directory / "models"), 0, "", "", "expected a *.toml file for each publisher"))
    if not problems:  # a file that did not decode would make every reference to it look wrong
        problems += _inconsistent(sources, jurisdictions, locations, models)
    if problems:
        order = [str(file) for file in source_files]
        order += [str(directory / f"{name}.toml") for name in ("jurisdictions", "locations")]
        order += [str(file) for file in files] or [str(directory / "models")]
        raise InvalidCatalog(sorted(problems, key=lambda each: (order.index(each.file), each.line)))
    return Catalog(
        sources=[entry.value for entry in sources],
        jurisdictions=[entry.value for entry in jurisdictions],
        locations=[entry.value for entry in locations],
        models=[entry.value for entry in models],
    )


class _Entry(msgspec.Struct, Generic[T], frozen=True):
    """A decoded entry and where it stands, for what is found wrong with it later."""

    value: T
    file: str
    text: str
    path: tuple[str, int]

    def problem(self, message: str, *field: str | int) -> Problem:
        line = line_of(self.text, (*self.path, *field))
        return Problem(self.file, line, f"{self.path[0]} {self.value.id!r}", _dotted(field), message)


def _entries(file: Path, table: str, kind: type[T], problems: list[Problem]) -> list[_Entry[T]]:
    """The entries of one file, decoded; what is wrong with it goes to `problems`."""

    def wrong(message: str, line: int = 0, entry: str = "", field: str = "") -> None:
        problems.append(Problem(str(file), line, entry, field, message))

    try:
        text = file.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        wrong(f"not valid TOML: {error}", int(found[1]) if found else 0)
        return []
    except (OSError, UnicodeDecodeError) as error:
        wrong(f"can't be read: {error}")
        return []
    for key in data.keys() - {table}:
        wrong(f"unknown table or key; expected only [[{table}]]", line_of(text, (key,)), field=key)
    rows = data.get(table, [])
    if not isinstance(rows, list) or not rows:
        wrong(f"expected one or more [[{table}]] entries", field=table)
        return []
    entries = []
    for index, row in enumerate(rows):
        try:
            entries.append(_Entry(decode(row, kind), str(file), text, (table, index)))
        except DecodeError as error:
            name = repr(row["id"]) if isinstance(row, dict) and "id" in row else f"#{index + 1}"
            wrong(str(error), line_of(text, (table, index, *error.path)), f"{table} {name}", _dotted(error.path))
    return entries


def _dotted(path: Iterable[str | int]) -> str:
    """A path as a reader writes it: `availability[2].modes`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _inconsistent(
    sources: list[_Entry[Source]],
    jurisdictions: list[_Entry[Jurisdiction]],
    locations: list[_Entry[Location]],
    models: list[_Entry[Model]],
) -> Iterator[Problem]:
    """What is wrong between entries: ids used twice, references to what does not exist, empty periods."""
    refer = _References(
        source={entry.value.id for entry in sources},
        location={entry.value.id for entry in locations},
        jurisdiction=_jurisdiction_ids(jurisdictions, locations),
    )
    for entries in (sources, jurisdictions, locations):
        yield from _repeated(entries)
    for location in locations:
        yield from refer.check(location, "source", location.value.source, "source")
        yield from _misplaced(location, refer)
    yield from _repeated(models)
    for model in models:
        yield from _inconsistent_model(model, refer)


def _misplaced(location: _Entry[Location], refer: _References) -> Iterator[Problem]:
    kind, jurisdiction = location.value.kind, location.value.jurisdiction
    if kind == "global" and jurisdiction is not None:
        yield location.problem("a global location stands in no jurisdiction; leave it out", "jurisdiction")
    elif kind == "region" and not re.fullmatch("[a-z]{2}", jurisdiction or ""):
        yield location.problem("expected the country of the region, two lower-case letters", "jurisdiction")
    elif kind == "multi_region":
        yield from refer.check(location, "jurisdiction", jurisdiction or "", "jurisdiction")


def _inconsistent_model(model: _Entry[Model], refer: _References) -> Iterator[Problem]:
    if model.value.retirement:
        yield from refer.check(model, "source", model.value.retirement.source, "retirement", "source")
    if model.value.data_sharing:
        yield from refer.check(model, "source", model.value.data_sharing.source, "data_sharing", "source")
    if model.value.limits:
        yield from refer.check(model, "source", model.value.limits.source, "limits", "source")
    for kind in ("availability", "processing", "capability", "quota", "throughput"):
        for index, claim in enumerate(getattr(model.value, kind)):
            yield from _inconsistent_claim(model, claim, (kind, index), refer)
    for index, processing in enumerate(model.value.processing):
        if processing.boundary not in (NO_BOUNDARY, UNKNOWN_BOUNDARY):
            yield from refer.check(model, "jurisdiction", processing.boundary, "processing", index, "boundary")


def _inconsistent_claim(
    model: _Entry[Model], claim: Claim, path: tuple[str, int], refer: _References
) -> Iterator[Problem]:
    yield from refer.check(model, "source", claim.source, *path, "source")
    for name in getattr(claim, "locations", ()):
        if name != EVERYWHERE_ELSE or isinstance(claim, Processing):
            yield from refer.check(model, "location", name, *path, "locations")
    if claim.until is not None and claim.until <= claim.since:
        yield model.problem(f"the claim ends on {claim.until}, before it begins on {claim.since}", *path, "until")


def _repeated(entries: Iterable[_Entry[Any]]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for entry in entries:
        for name in (entry.value.id, *getattr(entry.value, "aliases", ())):
            if name in seen:
                field = "id" if name == entry.value.id else "aliases"
                yield entry.problem(f"{name!r} is already a name of {seen[name]!r}", field)
            seen[name] = entry.value.id


def _jurisdiction_ids(jurisdictions: list[_Entry[Jurisdiction]], locations: list[_Entry[Location]]) -> set[str]:
    """Every name that a boundary may use: the named sets, and each of their countries by itself."""
    named = {entry.value.id for entry in jurisdictions}
    named |= {country for entry in jurisdictions for country in entry.value.countries}
    return named | {e.value.jurisdiction for e in locations if e.value.jurisdiction and e.value.kind == "region"}


class _References(msgspec.Struct, frozen=True):
    """The ids that claims may refer to."""

    source: set[str]
    location: set[str]
    jurisdiction: set[str]

    def check(self, entry: _Entry[Any], kind: str, name: str, *field: str | int) -> Iterator[Problem]:
        known: set[str] = getattr(self, kind)
        if name not in known:
            close = nearest(name, known)
            hint = f"; nearest: {', '.join(close)}" if close else ""
            yield entry.problem(f"{name!r} is not a {kind} of this catalog{hint}", *field)
