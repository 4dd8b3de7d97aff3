"""Every source is used; one that nothing rests on is a claim that was lost, or was never made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from catalog.draft import Draft
from catalog.errors import Problem


def check(draft: Draft, today: date) -> Iterator[Problem]:
    cited = {each.source for each in draft.cited()}
    for entry in draft.sources:
        if entry.value.id not in cited:
            yield entry.problem("no claim names this source", "id")
