"""A region stands in one country, `global` in none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from catalog.draft import Draft
from catalog.errors import Problem


def check(draft: Draft, today: date) -> Iterator[Problem]:
    for entry in draft.locations:
        kind, jurisdiction = entry.value.kind, entry.value.jurisdiction
        if kind == "global" and jurisdiction is not None:
            yield entry.problem("a global location stands in no jurisdiction; leave it out", "jurisdiction")
        elif kind == "region" and not re.fullmatch("[a-z]{2}", jurisdiction or ""):
            yield entry.problem("expected the country of the region, two lower-case letters", "jurisdiction")
