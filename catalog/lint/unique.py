"""An id or alias names one thing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from catalog.draft import Draft
from catalog.entries import Entry
from catalog.errors import Problem


def check(draft: Draft, today: date) -> Iterator[Problem]:
    base = draft.base
    yield from _repeated(draft.sources, {name: name for name in base.sources} if base else {})
    yield from _repeated(draft.jurisdictions, {})
    yield from _repeated(draft.locations, {})
    yield from _repeated(draft.models, {name: base.model(name).id for name in base.names()} if base else {})
    yield from _repeated(draft.features, {})


def _repeated(entries: Iterable[Entry[Any]], taken: dict[str, str]) -> Iterator[Problem]:
    for entry in entries:
        for name in (entry.value.id, *getattr(entry.value, "aliases", ())):
            if name in taken:
                field = "id" if name == entry.value.id else "aliases"
                yield entry.problem(f"{name!r} is already a name of {taken[name]!r}", field)
            taken[name] = entry.value.id
