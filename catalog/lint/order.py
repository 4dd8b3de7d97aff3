"""The entries of a file stand in the order of their ids, so that each has one place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import Any

from catalog.draft import Draft
from catalog.entries import Entry
from catalog.errors import Problem


def check(draft: Draft, today: date) -> Iterator[Problem]:
    tables: tuple[list[Entry[Any]], ...] = (draft.sources, draft.jurisdictions, draft.models, draft.features)
    for entries in tables:
        for before, entry in pairwise(entries):
            if before.file == entry.file and entry.value.id < before.value.id:
                yield entry.problem(f"stands after {before.value.id!r}; expected the order of ids", "id")
