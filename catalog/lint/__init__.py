"""The rules that catalog data must keep, one file a rule.

A rule looks at a `Draft` and yields every `Problem` that it finds. Those of `STRUCTURE` are what the
code relies on: data that breaks one is not loaded. The others are what its readers rely on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date

from catalog.draft import Draft
from catalog.errors import Problem
from catalog.lint import (
    dates,
    hosts,
    order,
    overlaps,
    periods,
    places,
    prices,
    provisioned,
    references,
    sources,
    templates,
    unbounded,
    unique,
    widening,
)

Rule = Callable[[Draft, date], Iterator[Problem]]

STRUCTURE: Mapping[str, Rule] = {
    "unique": unique.check,
    "references": references.check,
    "places": places.check,
    "periods": periods.check,
    "unbounded": unbounded.check,
    "widening": widening.check,
    "templates": templates.check,
}
RULES: Mapping[str, Rule] = {
    **STRUCTURE,
    "order": order.check,
    "sources": sources.check,
    "dates": dates.check,
    "overlaps": overlaps.check,
    "hosts": hosts.check,
    "provisioned": provisioned.check,
    "prices": prices.check,
}


def lint(draft: Draft, today: date, rules: Mapping[str, Rule] = RULES) -> list[Problem]:
    """What is wrong with a draft, in the order of its files and lines."""
    found = [problem for rule in rules.values() for problem in rule(draft, today)]
    return sorted(found, key=lambda each: (each.file, each.line))
