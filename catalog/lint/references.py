"""Every source, location, model and jurisdiction that an entry names exists."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

from catalog.draft import Draft
from catalog.entries import Entry
from catalog.errors import Problem, nearest
from catalog.schema import EVERYWHERE_ELSE, NO_BOUNDARY, UNKNOWN_BOUNDARY


class _Named(NamedTuple):
    """Names that a field of an entry refers to."""

    of: str
    names: tuple[str, ...]
    entry: Entry[Any]
    field: tuple[str | int, ...]


def check(draft: Draft, today: date) -> Iterator[Problem]:
    known = {of: draft.names(of) for of in ("source", "location", "model", "jurisdiction")}
    for named in _named(draft):
        if known[named.of].issuperset(named.names):
            continue
        for name in named.names:
            if name not in known[named.of]:
                close = nearest(name, known[named.of])
                hint = f"; nearest: {', '.join(close)}" if close else ""
                yield named.entry.problem(f"{name!r} is not a {named.of} of this catalog{hint}", *named.field)


def _named(draft: Draft) -> Iterator[_Named]:
    for cited in draft.cited():
        yield _Named("source", (cited.source,), cited.entry, cited.field)
    for entry in draft.locations:
        if entry.value.kind == "multi_region":
            yield _Named("jurisdiction", (entry.value.jurisdiction or "",), entry, ("jurisdiction",))
    for stated in draft.claims():
        if stated.path:
            yield from _places(stated.claim, stated.kind, stated.entry, stated.path)
    for entries in draft.own.values():
        for own in entries:
            yield from _places(own.value, "", own, ())
    for stated in draft.processing():
        if stated.claim.boundary not in (NO_BOUNDARY, UNKNOWN_BOUNDARY):
            yield _Named("jurisdiction", (stated.claim.boundary,), stated.entry, (*stated.path, "boundary"))


def _places(value: object, kind: str, entry: Entry[Any], path: tuple[str | int, ...]) -> Iterator[_Named]:
    """The models and locations that a claim, or an entry of an overlay, is about."""
    for field, of in (("model", "model"), ("models", "model"), ("location", "location"), ("locations", "location")):
        names = getattr(value, field, ())
        if isinstance(names, str):
            names = (names,)
        # Of everywhere else a whole catalog may speak, though not to guarantee anything there.
        if EVERYWHERE_ELSE in names and kind not in ("", "processing"):
            names = tuple(name for name in names if name != EVERYWHERE_ELSE)
        if names:
            yield _Named(of, names, entry, (*path, field))
