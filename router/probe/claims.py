"""The file in which a project keeps what its probes found: an overlay of dated claims.

Each probe is a source of its own, named by project and day; its claims say where a model answered and
where it did not, by which call. They are never about where processing stays, which no call can show.

A probe adds to what is there: a later day's claims stand beside the earlier ones and supersede them
from their day on; a second probe of the same day replaces its findings for the same pairs. A file that
a probe did not write, or that was edited since, is refused, since it would lose what it holds.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from catalog.entries import read
from catalog.errors import InvalidCatalog, Problem
from catalog.lint import lint
from catalog.loader import load, overlay_draft
from catalog.own import OwnAvailability
from catalog.schema import Confidence, Source
from router.errors import RouterError
from router.probe.verdict import Finding, Outcome

_TABLES: dict[str, Any] = {"source": Source, "availability": OwnAvailability}
_FIRST = ("id", "model", "locations", "modes", "served")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{0,99}")
_HEAD = (
    "# Written by `vertex-router probe`, which adds to it and refuses it once it was edited: keep what is your own\n"
    "# in another overlay. A probe shows where a model answers, never where processing stays.\n"
)


class RecordError(RouterError):
    """The file can't hold what a probe found; nothing of it was changed."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What the probes of one project found, in one file."""

    sources: tuple[Source, ...] = ()
    claims: tuple[OwnAvailability, ...] = ()

    @classmethod
    def read(cls, file: Path, project: str) -> Record:
        """What a file holds; nothing where there is none.

        Raises:
            RecordError: probes of this project did not write it as it is, or it can't be written to.
        """
        _check_writable(file)
        if not file.exists():
            return cls()
        problems: list[Problem] = []
        found = read(file, _TABLES, problems)
        values = {table: tuple(entry.value for entry in entries) for table, entries in found.items()}
        record = cls(sources=values.get("source", ()), claims=values.get("availability", ()))
        if problems or record.text() != file.read_text(encoding="utf-8"):
            why = f" ({problems[0]})" if problems else ""
            raise RecordError(
                f"{file} is not as a probe wrote it, and would lose what else it holds{why}; "
                "give another file with -o: any number of overlays can be laid over the catalog"
            )
        ours = re.compile(rf"probe-{re.escape(project)}-\d{{4}}-\d\d-\d\d")
        for source in record.sources:
            if not ours.fullmatch(source.id):
                raise RecordError(f"{file} holds {source.id}, not a probe of {project}; give another file with -o")
        return record

    def joined(self, source: Source, findings: Iterable[Finding], confidence: Confidence | None = None) -> Record:
        """The record with what a probe established. Findings that establish nothing leave it as it is.

        Args:
            source: of the new claims, from `source_of`; they begin on its day.
            confidence: of every claim; by default what each one deserves.
        """
        fresh = [_claim(each, source, confidence) for each in findings if each.served != "unknown"]
        if not fresh:
            return self
        replaced = {(claim.model, location) for claim in fresh for location in claim.locations}
        kept = [part for claim in self.claims for part in _without(claim, source.id, replaced)]
        sources = {each.id: each for each in (*self.sources, source)}
        return Record(
            sources=tuple(sources[name] for name in sorted(sources)), claims=tuple(_gathered([*kept, *fresh]))
        )

    def text(self) -> str:
        """The overlay as TOML."""
        tables = [("source", each) for each in self.sources] + [("availability", each) for each in self.claims]
        return _HEAD + "".join(f"\n[[{table}]]\n{_lines(value)}" for table, value in tables)

    def write(self, file: Path, today: date, others: Sequence[Path] = ()) -> None:
        """Puts the overlay in the place of the file, all of it or nothing.

        Args:
            others: overlays that are laid under it.

        Raises:
            InvalidCatalog: it would not be a valid overlay.
            RecordError: it can't be written.
        """
        draft = file.with_name(f".{file.name}.{os.getpid()}.tmp")
        try:
            draft.write_text(self.text(), encoding="utf-8")
            _check(draft, today, others)
            draft.replace(file)
        except OSError as error:
            raise RecordError(f"{file} can't be written: {error}") from error
        finally:
            draft.unlink(missing_ok=True)


def source_of(project: str, on: date, title: str = "") -> Source:
    """The source of the claims of a project's probe on a day.

    Raises:
        RecordError: the project's name can't be one.
    """
    if not _PROJECT.fullmatch(project):
        raise RecordError(f"{project!r} is not the id of a Google Cloud project")
    title = title or f"vertex-router probe: what answered calls of project {project} on {on}"
    return Source(id=f"probe-{project}-{on}", title=title, published=on, retrieved=on)


def _check_writable(file: Path) -> None:
    """Before a long survey, that its end will not be a file that can't be written."""
    if file.is_dir() or not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
        raise RecordError(f"{file} can't be written: expected a file in a directory that exists and can be written to")


def _check(file: Path, today: date, others: Sequence[Path]) -> None:
    problems: list[Problem] = []
    draft = overlay_draft(file, load(overlay=others), problems)
    if found := problems or lint(draft, today):
        raise InvalidCatalog(found)


def _claim(found: Finding, source: Source, confidence: Confidence | None) -> OwnAvailability:
    served = found.outcome is Outcome.SERVED
    # One error names the model as not servable here; the other may also mean the project or the model's end.
    earned: Confidence = "high" if served or found.signal == "not-servable" else "medium"
    return OwnAvailability(
        model=found.pair.model,
        locations=(found.pair.location,),
        modes=("standard",),
        served=found.served,
        since=source.published,
        source=source.id,
        where=f"{found.pair.call.method} answered {found.status}",
        checked=source.published,
        confidence=confidence or earned,
        note="" if served else found.reason,
    )


def _without(claim: OwnAvailability, source: str, pairs: set[tuple[str, str]]) -> Iterator[OwnAvailability]:
    """What is left of a claim of this source when these pairs are taken out; of another source, all."""
    left = tuple(name for name in claim.locations if claim.source != source or (claim.model, name) not in pairs)
    if left:
        yield msgspec.structs.replace(claim, locations=left)


def _gathered(claims: Iterable[OwnAvailability]) -> Iterator[OwnAvailability]:
    """Claims that differ in nothing but their locations, as one; in a fixed order."""

    def alike(claim: OwnAvailability) -> tuple[str, ...]:
        return claim.source, claim.model, claim.served, claim.where, claim.confidence, claim.note

    for _, same in groupby(sorted(claims, key=alike), alike):
        members = list(same)
        names = sorted({name for each in members for name in each.locations})
        yield msgspec.structs.replace(members[0], locations=tuple(names))


def _lines(value: Source | OwnAvailability) -> str:
    """The fields of a value that are not left at their default, as TOML."""
    default = {each.encode_name: each.default for each in msgspec.structs.fields(value)}
    data = msgspec.to_builtins(value, builtin_types=(date,))
    names = sorted(data, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST))
    return "".join(f"{name} = {_toml(data[name])}\n" for name in names if data[name] != default[name])


def _toml(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    # TOML's escapes are JSON's, but for one character that it does not let stand.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
